/* Values of operators that move elements (reshape, permute, concat, slice, pad) and of matrix
 * products, in both dtypes. */
#include "tests/unit/core/on_tape.h"

/* The i-th element in row-major order of the shape. */
static double element(const reel_tensor *t, int64_t i)
{
    int64_t index[REEL_MAX_DIMS];
    for (int d = t->ndim - 1; d >= 0; d--) {
        index[d] = i % t->shape[d];
        i /= t->shape[d];
    }
    return reel_tensor_get(t, index);
}

static void expect_same_elements(const char *what, reel_var y, reel_var x)
{
    const reel_tensor from = reel_value(x), to = reel_value(y);
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s: %s", what, err.message);
    cr_assert_eq(reel_tensor_numel(&from), reel_tensor_numel(&to));
    for (int64_t i = 0; i < reel_tensor_numel(&to); i++)
        cr_assert_eq(element(&to, i), element(&from, i), "%s, element %d: %g, expected %g", what,
                     (int)i, element(&to, i), element(&from, i));
}

Test(ops_shapes, reshape_keeps_the_row_major_order_of_the_shape)
{
    static const struct {
        int ndim;
        int64_t shape[5];
    } shapes[] = {{1, {120}},          {2, {2, 60}},        {2, {24, 5}},
                  {3, {2, 3, 20}},     {4, {2, 3, 4, 5}},   {4, {5, 4, 3, 2}},
                  {4, {1, 120, 1, 1}}, {4, {120, 1, 1, 1}}, {4, {1, 1, 10, 12}},
                  {5, {2, 3, 2, 2, 5}}};
    FOR_BOTH_DTYPES
    {
        for (int64_t i = 0; i < REEL_COUNT(shapes); i++)
            for (int64_t k = 0; k < REEL_COUNT(shapes); k++) {
                const reel_var x = drawn(1, shapes[i].ndim, shapes[i].shape);
                const reel_var y = reel_reshape(x, shapes[k].ndim, shapes[k].shape);
                expect_shape(y, shapes[k].ndim, shapes[k].shape);
                expect_same_elements("reshape", y, x);
            }
        expect_shape(reel_reshape(drawn(1, DIMS(2, 3, 4)), DIMS(-1, 6)), DIMS(4, 6));
        expect_shape(reel_reshape(drawn(1, DIMS(1)), 0, NULL), 0, NULL);
    }
}

Test(ops_shapes, flatten_orders_channels_rows_columns)
{
    FOR_BOTH_DTYPES
    {
        const reel_var x = drawn(2, DIMS(3, 256, 6, 6)), y = reel_flatten(x);
        expect_shape(y, DIMS(3, 9216));
        expect_same_elements("flatten", y, x);
        cr_expect_eq(at(y, SHAPE(1, 36 * 100 + 6 * 4 + 5)), at(x, SHAPE(1, 100, 4, 5)));
        cr_expect_eq(reel_flatten(y).id, y.id, "a matrix is flat already");
        expect_shape(reel_flatten(drawn(2, DIMS(4))), DIMS(4, 1));
    }
}

Test(ops_shapes, a_reshape_that_cannot_be_is_refused)
{
    FOR_BOTH_DTYPES
    {
        expect_refusal(reel_reshape(drawn(1, DIMS(2, 3)), DIMS(4, 2)), "reshape (2, 3)",
                       "6 elements, got (4, 2)");
        expect_refusal(reel_reshape(drawn(1, DIMS(2, 3)), DIMS(-1, 4)), "reshape (2, 3)",
                       "divide 6 elements, got (-1, 4)");
        expect_refusal(reel_reshape(drawn(1, DIMS(2, 3)), DIMS(-1, -1)), "reshape",
                       "at most one -1");
        expect_refusal(reel_reshape(drawn(1, DIMS(2, 3)), DIMS(-2, -3)), "reshape", "0 or more");
        expect_refusal(reel_reshape(drawn(1, DIMS(2, 3)), 9, SHAPE(1, 1, 1, 1, 1, 1, 1, 2, 3)),
                       "reshape", "0 to 8 dimensions");
        expect_refusal(reel_flatten(reel_scalar(tape, 1)), "flatten", "a dimension to keep");
    }
}

/* ---- permute, slice, pad, concat: where an element of the result comes from ---- */
typedef struct origin {
    reel_tensor x;
    int axes[5];
    int64_t shift[5];
    double outside;
} origin;

