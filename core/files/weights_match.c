/* A parameter store from a weight file of a related network: what fits by name and shape is taken,
 * the rest is told. */
#include <string.h>

#include "core/files/weights_internal.h"

static bool fits(const reel_param *p, const reel_weight *w)
{
    return w && p->value.ndim == w->ndim &&
           memcmp(p->value.shape, w->shape, (size_t)w->ndim * sizeof *w->shape) == 0;
}

reel_status reel_params_load_matching(reel_params *params, const reel_weights *weights,
                                      reel_match_fn *tell, void *user, int *loaded, reel_error *err)
{
    const int count = reel_params_count(params);
    *loaded = 0;
    for (int i = 0; i < count; i++) {
        const reel_param *p = reel_params_at(params, i);
        const reel_weight *w = reel_weights_find(weights, p->name);
        if (!fits(p, w) || reel_weight_is_finite(w, p->value.dtype))
            continue;
        reel_printable room;
        return reel_fail(err, REEL_ERR_NONFINITE,
                         "%s: tensor %s: expected finite numbers, got NaN or infinity",
                         weights->path, reel_printable_name(&room, p->name));
    }
    for (int i = 0; i < count; i++) {
        const reel_param *p = reel_params_at(params, i);
        const reel_weight *w = reel_weights_find(weights, p->name);
        const bool take = fits(p, w);
        if (take) {
            REEL_TRY(reel_weight_to_tensor(w, &p->value, err));
            ++*loaded;
        }
        if (tell)
            tell(user,
                 take ? REEL_MATCH_LOADED
                 : w  ? REEL_MATCH_OTHER_SHAPE
                      : REEL_MATCH_MISSING,
                 p, w);
    }
    for (int i = 0; i < reel_weights_count(weights) && tell; i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        if (!reel_params_find(params, w->name))
            tell(user, REEL_MATCH_SKIPPED, NULL, w);
    }
    return REEL_OK;
}
