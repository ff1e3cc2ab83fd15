/* From a network of the table to an initialised net. */
#include "layers/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/files/text.h"
#include "core/nearest.h"

static const char *const head_names[] = {"flatten", "gap", "gmp"};

/* Sizes of layers that depend on the image must not overflow. */
enum { LARGEST_IMAGE = 1 << 20 };

const char *reel_head_name(reel_head head)
{
    return (int)head >= 0 && (int)head < REEL_COUNT(head_names) ? head_names[head] : NULL;
}

reel_head reel_head_find(const char *name)
{
    for (int i = 0; name && i < REEL_COUNT(head_names); i++)
        if (!strcmp(name, head_names[i]))
            return (reel_head)i;
    return REEL_HEAD_FLATTEN;
}

reel_model_config reel_model_config_default(const reel_model *model)
{
    if (!model)
        return (reel_model_config){0};
    return (reel_model_config){.classes = model->classes ? model->classes : 1000,
                               .dropout = model->add ? model->dropout : (double)NAN,
                               .image_size = model->image_size,
                               .channels = model->channels ? model->channels : 3};
}

static reel_status check_config(const reel_model *model, const reel_model_config *c,
                                reel_error *err)
{
    const long long size = c->image_size, min = model->min_size, max = LARGEST_IMAGE;
    if (c->classes < 1)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected 1 class or more, got %lld",
                         model->name, (long long)c->classes);
    if (c->channels != 1 && c->channels != 3)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected 1 or 3 channels, got %lld",
                         model->name, (long long)c->channels);
    if (!reel_head_name(c->head))
        return reel_fail(err, REEL_ERR_INVALID, "%s: there is no head %d", model->name,
                         (int)c->head);

    if (size < min)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected images of %lld x %lld or larger, got %lld x %lld",
                         model->name, min, min, size, size);
    if (size > max)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected images of at most %lld x %lld, got %lld x %lld", model->name,
                         max, max, size, size);
    return REEL_OK;
}

/* ---- networks that are texts ---- */

static reel_status add_lines(reel_net *net, const reel_model *model, const reel_model_config *c,
                             reel_error *err)
{
    char name[64];
    reel_text *text;
    if (model->lines)
        return reel_text_add(net, model->lines, c, err);
    snprintf(name, sizeof name, "%.40s.net", model->name);
    REEL_TRY(reel_text_read(&text, name, model->text, strlen(model->text), NULL, err));
    const reel_status status = reel_text_add(net, text, c, err);
    reel_text_free(text);
    return status;
}

/* REEL_ERR_FORMAT: the net does not take images of the size. */
static reel_status try_size(const reel_model *model, reel_model_config c, int64_t size,
                            const reel_ctx *ctx, reel_dtype dtype)
{
    reel_net *net;
    c.image_size = size;
    REEL_TRY(reel_net_create(&net, ctx, dtype, NULL));
    const reel_status status = add_lines(net, model, &c, NULL);
    reel_net_destroy(net);
    return status;
}

/* The text failed on images of c's size. If it takes its own size, the smallest that it takes is
 * named: REEL_ERR_INVALID. Any other status: nothing is said. */
static reel_status name_smallest(const reel_model *model, const reel_model_config *c,
                                 const reel_ctx *ctx, reel_dtype dtype, reel_error *err)
{
    int64_t fails = c->image_size, takes = model->image_size;
    if (fails >= takes)
        return REEL_ERR_FORMAT;
    REEL_TRY(try_size(model, *c, takes, ctx, dtype));

    /* Bisection: images of size `fails` are too small all along, those of size `takes` are not. */
    while (takes - fails > 1) {
        const int64_t middle = fails + (takes - fails) / 2;
        const reel_status status = try_size(model, *c, middle, ctx, dtype);
        if (status == REEL_OK)
            takes = middle;
        else if (status == REEL_ERR_FORMAT)
            fails = middle;
        else
            return status;
    }

    const long long size = c->image_size, smallest = takes;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: expected images of %lld x %lld or larger, got %lld x %lld", model->name,
                     smallest, smallest, size, size);
}

static reel_status add_text_lines(reel_net *net, const reel_model *model,
                                  const reel_model_config *c, reel_error *err)
{
    reel_error why = {0};
    if (c->head != REEL_HEAD_FLATTEN)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: a network that is a text has its own head; leave out --head",
                         model->name);
    const reel_status status = add_lines(net, model, c, &why);
    if (status == REEL_OK)
        return REEL_OK;
    if (status == REEL_ERR_FORMAT &&
        name_smallest(model, c, reel_net_ctx(net), reel_net_dtype(net), err) == REEL_ERR_INVALID)
        return REEL_ERR_INVALID;
    return reel_fail(err, status, "%s", why.message);
}

/* "student" of "nets/student.net" */
static char *name_of_file(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char text[41], bytes[256]; /* as a model card keeps it */
    snprintf(bytes, sizeof bytes, "%.*s", (int)length, base);
    return strdup(reel_escape_text(bytes, REEL_ESCAPE_CONTROLS, text, sizeof text));
}

