/* What the tests of matrix product and convolution share: the instruction sets of this CPU, guarded
 * and misaligned buffers whose surroundings are NaN (so that a stray read shows in the result),
 * error bounds, comparison that names index and values.
 */
#ifndef REEL_TESTS_KERNELS_KERNEL_TEST_H
#define REEL_TESTS_KERNELS_KERNEL_TEST_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ctx_internal.h"
#include "core/memory.h"
#include "core/rng.h"
#include "tests/support/built_as.h"

/* NULL where this CPU has no such instruction set. */
static inline reel_ctx *context_with(const char *isa, int threads)
{
    reel_ctx *ctx = NULL;
    reel_error err;
    const reel_ctx_config config = {.threads = threads, .seed = 1, .isa = isa};
    return reel_ctx_create(&ctx, &config, &err) == REEL_OK ? ctx : NULL;
}

/* Guards behind a buffer; none where the address sanitizer guards the end of the block. */
enum { REAR_GUARD = BUILT_WITH_SANITIZER ? 0 : 256 };

/* count reals of `size` bytes between guards. `misaligned` ones begin one real behind an aligned
 * address. */
typedef struct buffer {
    char *block, *data;
    size_t count, size, front;
} buffer;

static inline buffer buffer_new(size_t count, size_t size, bool misaligned)
{
    buffer b = {
        .count = count, .size = size, .front = 2 * REEL_ALIGNMENT + (misaligned ? size : 0)};
    const size_t bytes = b.front + count * size + REAR_GUARD;
    REEL_ASSERT(posix_memalign((void **)&b.block, REEL_ALIGNMENT, bytes) == 0);
    memset(b.block, 0xff, bytes); /* NaN in both types */
    b.data = b.block + b.front;
    return b;
}

static inline void buffer_free(buffer *b)
{
    free(b->block);
    *b = (buffer){0};
}

static inline double buffer_at(const buffer *b, size_t i)
{
    return b->size == sizeof(float) ? (double)((const float *)b->data)[i]
                                    : ((const double *)b->data)[i];
}

static inline void buffer_set(buffer *b, size_t i, double value)
{
    if (b->size == sizeof(float))
        ((float *)b->data)[i] = (float)value;
    else
        ((double *)b->data)[i] = value;
}

static inline void buffer_random(buffer *b, uint32_t stream)
{
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, stream);
    for (size_t i = 0; i < b->count; i++)
        buffer_set(b, i, reel_rng_normal(&rng));
}

static inline bool is_untouched(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((unsigned char)bytes[i] != 0xff)
            return false;
    return true;
}

static inline void expect_guards_untouched(const buffer *b, const char *what)
{
    cr_assert(is_untouched(b->block, b->front), "%s: bytes in front of the output were written",
              what);
    cr_assert(is_untouched(b->data + b->count * b->size, REAR_GUARD),
              "%s: bytes behind the output were written", what);
}

/* Scratch of exactly the promised size, with guards behind it that a run must leave alone. */
typedef struct scratch_block {
    char *data;
    size_t bytes;
} scratch_block;

static inline scratch_block scratch_new(size_t bytes)
{
    scratch_block s = {.bytes = bytes};
    REEL_ASSERT(posix_memalign((void **)&s.data, REEL_ALIGNMENT, bytes + 256) == 0);
    memset(s.data, 0xff, bytes + 256);
    return s;
}

static inline void scratch_free(scratch_block *s, const char *what)
{
    cr_assert(is_untouched(s->data + s->bytes, 256),
              "%s: more than the promised %zu bytes of scratch were written", what, s->bytes);
    free(s->data);
}

/* One unit in the last place of 1, halved: the u of the error analysis. */
static inline double unit_roundoff(size_t size)
{
    return size == sizeof(float) ? 0x1p-24 : 0x1p-53;
}

/* In units of u sum |products|: how far a sum of that many products may be off. In the worst case
 * the count of terms, bias and old value included (Higham 2002, section 3.1); for data drawn at
 * random a small multiple of its root (Higham and Mary 2019, "A new approach to probabilistic
 * rounding error analysis"), without which a long sum could lose whole blocks unnoticed. */
static inline double rounding_growth(int64_t terms)
{
    return fmin((double)terms + 3, 8 * sqrt((double)terms) + 3);
}

#endif
