/* Arrays of bf16 to float32 and back. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/vector_bf16.h"

enum { PART = 4096 }; /* values that a thread converts at a time */

void REEL_ISA_FN(reel_bf16_widen)(int threads, const reel_bf16 *from, float *to, int64_t n)
{
#pragma omp parallel for schedule(static) num_threads(threads) if (n > 4 * PART)
    for (int64_t begin = 0; begin < n; begin += PART) {
        const int64_t end = least(begin + PART, n);
        int64_t i = begin;
        for (; i + VL <= end; i += VL)
            store(to + i, load_bf16(from + i));
        for (; i < end; i++)
            to[i] = reel_bf16_to_float(from[i]);
    }
}

void REEL_ISA_FN(reel_bf16_round)(int threads, const float *from, reel_bf16 *to, int64_t n)
{
#pragma omp parallel for schedule(static) num_threads(threads) if (n > 4 * PART)
    for (int64_t begin = 0; begin < n; begin += PART) {
        const int64_t end = least(begin + PART, n);
        int64_t i = begin;
        for (; i + VL <= end; i += VL)
            store_bf16(to + i, load(from + i));
        for (; i < end; i++)
            to[i] = reel_bf16_from_float(from[i]);
    }
}
