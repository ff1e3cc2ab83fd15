/* Values of elementwise operators, reductions, softmax and losses, in both dtypes, against
 * written-out numbers and naive loops.
 */
#include "tests/unit/core/on_tape.h"

/* ---- one input ---- */
typedef struct unary_case {
    const char *name;
    reel_var (*op)(reel_var x);
    double (*reference)(double x);
    bool positive;
} unary_case;

static double negative(double x)
{
    return -x;
}

static double rectified(double x)
{
    return x > 0 ? x : 0;
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double normal_share(double x)
{
    return x * (1 + erf(x / sqrt(2))) / 2;
}

static double swish(double x)
{
    return x / (1 + exp(-x));
}

static double of_element(const int64_t *index, const void *user)
{
    const reel_tensor *x = ((const void *const *)user)[0];
    const unary_case *c = ((const void *const *)user)[1];
    return c->reference(reel_tensor_get(x, index));
}

static reel_var absolute_plus(reel_var x, double offset)
{
    return reel_add(reel_sqrt(reel_mul(x, x)), reel_scalar(tape, offset));
}

Test(ops_forward, functions_of_one_input_have_the_values_of_the_mathematical_library)
{
    static const unary_case cases[] = {
        {"neg", reel_neg, negative, false},    {"exp", reel_exp, exp, false},
        {"log", reel_log, log, true},          {"sqrt", reel_sqrt, sqrt, true},
        {"relu", reel_relu, rectified, false}, {"sigmoid", reel_sigmoid, logistic, false},
        {"tanh", reel_tanh, tanh, false},      {"silu", reel_silu, swish, false},
    };
    FOR_BOTH_DTYPES
    {
        for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
            const reel_var x = drawn(1, DIMS(3, 5, 7, 6)),
                           from = cases[i].positive ? absolute_plus(x, 0.1) : x;
            const reel_tensor t = reel_value(from);
            expect_formula(cases[i].name, cases[i].op(from), DIMS(3, 5, 7, 6), of_element,
                           (const void *[]){&t, &cases[i]}, 4);
        }
    }
}

Test(ops_forward, every_element_of_a_large_tensor_is_computed)
{
    FOR_BOTH_DTYPES
    {
        static const unary_case twice = {"tanh", reel_tanh, tanh, false};
        const reel_var x = drawn(2, DIMS(70001));
        const reel_tensor t = reel_value(x);
        expect_formula("tanh", reel_tanh(x), DIMS(70001), of_element, (const void *[]){&t, &twice},
                       4);
    }
}

Test(ops_forward, extremes_and_nan_come_out_as_they_should)
{
    const double x[] = {-INFINITY, -1000, -0.5, 0, 0.25, 1000, INFINITY, NAN};
    FOR_BOTH_DTYPES
    {
        const reel_var v = given(x, DIMS(8));
        expect_row_major("relu", reel_relu(v),
                         (const double[]){0, 0, 0, 0, 0.25, 1000, INFINITY, NAN}, 0);
        expect_row_major("leaky_relu", reel_leaky_relu(v, 0.5),
                         (const double[]){-INFINITY, -500, -0.25, 0, 0.25, 1000, INFINITY, NAN}, 0);
        expect_row_major("clamp", reel_clamp(v, -0.5, 0.5),
                         (const double[]){-0.5, -0.5, -0.5, 0, 0.25, 0.5, 0.5, NAN}, 0);
        expect_row_major("sigmoid", reel_sigmoid(v),
                         (const double[]){0, 0, logistic(-0.5), 0.5, logistic(0.25), 1, 1, NAN}, 1);
        expect_row_major("tanh", reel_tanh(v),
                         (const double[]){-1, -1, tanh(-0.5), 0, tanh(0.25), 1, 1, NAN}, 1);
        expect_row_major("exp", reel_exp(v),
                         (const double[]){0, 0, exp(-0.5), 1, exp(0.25), INFINITY, INFINITY, NAN},
                         1);
        expect_row_major(
            "log", reel_log(v),
            (const double[]){NAN, NAN, NAN, -INFINITY, log(0.25), log(1000), INFINITY, NAN}, 1);
        expect_row_major("sqrt", reel_sqrt(v),
                         (const double[]){NAN, NAN, NAN, 0, 0.5, sqrt(1000), INFINITY, NAN}, 1);
        expect_row_major("gelu", reel_gelu(v),
                         (const double[]){NAN, 0, normal_share(-0.5), 0, normal_share(0.25), 1000,
                                          INFINITY, NAN},
                         1);
        expect_row_major("silu", reel_silu(v),
                         (const double[]){NAN, 0, swish(-0.5), 0, swish(0.25), 1000, INFINITY, NAN},
                         1);
        expect_row_major("hardsigmoid", reel_hardsigmoid(v),
                         (const double[]){0, 0, 2.5 / 6, 0.5, 3.25 / 6, 1, 1, NAN}, 1);
        expect_row_major("hardswish", reel_hardswish(v),
                         (const double[]){NAN, 0, -1.25 / 6, 0, 0.8125 / 6, 1000, INFINITY, NAN},
                         1);
        expect_refusal(reel_clamp(v, 1, 0), "clamp (8)", "lo 1 and hi 0");
    }
}

