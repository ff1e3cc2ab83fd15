/* Adding one tensor to another. */
#include "core/kernels/add_into.h"

void reel_add_tensor(const reel_ctx *ctx, const reel_tensor *to, const reel_tensor *from)
{
    const int64_t n = reel_tensor_numel(to);
    if (to->dtype == REEL_F64)
        reel_add_into_f64(reel_ctx_threads(ctx), n, to->data, from->data);
    else
        reel_add_into_f32(reel_ctx_threads(ctx), n, to->data, from->data);
}
