/* Random uses of a layer: settings and sizes that the layer can take, drawn by the layer itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "layers/gradcheck.h"

/* FNV-1a. Draws follow the layer's name, so that a new layer in the table changes no other's. */
static uint32_t name_hash(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

/* A net of the one layer, with drawn settings. */
static reel_status random_net(reel_net **net, const reel_ctx *ctx, const reel_layer *layer,
                              reel_rng *rng, reel_layer_use *use, reel_error *err)
{
    const size_t size = layer->config_size ? layer->config_size : sizeof(reel_layer_config);
    if (layer->n_args && !layer->draw)
        return reel_fail(err, REEL_ERR_INVALID, "layer %s has arguments, but no draw function",
                         layer->name);
    void *config = calloc(1, size);
    if (!config)
        return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    if (layer->draw)
        layer->draw(rng, use, config);

    reel_status status = reel_net_create(net, ctx, REEL_F64, err);
    if (status == REEL_OK) {
        if (use->flatten)
            reel_net_flatten(*net);
        reel_net_add(*net, layer, config);
        reel_net_set_training(*net, !use->evaluation);
        status = reel_net_build(*net, err);
    }
    free(config);
    return status;
}

static void tell_use(reel_gradcheck_report *report, uint32_t number, const int64_t images[4])
{
    char text[sizeof report->message], shape[96];
    snprintf(text, sizeof text, "random use %u on %s: %.850s", number,
             reel_shape_text(shape, sizeof shape, 4, images), report->message);
    memcpy(report->message, text, sizeof text);
}

reel_status reel_layer_gradcheck_random(const reel_ctx *ctx, const reel_layer *layer,
                                        uint32_t number, const reel_gradcheck_config *config,
                                        reel_gradcheck_report *report, reel_error *err)
{
    REEL_NEED(layer, err);
    REEL_NEED(layer->name, err);
    REEL_NEED(report, err);

    reel_gradcheck_config own = config ? *config : (reel_gradcheck_config){0};
    reel_rng rng =
        reel_rng_at(own.seed, REEL_STREAM_CHECK, name_hash(layer->name) >> 2 | 0x40000000u, number);
    reel_layer_use use = {0};
    reel_ctx *mine = NULL;
    reel_net *net = NULL;
    for (int d = 0; d < 4; d++)
        use.images[d] = reel_draw_int(&rng, 1, d < 2 ? 3 : 5);

    if (!ctx)
        REEL_TRY(reel_ctx_create(&mine, &(reel_ctx_config){.threads = 1}, err));
    reel_status status = random_net(&net, ctx ? ctx : mine, layer, &rng, &use, err);
    own.seed = (uint64_t)reel_rng_u32(&rng) << 32 | reel_rng_u32(&rng);
    if (status == REEL_OK) {
        reel_net_init(net);
        status = reel_net_gradcheck(net, use.images, &own, report, err);
    }
    reel_net_destroy(net);
    reel_ctx_destroy(mine);

    if (status == REEL_OK && !report->passed)
        tell_use(report, number, use.images);
    return status;
}
