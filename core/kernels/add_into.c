/* Adding one tensor to another. */
#include "core/kernels/add_into.h"

#include "core/bf16.h"

static void add_into_bf16(int threads, int64_t n, reel_bf16 *to, const reel_bf16 *from)
{
#pragma omp parallel for simd schedule(static) num_threads(threads) if (n > 32768)
    for (int64_t i = 0; i < n; i++)
        to[i] = reel_bf16_from_float(reel_bf16_to_float(to[i]) + reel_bf16_to_float(from[i]));
}

void reel_add_tensor(const reel_ctx *ctx, const reel_tensor *to, const reel_tensor *from)
{
    const int64_t n = reel_tensor_numel(to);
    const int threads = reel_ctx_threads(ctx);
    if (to->dtype == REEL_F64)
        reel_add_into_f64(threads, n, to->data, from->data);
    else if (to->dtype == REEL_F32)
        reel_add_into_f32(threads, n, to->data, from->data);
    else
        add_into_bf16(threads, n, to->data, from->data);
}
