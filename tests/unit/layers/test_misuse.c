/* Calls that make no sense return an error, or nothing; they do not end the program of the caller.
 */
#include "core/install/reel.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static reel_error err;
static reel_ctx *ctx;
static reel_tape *tape, *other;
static const int64_t six[1] = {6};
static float numbers[6] = {1, 2, 3, 4, 5, 6};

static void make_tapes(void)
{
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    cr_assert_eq(reel_tape_create(&other, ctx, NULL, &err), REEL_OK);
}

static void destroy_tapes(void)
{
    reel_tape_destroy(tape);
    reel_tape_destroy(other);
    reel_ctx_destroy(ctx);
}

TestSuite(misuse, .init = make_tapes, .fini = destroy_tapes);

static reel_var input_of(reel_tape *t)
{
    const reel_tensor x = reel_tensor_of(numbers, REEL_F32, 1, six);
    return reel_input_grad(t, &x);
}

/* The tape holds an error with these words; it is ready again. */
static void expect_sticky(reel_var y, const char *words)
{
    cr_expect_lt(y.id, 0);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, words), "expected \"%s\": %s", words, err.message);
    cr_expect_eq(reel_backward(y, &err), REEL_ERR_INVALID);
    reel_tape_reset(tape);
}

Test(misuse, values_of_no_tape_of_another_or_of_the_step_before)
{
    const reel_var none = {0};
    cr_expect_lt(reel_add(none, none).id, 0);
    cr_expect_lt(reel_cross_entropy(none, NULL, 0, NULL).id, 0);
    cr_expect_eq(reel_backward(none, &err), REEL_ERR_INVALID);
    cr_expect_null(reel_value(none).data);
    cr_expect_null(reel_grad(none).data);
    reel_release(none);

    expect_sticky(reel_add(input_of(tape), input_of(other)), "another tape");
    expect_sticky(reel_add(none, input_of(tape)), "input 0 is missing");
    expect_sticky(reel_add(input_of(tape), none), "input 1 is missing");
    const reel_var before = input_of(tape);
    reel_tape_reset(tape);
    cr_expect_null(reel_value(before).data);
    cr_expect_eq(reel_backward(before, &err), REEL_ERR_INVALID);
    expect_sticky(reel_relu(before), "reset since");
}

Test(misuse, inputs_that_are_no_tensors)
{
    const reel_tensor bad = reel_tensor_of(numbers, REEL_F32, 9, six);
    expect_sticky(reel_input(tape, &bad), "input");
    expect_sticky(reel_input(tape, NULL), "input");
    const reel_tensor empty = reel_tensor_of(NULL, REEL_F32, 1, six);
    expect_sticky(reel_input(tape, &empty), "no memory");
    cr_expect_lt(reel_input(NULL, &empty).id, 0);
    expect_sticky(reel_cross_entropy(input_of(tape), NULL, 3, NULL), "labels");
    expect_sticky(reel_cross_entropy(input_of(tape), &six[0], -1, NULL), "labels");
    expect_sticky(reel_apply(NULL, NULL, 0, (const reel_var[]){input_of(tape)}, 1), "no operator");
    expect_sticky(reel_apply(reel_op_find("add"), NULL, 0, (const reel_var[]){input_of(tape)}, 1),
                  "1 inputs, expected 2");
}

Test(misuse, tensors_that_cannot_be_have_no_memory)
{
    const reel_tensor x = reel_tensor_of(numbers, REEL_F32, 1, six);
    const int64_t negative[2] = {2, -3}, huge[3] = {INT64_MAX, 3, 5};
    const reel_tensor bad[] = {
        reel_tensor_of(numbers, REEL_F32, -1, six),
        reel_tensor_of(numbers, REEL_F32, REEL_MAX_DIMS + 1, six),
        reel_tensor_of(numbers, REEL_F32, 2, negative),
        reel_tensor_of(numbers, REEL_F32, 3, huge),
        reel_tensor_of(numbers, REEL_F32, 1, NULL),
        reel_tensor_with_layout(numbers, REEL_F32, REEL_CHANNELS_LAST, 1, six),
        reel_tensor_slice(x, 1, 0, 1),
        reel_tensor_slice(x, 0, 4, 3),
        reel_tensor_slice(x, 0, 1, INT64_MAX),
        reel_tensor_permute(x, &(const int){1}),
    };
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        cr_expect_null(bad[i].data, "case %d", i);
        cr_expect_eq(bad[i].ndim, -1, "case %d", i);
        cr_expect_eq(reel_tensor_copy(&bad[i], &x), REEL_ERR_INVALID, "case %d", i);
        cr_expect_eq(reel_tensor_copy(&x, &bad[i]), REEL_ERR_INVALID, "case %d", i);
        cr_expect_eq(reel_tensor_copy(&bad[i], &bad[i]), REEL_ERR_INVALID, "case %d", i);
    }
    cr_expect(isnan(reel_tensor_get(&x, (const int64_t[]){6})));
    reel_tensor_set(&x, (const int64_t[]){-1}, 7);
    cr_expect_eq(reel_tensor_offset(&x, (const int64_t[]){6}), -1);
    cr_expect_eq(numbers[0], 1);
}