static double permuted(const int64_t *index, const void *user)
{
    const origin *o = user;
    int64_t from[5];
    for (int d = 0; d < o->x.ndim; d++)
        from[o->axes[d]] = index[d];
    return reel_tensor_get(&o->x, from);
}

static double shifted(const int64_t *index, const void *user)
{
    const origin *o = user;
    int64_t from[5];
    for (int d = 0; d < o->x.ndim; d++) {
        from[d] = index[d] + o->shift[d];
        if (from[d] < 0 || from[d] >= o->x.shape[d])
            return o->outside;
    }
    return reel_tensor_get(&o->x, from);
}

Test(ops_shapes, permute_takes_dimensions_in_the_given_order)
{
    static const int64_t shape[] = {2, 3, 4, 5, 6};
    static const struct {
        int ndim, axes[5];
    } cases[] = {{1, {0}},          {2, {1, 0}},       {3, {2, 0, 1}},    {4, {0, 2, 3, 1}},
                 {4, {0, 3, 1, 2}}, {4, {3, 2, 1, 0}}, {4, {0, 1, 2, 3}}, {5, {4, 0, 3, 1, 2}}};
    FOR_BOTH_DTYPES
    {
        for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
            const reel_var x = drawn(3, cases[i].ndim, shape);
            origin o = {.x = reel_value(x)};
            int64_t out[5];
            memcpy(o.axes, cases[i].axes, sizeof o.axes);
            for (int d = 0; d < cases[i].ndim; d++)
                out[d] = shape[o.axes[d]];
            expect_formula("permute", reel_permute(x, o.axes), cases[i].ndim, out, permuted, &o, 0);
        }
        expect_refusal(reel_permute(drawn(3, DIMS(2, 3)), (const int[]){0, 0}), "permute (2, 3)",
                       "got 0 at place 1");
        expect_refusal(reel_permute(drawn(3, DIMS(2, 3)), (const int[]){0, 2}), "permute (2, 3)",
                       "0 to 1 once, got 2");
    }
}

Test(ops_shapes, slice_and_pad_shift_a_window)
{
    static const int64_t shape[] = {3, 4, 5, 6, 2};
    FOR_BOTH_DTYPES
    {
        for (int ndim = 1; ndim <= 5; ndim++) {
            const reel_var x = drawn(4, ndim, shape);
            int64_t padded[5], before[5], after[5];
            origin o = {.x = reel_value(x), .outside = -1.5};
            for (int d = 0; d < ndim; d++) {
                before[d] = d % 3;
                after[d] = (d + 1) % 2;
                o.shift[d] = -before[d];
                padded[d] = shape[d] + before[d] + after[d];
            }
            expect_formula("pad", reel_pad(x, before, after, -1.5), ndim, padded, shifted, &o, 0);
            for (int d = 0; d < ndim; d++) {
                origin s = {.x = reel_value(x), .outside = NAN};
                int64_t out[5];
                memcpy(out, shape, sizeof out);
                s.shift[d] = 1;
                out[d] = shape[d] - 1;
                expect_formula("slice", reel_slice(x, d, 1, shape[d]), ndim, out, shifted, &s, 0);
            }
        }
        expect_refusal(reel_slice(drawn(4, DIMS(2, 3)), 1, 2, 4), "slice (2, 3)",
                       "end <= 3, got begin 2 and end 4");
        expect_refusal(reel_slice(drawn(4, DIMS(2, 3)), 1, 2, 2), "slice (2, 3)", "begin < end");
        expect_refusal(reel_slice(drawn(4, DIMS(2, 3)), 2, 0, 1), "slice (2, 3)", "0 to 1, got 2");
        expect_refusal(reel_pad(drawn(4, DIMS(2)), SHAPE(-1), SHAPE(0), 0), "pad (2)",
                       "got -1 before");
        expect_refusal(reel_pad(drawn(4, DIMS(2)), SHAPE(INT64_MAX), SHAPE(0), 0), "pad (2)",
                       "below 2^63");
    }
}

