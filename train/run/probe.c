/* Eight images show a changed decoder, dataset, kernel or library as well as a whole batch would,
 * in a fraction of a step's time. */
#include "train/run/probe.h"

#include "train/run/json_util.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

enum { IMAGES = 8 };

static reel_status load(reel_trainer *t, reel_loader **loader, reel_batch *batch)
{
    const reel_settings *s = t->settings;
    const int64_t all = reel_dataset_count(t->train),
                  most = s->batch_size < IMAGES ? s->batch_size : IMAGES;
    const reel_loader_config config = {.batch = all < most ? all : most,
                                       .workers = 1,
                                       .prefetch = 1,
                                       .seed = s->seed,
                                       .shuffle = true,
                                       .class_balanced = s->class_balanced,
                                       .epoch = t->state.epoch,
                                       .epochs = t->state.epoch + 1,
                                       .max_bad = 1,
                                       .on_slow = reel_trainer_on_slow,
                                       .slow_seconds = s->slow_read,
                                       .user = t};
    REEL_TRY(reel_loader_create(loader, t->train, &s->train, &config, NULL));
    return reel_loader_next(*loader, batch, NULL);
}

static reel_status compute(reel_trainer *t, const reel_batch *b, double *value)
{
    const reel_var logits = reel_net_forward(t->net, t->tape, reel_input(t->tape, &b->images));
    const reel_var loss =
        reel_cross_entropy(logits, b->labels, b->n, &(reel_cross_entropy_attrs){0});
    REEL_TRY(reel_tape_status(t->tape, NULL));
    const reel_tensor mean = reel_value(loss);
    *value = reel_tensor_get(&mean, (const int64_t[REEL_MAX_DIMS]){0});
    return reel_backward(loss, NULL);
}

json_t *reel_probe_take(reel_trainer *t)
{
    reel_params *params = reel_net_params(t->net);
    reel_loader *loader = NULL;
    reel_batch batch = {0};
    double loss = 0, norm = 0;
    uLong crc = crc32_z(0, NULL, 0);
    reel_params_zero_grad(params);
    reel_tape_reset(t->tape);
    reel_status status = reel_trainer_tune(t, NULL); /* frozen layers are not in the norm */
    if (status == REEL_OK)
        status = load(t, &loader, &batch);
    if (status == REEL_OK && batch.n > 0) {
        crc = crc32_z(crc, batch.images.data, reel_tensor_bytes(&batch.images));
        reel_net_set_training(t->net, false);
        status = compute(t, &batch, &loss);
        norm = reel_grad_norm(params, t->ctx);
        reel_net_set_training(t->net, true);
        reel_tape_reset(t->tape);
        reel_params_zero_grad(params);
    }
    reel_loader_destroy(loader);
    if (status != REEL_OK || batch.n == 0)
        return NULL;
    return json_pack("{s:I, s:o, s:o, s:s}", "images", (json_int_t)crc, "loss",
                     reel_json_number(loss), "grad_norm", reel_json_number(norm), "isa",
                     reel_isa_name(reel_ctx_isa(t->ctx)));
}

static reel_status compare(const json_t *then, const json_t *now, const char *path, reel_error *err)
{
    const char *isa_then = json_string_value(json_object_get(then, "isa")),
               *isa = json_string_value(json_object_get(now, "isa"));
    if (!json_equal(json_object_get(then, "images"), json_object_get(now, "images")))
        return reel_fail(err, REEL_ERR_INVALID,
                         "--verify: %s: other images than when it was saved: the files, their "
                         "number or what decodes them has "
                         "changed",
                         path);
    const char *const figures[] = {"loss", "grad_norm"};
    for (int i = 0; i < REEL_COUNT(figures); i++) {
        const json_t *a = json_object_get(then, figures[i]), *b = json_object_get(now, figures[i]);
        if (json_equal(a, b))
            continue;
        return reel_fail(err, REEL_ERR_INVALID,
                         "--verify: %s: the same images gave the %s %.17g when it was saved "
                         "(%.20s) and give %.17g now (%s): "
                         "the run would not have the same bits",
                         path, i ? "gradient norm" : "loss", json_real_value(a),
                         isa_then ? isa_then : "?", json_real_value(b), isa);
    }
    return REEL_OK;
}

bool reel_probe_holds(reel_trainer *t, const reel_weights *checkpoint, const char *path,
                      reel_error *err)
{
    const char *text = reel_weights_metadata(checkpoint, "reel.probe");
    json_t *then = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL,
           *now = reel_probe_take(t);
    reel_status status;
    if (!then)
        status = reel_fail(err, REEL_ERR_INVALID, "--verify: %s: remembers no step to compare with",
                           path);
    else if (!now)
        status =
            reel_fail(err, REEL_ERR_INVALID, "--verify: %s: the step cannot be taken again", path);
    else
        status = compare(then, now, path, err);
    json_decref(then);
    json_decref(now);
    return status == REEL_OK;
}