/* ---- two inputs ---- */
typedef struct pair {
    reel_tensor a, b;
    char sign;
} pair;

/* The element of a broadcast tensor that belongs to an index of the result. */
static double broadcast_at(const reel_tensor *t, int ndim, const int64_t *index)
{
    int64_t own[REEL_MAX_DIMS];
    for (int d = 0; d < t->ndim; d++)
        own[d] = t->shape[d] == 1 ? 0 : index[d + ndim - t->ndim];
    return reel_tensor_get(t, own);
}

static double combined(const int64_t *index, const void *user)
{
    const pair *p = user;
    const int ndim = p->a.ndim > p->b.ndim ? p->a.ndim : p->b.ndim;
    const double a = broadcast_at(&p->a, ndim, index), b = broadcast_at(&p->b, ndim, index);
    return p->sign == '+' ? a + b : p->sign == '-' ? a - b : p->sign == '*' ? a * b : a / b;
}

Test(ops_forward, two_inputs_broadcast_as_in_numpy)
{
    static const struct {
        int na;
        int64_t a[5];
        int nb;
        int64_t b[5];
        int n;
        int64_t y[5];
    } cases[] = {
        {0, {0}, 0, {0}, 0, {0}},
        {1, {5}, 0, {0}, 1, {5}},
        {0, {0}, 4, {2, 3, 4, 5}, 4, {2, 3, 4, 5}},
        {2, {3, 1}, 2, {1, 4}, 2, {3, 4}},
        {3, {2, 1, 4}, 2, {3, 1}, 3, {2, 3, 4}},
        {4, {2, 3, 4, 5}, 4, {2, 3, 4, 5}, 4, {2, 3, 4, 5}},
        {4, {2, 3, 4, 5}, 3, {3, 1, 1}, 4, {2, 3, 4, 5}},
        {4, {2, 3, 4, 5}, 2, {4, 5}, 4, {2, 3, 4, 5}},
        {4, {2, 3, 4, 5}, 1, {5}, 4, {2, 3, 4, 5}},
        {3, {3, 4, 5}, 4, {2, 1, 1, 1}, 4, {2, 3, 4, 5}},
        {4, {2, 1, 4, 1}, 4, {1, 3, 1, 5}, 4, {2, 3, 4, 5}},
        {5, {2, 1, 2, 3, 1}, 4, {4, 1, 3, 5}, 5, {2, 4, 2, 3, 5}},
        {4, {3, 40, 17, 19}, 3, {40, 1, 1}, 4, {3, 40, 17, 19}},
        {2, {700, 31}, 2, {700, 31}, 2, {700, 31}},
        {1, {40001}, 1, {1}, 1, {40001}},
    };
    FOR_BOTH_DTYPES
    {
        for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
            const reel_var a = drawn(3, cases[i].na, cases[i].a),
                           b = absolute_plus(drawn(4, cases[i].nb, cases[i].b), 0.5);
            const reel_var y[] = {reel_add(a, b), reel_sub(a, b), reel_mul(a, b), reel_div(a, b)};
            for (int k = 0; k < 4; k++) {
                const pair p = {reel_value(a), reel_value(b), "+-*/"[k]};
                char what[40];
                snprintf(what, sizeof what, "shapes %d: a %c b", (int)i, p.sign);
                expect_formula(what, y[k], cases[i].n, cases[i].y, combined, &p, 1);
            }
        }
    }
}

Test(ops_forward, shapes_that_do_not_broadcast_are_refused_with_the_sizes)
{
    FOR_BOTH_DTYPES
    {
        expect_refusal(reel_add(drawn(1, DIMS(2, 3)), drawn(2, DIMS(4))),
                       "add (2, 3) (4): shapes do not broadcast",
                       "dimension 1 of the result: expected equal sizes or a 1, got 3 and 4");
        expect_refusal(reel_mul(drawn(1, DIMS(2, 3, 4, 5)), drawn(2, DIMS(3))),
                       "mul (2, 3, 4, 5) (3)", "got 5 and 3");
        expect_refusal(reel_mse(drawn(1, DIMS(2, 3)), drawn(2, DIMS(3))), "mse (2, 3) (3)",
                       "target of shape (2, 3), got (3)");
    }
}

