/* Eight images show a changed decoder, dataset, kernel or library as well as a whole batch would,
 * in a fraction of a step's time. */
#include "train/run/probe.h"

#include "train/run/json_util.h"
#include "train/run/precision.h"
#include "train/run/say.h"

#include <string.h>
#include <zlib.h>

enum { PROBE_IMAGES = 8 };

static reel_status probe_compute(reel_session *s, const reel_batch *b, double *value)
{
    const reel_var logits = reel_net_forward(s->net, s->tape, reel_input(s->tape, &b->images));
    const reel_var loss =
        reel_cross_entropy(logits, b->labels, b->n, &(reel_cross_entropy_attrs){0});
    REEL_TRY(reel_tape_status(s->tape, NULL));
    const reel_tensor mean = reel_value(loss);
    *value = reel_tensor_get(&mean, (const int64_t[REEL_MAX_DIMS]){0});
    return reel_backward(loss, NULL);
}

/* What a context computes with: { isa, bf16 }, the latter in bf16 alone. */
static void put_arithmetic(json_t *probe, const reel_ctx *ctx)
{
    const char *way = reel_precision_way(ctx);
    json_object_set_new(probe, "isa", json_string(reel_isa_name(reel_ctx_isa(ctx))));
    if (way)
        json_object_set_new(probe, "bf16", json_string(way));
}

json_t *reel_probe_take(reel_session *s, const reel_feed *feed)
{
    const int64_t most = feed->config.batch < PROBE_IMAGES ? feed->config.batch : PROBE_IMAGES;
    reel_params *params = reel_net_params(s->net);
    reel_loader *loader = NULL;
    reel_batch batch = {0};
    double loss = 0, norm = 0;
    uLong crc = crc32_z(0, NULL, 0);
    reel_params_zero_grad(params);
    reel_tape_reset(s->tape);

    reel_status status = reel_session_tune(s, NULL); /* frozen layers are not in the norm */
    if (status == REEL_OK)
        status = reel_feed_peek(feed, &loader, &batch, s->state.epoch, most, NULL);
    if (status == REEL_OK && batch.n > 0) {
        crc = crc32_z(crc, batch.images.data, reel_tensor_bytes(&batch.images));
        reel_net_set_training(s->net, false);
        status = probe_compute(s, &batch, &loss);
        norm = reel_grad_norm(params, s->ctx);
        reel_net_set_training(s->net, true);
        reel_tape_reset(s->tape);
        reel_params_zero_grad(params);
    }
    reel_loader_destroy(loader);

    if (status != REEL_OK || batch.n == 0)
        return NULL;
    json_t *probe = json_pack("{s:I, s:o, s:o}", "images", (json_int_t)crc, "loss",
                              reel_json_number(loss), "grad_norm", reel_json_number(norm));
    put_arithmetic(probe, s->ctx);
    return probe;
}

static reel_status compare_probes(const json_t *then, const json_t *now, const char *path,
                                  reel_error *err)
{
    static const struct {
        const char *key, *words;
    } figures[] = {{"loss", "loss"}, {"grad_norm", "gradient norm"}};
    const char *isa_then = json_string_value(json_object_get(then, "isa")),
               *isa = json_string_value(json_object_get(now, "isa"));
    if (!json_equal(json_object_get(then, "images"), json_object_get(now, "images")))
        return reel_fail(err, REEL_ERR_INVALID,
                         "--verify: %s: other images than when it was saved: the files, their "
                         "number or what decodes them has changed",
                         path);

    /* Few images have too few rows for the product of bf16: their loss does not show it. */
    const char *way_then = json_string_value(json_object_get(then, "bf16")),
               *way = json_string_value(json_object_get(now, "bf16"));
    if (way && way_then && strcmp(way_then, way) != 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--verify: %s: bf16 was multiplied with REEL_BF16=%.20s when it was "
                         "saved, and is with %s now: the run would not have the same bits",
                         path, way_then, way);

    for (int i = 0; i < REEL_COUNT(figures); i++) {
        const json_t *a = json_object_get(then, figures[i].key),
                     *b = json_object_get(now, figures[i].key);
        if (!json_equal(a, b))
            return reel_fail(err, REEL_ERR_INVALID,
                             "--verify: %s: the same images gave the %s %.17g when it was saved "
                             "(%.20s) and give %.17g now (%s): the run would not have the same "
                             "bits",
                             path, figures[i].words, json_real_value(a), isa_then ? isa_then : "?",
                             json_real_value(b), isa);
    }
    return REEL_OK;
}

static json_t *stored_probe(const reel_weights *checkpoint)
{
    const char *text = reel_weights_metadata(checkpoint, "reel.probe");
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

bool reel_probe_holds(reel_session *session, const reel_feed *feed, const reel_weights *checkpoint,
                      const char *path, reel_error *err)
{
    json_t *then = stored_probe(checkpoint), *now = reel_probe_take(session, feed);
    reel_status status;
    if (!then)
        status = reel_fail(err, REEL_ERR_INVALID, "--verify: %s: remembers no step to compare with",
                           path);
    else if (!now)
        status =
            reel_fail(err, REEL_ERR_INVALID, "--verify: %s: the step cannot be taken again", path);
    else
        status = compare_probes(then, now, path, err);
    json_decref(then);
    json_decref(now);
    return status == REEL_OK;
}

void reel_probe_warn_of_changes(const reel_session *session, const reel_weights *checkpoint)
{
    static const struct {
        const char *key, *words, *variable;
    } parts[] = {{"isa", "the instruction set", "REEL_ISA"},
                 {"bf16", "the way to multiply bf16", "REEL_BF16"}};
    json_t *then = stored_probe(checkpoint), *now = json_object();
    put_arithmetic(now, session->ctx);
    for (int i = 0; i < REEL_COUNT(parts); i++) {
        const char *was = json_string_value(json_object_get(then, parts[i].key)),
                   *is = json_string_value(json_object_get(now, parts[i].key));
        if (was && is && strcmp(was, is) != 0)
            reel_say("reel: warning: %s was %.20s and is %s now: from here the run is another one "
                     "than was begun (%s=%.20s keeps it)",
                     parts[i].words, was, is, parts[i].variable, was);
    }
    json_decref(then);
    json_decref(now);
}
