/* Which implementation a convolution gets: the rule, what REEL_CONV forces, what REEL_TRACE writes
 * to the log, a wrong name.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/conv_choice.h"

typedef struct lines {
    char text[4000];
    int warnings;
} lines;

static void keep(void *user, reel_log_level level, const char *line)
{
    lines *l = user;
    strncat(l->text, line, sizeof l->text - strlen(l->text) - 2);
    strcat(l->text, "\n");
    l->warnings += level == REEL_LOG_WARN;
}

/* The environment counts as it is now: forced is REEL_CONV, trace REEL_TRACE. */
static reel_ctx *context(lines *log, const char *forced, const char *trace)
{
    reel_ctx *ctx;
    reel_error err;
    setenv("REEL_CONV", forced, 1);
    setenv("REEL_TRACE", trace, 1);
    const reel_ctx_config config = {.threads = 1, .isa = "portable", .log = keep, .log_user = log};
    cr_assert_eq(reel_ctx_create(&ctx, &config, &err), REEL_OK, "%s", err.message);
    unsetenv("REEL_CONV");
    unsetenv("REEL_TRACE");
    return ctx;
}

/* conv3 of AlexNet. */
static const reel_conv_shape three = {.n = 8,
                                      .c = 192,
                                      .h = 13,
                                      .w = 13,
                                      .oc = 384,
                                      .oh = 13,
                                      .ow = 13,
                                      .kh = 3,
                                      .kw = 3,
                                      .sh = 1,
                                      .sw = 1,
                                      .ph = 1,
                                      .pw = 1,
                                      .dh = 1,
                                      .dw = 1,
                                      .groups = 1};

static void expect(const reel_ctx *ctx, const reel_conv_shape *s, bool f64,
                   const reel_conv_kind *expected)
{
    for (int pass = 0; pass < 3; pass++) {
        const reel_conv_kind *got =
            reel_conv_choose(ctx, s, (reel_conv_pass)pass, f64 ? REEL_F64 : REEL_F32);
        cr_assert_eq(got, expected, "pass %d: got %s, expected %s", pass, got->name,
                     expected->name);
    }
}

Test(conv_choice, gradients_with_a_stride_are_direct_up_to_a_size)
{
    lines log = {0};
    reel_ctx *ctx = context(&log, "", "");
    reel_conv_shape s = three;
    s.sh = 2, s.oh = 7, s.oc = 352;
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32), &reel_conv_product);
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_INPUT_GRAD, REEL_F32), &reel_conv_strided);
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_WEIGHT_GRAD, REEL_F32), &reel_conv_strided);

    s.oc = 384; /* more than 655,360 weights */
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_INPUT_GRAD, REEL_F32), &reel_conv_strided);
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_WEIGHT_GRAD, REEL_F32), &reel_conv_product);
    s.oc = 800; /* more than twice as many */
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_INPUT_GRAD, REEL_F32), &reel_conv_product);

    s.oc = 352, s.c = 190;
    expect(ctx, &s, false, &reel_conv_product); /* channels */
    s = three, s.oc = 352, s.sh = 2, s.dh = 2, s.oh = 6;
    expect(ctx, &s, false, &reel_conv_product); /* dilation */
    reel_ctx_destroy(ctx);
}

Test(conv_choice, winograd_takes_what_it_accepts_and_the_matrix_product_the_rest)
{
    lines log = {0};
    reel_ctx *ctx = context(&log, "", "");
    expect(ctx, &three, false, &reel_conv_winograd);
    expect(ctx, &three, true, &reel_conv_product); /* float64 */
    reel_conv_shape s = three;
    s.n = 1;
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32), &reel_conv_few_tiles);
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_INPUT_GRAD, REEL_F32),
                 &reel_conv_product); /* nine tiles */
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_WEIGHT_GRAD, REEL_F32), &reel_conv_product);
    s = three, s.ph = s.pw = s.dh = s.dw = 3;
    expect(ctx, &s, false, &reel_conv_winograd); /* phases of 5 x 5 and smaller */
    s.ph = s.pw = s.dh = s.dw = 6;
    expect(ctx, &s, false, &reel_conv_product); /* of 3 x 3 and 2 x 2 */
    s = three, s.c = 190;
    expect(ctx, &s, false, &reel_conv_product); /* channels */
    cr_assert_eq(log.warnings, 0);
    reel_ctx_destroy(ctx);
}

/* A first layer of 3 channels and that many rows and columns. */
static reel_conv_shape first_layer(int64_t size, int64_t kernel, int64_t stride, int64_t padding)
{
    reel_conv_shape s = three;
    s.c = 3, s.h = s.w = size, s.kh = s.kw = kernel, s.sh = s.sw = stride, s.ph = s.pw = padding;
    s.oh = s.ow = (size + 2 * padding - kernel) / stride + 1;
    return s;
}

