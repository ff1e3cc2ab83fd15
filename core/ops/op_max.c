/* max: y = largest x over the axes;  dx = dy where the first maximum in index order stood, 0
 * elsewhere. A NaN counts as larger than any number, the first one wins. Forward leaves the places
 * of the maxima for backward. */
#include "core/ops/reduce.h"
#include "core/walk.h"

REEL_DECLARE_OP(max);

void REEL_FN(reel_max_forward)(const reel_call *c)
{
    const reel_tensor out = reduce_view(c, c->out);
    const reel_tensor *const operands[] = {&c->in[0], &out};
    const reel_walk w = reel_walk_make(-1, c->in[0].ndim, c->in[0].shape, 2, operands);
    reel_walk kept, searched;
    reel_walk_split(&w, 1, &kept, &searched);
    const reel_real *x = c->in[0].data;
    reel_real *y = c->out.data;
    int64_t *places = c->saved;
    const int64_t n = reel_walk_count(&searched, searched.ndim);
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (reel_tensor_numel(&c->in[0]) > 16384)
    for (int64_t i = 0; i < reel_tensor_numel(&c->out); i++) {
        reel_cursor at = reel_walk_at(&kept, kept.ndim, i);
        memset(at.index, 0, sizeof at.index);
        const int64_t to = at.offset[1];
        int64_t place = at.offset[0];
        reel_real best = x[place];
        for (int64_t k = 1; k < n && best == best; k++) {
            reel_walk_next(&searched, searched.ndim, &at);
            const reel_real v = x[at.offset[0]];
            if (v > best || v != v) {
                best = v;
                place = at.offset[0];
            }
        }
        y[to] = best;
        if (places)
            places[to] = place;
    }
}

void REEL_FN(reel_max_backward)(const reel_call *c)
{
    const int64_t *places = c->saved;
    const reel_real *dy = c->dout.data;
    reel_real *dx = c->din[0].data;
    REEL_PARALLEL_FOR(c, i, reel_tensor_numel(&c->dout)) dx[places[i]] += dy[i];
}

#ifdef REEL_ONCE
static reel_status max_infer(reel_infer *q, reel_error *err)
{
    REEL_TRY(reduce_infer(q, err));
    q->saved_bytes = (size_t)reel_shape_numel(q->ndim, q->shape) * sizeof(int64_t);
    return REEL_OK;
}

REEL_REDUCE_OP(max, 0, max_infer, REEL_DRAW_DISTINCT)
#endif