/* ---- reductions ---- */
typedef struct reduction {
    reel_tensor x;
    unsigned axes;
    bool keepdim;
    int kind; /* 0 sum, 1 mean, 2 max */
} reduction;

static double reduced(const int64_t *index, const void *user)
{
    const reduction *r = user;
    int64_t at_x[REEL_MAX_DIMS] = {0}, count = 0;
    double sum = 0, most = -INFINITY;
    do {
        bool mine = true;
        for (int d = 0, own = 0; d < r->x.ndim; d++) {
            const bool gone = r->axes == 0 || r->axes >> d & 1u;
            if (!gone)
                mine &= at_x[d] == index[own];
            own += !gone || r->keepdim;
        }
        if (!mine)
            continue;
        const double v = reel_tensor_get(&r->x, at_x);
        sum += v;
        most = fmax(most, v);
        count++;
    } while (next_index(r->x.ndim, r->x.shape, at_x));
    return r->kind == 0 ? sum : r->kind == 1 ? sum / (double)count : most;
}

static void check_reduction(int ndim, const int64_t *shape, unsigned axes, bool keepdim)
{
    reel_var (*const ops[])(reel_var, unsigned, bool) = {reel_sum, reel_mean, reel_max};
    int n = 0;
    int64_t out[REEL_MAX_DIMS];
    for (int d = 0; d < ndim; d++) {
        if (axes != 0 && !(axes >> d & 1u))
            out[n++] = shape[d];
        else if (keepdim)
            out[n++] = 1;
    }
    const reel_var x = drawn(5, ndim, shape);
    for (int kind = 0; kind < 3; kind++) {
        const reduction r = {reel_value(x), axes, keepdim, kind};
        char what[60];
        snprintf(what, sizeof what, "reduction %d over mask %u%s", kind, axes,
                 keepdim ? ", kept" : "");
        /* The reference adds in double as well, but in another order. */
        const double ulps = reel_tape_dtype(tape) == REEL_F64 ? 400 : 1;
        expect_formula(what, ops[kind](x, axes, keepdim), n, out, reduced, &r, ulps);
    }
}

Test(ops_forward, sums_means_and_maxima_over_every_set_of_axes)
{
    static const int64_t shapes[][5] = {{7}, {5, 6}, {4, 3, 5}, {2, 3, 4, 5}, {2, 3, 2, 1, 4}};
    FOR_BOTH_DTYPES
    {
        check_reduction(0, NULL, 0, false);
        for (int ndim = 1; ndim <= 5; ndim++)
            for (unsigned axes = 0; axes < 1u << ndim; axes++)
                for (int keepdim = 0; keepdim < 2; keepdim++)
                    check_reduction(ndim, shapes[ndim - 1], axes, keepdim);
    }
}

/* Longer than tiles, runs and buffers, and not a multiple of any. */
Test(ops_forward, reductions_of_long_dimensions)
{
    FOR_BOTH_DTYPES
    {
        check_reduction(DIMS(20011), 0, false);
        check_reduction(DIMS(3, 1003), 1, false);
        check_reduction(DIMS(3, 1003), 2, false);
        check_reduction(DIMS(1003, 3), 1, false);
        check_reduction(DIMS(1003, 3), 2, false);
        check_reduction(DIMS(2, 70, 5, 7), 13, false);
        check_reduction(DIMS(2, 300, 3, 5), 2, true);
    }
}

/* In float32, 1e8 + 1 is 1e8: adding one by one would lose every 1. */
Test(ops_forward, sums_accumulate_in_double)
{
    static double x[2 * 10001];
    for (int i = 0; i < 2 * 10001; i++)
        x[i] = i % 10001 ? 1 : 1e8;
    FOR_BOTH_DTYPES
    {
        expect_row_major("all", reel_sum(given(x, DIMS(10001)), 0, false),
                         (const double[]){100010000}, 0);
        const reel_var rows = given(x, DIMS(2, 10001)),
                       columns = reel_permute(rows, (const int[]){1, 0});
        expect_row_major("along memory", reel_sum(rows, 2, false),
                         (const double[]){100010000, 100010000}, 0);
        expect_row_major("across memory", reel_sum(columns, 1, false),
                         (const double[]){100010000, 100010000}, 0);
        expect_row_major("mean", reel_mean_all(rows), (const double[]){200020000.0 / 20002}, 1);
    }
}

