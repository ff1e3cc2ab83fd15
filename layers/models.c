/* From a network of the table to an initialised net. */
#include "layers/models.h"

#include <string.h>

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
    return (reel_model_config){
        .classes = 1000, .dropout = model->dropout, .image_size = model->image_size, .channels = 3};
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

reel_status reel_model_outline(reel_net **out, const reel_model *model,
                               const reel_model_config *config, const reel_ctx *ctx,
                               reel_dtype dtype, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (model)
        REEL_NEED(model->add, err);
    if (!model || !ctx)
        return reel_fail(err, REEL_ERR_INVALID,
                         "model: expected a model and a context, got no %s (reel_model_find gives "
                         "NULL for a name that it does not know)",
                         model ? "context" : "model");
    reel_model_config c = config ? *config : reel_model_config_default(model);
    if (c.classes == 0)
        c.classes = 1000;
    if (c.image_size == 0)
        c.image_size = model->image_size;
    if (c.channels == 0)
        c.channels = 3;
    REEL_TRY(check_config(model, &c, err));

    REEL_TRY(reel_net_create(out, ctx, dtype, err));
    model->add(*out, &c);
    return REEL_OK;
}

reel_status reel_model_create(reel_net **out, const reel_model *model,
                              const reel_model_config *config, const reel_ctx *ctx,
                              reel_dtype dtype, reel_error *err)
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
    reel_net_init(net);
    *out = net;
    return REEL_OK;
}
