/* What the contract of operators checks by itself. */
#include "core/op.h"

reel_status reel_infer_check_size(const reel_infer *q, reel_error *err)
{
    REEL_NEED(q, err);

    char text[200];
    if (q->ndim < 0 || q->ndim > REEL_MAX_DIMS)
        return reel_fail(err, REEL_ERR_INVALID, "expected a result of 0 to %d dimensions, got %d",
                         REEL_MAX_DIMS, q->ndim);
    if (reel_shape_numel(q->ndim, q->shape) >= 0)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "expected a result of fewer than 2^60 elements, got shape %s",
                     reel_shape_text(text, sizeof text, q->ndim, q->shape));
}
