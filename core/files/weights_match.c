/* A parameter store from a weight file of a related network: what fits by name and shape is taken,
 * the rest is told. */
#include "core/files/weights_internal.h"

/* How a parameter and the file's tensor of its name, or NULL, go together. */
static reel_match match_of(const reel_param *p, const reel_weight *w)
{
    if (reel_weight_fits(w, p))
        return REEL_MATCH_LOADED;
    return w ? REEL_MATCH_OTHER_SHAPE : REEL_MATCH_MISSING;
}

/* Who is told about each parameter and each tensor that none took; tell NULL: nobody. */
typedef struct match_listener {
    reel_match_fn *tell;
    void *user;
} match_listener;

static reel_status load_mapped(reel_params *params, const reel_weights *weights,
                               const reel_name_map *map, const match_listener *l, int *loaded,
                               reel_error *err)
{
    const int n = reel_params_count(params);
    REEL_TRY(reel_weights_check_finite(params, weights, map, err));

    for (int i = 0; i < n; i++) {
        const reel_param *p = reel_params_at(params, i);
        const reel_weight *w = map->of[i];
        const reel_match match = match_of(p, w);
        if (match == REEL_MATCH_LOADED) {
            REEL_TRY(reel_weight_to_tensor(w, &p->value, err));
            ++*loaded;
        }
        if (l->tell)
            l->tell(l->user, match, p, w);
    }

    /* What no parameter asked for. */
    for (int i = 0; i < reel_weights_count(weights) && l->tell; i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        if (!reel_name_map_takes(map, n, w))
            l->tell(l->user, REEL_MATCH_SKIPPED, NULL, w);
    }
    return REEL_OK;
}

reel_status reel_params_load_matching(reel_params *params, const reel_weights *weights,
                                      reel_match_fn *tell, void *user, int *loaded, reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(weights, err);
    REEL_NEED(loaded, err);
    reel_name_map map;
    *loaded = 0;
    REEL_TRY(reel_name_map_make(&map, params, weights, err));
    const match_listener listener = {tell, user};
    const reel_status status = load_mapped(params, weights, &map, &listener, loaded, err);
    reel_name_map_free(&map);
    return status;
}