/* Takes the lines over, which are freed after a failure. */
static reel_status model_of_lines(reel_model **out, char *name, reel_text *lines, reel_error *err)
{
    reel_model *m = calloc(1, sizeof *m);
    if (!m || !name) {
        free(m);
        free(name);
        reel_text_free(lines);
        return reel_fail(err, REEL_ERR_MEMORY, "network: out of memory");
    }
    const reel_text_head *head = reel_text_head_of(lines);
    *m = (reel_model){.name = name,
                      .about = head->about,
                      .image_size = head->height,
                      .channels = head->channels,
                      .classes = head->classes,
                      .lines = lines};
    *out = m;
    return REEL_OK;
}

reel_status reel_model_read_text(reel_model **out, const char *name, const char *text,
                                 reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(name, err);
    REEL_NEED(text, err);

    reel_text *lines;
    REEL_TRY(reel_text_read(&lines, name, text, strlen(text), NULL, err));
    return model_of_lines(out, name_of_file(name), lines, err);
}

static reel_status unknown_network(const char *name, reel_error *err)
{
    reel_nearest nearest = reel_nearest_to(name);
    for (int i = 0; i < reel_model_count(); i++)
        reel_nearest_offer(&nearest, reel_model_at(i)->name);
    if (*nearest.word)
        return reel_fail(err, REEL_ERR_INVALID, "no network and no file is called '%.200s'%s", name,
                         nearest.hint);
    return reel_fail(
        err, REEL_ERR_INVALID,
        "no network and no file is called '%.200s'; expected one of %s, or a file with "
        "a network's text",
        name, nearest.known);
}

reel_status reel_model_read(reel_model **out, const char *name_or_file, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(name_or_file, err);

    /* A copy of the table's row, so that the caller frees a model wherever it comes from. */
    const reel_model *known = reel_model_find(name_or_file);
    if (known) {
        *out = malloc(sizeof **out);
        if (!*out)
            return reel_fail(err, REEL_ERR_MEMORY, "network: out of memory");
        **out = *known;
        return REEL_OK;
    }
    reel_text *lines;
    if (access(name_or_file, F_OK) != 0)
        return unknown_network(name_or_file, err);
    REEL_TRY(reel_text_read_file(&lines, name_or_file, err));
    return model_of_lines(out, name_of_file(name_or_file), lines, err);
}

void reel_model_free(reel_model *model)
{
    if (!model || !model->name || model == reel_model_find(model->name))
        return; /* a zeroed struct, the table's own */
    if (model->lines) {
        reel_text_free((reel_text *)(uintptr_t)model->lines);
        free((char *)(uintptr_t)model->name);
    }
    free(model);
}

/* ---- from a model to a net ---- */

reel_status reel_model_outline(reel_net **out, const reel_model *model,
                               const reel_model_config *config, const reel_ctx *ctx,
                               reel_dtype dtype, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (model && !model->add && !model->text && !model->lines)
        return reel_fail(err, REEL_ERR_INVALID, "model: has neither layers nor a text");
    if (!model || !ctx)
        return reel_fail(err, REEL_ERR_INVALID,
                         "model: expected a model and a context, got no %s (reel_model_find gives "
                         "NULL for a name that it does not know)",
                         model ? "context" : "model");
    reel_model_config c = config ? *config : reel_model_config_default(model);
    if (c.classes == 0)
        c.classes = model->classes ? model->classes : 1000;
    if (c.image_size == 0)
        c.image_size = model->image_size;
    if (c.channels == 0)
        c.channels = model->channels ? model->channels : 3;
    REEL_TRY(check_config(model, &c, err));

    /* The net keeps an error of `add` until it is built; one of a text has a line and comes now. */
    REEL_TRY(reel_net_create(out, ctx, dtype, err));
    if (model->add) {
        model->add(*out, &c);
        return REEL_OK;
    }
    const reel_status status = add_text_lines(*out, model, &c, err);
    if (status != REEL_OK) {
        reel_net_destroy(*out);
        *out = NULL;
    }
    return status;
}

reel_status reel_model_build(reel_net **out, const reel_model *model,
                             const reel_model_config *config, const reel_ctx *ctx, reel_dtype dtype,
                             reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    reel_net *net;
    REEL_TRY(reel_model_outline(&net, model, config, ctx, dtype, err));
    const reel_status status = reel_net_build(net, err);
    if (status != REEL_OK) {
        reel_net_destroy(net);
        return status;
    }
    *out = net;
    return REEL_OK;
}

reel_status reel_model_create(reel_net **out, const reel_model *model,
                              const reel_model_config *config, const reel_ctx *ctx,
                              reel_dtype dtype, reel_error *err)
{
    REEL_TRY(reel_model_build(out, model, config, ctx, dtype, err));
    reel_net_init(*out);
    return REEL_OK;
}
