/* max: y = largest x over the axes;  dx = dy where the first maximum in index order stood, 0
 * elsewhere. A NaN counts as larger than any number, the first one wins. Forward leaves the places
 * of the maxima for backward. */
#include "core/ops/reduce.h"
#include "core/walk.h"

#ifdef REEL_PUBLIC
/* The maximum of x over a set of axes: bit d of axes = dimension d, 0 = all dimensions. Without
 * keepdim the axes disappear from the shape, with keepdim they stay with size 1. The
 * first maximum in index order takes the whole gradient; NaN counts as the maximum. */
REEL_API reel_var reel_max(reel_var x, unsigned axes, bool keepdim);
#endif

REEL_DECLARE_OP(max);

/* The first maximum of one output's elements; *place receives its index in x. */
static reel_real max_of_one(const reel_walk *searched, reel_cursor at, const reel_real *x,
                            int64_t *place)
{
    const int64_t n = reel_walk_count(searched, searched->ndim);
    reel_real best = x[at.offset[0]];
    *place = at.offset[0];
    for (int64_t k = 1; k < n && best == best; k++) { /* a NaN ends the search */
        reel_walk_next(searched, searched->ndim, &at);
        const reel_real v = x[at.offset[0]];
        if (v > best || v != v) {
            best = v;
            *place = at.offset[0];
        }
    }
    return best;
}

void REEL_FN(reel_max_forward)(const reel_call *c)
{
    const reel_tensor out = reduce_view(c, c->out);
    const reel_tensor *const operands[] = {&c->in[0], &out};
    const reel_walk w = reel_walk_make(-1, c->in[0].ndim, c->in[0].shape, 2, operands);
    reel_walk kept, searched;
    reel_walk_split(&w, 1, &kept, &searched);

    reel_real *y = c->out.data;
    int64_t *places = c->saved;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (reel_tensor_numel(&c->in[0]) > 16384)
    for (int64_t i = 0; i < reel_tensor_numel(&c->out); i++) {
        reel_cursor at = reel_walk_at(&kept, kept.ndim, i);
        memset(at.index, 0, sizeof at.index);
        int64_t place;
        const int64_t to = at.offset[1];
        y[to] = max_of_one(&searched, at, c->in[0].data, &place);
        if (places)
            places[to] = place;
    }
}

void REEL_FN(reel_max_backward)(const reel_call *c)
{
    const int64_t *places = c->saved;
    const reel_real *dy = c->dout.data;
    reel_real *dx = c->din[0].data;
    REEL_PARALLEL_FOR(c, i, reel_tensor_numel(&c->dout))
        dx[places[i]] += dy[i];
}

#ifdef REEL_ONCE
static reel_status max_infer(reel_infer *q, reel_error *err)
{
    REEL_TRY(reduce_infer(q, err));
    q->saved_bytes = (size_t)reel_shape_numel(q->ndim, q->shape) * sizeof(int64_t);
    return REEL_OK;
}

reel_var reel_max(reel_var x, unsigned axes, bool keepdim)
{
    return reduce_apply(&reel_op_max, x, axes, keepdim);
}

const reel_op reel_op_max =
    REEL_OP(max, 1, 1, .attrs_bytes = sizeof(reduce_attrs), .infer = max_infer,
            .draw = REEL_DRAW_DISTINCT, REEL_CHECKS(reduce_cases, reduce_random));
#endif