Test(conv_choice, a_first_layer_is_computed_directly)
{
    lines log = {0};
    reel_ctx *ctx = context(&log, "", "");
    reel_conv_shape s = first_layer(31, 3, 1, 1);
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32), &reel_conv_first_layer);
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_INPUT_GRAD, REEL_F32), &reel_conv_first_layer);
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F64), &reel_conv_product);
    s.oc = 40;
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32),
                 &reel_conv_product); /* no whole vectors */
    reel_ctx_destroy(ctx);
}

Test(conv_choice, polyphase_takes_strided_first_layers_in_any_batch)
{
    lines log = {0};
    reel_ctx *ctx = context(&log, "", "");
    const reel_conv_shape shapes[] = {first_layer(224, 11, 4, 2), first_layer(227, 11, 4, 0),
                                      first_layer(224, 7, 2, 3), first_layer(224, 5, 2, 2)};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int64_t n = 1; n <= 256; n *= 4) {
            reel_conv_shape s = shapes[i];
            s.n = n;
            const reel_conv_kind *kinds[REEL_CONV_PASSES];
            for (int pass = 0; pass < REEL_CONV_PASSES; pass++)
                kinds[pass] = reel_conv_choose(ctx, &s, (reel_conv_pass)pass, REEL_F32);
            cr_expect_eq(kinds[REEL_CONV_FORWARD], &reel_conv_polyphase, "shape %zu", i);
            cr_expect_eq(kinds[REEL_CONV_WEIGHT_GRAD], &reel_conv_polyphase, "shape %zu", i);
            cr_expect_eq(kinds[REEL_CONV_INPUT_GRAD], &reel_conv_first_layer, "shape %zu", i);
            cr_expect_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F64),
                         &reel_conv_product);
        }
    reel_ctx_destroy(ctx);
}

Test(conv_choice, depthwise_convolutions_are_computed_directly)
{
    lines log = {0};
    reel_ctx *ctx = context(&log, "", "");
    reel_conv_shape s = three;
    s.oc = s.groups = s.c;
    expect(ctx, &s, false, &reel_conv_depthwise);
    expect(ctx, &s, true, &reel_conv_product); /* float64 */
    s.oc = 2 * s.c;
    expect(ctx, &s, false, &reel_conv_product); /* two outputs a channel */
    reel_ctx_destroy(ctx);
}

Test(conv_choice, a_forced_implementation_runs_where_it_can)
{
    lines log = {0};
    reel_ctx *ctx = context(&log, "direct", "");
    expect(ctx, &three, false, &reel_conv_direct);
    expect(ctx, &three, true, &reel_conv_direct);
    reel_ctx_destroy(ctx);
    ctx = context(&log, "gemm", "");
    expect(ctx, &three, false, &reel_conv_product);
    reel_ctx_destroy(ctx);
    ctx = context(&log, "winograd", "");
    expect(ctx, &three, false, &reel_conv_winograd);
    expect(ctx, &three, true, &reel_conv_product);
    reel_ctx_destroy(ctx);
    ctx = context(&log, "direct", "");
    const reel_conv_shape strided = first_layer(224, 11, 4, 2);
    cr_assert_eq(reel_conv_choose(ctx, &strided, REEL_CONV_FORWARD, REEL_F32),
                 &reel_conv_first_layer);
    reel_ctx_destroy(ctx);
    cr_assert_eq(log.warnings, 0);
}

Test(conv_choice, a_name_that_there_is_not_is_refused)
{
    reel_ctx *ctx;
    reel_error err;
    setenv("REEL_CONV", "fft", 1);
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_ERR_INVALID);
    cr_assert(strstr(err.message,
                     "expected tiles, winograd, few_tiles, polyphase, direct or gemm, got 'fft'"),
              "%s", err.message);
    unsetenv("REEL_CONV");
}

/* The two implementations of Winograd have names of their own. */
Test(conv_choice, few_tiles_is_named_and_forced)
{
    lines log = {0};
    reel_conv_shape s = three;
    s.n = 1;
    reel_ctx *ctx = context(&log, "", "conv");
    reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32);
    cr_expect(strstr(log.text, "winograd wants 32 tiles or more") &&
                  strstr(log.text, "few_tiles runs") && !strstr(log.text, "winograd runs"),
              "got: %s", log.text);
    reel_ctx_destroy(ctx);

    s.n = 4; /* 36 tiles: winograd comes first */
    ctx = context(&log, "few_tiles", "");
    cr_expect_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32), &reel_conv_few_tiles);
    reel_ctx_destroy(ctx);
    ctx = context(&log, "winograd", "");
    cr_expect_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32), &reel_conv_winograd);
    reel_ctx_destroy(ctx);
}

Test(conv_choice, tracing_tells_each_refusal_and_what_runs)
{
    lines log = {0};
    reel_ctx *ctx = context(&log, "", "conv");
    reel_conv_choose(ctx, &three, REEL_CONV_FORWARD, REEL_F64);
    cr_assert(strstr(log.text, "winograd wants float32") && strstr(log.text, "gemm runs"),
              "got: %s", log.text);
    reel_ctx_destroy(ctx);
}