Test(ops_shapes, concat_puts_inputs_one_after_another)
{
    static const int64_t shape[] = {2, 3, 4, 5};
    FOR_BOTH_DTYPES
    {
        for (int ndim = 1; ndim <= 4; ndim++)
            for (int dim = 0; dim < ndim; dim++) {
                int64_t wider[4], all[4], begin = 0;
                memcpy(wider, shape, sizeof wider);
                memcpy(all, shape, sizeof all);
                wider[dim] += 2;
                all[dim] = 2 * shape[dim] + wider[dim];
                const reel_var x[] = {drawn(5, ndim, shape), drawn(6, ndim, wider),
                                      drawn(7, ndim, shape)};
                const reel_var y = reel_concat(x, 3, dim);
                expect_shape(y, ndim, all);
                for (int i = 0; i < 3; i++) {
                    const int64_t length = i == 1 ? wider[dim] : shape[dim];
                    expect_same_elements("concat", reel_slice(y, dim, begin, begin + length), x[i]);
                    begin += length;
                }
            }
        expect_refusal(reel_concat((reel_var[]){drawn(1, DIMS(2, 3)), drawn(2, DIMS(2, 4))}, 2, 0),
                       "concat (2, 3) (2, 4)", "input 1: dimension 1: expected size 3, got 4");
        expect_refusal(reel_concat((reel_var[]){drawn(1, DIMS(2, 3)), drawn(2, DIMS(3))}, 2, 1),
                       "concat (2, 3) (3)", "input 1: expected 2 dimensions, got 1");
        const reel_var x = drawn(1, DIMS(2));
        expect_refusal(
            reel_concat((const reel_var[]){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}, 17,
                        0),
            "concat", "1 to 16 inputs, got 17");
    }
}

/* ---- matrices ---- */
typedef struct factors {
    reel_tensor a, b;
} factors;

static double product_at(const int64_t *index, const void *user)
{
    const factors *f = user;
    const int n = f->a.ndim;
    int64_t ia[5], ib[5];
    double sum = 0;
    memcpy(ia, index, sizeof(int64_t) * (size_t)n);
    memcpy(ib, index, sizeof(int64_t) * (size_t)n);
    if (f->b.ndim == 2)
        ib[1] = index[n - 1];
    for (int64_t k = 0; k < f->a.shape[n - 1]; k++) {
        ia[n - 1] = k;
        ib[f->b.ndim - 2] = k;
        sum += reel_tensor_get(&f->a, ia) * reel_tensor_get(&f->b, ib);
    }
    return sum;
}

Test(ops_shapes, matmul_multiplies_each_matrix_of_a_batch)
{
    static const struct {
        int na;
        int64_t a[5];
        int nb;
        int64_t b[5];
        int64_t y[5];
    } cases[] = {
        {2, {4, 3}, 2, {3, 5}, {4, 5}},
        {2, {1, 7}, 2, {7, 1}, {1, 1}},
        {2, {67, 35}, 2, {35, 41}, {67, 41}},
        {3, {3, 4, 6}, 3, {3, 6, 5}, {3, 4, 5}},
        {3, {3, 4, 6}, 2, {6, 5}, {3, 4, 5}},
        {4, {2, 3, 4, 6}, 4, {2, 3, 6, 5}, {2, 3, 4, 5}},
        {4, {2, 3, 4, 6}, 2, {6, 5}, {2, 3, 4, 5}},
        {5, {2, 2, 3, 4, 6}, 5, {2, 2, 3, 6, 5}, {2, 2, 3, 4, 5}},
        {5, {2, 2, 3, 4, 6}, 2, {6, 5}, {2, 2, 3, 4, 5}},
    };
    FOR_BOTH_DTYPES
    {
        for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
            const reel_var a = drawn(8, cases[i].na, cases[i].a),
                           b = drawn(9, cases[i].nb, cases[i].b);
            const factors f = {reel_value(a), reel_value(b)};
            expect_formula("matmul", reel_matmul(a, b), cases[i].na, cases[i].y, product_at, &f,
                           60);
        }
        expect_refusal(reel_matmul(drawn(1, DIMS(2, 3)), drawn(2, DIMS(4, 2))),
                       "matmul (2, 3) (4, 2)", "got 3 and 4");
        expect_refusal(reel_matmul(drawn(1, DIMS(2, 3)), drawn(2, DIMS(3))), "matmul (2, 3) (3)",
                       "got 2 and 1");
        expect_refusal(reel_matmul(drawn(1, DIMS(5, 2, 3)), drawn(2, DIMS(4, 3, 2))), "matmul",
                       "leading dimension 0");
        expect_refusal(reel_matmul(drawn(1, DIMS(2, 3)), drawn(2, DIMS(4, 3, 2))), "matmul",
                       "2 or 2 dimensions, got 3");
    }
}
