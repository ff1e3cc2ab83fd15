/* Which values a tape of a bf16 context stores in bf16, and what stays float32. */
#include "core/bf16.h"
#include "core/elementary.h"
#include "core/params.h"
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

/* Every element of dy is 1 / 45. bf16 would round all of them the same way. */
Test(tape_bf16, wide_results_of_linear_layers_and_their_gradients_are_float32)
{
    open_bf16_tape(REEL_F32);
    const reel_var x = reel_tanh(drawn(1, DIMS(9, 6))), w = drawn(2, DIMS(5, 6)),
                   b = drawn(3, DIMS(5));
    expect_stored("a linear layer", reel_linear(x, w, b), REEL_BF16);
    reel_tape_set_wide(tape, true);
    expect_stored("linear with ReLU", reel_linear_relu(x, w, b), REEL_BF16);
    const reel_var y = reel_linear(x, w, b);
    expect_stored("with a bias in bf16", reel_linear(x, w, reel_tanh(b)), REEL_F32);
    reel_tape_set_wide(tape, false);
    expect_stored("a wide linear layer", y, REEL_F32);
    expect_stored("what is made of it", reel_tanh(y), REEL_F32);
    expect_stored("the next linear layer", reel_linear(x, w, b), REEL_BF16);

    cr_assert_eq(reel_backward(reel_mean_all(y), &err), REEL_OK, "%s", err.message);
    cr_expect_eq(reel_grad(y).dtype, REEL_F32);
    cr_expect_eq(reel_grad(x).dtype, REEL_BF16);
    const reel_tensor db = reel_grad(b);
    for (int64_t i = 0; i < 5; i++) /* each of the 45 numbers of y counts 1/45 */
        cr_expect_float_eq(((const float *)db.data)[i], 0.2F, 1e-6F, "%d", (int)i);
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

/* A value that is no batch but is made of a leaf: what the pieces give to it is added up in bf16.
 */
Test(tape_bf16, gradients_of_pieces_are_added_up_in_bf16)
{
    enum { ROWS = 8, ROW = 8 };
    double ones[ROWS * ROW];
    for (int i = 0; i < ROWS * ROW; i++)
        ones[i] = 1;

    for (int64_t pieces = 1; pieces <= 4; pieces *= 2) {
        open_bf16_tape(REEL_F32);
        const reel_var w = given(ones, DIMS(ROW)), v = reel_neg(w);
        reel_tape_set_pieces(tape, pieces);
        const reel_var y = reel_mul(given(ones, DIMS(ROWS, ROW)), v);
        reel_tape_set_pieces(tape, 1);
        cr_assert_eq(reel_backward_scaled(reel_mean_all(y), ROWS * ROW, &err), REEL_OK, "%s",
                     err.message);
        expect_stored("a value made of a leaf", v, REEL_BF16);
        for (int64_t i = 0; i < ROW; i++) {
            const reel_tensor dv = reel_grad(v), dw = reel_grad(w);
            cr_expect_eq(reel_tensor_get(&dv, &i), ROWS, "%d pieces, dv[%d]: %g", (int)pieces,
                         (int)i, reel_tensor_get(&dv, &i));
            cr_expect_eq(reel_tensor_get(&dw, &i), -ROWS, "%d pieces, dw[%d]: %g", (int)pieces,
                         (int)i, reel_tensor_get(&dw, &i));
        }
        close_tape();
    }
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

/* Weights that are stored in bf16 for inference: the values of the same weights in float32, by dot
 * products and by blocks. A tape that records refuses them. */
Test(tape_bf16, linear_layers_read_narrow_weights)
{
    enum { IN = 300, OUT = 400 };
    reel_params *params;
    open_bf16_tape(REEL_F32);
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "w", DIMS(OUT, IN), 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "b", DIMS(OUT), 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, 0);
    float *w = reel_params_at(params, 0)->value.data;
    for (int i = 0; i < OUT * IN; i++) /* exact in bf16 */
        w[i] = reel_bf16_to_float(reel_bf16_from_float((float)reel_rng_normal(&rng)));

    static const int64_t rows[2] = {3, 40};
    reel_bf16 *wide[2];
    reel_tape_set_recording(tape, false);
    for (int narrow = 0; narrow < 2; narrow++) {
        if (narrow)
            cr_assert_eq(reel_params_narrow(params, ctx, &err), REEL_OK, "%s", err.message);
        for (int i = 0; i < 2; i++) {
            const reel_var x = reel_tanh(drawn(1, DIMS(rows[i], IN))),
                           y = reel_linear_relu(x, reel_param_var(tape, params, 0),
                                                reel_param_var(tape, params, 1));
            expect_stored("a linear layer", y, REEL_BF16);
            const reel_tensor value = reel_value(y);
            const reel_bf16 *got = value.data;
            if (!narrow) {
                wide[i] = malloc(reel_tensor_bytes(&value));
                memcpy(wide[i], got, reel_tensor_bytes(&value));
            }
            for (int64_t k = 0; k < reel_tensor_numel(&value); k++) {
                const float a = reel_bf16_to_float(got[k]), b = reel_bf16_to_float(wide[i][k]);
                cr_assert(fabsf(a - b) <= 0.01F * fabsf(b) + 1e-3F, "%d rows, %d: %g, expected %g",
                          (int)rows[i], (int)k, (double)a, (double)b);
            }
            reel_tape_reset(tape);
        }
    }
    free(wide[0]);
    free(wide[1]);

    reel_tape_set_recording(tape, true);
    reel_param_var(tape, params, 0);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "w is bf16"), "%s", err.message);
    close_tape();
    reel_params_destroy(params);
}
