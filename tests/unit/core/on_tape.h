/* For tests of operators: a tape of each dtype, drawn inputs, and walking every index of a shape.
 */
#ifndef REEL_TESTS_UNIT_CORE_ON_TAPE_H
#define REEL_TESTS_UNIT_CORE_ON_TAPE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ops.h"
#include "core/rng.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})
#define DIMS(...) (int)REEL_COUNT(SHAPE(__VA_ARGS__)), SHAPE(__VA_ARGS__) /* ndim, shape */

static reel_ctx *ctx;
static reel_tape *tape;
static reel_error err;

static inline void open_tape(reel_dtype dtype)
{
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_tape_create(&tape, ctx, &(reel_tape_config){.dtype = dtype}, &err), REEL_OK,
                 "%s", err.message);
}

static inline void close_tape(void)
{
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

/* The statement that follows runs once on a tape of each dtype. */
#define FOR_BOTH_DTYPES                                                                            \
    for (int dtype = 0; dtype < REEL_DTYPES && (open_tape((reel_dtype)dtype), true);               \
         close_tape(), dtype++)

/* Relative precision of one operation in the tape's dtype. */
static inline double epsilon(void)
{
    return reel_tape_dtype(tape) == REEL_F64 ? 0x1p-52 : 0x1p-23;
}

/* An input of the given elements, row-major in shape. */
static inline reel_var given(const double *x, int ndim, const int64_t *shape)
{
    const reel_tensor t = reel_tensor_with_layout((void *)x, REEL_F64, REEL_ROW_MAJOR, ndim, shape);
    reel_tensor own = reel_tensor_of(NULL, reel_tape_dtype(tape), ndim, shape);
    own.data = reel_tape_alloc(tape, reel_tensor_bytes(&own) + 1);
    reel_tensor_copy(&own, &t);
    return reel_input_grad(tape, &own);
}

/* An input of normal numbers; other seeds, other numbers. */
static inline reel_var drawn(uint32_t seed, int ndim, const int64_t *shape)
{
    reel_tensor t = reel_tensor_of(NULL, reel_tape_dtype(tape), ndim, shape);
    t.data = reel_tape_alloc(tape, reel_tensor_bytes(&t) + 1);
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, seed);
    const int64_t n = reel_tensor_numel(&t);
    for (int64_t i = 0; i < n; i++) {
        if (t.dtype == REEL_F64)
            ((double *)t.data)[i] = reel_rng_normal(&rng);
        else
            ((float *)t.data)[i] = (float)reel_rng_normal(&rng);
    }
    return reel_input_grad(tape, &t);
}

static inline double at(reel_var v, const int64_t *index)
{
    const reel_tensor t = reel_value(v);
    return reel_tensor_get(&t, index);
}

/* Steps index through a shape in row-major order; false after the last. */
static inline bool next_index(int ndim, const int64_t *shape, int64_t *index)
{
    for (int d = ndim - 1; d >= 0; d--) {
        if (++index[d] < shape[d])
            return true;
        index[d] = 0;
    }
    return false;
}

static inline void expect_shape(reel_var v, int ndim, const int64_t *shape)
{
    char got[128], want[128];
    const reel_tensor t = reel_value(v);
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    cr_assert_str_eq(reel_shape_text(got, sizeof got, t.ndim, t.shape),
                     reel_shape_text(want, sizeof want, ndim, shape));
    cr_assert(reel_tensor_is_canonical(&t), "a value on a tape is not canonical");
}

/* Compares with a formula of the index, within `ulps` of the larger of |expected| and 1. */
typedef double formula(const int64_t *index, const void *user);

static inline void expect_formula(const char *what, reel_var v, int ndim, const int64_t *shape,
                                  formula *expected, const void *user, double ulps)
{
    int64_t index[REEL_MAX_DIMS] = {0};
    char place[128];
    expect_shape(v, ndim, shape);
    do {
        const double want = expected(index, user), got = at(v, index);
        cr_assert(fabs(got - want) <= ulps * epsilon() * fmax(1, fabs(want)),
                  "%s (%s) at %s: %.17g, expected %.17g", what,
                  reel_dtype_name(reel_tape_dtype(tape)),
                  reel_shape_text(place, sizeof place, ndim, index), got, want);
    } while (next_index(ndim, shape, index));
}

/* Compares with values in row-major order of the shape; NaN equals NaN. */
static inline void expect_row_major(const char *what, reel_var v, const double *expected,
                                    double ulps)
{
    const reel_tensor t = reel_value(v);
    int64_t index[REEL_MAX_DIMS] = {0}, i = 0;
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s: %s", what, err.message);
    do {
        const double want = expected[i], got = at(v, index);
        const bool same = got == want || (isnan(got) && isnan(want)) ||
                          fabs(got - want) <= ulps * epsilon() * fmax(1, fabs(want));
        cr_expect(same, "%s (%s) [%d]: %.17g, expected %.17g", what, reel_dtype_name(t.dtype),
                  (int)i, got, want);
        i++;
    } while (next_index(t.ndim, t.shape, index));
}

/* The tape's error must hold all texts; clears it. */
static inline void expect_refusal(reel_var v, const char *a, const char *b)
{
    reel_error why = {.message = ""};
    cr_expect_lt(v.id, 0, "accepted, expected a refusal that says \"%s\"", a);
    cr_expect_eq(reel_tape_status(tape, &why), REEL_ERR_INVALID,
                 "expected a refusal that says \"%s\"", a);
    cr_expect(strstr(why.message, a) && strstr(why.message, b),
              "expected a message with \"%s\" and \"%s\", got: %s", a, b, why.message);
    reel_tape_reset(tape);
}

#endif
