/* Which values a tape of a bf16 context stores in bf16, and what stays float32. */
#include "core/bf16.h"
#include "core/elementary.h"
#include "tests/unit/core/on_tape.h"

static void open_bf16_tape(reel_dtype dtype)
{
    const reel_ctx_config config = {.threads = 2, .precision = REEL_PRECISION_BF16};
    cr_assert_eq(reel_ctx_create(&ctx, &config, &err), REEL_OK, "%s", err.message);
    const reel_tape_config how = {.dtype = dtype, .retain = true};
    cr_assert_eq(reel_tape_create(&tape, ctx, &how, &err), REEL_OK, "%s", err.message);
}

static void expect_stored(const char *what, reel_var v, reel_dtype dtype)
{
    const reel_tensor t = reel_value(v);
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s: %s", what, err.message);
    cr_expect_eq(t.dtype, dtype, "%s is stored in %s", what, reel_dtype_name(t.dtype));
}

Test(tape_bf16, what_is_made_of_a_batch_is_stored_in_bf16)
{
    open_bf16_tape(REEL_F32);
    const reel_var x = drawn(1, DIMS(4, 6)), y = reel_tanh(x), p = reel_softmax(y);
    expect_stored("a leaf", x, REEL_F32);
    expect_stored("an activation", y, REEL_BF16);
    expect_stored("an activation of one", reel_mul(y, y), REEL_BF16);
    expect_stored("a number", reel_mean_all(y), REEL_F32);
    expect_stored("probabilities", p, REEL_F32);
    expect_stored("what is made of probabilities", reel_slice(p, 0, 0, 2), REEL_F32);
    expect_stored("what is made of numbers", reel_exp(reel_scalar(tape, 2)), REEL_F32);
    expect_stored("a value in float32", reel_widen(y), REEL_F32);
    cr_expect_eq(reel_tape_node_at(tape, y.id).bytes, 4 * 6 * sizeof(reel_bf16));

    const reel_tensor half = reel_value(y), full = reel_value(reel_widen(y)), in = reel_value(x);
    for (int64_t i = 0; i < 4 * 6; i++) {
        const float exact = reel_math_tanhf(((const float *)in.data)[i]);
        cr_expect_eq(((const reel_bf16 *)half.data)[i], reel_bf16_from_float(exact), "%d", (int)i);
        cr_expect_eq(((const float *)full.data)[i],
                     reel_bf16_to_float(((const reel_bf16 *)half.data)[i]), "%d", (int)i);
    }
    close_tape();
}

Test(tape_bf16, gradients_are_stored_like_their_values)
{
    open_bf16_tape(REEL_F32);
    const reel_var x = drawn(1, DIMS(3, 5)), y = reel_tanh(x);
    cr_assert_eq(reel_backward(reel_mean_all(reel_mul(y, y)), &err), REEL_OK, "%s", err.message);
    cr_expect_eq(reel_grad(x).dtype, REEL_F32);
    cr_expect_eq(reel_grad(y).dtype, REEL_BF16);
    close_tape();
}

Test(tape_bf16, float64_is_not_touched_and_float32_has_no_copies_to_widen)
{
    open_bf16_tape(REEL_F64);
    expect_stored("an activation in float64", reel_tanh(drawn(1, DIMS(2, 3))), REEL_F64);
    close_tape();

    open_tape(REEL_F32);
    const reel_var y = reel_tanh(drawn(1, DIMS(2, 3)));
    expect_stored("an activation in float32", y, REEL_F32);
    cr_expect_eq(reel_widen(y).id, y.id);
    close_tape();
}

/* Rows of an elementwise operator that get copies part by part have the bits of the whole. */
Test(tape_bf16, a_large_value_is_what_its_rows_are)
{
    enum { ROWS = 40, ROW = 20000 };
    open_bf16_tape(REEL_F32);
    const reel_var x = drawn(1, DIMS(ROWS, ROW)), y = reel_neg(reel_silu(reel_neg(x)));
    for (int64_t row = 0; row < ROWS; row += 13) {
        const reel_var one = reel_neg(reel_silu(reel_neg(reel_slice(x, 0, row, row + 1))));
        const reel_tensor all = reel_value(y), part = reel_value(one);
        cr_assert(part.data, "%d", (int)row);
        cr_expect(memcmp((const reel_bf16 *)all.data + row * ROW, part.data,
                         ROW * sizeof(reel_bf16)) == 0,
                  "row %d", (int)row);
    }
    close_tape();
}

Test(tape_bf16, an_unknown_precision_and_a_tape_of_bf16_are_refused)
{
    reel_ctx *none;
    const reel_ctx_config config = {.precision = (reel_precision)7};
    cr_expect_eq(reel_ctx_create(&none, &config, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "expected float32 or bf16"), "%s", err.message);
    cr_expect_str_eq(reel_precision_name(REEL_PRECISION_BF16), "bf16");

    reel_tape *other;
    open_bf16_tape(REEL_F32);
    cr_expect_eq(reel_tape_create(&other, ctx, &(reel_tape_config){.dtype = REEL_BF16}, &err),
                 REEL_ERR_INVALID);
    close_tape();
}
