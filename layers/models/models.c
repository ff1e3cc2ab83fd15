/* The list of models, and the way from a name to an initialised net. */
#include "layers/models.h"

#include <string.h>

static const reel_model *const models[] = {&reel_model_alexnet, &reel_model_alexnet2012,
                                           &reel_model_tiny};

static const char *const head_names[] = {"flatten", "gap", "gmp"};

static const int64_t largest_image = 1 << 20;

const char *reel_head_name(reel_head head)
{
    return head_names[head];
}

reel_head reel_head_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(head_names); i++)
        if (!strcmp(name, head_names[i]))
            return (reel_head)i;
    return REEL_HEAD_FLATTEN;
}

int reel_model_count(void)
{
    return (int)REEL_COUNT(models);
}

const reel_model *reel_model_at(int index)
{
    REEL_ASSERT(index >= 0 && index < REEL_COUNT(models));
    return models[index];
}

const reel_model *reel_model_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(models); i++)
        if (strcmp(models[i]->name, name) == 0)
            return models[i];
    return NULL;
}

reel_status reel_model_create(reel_net **out, const reel_model *model,
                              const reel_model_config *config, const reel_ctx *ctx,
                              reel_dtype dtype, reel_error *err)
{
    *out = NULL;
    reel_model_config c = config ? *config : (reel_model_config){.dropout = -1};
    if (c.classes == 0)
        c.classes = 1000;
    if (c.image_size == 0)
        c.image_size = model->image_size;
    if (c.classes < 1)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected 1 class or more, got %lld",
                         model->name, (long long)c.classes);
    if (c.image_size < model->min_size)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected images of %lld x %lld or larger, got %lld x %lld",
                         model->name, (long long)model->min_size, (long long)model->min_size,
                         (long long)c.image_size, (long long)c.image_size);
    if (c.image_size > largest_image) /* sizes of layers that depend on it must not overflow */
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected images of at most %lld x %lld, got %lld x %lld", model->name,
                         (long long)largest_image, (long long)largest_image,
                         (long long)c.image_size, (long long)c.image_size);
    reel_net *net;
    REEL_TRY(reel_net_create(&net, ctx, dtype, err));
    model->add(net, &c);
    const reel_status status = reel_net_build(net, err);
    if (status != REEL_OK) {
        reel_net_destroy(net);
        return status;
    }
    reel_net_init(net);
    *out = net;
    return REEL_OK;
}