Test(ops_forward, the_first_of_equal_maxima_in_index_order_takes_the_gradient)
{
    /* Channels-last memory holds [0][1][0][0] before [0][0][0][1]; index order has it the other
     * way. */
    const double x[] = {1, 7, 7, 2, /* channel 1 */ 7, 0, 3, 7},
                 expected[] = {0, 1, 0, 0, 0, 0, 0, 0};
    const double nans[] = {3, NAN, 9, NAN};
    FOR_BOTH_DTYPES
    {
        const reel_var v = given(x, DIMS(1, 2, 2, 2)), w = given(nans, DIMS(4));
        expect_row_major("NaN is larger than any number", reel_max(w, 0, false),
                         (const double[]){NAN}, 0);
        cr_assert_eq(reel_backward(reel_max(v, 0, false), &err), REEL_OK, "%s", err.message);
        const reel_tensor dx = reel_grad(v);
        expect_row_major("gradient of max", reel_input(tape, &dx), expected, 0);
    }
}

Test(ops_forward, axes_that_are_not_there_and_empty_inputs_are_refused)
{
    FOR_BOTH_DTYPES
    {
        expect_refusal(reel_sum(drawn(1, DIMS(2, 3)), 4, false), "sum (2, 3)",
                       "bits 0 to 1, got mask 0x4");
        expect_refusal(reel_max(drawn(1, DIMS(2, 0)), 0, false), "max (2, 0)",
                       "at least one element");
        expect_refusal(reel_mean(drawn(1, DIMS(0)), 0, false), "mean (0)", "at least one element");
    }
}

/* ---- softmax and mse ---- */
static double softmax_of(const int64_t *index, const void *user)
{
    const reel_tensor *x = user;
    int64_t other[REEL_MAX_DIMS];
    double sum = 0;
    memcpy(other, index, sizeof(int64_t) * (size_t)x->ndim);
    for (int64_t k = 0; k < x->shape[x->ndim - 1]; k++) {
        other[x->ndim - 1] = k;
        sum += exp(reel_tensor_get(x, other) - reel_tensor_get(x, index));
    }
    return 1 / sum;
}

static double log_softmax_of(const int64_t *index, const void *user)
{
    return log(softmax_of(index, user));
}

Test(ops_forward, softmax_runs_over_the_last_dimension)
{
    static const int64_t shapes[][4] = {{9}, {40, 13}, {2, 3, 5}, {2, 3, 4, 5}};
    FOR_BOTH_DTYPES
    {
        for (int ndim = 1; ndim <= 4; ndim++) {
            const reel_var x = drawn(6, ndim, shapes[ndim - 1]);
            const reel_tensor t = reel_value(x);
            expect_formula("softmax", reel_softmax(x), ndim, shapes[ndim - 1], softmax_of, &t, 4);
            expect_formula("log_softmax", reel_log_softmax(x), ndim, shapes[ndim - 1],
                           log_softmax_of, &t, 4);
        }
    }
}

Test(ops_forward, softmax_of_huge_scores_does_not_overflow)
{
    const double x[] = {1e30, 1e30, -1e30};
    FOR_BOTH_DTYPES
    {
        expect_row_major("softmax", reel_softmax(given(x, DIMS(3))), (const double[]){0.5, 0.5, 0},
                         1);
        expect_row_major("log_softmax", reel_log_softmax(given(x, DIMS(2))),
                         (const double[]){-log(2), -log(2)}, 1);
        expect_refusal(reel_softmax(reel_scalar(tape, 1)), "softmax ()", "a last dimension");
    }
}

Test(ops_forward, mse_is_the_mean_of_squared_differences)
{
    const double x[] = {1, 2, 3, 4}, t[] = {1, 0, 6, 3};
    FOR_BOTH_DTYPES
    {
        expect_row_major("mse", reel_mse(given(x, DIMS(2, 2)), given(t, DIMS(2, 2))),
                         (const double[]){3.5}, 0);
        const reel_var a = drawn(7, DIMS(3, 17, 9, 8)), b = drawn(8, DIMS(3, 17, 9, 8)),
                       d = reel_sub(a, b);
        const double want = at(reel_mean_all(reel_mul(d, d)), NULL);
        expect_row_major("mse of images", reel_mse(a, b), &want, 2);
    }
}