Test(misuse, places_in_tables_and_stores_that_do_not_exist)
{
    reel_params *params;
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    cr_expect_eq(reel_params_add(params, NULL, 1, six, 0, NULL, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_params_add(params, "w", 99, six, 0, NULL, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_params_add(params, "w", 1, six, 0, NULL, &err), REEL_OK);
    cr_expect_null(reel_params_at(params, 1));
    cr_expect_null(reel_params_at(params, -1));

    reel_optimizer *opt;
    const reel_optimizer_config config = {.kind = reel_optimizer_find("sgd")};
    cr_expect_eq(reel_optimizer_create(&opt, params, ctx, &config, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "not committed"), "%s", err.message);
    cr_expect_eq(reel_optimizer_create(&opt, NULL, ctx, &config, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_optimizer_step(NULL, 0.1, &err), REEL_ERR_INVALID);

    cr_expect_eq(reel_params_commit(params, &err), REEL_OK);
    cr_expect_eq(reel_params_commit(params, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_params_add(params, "v", 1, six, 0, NULL, &err), REEL_ERR_INVALID);
    cr_expect(isfinite(reel_clip_grad_norm(params, ctx, -1)));
    reel_clip_grad_value(params, ctx, NAN);
    reel_params_destroy(params);

    cr_expect_null(reel_op_at(-1));
    cr_expect_null(reel_layer_at(9999));
    cr_expect_null(reel_model_at(-1));
    cr_expect_null(reel_optimizer_kind_at(9999));
    cr_expect_null(reel_model_find(NULL));
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, 0);
    cr_expect_eq(reel_rng_below(&rng, 0), 0);
}

Test(misuse, nets_in_the_wrong_order)
{
    reel_net *net;
    reel_net_memory plan;
    const int64_t input[4] = {1, 3, 8, 8};
    cr_expect_eq(reel_net_create(&net, NULL, REEL_F32, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_model_create(&net, reel_model_find("resnet51"), NULL, ctx, REEL_F32, &err),
                 REEL_ERR_INVALID);
    cr_expect_eq(reel_net_build(NULL, &err), REEL_ERR_INVALID);

    /* Not built yet. */
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
    reel_net_layer(net, "relu", NULL);
    expect_sticky(reel_net_forward(net, tape, input_of(tape)), "not built");
    cr_expect_eq(reel_net_plan(net, input, true, &plan, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_net_save_onnx(net, &(reel_onnx_config){.height = 8}, "x.onnx", &err),
                 REEL_ERR_INVALID);
    reel_net_init_param(net, 0);

    /* Built: a value of another tape, built twice, another layer. */
    cr_assert_eq(reel_net_build(net, &err), REEL_OK);
    expect_sticky(reel_net_forward(net, tape, input_of(other)), "another tape");
    cr_expect_lt(reel_net_forward(net, NULL, input_of(other)).id, 0);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    reel_net_init_param(net, 5);
    reel_net_layer(net, "relu", NULL);
    cr_expect_eq(reel_net_status(net, &err), REEL_ERR_INVALID);
    reel_net_destroy(net);

    /* Ends without a beginning, and a beginning without an end. */
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
    reel_net_end(net);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    reel_net_destroy(net);
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
    reel_net_begin(net, "features");
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "features"), "%s", err.message);
    reel_net_destroy(net);
}

Test(misuse, data_that_is_not_there)
{
    reel_dataset *data;
    reel_loader *loader;
    reel_bytes bytes = {0};
    reel_batch batch;
    char name[20] = "x";
    const reel_transform look = {.size = 8};
    const reel_loader_config config = {.batch = 2};
    cr_expect_eq(reel_dataset_open(&data, NULL, NULL, NULL, 0, &err), REEL_ERR_INVALID);
    cr_assert_eq(reel_dataset_open(&data, "synth:train=2,val=1,size=32", "train", NULL, 0, &err),
                 REEL_OK, "%s", err.message);
    const int64_t count = reel_dataset_count(data);
    cr_expect_eq(reel_dataset_read(data, count, &bytes, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_dataset_read(data, -1, &bytes, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_dataset_label(data, count), -1);
    cr_expect_null(reel_dataset_class_name(data, -1));
    reel_dataset_sample_name(data, -1, name, sizeof name);
    cr_expect_str_eq(name, "");
    cr_expect_eq(reel_loader_create(&loader, NULL, &look, &config, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_loader_create(&loader, data, NULL, &config, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_loader_next(NULL, &batch, &err), REEL_ERR_INVALID);
    reel_dataset_destroy(data);

    reel_weights *weights;
    cr_expect_eq(reel_weights_read(&weights, NULL, &err), REEL_ERR_INVALID);
    reel_net *net;
    reel_model_card card;
    cr_expect_eq(reel_model_open(&net, &card, NULL, NULL, ctx, REEL_F32, &err), REEL_ERR_INVALID);
}
