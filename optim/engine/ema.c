/* The moving average of all weights: its memory, and walking over it. */
#include "optim/ema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "optim/engine/internal.h"

struct reel_ema {
    reel_params *params;
    const reel_ctx *ctx;
    double decay;
    char *average; /* parallel to the store's flat arrays */
    bool placed;   /* average is memory of others */
    size_t bytes;
    reel_optim_share held;
    const reel_optim_share *share; /* &held; NULL: all elements */
};

double reel_ema_decay(double decay, double images_per_update, double epochs)
{
    return 1 - fmin(1, (1 - decay) * (images_per_update / epochs));
}

reel_status reel_ema_create(reel_ema **out, reel_params *params, const reel_ctx *ctx, double decay,
                            reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(params, err);
    REEL_NEED(ctx, err);
    if (!(decay >= 0 && decay <= 1))
        return reel_fail(err, REEL_ERR_INVALID,
                         "average of weights: decay: expected 0 to 1, got %g", decay);
    if (reel_params_count(params) == 0 || !reel_params_at(params, 0)->value.data)
        return reel_fail(err, REEL_ERR_INVALID,
                         "average of weights: the parameters are not committed");

    reel_ema *ema = malloc(sizeof *ema);
    if (!ema)
        return reel_fail(err, REEL_ERR_MEMORY, "average of weights: out of memory");

    /* Padding included, so that offsets are those of the store. */
    const size_t element = reel_dtype_size(reel_params_dtype(params));
    *ema = (reel_ema){.params = params,
                      .ctx = ctx,
                      .decay = decay,
                      .bytes = (size_t)reel_params_flat_size(params) * element};
    ema->average = reel_pages_alloc(ema->bytes, err);
    if (!ema->average) {
        free(ema);
        return REEL_ERR_MEMORY;
    }
    *out = ema;
    return REEL_OK;
}

void reel_ema_destroy(reel_ema *ema)
{
    if (!ema)
        return;
    if (!ema->placed)
        reel_pages_free(ema->average, ema->bytes);
    free(ema);
}

reel_tensor reel_ema_average(const reel_ema *ema, int param)
{
    const reel_param *p = ema ? reel_params_at(ema->params, param) : NULL;
    if (!p)
        return (reel_tensor){.ndim = -1};
    reel_tensor view = p->value;
    view.data = ema->average + (size_t)p->offset * reel_dtype_size(view.dtype);
    return view;
}

/* ---- stretches of all parameters and buffers ---- */

typedef void ema_work(const reel_ema *ema, void *average, void *weight, int64_t n);

/* Elements are independent of each other, so the bits do not depend on how they are cut. */
static void for_each_stretch(const reel_ema *ema, ema_work *work)
{
    enum { STRETCH = 1 << 14 };
    for (int i = 0; i < reel_params_count(ema->params); i++) {
        const reel_tensor average = reel_ema_average(ema, i);
        char *weight = reel_params_at(ema->params, i)->value.data;
        const reel_range own = reel_optim_share_of(ema->share, reel_params_at(ema->params, i));
        const int64_t n = own.end - own.begin, stretches = (n + STRETCH - 1) / STRETCH;
        const size_t element = reel_dtype_size(average.dtype);

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(ema->ctx)) if (n > REEL_OPTIM_PARALLEL)
        for (int64_t s = 0; s < stretches; s++) {
            const int64_t begin = own.begin + s * STRETCH, left = own.end - begin;
            const size_t skip = (size_t)begin * element;
            work(ema, (char *)average.data + skip, weight + skip, left < STRETCH ? left : STRETCH);
        }
    }
}

static void copy_stretch(const reel_ema *ema, void *average, void *weight, int64_t n)
{
    memcpy(average, weight, (size_t)n * reel_dtype_size(reel_params_dtype(ema->params)));
}

static void average_stretch(const reel_ema *ema, void *average, void *weight, int64_t n)
{
    reel_ema_loops[reel_params_dtype(ema->params)](average, weight, n, ema->decay);
}

static void swap_stretch(const reel_ema *ema, void *average, void *weight, int64_t n)
{
    enum { PIECE = 4096 };
    char piece[PIECE], *a = average, *w = weight;
    size_t left = (size_t)n * reel_dtype_size(reel_params_dtype(ema->params));
    for (; left > 0; a += PIECE, w += PIECE) {
        const size_t size = left < PIECE ? left : PIECE;
        memcpy(piece, a, size);
        memcpy(a, w, size);
        memcpy(w, piece, size);
        left -= size;
    }
}

void reel_ema_update(reel_ema *ema, bool copy)
{
    if (ema)
        for_each_stretch(ema, copy ? copy_stretch : average_stretch);
}

void reel_ema_swap(reel_ema *ema)
{
    if (ema)
        for_each_stretch(ema, swap_stretch);
}

/* ---- ranks that average a share each ---- */

reel_status reel_ema_set_share(reel_ema *ema, const reel_optim_share *share, reel_error *err)
{
    REEL_NEED(ema, err);
    REEL_TRY(reel_optim_share_check(ema->params, share, err));
    if (share)
        ema->held = *share;
    ema->share = share ? &ema->held : NULL;
    return REEL_OK;
}

reel_status reel_ema_place(reel_ema *ema, void *array, reel_error *err)
{
    REEL_NEED(ema, err);
    REEL_NEED(array, err);
    const size_t element = reel_dtype_size(reel_params_dtype(ema->params));
    const int64_t begin = ema->share ? ema->share->begin : 0,
                  end = ema->share ? ema->share->end : reel_params_flat_size(ema->params);
    memcpy((char *)array + (size_t)begin * element, ema->average + (size_t)begin * element,
           (size_t)(end - begin) * element);

    if (!ema->placed)
        reel_pages_free(ema->average, ema->bytes);
    ema->average = array;
    ema->placed = true;
    return REEL_OK;
}
