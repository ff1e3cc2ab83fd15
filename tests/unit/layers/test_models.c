/* The networks: parameter counts, names and shapes as published, what sizes they take. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/models.h"

static reel_ctx *ctx;
static reel_error err;

static void setup(void)
{
    const reel_ctx_config config = {.seed = 1};
    cr_assert_eq(reel_ctx_create(&ctx, &config, &err), REEL_OK, "%s", err.message);
}

static void teardown(void)
{
    reel_ctx_destroy(ctx);
}

TestSuite(models, .init = setup, .fini = teardown);

static int64_t parameters(const reel_model *model, reel_head head, int64_t classes)
{
    reel_net *net;
    const reel_model_config config = {.classes = classes, .head = head, .dropout = 0.5};
    cr_assert_eq(reel_model_create(&net, model, &config, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    const int64_t n = reel_params_trainable(reel_net_params(net));
    reel_net_destroy(net);
    return n;
}

static void expect_count(const reel_model *model, reel_head head, int64_t classes, int64_t expected)
{
    const int64_t got = parameters(model, head, classes);
    cr_expect_eq(got, expected, "%s: expected %ld parameters, got %ld", model->name, (long)expected,
                 (long)got);
}

Test(models, have_the_published_number_of_parameters)
{
    expect_count(reel_model_find("alexnet"), REEL_HEAD_FLATTEN, 0, 61100840);
    expect_count(reel_model_find("alexnet"), REEL_HEAD_FLATTEN, 10, 61100840 - 4097 * 990);
    expect_count(reel_model_find("alexnet"), REEL_HEAD_GAP, 1000, 2726696);
    expect_count(reel_model_find("alexnet"), REEL_HEAD_GMP, 1000, 2726696);
    expect_count(reel_model_find("alexnet2012"), REEL_HEAD_FLATTEN, 1000, 60965224);
    expect_count(reel_model_find("tiny"), REEL_HEAD_FLATTEN, 10, 18874);
}

Test(models, alexnet_has_torchvisions_names_and_shapes)
{
    static const struct {
        const char *name;
        int ndim;
        int64_t shape[4];
    } expected[] = {
        {"features.0.weight", 4, {64, 3, 11, 11}},   {"features.0.bias", 1, {64}},
        {"features.3.weight", 4, {192, 64, 5, 5}},   {"features.3.bias", 1, {192}},
        {"features.6.weight", 4, {384, 192, 3, 3}},  {"features.6.bias", 1, {384}},
        {"features.8.weight", 4, {256, 384, 3, 3}},  {"features.8.bias", 1, {256}},
        {"features.10.weight", 4, {256, 256, 3, 3}}, {"features.10.bias", 1, {256}},
        {"classifier.1.weight", 2, {4096, 9216}},    {"classifier.1.bias", 1, {4096}},
        {"classifier.4.weight", 2, {4096, 4096}},    {"classifier.4.bias", 1, {4096}},
        {"classifier.6.weight", 2, {1000, 4096}},    {"classifier.6.bias", 1, {1000}},
    };
    reel_net *net;
    cr_assert_eq(reel_model_create(&net, reel_model_find("alexnet"), NULL, ctx, REEL_F32, &err),
                 REEL_OK, "%s", err.message);
    const reel_params *params = reel_net_params(net);
    cr_assert_eq(reel_params_count(params), 16);
    for (int i = 0; i < 16; i++) {
        const reel_param *p = reel_params_at(params, i);
        cr_expect_str_eq(p->name, expected[i].name);
        cr_expect_eq(p->value.ndim, expected[i].ndim, "%s", p->name);
        for (int d = 0; d < expected[i].ndim; d++)
            cr_expect_eq(p->value.shape[d], expected[i].shape[d],
                         "%s dimension %d: expected %ld, got %ld", p->name, d,
                         (long)expected[i].shape[d], (long)p->value.shape[d]);
    }
    reel_net_destroy(net);
}

/* Shape of the net's output for one square image, by running it. */
static void expect_output(const reel_model *model, reel_head head, int64_t size)
{
    reel_net *net;
    reel_layer_info info[64];
    int count;
    const reel_model_config config = {
        .classes = 7, .head = head, .dropout = 0.5, .image_size = size};
    cr_assert_eq(reel_model_create(&net, model, &config, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(
        reel_net_describe(net, (const int64_t[]){5, 3, size, size}, info, 64, &count, &err),
        REEL_OK, "%s at %ld: %s", model->name, (long)size, err.message);
    cr_expect_eq(info[count - 1].ndim, 2);
    cr_expect_eq(info[count - 1].shape[0], 5);
    cr_expect_eq(info[count - 1].shape[1], 7);
    reel_net_destroy(net);
}

Test(models, take_every_size_from_their_smallest_up)
{
    for (int i = 0; i < reel_model_count(); i++) {
        const reel_model *model = reel_model_at(i);
        if (!model->add) /* a text: test_text.c */
            continue;
        const int64_t sizes[] = {model->min_size, model->min_size + 13, model->image_size};
        for (int k = 0; k < 3; k++)
            for (int head = REEL_HEAD_FLATTEN; head <= REEL_HEAD_GMP; head++)
                expect_output(model, (reel_head)head, sizes[k]);
    }
}

Test(models, refuse_a_smaller_image_and_name_the_smallest)
{
    for (int i = 0; i < reel_model_count(); i++) {
        const reel_model *model = reel_model_at(i);
        reel_net *net;
        if (!model->add)
            continue;
        char smallest[32];
        const reel_model_config config = {.image_size = model->min_size - 1, .dropout = 0.5};
        cr_expect_eq(reel_model_create(&net, model, &config, ctx, REEL_F32, &err), REEL_ERR_INVALID,
                     "%s", model->name);
        cr_expect_null(net);
        snprintf(smallest, sizeof smallest, "%ld x %ld", (long)model->min_size,
                 (long)model->min_size);
        cr_expect(strstr(err.message, smallest), "%s: '%s' does not name %s", model->name,
                  err.message, smallest);
    }
}

Test(models, refuse_an_image_whose_size_would_overflow)
{
    for (int i = 0; i < reel_model_count(); i++) {
        const reel_model *model = reel_model_at(i);
        reel_net *net;
        const reel_model_config config = {.image_size = INT64_MAX / 2, .dropout = 0.5};
        cr_expect_eq(reel_model_create(&net, model, &config, ctx, REEL_F32, &err), REEL_ERR_INVALID,
                     "%s", model->name);
        cr_assert_null(net);
        cr_expect(strstr(err.message, "4611686018427387903"), "%s: '%s'", model->name, err.message);
    }
}

/* The net itself must fail one pixel below min_size, or min_size is not the smallest. */
Test(models, min_size_is_the_smallest)
{
    for (int i = 0; i < 2; i++) {
        const reel_model *model = reel_model_at(i);
        reel_net *net;
        reel_layer_info info[64];
        int count;
        cr_assert_eq(reel_model_create(&net, model, NULL, ctx, REEL_F32, &err), REEL_OK);
        const int64_t size = model->min_size - 1;
        cr_expect_neq(
            reel_net_describe(net, (const int64_t[]){1, 3, size, size}, info, 64, &count, &err),
            REEL_OK, "%s", model->name);
        cr_expect(strstr(err.message, "features."), "'%s' names no layer", err.message);
        reel_net_destroy(net);
    }
}

Test(models, alexnet_costs_714_million_multiply_adds)
{
    reel_net *net;
    reel_layer_info info[64];
    int count;
    int64_t total = 0;
    cr_assert_eq(reel_model_create(&net, reel_model_find("alexnet"), NULL, ctx, REEL_F32, &err),
                 REEL_OK);
    cr_assert_eq(reel_net_describe(net, (const int64_t[]){1, 3, 224, 224}, info, 64, &count, &err),
                 REEL_OK, "%s", err.message);
    for (int i = 0; i < count; i++)
        total += info[i].multiply_adds;
    cr_expect_eq(total, 714188480, "got %ld", (long)total);
    reel_net_destroy(net);
}

/* N(0, 0.01^2) for weights and 0 for the last bias whatever the head: the model's own initialisers,
 * not a layer's. */
Test(models, alexnet2012_draws_every_head_from_its_own_law)
{
    for (int head = REEL_HEAD_FLATTEN; head <= REEL_HEAD_GMP; head++) {
        reel_net *net;
        const reel_model_config config = {
            .classes = 10, .head = (reel_head)head, .dropout = 0.5, .image_size = 67};
        cr_assert_eq(
            reel_model_create(&net, reel_model_find("alexnet2012"), &config, ctx, REEL_F32, &err),
            REEL_OK);
        const reel_params *params = reel_net_params(net);
        const reel_param *w = reel_params_at(params, reel_params_count(params) - 2);
        const reel_param *b = reel_params_at(params, reel_params_count(params) - 1);
        const int64_t n = reel_tensor_numel(&w->value);
        double squares = 0;
        for (int64_t i = 0; i < n; i++)
            squares += pow(((const float *)w->value.data)[i], 2);
        cr_expect(fabs(sqrt(squares / (double)n) - 0.01) < 1e-3, "head %d: deviation of %s is %g",
                  head, w->name, sqrt(squares / (double)n));
        for (int64_t i = 0; i < 10; i++)
            cr_expect_eq(((const float *)b->value.data)[i], 0, "head %d: %s", head, b->name);
        reel_net_destroy(net);
    }
}
