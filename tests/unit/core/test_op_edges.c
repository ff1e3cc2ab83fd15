/* What gradients do not show: refusals and their messages, NaN and infinity, and the statistics of
 * masks. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "core/tape.h"

static reel_ctx *ctx;
static reel_tape *tape;

static void open_tape(void)
{
    reel_error err;
    cr_assert(reel_ctx_create(&ctx, &(const reel_ctx_config){.threads = 2, .seed = 5}, &err) ==
                  REEL_OK,
              "%s", err.message);
    cr_assert(reel_tape_create(&tape, ctx, NULL, &err) == REEL_OK, "%s", err.message);
}

static void close_tape(void)
{
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

TestSuite(op_edges, .init = open_tape, .fini = close_tape);

/* A leaf filled with one value. */
static reel_var filled(float value, int ndim, const int64_t *shape)
{
    reel_tensor t = reel_tensor_of(NULL, REEL_F32, ndim, shape);
    t.data = reel_tape_alloc(tape, reel_tensor_bytes(&t));
    for (int64_t i = 0; i < reel_tensor_numel(&t); i++)
        ((float *)t.data)[i] = value;
    return reel_input_grad(tape, &t);
}

#define ONES(...)                                                                                  \
    filled(1, REEL_COUNT(((const int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

/* The tape's error must hold all three texts; clears it. */
static void expect_refusal(const char *a, const char *b, const char *c)
{
    reel_error err = {.message = ""};
    cr_expect(reel_tape_status(tape, &err) == REEL_ERR_INVALID,
              "expected a refusal that says \"%s\"", a);
    cr_expect(strstr(err.message, a) && strstr(err.message, b) && strstr(err.message, c),
              "expected a message with \"%s\", \"%s\" and \"%s\", got: %s", a, b, c, err.message);
    reel_tape_reset(tape);
}

Test(op_edges, a_label_out_of_range_is_named_with_its_place_and_value)
{
    reel_cross_entropy(ONES(3, 10), (const int64_t[]){1, 12, 3}, 3, NULL);
    expect_refusal("cross_entropy (3, 10)", "label 1 is 12", "0 to 9");
    reel_cross_entropy(ONES(3, 10), (const int64_t[]){1, 2, -1}, 3, NULL);
    expect_refusal("cross_entropy", "label 2 is -1", "0 to 9");
    reel_cross_entropy(ONES(3, 10), (const int64_t[]){1, 2}, 2, NULL);
    expect_refusal("cross_entropy", "3 rows", "2 labels");
    reel_cross_entropy(ONES(1, 10), (const int64_t[]){1}, 1,
                       &(const reel_cross_entropy_attrs){.label_smoothing = 1.5});
    expect_refusal("cross_entropy", "label smoothing 1.5", "0 to 1");
}

/* cross_entropy_soft of logits (2, 3) for six targets; rows: how many rows they are given as. */
static reel_var soft_of(const double targets[6], int64_t rows,
                        const reel_cross_entropy_attrs *attrs)
{
    const reel_tensor t =
        reel_tensor_of((double *)targets, REEL_F64, 2, (const int64_t[]){rows, 6 / rows});
    return reel_cross_entropy_soft(ONES(2, 3), &t, attrs);
}

Test(op_edges, targets_that_are_no_probabilities_are_refused)
{
    const double good[6] = {0.25, 0.25, 0.5, 0, 1, 0};
    soft_of((const double[]){0.5, 0.5, 0, NAN, 0.5, 0.5}, 2, NULL);
    expect_refusal("cross_entropy_soft", "target (1, 0) is nan", "probability");
    soft_of((const double[]){0.5, 1, -0.5, 0, 1, 0}, 2, NULL);
    expect_refusal("cross_entropy_soft", "target (0, 2) is -0.5", "probability");
    soft_of((const double[]){0.5, 0.5, 0, 0.5, 0.4, 0}, 2, NULL);
    expect_refusal("cross_entropy_soft", "row 1", "sums to 0.9, expected 1");
    soft_of((const double[]){INFINITY, 0, 0, 0, 1, 0}, 2, NULL);
    expect_refusal("cross_entropy_soft", "row 0", "sums to inf");
    soft_of(good, 3, NULL);
    expect_refusal("cross_entropy_soft", "shape (2, 3)", "got (3, 2)");
    soft_of(good, 2, &(const reel_cross_entropy_attrs){.use_ignore_index = true});
    expect_refusal("cross_entropy_soft", "ignore_index", "class indices");
    soft_of(good, 2, &(const reel_cross_entropy_attrs){.label_smoothing = NAN});
    expect_refusal("cross_entropy_soft", "label smoothing nan", "0 to 1");
    reel_cross_entropy_soft(ONES(2, 3), NULL, NULL);
    expect_refusal("cross_entropy_soft", "expected targets", "(n, classes)");
    reel_cross_entropy_soft(ONES(6), &(const reel_tensor){0}, NULL);
    expect_refusal("cross_entropy_soft", "expected targets", "(n, classes)");
}

Test(op_edges, one_hot_targets_give_the_loss_of_their_labels)
{
    const double weights[3] = {2, 2, 2};
    const reel_cross_entropy_attrs smooth = {.label_smoothing = 0.1},
                                   weighted = {.class_weights = weights};
    const double hot[6] = {0, 0, 1, 0, 1, 0};
    const int64_t labels[2] = {2, 1};
    const float soft = *(float *)reel_value(soft_of(hot, 2, &smooth)).data,
                hard =
                    *(float *)reel_value(reel_cross_entropy(ONES(2, 3), labels, 2, &smooth)).data;
    cr_expect(fabsf(soft - hard) < 1e-6F, "%g and %g", (double)soft, (double)hard);

    /* Equal weights cancel out for labels, and stay for probabilities: the mean divides by n. */
    const float doubled = *(float *)reel_value(soft_of(hot, 2, &weighted)).data;
    cr_expect(fabs((double)doubled - 2 * log(3)) < 1e-6, "%g, expected 2 log 3", (double)doubled);
}

Test(op_edges, a_convolution_that_cannot_be_says_why)
{
    reel_conv2d(ONES(2, 3, 5, 5), ONES(4, 2, 3, 3), REEL_NONE, NULL);
    expect_refusal("conv2d (2, 3, 5, 5) (4, 2, 3, 3)", "3 channels", "takes 2");
    reel_conv2d(ONES(2, 3, 5, 5), ONES(4, 3, 7, 7), REEL_NONE, NULL);
    expect_refusal("conv2d", "spans (7, 7)", "(5, 5)");
    reel_conv2d(ONES(2, 3, 5, 5), ONES(4, 3, 3, 3), ONES(5), NULL);
    expect_refusal("conv2d", "bias of shape (4)", "(5)");
    reel_conv2d(ONES(2, 4, 5, 5), ONES(3, 2, 3, 3), REEL_NONE,
                &(const reel_conv2d_attrs){.groups = 2});
    expect_refusal("conv2d", "3 output channels", "2 groups");
    reel_conv2d(ONES(2, 4, 5, 5), ONES(3, 4, 3, 3), REEL_NONE,
                &(const reel_conv2d_attrs){.stride_h = -1});
    expect_refusal("conv2d", "stride (-1, 1)", "at least 1");
}

Test(op_edges, other_operators_that_cannot_be_say_why)
{
    reel_linear(ONES(2, 3), ONES(4, 5), REEL_NONE);
    expect_refusal("linear (2, 3) (4, 5)", "3 features", "takes 5");
    reel_linear(ONES(2, 3, 1, 1), ONES(4, 3), REEL_NONE);
    expect_refusal("linear", "(n, in)", "flatten");
    reel_max_pool2d(ONES(1, 1, 2, 2), &(const reel_pool2d_attrs){.kernel_h = 3, .kernel_w = 3});
    expect_refusal("max_pool2d (1, 1, 2, 2)", "no window of (3, 3)", "fits");
    reel_avg_pool2d(ONES(1, 1, 9, 9),
                    &(const reel_pool2d_attrs){.kernel_h = 3, .kernel_w = 3, .padding_h = 2});
    expect_refusal("avg_pool2d", "padding (2, 0)", "half the kernel (3, 3)");
    reel_adaptive_avg_pool2d(ONES(1, 1, 9, 9), 0, 3);
    expect_refusal("adaptive_avg_pool2d", "(0, 3)", "at least 1");
    reel_dropout(ONES(4), 1.0, 0);
    expect_refusal("dropout (4)", "probability 1", "under 1");
    reel_batch_norm2d(ONES(1, 3, 1, 1), ONES(3), ONES(3),
                      &(const reel_batch_norm2d_attrs){.training = true});
    expect_refusal("batch_norm2d", "more than one value a channel", "variance");
    reel_batch_norm2d(ONES(1, 3, 2, 2), ONES(3), ONES(3),
                      &(const reel_batch_norm2d_attrs){.training = false});
    expect_refusal("batch_norm2d", "evaluation needs", "running");
    reel_local_response_norm(ONES(1, 3, 2, 2), &(const reel_local_response_norm_attrs){.size = -1});
    expect_refusal("local_response_norm", "-1", "window");
    reel_group_norm(ONES(1, 6, 2, 2), ONES(6), ONES(6),
                    &(const reel_group_norm_attrs){.groups = 4});
    expect_refusal("group_norm", "4 groups of 6 channels", "equally many");
    reel_group_norm(ONES(1, 6, 2, 2), ONES(6), ONES(5),
                    &(const reel_group_norm_attrs){.groups = 2});
    expect_refusal("group_norm", "expected beta of shape (6)", "");
    reel_scale_channels(ONES(2, 3, 4, 4), ONES(2, 4, 1, 1));
    expect_refusal("scale_channels", "expected factors of shape (2, 3, 1, 1)", "");
}

/* Every operator of images says which shape it expects. */
Test(op_edges, an_input_that_is_no_batch_of_images_is_refused)
{
    static const char *const expected = "expected an input of shape (n, c, h, w)";
    const reel_pool2d_attrs pool = {.kernel_h = 2, .kernel_w = 2};
    reel_conv2d(ONES(3, 5, 5), ONES(4, 3, 3, 3), REEL_NONE, NULL);
    expect_refusal("conv2d (3, 5, 5) (4, 3, 3, 3)", expected, "");
    reel_max_pool2d(ONES(3, 5, 5), &pool);
    expect_refusal("max_pool2d (3, 5, 5)", expected, "");
    reel_avg_pool2d(ONES(3, 5), &pool);
    expect_refusal("avg_pool2d (3, 5)", expected, "");
    reel_adaptive_avg_pool2d(ONES(3, 5, 5), 1, 1);
    expect_refusal("adaptive_avg_pool2d (3, 5, 5)", expected, "");
    reel_global_avg_pool(ONES(3, 5, 5));
    expect_refusal("global_avg_pool (3, 5, 5)", expected, "");
    reel_global_max_pool(ONES(3, 5, 5));
    expect_refusal("global_max_pool (3, 5, 5)", expected, "");
    reel_batch_norm2d(ONES(2, 3), ONES(3), ONES(3),
                      &(const reel_batch_norm2d_attrs){.training = true});
    expect_refusal("batch_norm2d (2, 3) (3) (3)", expected, "");
    reel_local_response_norm(ONES(2, 3), NULL);
    expect_refusal("local_response_norm (2, 3)", expected, "");
    reel_group_norm(ONES(2, 3, 4), REEL_NONE, REEL_NONE, NULL);
    expect_refusal("group_norm (2, 3, 4)", expected, "or (n, c)");
    reel_scale_channels(ONES(2, 3), ONES(2, 3));
    expect_refusal("scale_channels (2, 3) (2, 3)", expected, "");
}

/* A mean, a maximum or a variance of nothing has no value. */
Test(op_edges, an_empty_input_is_refused_where_the_result_would_have_no_value)
{
    reel_adaptive_avg_pool2d(ONES(2, 3, 0, 4), 2, 2);
    expect_refusal("adaptive_avg_pool2d (2, 3, 0, 4)", "must not be empty", "");
    reel_global_avg_pool(ONES(2, 3, 0, 4));
    expect_refusal("global_avg_pool (2, 3, 0, 4)", "must not be empty", "");
    reel_global_max_pool(ONES(2, 3, 0, 4));
    expect_refusal("global_max_pool (2, 3, 0, 4)", "must not be empty", "");
    reel_batch_norm2d(ONES(0, 3, 2, 2), ONES(3), ONES(3),
                      &(const reel_batch_norm2d_attrs){.training = true});
    expect_refusal("batch_norm2d (0, 3, 2, 2)", "must not be empty", "");
    reel_local_response_norm(ONES(0, 3, 2, 2), NULL);
    expect_refusal("local_response_norm (0, 3, 2, 2)", "must not be empty", "");
    reel_group_norm(ONES(0, 3, 2, 2), ONES(3), ONES(3), NULL);
    expect_refusal("group_norm (0, 3, 2, 2)", "must not be empty", "");
    reel_linear(ONES(0, 3), ONES(4, 3), REEL_NONE);
    expect_refusal("linear (0, 3) (4, 3)", "must not be empty", "");
    reel_mse(ONES(0, 3), ONES(0, 3));
    expect_refusal("mse (0, 3) (0, 3)", "at least one element", "got none");
}

/* Values without elements may stand beside others: what is summed over none of them is 0. */
Test(op_edges, gradients_over_no_elements_are_zero)
{
    reel_error err;
    const reel_var none = ONES(0, 3), row = ONES(3), narrow = ONES(1, 0);
    const reel_var y = reel_add(none, row), flat = reel_mul(ONES(2, 0), narrow);
    const reel_var parts[] = {y, ONES(2, 3)}, columns[] = {flat, ONES(2, 4)};
    const reel_var loss = reel_add(reel_sum(reel_concat(parts, 2, 0), 0, false),
                                   reel_sum(reel_concat(columns, 2, 1), 0, false));
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    cr_expect_eq(*(float *)reel_value(loss).data, 6 + 8);

    const reel_tensor drow = reel_grad(row), dnarrow = reel_grad(narrow);
    cr_assert(drow.ndim == 1 && drow.shape[0] == 3);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(((float *)drow.data)[i], 0, "element %d: %g", i,
                     (double)((float *)drow.data)[i]);
    cr_expect(dnarrow.ndim == 2 && dnarrow.shape[0] == 1 && dnarrow.shape[1] == 0);
}

Test(op_edges, parameters_of_a_wrong_shape_are_refused)
{
    float memory[4] = {0};
    const reel_tensor four = reel_tensor_of(memory, REEL_F32, 1, (const int64_t[]){4});
    const reel_tensor three = reel_tensor_of(memory, REEL_F32, 1, (const int64_t[]){3});
    reel_conv2d(ONES(2, 3, 5, 5), ONES(4, 27), REEL_NONE, NULL);
    expect_refusal("conv2d (2, 3, 5, 5) (4, 27)", "weight of shape (oc, c / groups, kh, kw)", "");
    reel_linear(ONES(2, 3), ONES(4, 3, 1), REEL_NONE);
    expect_refusal("linear (2, 3) (4, 3, 1)", "weight of shape (out, in)", "");
    reel_linear(ONES(2, 3), ONES(4, 3), ONES(3));
    expect_refusal("linear (2, 3) (4, 3) (3)", "bias of shape (4)", "");
    reel_batch_norm2d(ONES(2, 3, 2, 2), ONES(3), ONES(4),
                      &(const reel_batch_norm2d_attrs){.training = true});
    expect_refusal("batch_norm2d", "expected beta of shape (3)", "");
    reel_batch_norm2d(ONES(2, 3, 2, 2), ONES(3), ONES(3),
                      &(const reel_batch_norm2d_attrs){.running_mean = three, .running_var = four});
    expect_refusal("batch_norm2d", "expected a running variance of shape (3), float32", "");
}

/* Places of maxima are kept in a byte (fused), or in 32 bits. */
Test(op_edges, windows_of_more_cells_than_can_be_numbered_are_refused)
{
    const int64_t far = 1 << 20;
    reel_conv2d_relu_max_pool2d(ONES(1, 1, 20, 20), ONES(1, 1, 1, 1), REEL_NONE, NULL,
                                &(const reel_pool2d_attrs){.kernel_h = 16, .kernel_w = 17});
    expect_refusal("conv2d_relu_max_pool2d", "at most 255 cells", "got 16 x 17");
    reel_max_pool2d(ONES(1, 1, 4, 4), &(const reel_pool2d_attrs){.kernel_h = far,
                                                                 .kernel_w = far,
                                                                 .padding_h = far / 2,
                                                                 .padding_w = far / 2});
    expect_refusal("max_pool2d (1, 1, 4, 4)", "more than 2^31 - 1 cells", "");
}

Test(op_edges, sizes_whose_products_would_overflow_are_refused)
{
    const int64_t huge = (int64_t)1 << 32; /* huge x huge is 0 in 64 bits */
    reel_max_pool2d(ONES(1, 1, 4, 4), &(const reel_pool2d_attrs){
                                          .kernel_h = huge, .kernel_w = huge, .ceil_mode = true});
    expect_refusal("max_pool2d", "kernel (4294967296, 4294967296)", "2147483647");
    reel_avg_pool2d(ONES(1, 1, 4, 4), &(const reel_pool2d_attrs){
                                          .kernel_h = 2, .kernel_w = 2, .stride_w = INT64_MAX});
    expect_refusal("avg_pool2d", "stride (2, 9223372036854775807)", "2147483647");
    reel_conv2d(ONES(1, 1, 4, 4), ONES(1, 1, 3, 3), REEL_NONE,
                &(const reel_conv2d_attrs){.padding_h = INT64_MAX / 2, .padding_w = 1});
    expect_refusal("conv2d", "padding (4611686018427387903, 1)", "2147483647");
    reel_conv2d(ONES(1, 1, 4, 4), ONES(1, 1, 3, 3), REEL_NONE,
                &(const reel_conv2d_attrs){.dilation_h = INT64_MAX});
    expect_refusal("conv2d", "dilation (9223372036854775807, 1)", "2147483647");
    reel_reshape(ONES(6), 3, (const int64_t[]){huge, huge, 6});
    expect_refusal("reshape (6)", "a shape of 6 elements", "(4294967296, 4294967296, 6)");
    reel_local_response_norm(ONES(1, 3, 2, 2),
                             &(const reel_local_response_norm_attrs){.size = INT64_MAX});
    expect_refusal("local_response_norm", "9223372036854775807", "window");
}

Test(op_edges, results_of_more_bytes_than_can_be_counted_are_refused)
{
    const int64_t big = (int64_t)1 << 31, none[] = {0},
                  after[] = {(big / 2) * (big / 2) * 4 - 1}; /* 2^62 floats: 0 bytes */
    reel_pad(ONES(1), none, after, 0);
    expect_refusal("pad (1)", "2^60 elements", "(4611686018427387904)");
    reel_adaptive_avg_pool2d(ONES(1, 1, 1, 1), big, big);
    expect_refusal("adaptive_avg_pool2d (1, 1, 1, 1)", "2^60 elements",
                   "(1, 1, 2147483648, 2147483648)");
    reel_conv2d(ONES(1, 1, 1, 1), ONES(1, 1, 2, 2), REEL_NONE,
                &(const reel_conv2d_attrs){.padding_h = big / 2, .padding_w = big / 2});
    expect_refusal("conv2d (1, 1, 1, 1)", "2^60 elements", "(1, 1, 2147483648, 2147483648)");
    reel_matmul(filled(1, 2, (const int64_t[]){big, 0}), filled(1, 2, (const int64_t[]){0, big}));
    expect_refusal("matmul", "2^60 elements", "(2147483648, 2147483648)");
}

Test(op_edges, a_stride_far_beyond_the_input_is_one_window, .timeout = 60)
{
    const int64_t far = INT32_MAX;
    const reel_var x = ONES(2, 1, 3, 3), w = ONES(1, 1, 2, 2);
    const reel_var y =
        reel_conv2d(x, w, REEL_NONE, &(const reel_conv2d_attrs){.stride_h = far, .stride_w = far});
    reel_error err;
    cr_assert(reel_backward(reel_sum(y, 0, false), &err) == REEL_OK, "%s", err.message);
    for (int64_t i = 0; i < 9; i++) {
        const reel_tensor dx = reel_grad(x);
        const double got = reel_tensor_get(&dx, (const int64_t[]){1, 0, i / 3, i % 3}),
                     want = i / 3 < 2 && i % 3 < 2;
        cr_expect_eq(got, want, "dx at %d, %d: %g, expected %g", (int)(i / 3), (int)(i % 3), got,
                     want);
    }
    reel_tape_reset(tape);
    reel_conv2d(ONES(1, 1, 3, 3), ONES(1, 1, 2, 2), REEL_NONE,
                &(const reel_conv2d_attrs){.stride_h = INT64_MAX});
    expect_refusal("conv2d", "stride (9223372036854775807, 1)", "2147483647");
}

Test(op_edges, running_statistics_that_are_a_view_are_refused_and_not_misread)
{
    float memory[6] = {0, 7, 0, 7, 0, 7};
    reel_tensor view = reel_tensor_of(memory, REEL_F32, 1, (const int64_t[]){3}), dense = view;
    view.stride[0] = 2;
    reel_batch_norm2d(ONES(2, 3, 2, 2), ONES(3), ONES(3),
                      &(const reel_batch_norm2d_attrs){.running_mean = dense, .running_var = view});
    expect_refusal("batch_norm2d", "running variance", "side by side");
}

Test(op_edges, an_input_without_memory_is_empty_or_refused)
{
    const reel_tensor empty = reel_tensor_of(NULL, REEL_F32, 2, (const int64_t[]){0, 3});
    const reel_tensor absent = reel_tensor_of(NULL, REEL_F32, 2, (const int64_t[]){2, 3});
    reel_error err;
    reel_relu(reel_input(tape, &empty));
    cr_expect(reel_tape_status(tape, &err) == REEL_OK, "%s", err.message);
    reel_relu(reel_input(tape, &absent));
    expect_refusal("input", "(2, 3)", "no memory");
}

Test(op_edges, an_input_that_is_absent_but_needed_is_refused)
{
    reel_add(ONES(2, 3), REEL_NONE);
    expect_refusal("add", "input 1", "missing");
    reel_conv2d(ONES(1, 1, 4, 4), REEL_NONE, ONES(3), NULL);
    expect_refusal("conv2d", "input 1", "missing");
}

Test(op_edges, nan_wins_a_maximum_and_a_window_of_minus_infinity_has_one)
{
    float x[9] = {1, 2, 3, 4, NAN, 6, 7, 8, 9};
    reel_tensor t = reel_tensor_of(x, REEL_F32, 4, (const int64_t[]){1, 1, 3, 3});
    const reel_pool2d_attrs all = {.kernel_h = 3, .kernel_w = 3};
    const float pooled = *(float *)reel_value(reel_max_pool2d(reel_input(tape, &t), &all)).data;
    const float whole = *(float *)reel_value(reel_global_max_pool(reel_input(tape, &t))).data;
    const float recorded =
        *(float *)reel_value(reel_max_pool2d(reel_input_grad(tape, &t), &all)).data;
    cr_expect(isnan(pooled) && isnan(whole) && isnan(recorded), "%g %g %g, expected NaN",
              (double)pooled, (double)whole, (double)recorded);
    for (int i = 0; i < 9; i++)
        x[i] = -INFINITY;
    const float low = *(float *)reel_value(reel_max_pool2d(reel_input_grad(tape, &t), &all)).data;
    cr_expect(low == -INFINITY, "%g, expected -inf", (double)low);
}

Test(op_edges, padding_never_wins_a_maximum)
{
    const reel_pool2d_attrs a = {
        .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .padding_h = 1, .padding_w = 1};
    const reel_tensor y =
        reel_value(reel_max_pool2d(filled(-5, 4, (const int64_t[]){1, 3, 4, 4}), &a));
    for (int64_t i = 0; i < reel_tensor_numel(&y); i++)
        cr_expect(((float *)y.data)[i] == -5, "element %lld: %g, expected -5", (long long)i,
                  (double)((float *)y.data)[i]);
}

Test(op_edges, huge_logits_neither_overflow_nor_vanish)
{
    float x[6] = {1e30F, -1e30F, 0, -1e4F, 1e4F, 0};
    const reel_tensor t = reel_tensor_of(x, REEL_F32, 2, (const int64_t[]){2, 3});
    const reel_var loss =
        reel_cross_entropy(reel_input_grad(tape, &t), (const int64_t[]){0, 2}, 2, NULL);
    const double value = (double)*(float *)reel_value(loss).data;
    cr_expect(fabs(value - 5000) < 1e-3, "%g, expected 5000", value);
}

Test(op_edges, a_mean_over_ignored_samples_only_is_nan_and_its_gradient_zero)
{
    const reel_var x = ONES(2, 3);
    const reel_var loss = reel_cross_entropy(
        x, (const int64_t[]){-100, -100}, 2,
        &(const reel_cross_entropy_attrs){.ignore_index = -100, .use_ignore_index = true});
    cr_expect(isnan(*(float *)reel_value(loss).data), "%g, expected NaN",
              (double)*(float *)reel_value(loss).data);
    cr_assert(reel_backward(loss, NULL) == REEL_OK);
    const reel_tensor dx = reel_grad(x);
    for (int i = 0; i < 6; i++)
        cr_expect(((float *)dx.data)[i] == 0, "element %d: %g", i, (double)((float *)dx.data)[i]);
}

Test(op_edges, many_labels_and_weights_are_copied)
{
    enum { N = 3000, CLASSES = 1500 };
    static int64_t labels[N];
    static double weights[CLASSES];
    for (int i = 0; i < N; i++)
        labels[i] = i % CLASSES;
    for (int i = 0; i < CLASSES; i++)
        weights[i] = 1 + i % 3;
    const reel_var loss = reel_cross_entropy(
        ONES(N, CLASSES), labels, N, &(const reel_cross_entropy_attrs){.class_weights = weights});
    memset(labels, 0xFF, sizeof labels);
    memset(weights, 0, sizeof weights);
    const double value = (double)*(float *)reel_value(loss).data;
    cr_expect(fabs(value - log(CLASSES)) < 1e-5, "%.9g, expected log 1500", value);
    cr_assert(reel_backward(loss, NULL) == REEL_OK);
}

/* How many of n ones survive; *same counts those that do as in `other` (NULL: not counted). */
static int64_t survivors(double p, uint32_t layer, int64_t step, float *mask, const float *other,
                         int64_t *same)
{
    enum { N = 100000 };
    reel_tape_set_step(tape, step);
    const reel_tensor y = reel_value(reel_dropout(ONES(N), p, layer));
    int64_t kept = 0;
    *same = 0;
    for (int64_t i = 0; i < N; i++) {
        const float v = ((float *)y.data)[i];
        cr_assert(v == 0 || fabs((double)v - 1 / (1 - p)) < 1e-6, "element %lld: %g", (long long)i,
                  (double)v);
        kept += v != 0;
        if (other)
            *same += (v != 0) == (other[i] != 0);
        mask[i] = v;
    }
    reel_tape_reset(tape);
    return kept;
}

Test(op_edges, dropout_keeps_its_share_and_masks_depend_on_layer_and_step_alone)
{
    static float first[100000], mask[100000];
    int64_t same;
    int64_t kept = survivors(0.5, 0, 7, first, NULL, &same);
    cr_expect(llabs(kept - 50000) < 800, "p 0.5: %lld of 100000 kept", (long long)kept);
    kept = survivors(0.1, 0, 7, mask, NULL, &same);
    cr_expect(llabs(kept - 90000) < 500, "p 0.1: %lld of 100000 kept", (long long)kept);
    kept = survivors(0, 0, 7, mask, NULL, &same);
    cr_expect(kept == 100000, "p 0: %lld of 100000 kept", (long long)kept);
    survivors(0.5, 0, 7, mask, first, &same);
    cr_expect(same == 100000, "same layer and step: %lld of 100000 agree", (long long)same);
    survivors(0.5, 1, 7, mask, first, &same);
    cr_expect(llabs(same - 50000) < 800, "another layer: %lld of 100000 agree", (long long)same);
    survivors(0.5, 0, 8, mask, first, &same);
    cr_expect(llabs(same - 50000) < 800, "another step: %lld of 100000 agree", (long long)same);
}
