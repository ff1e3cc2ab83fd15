/* What a call that makes no sense answers: a status that names the argument, or a default. That no
 * such call crashes is checked for all functions by tests/misuse. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/install/reel.h"

static reel_error err;
static reel_ctx *ctx;
static reel_tape *tape;
static reel_net *net;
static reel_optimizer *optimizer;
static float numbers[64];

static void must(reel_status status)
{
    cr_assert_eq(status, REEL_OK, "%s", err.message);
}

/* A net of one linear layer, 3 features to 2, and an optimizer with momentum. */
static void make_all(void)
{
    const reel_sgd_config sgd = {.momentum = 0.9};
    must(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err));
    must(reel_tape_create(&tape, ctx, NULL, &err));
    must(reel_net_create(&net, ctx, REEL_F32, &err));
    reel_net_linear(net, .in = 3, .out = 2);
    must(reel_net_build(net, &err));
    reel_net_init(net);
    must(reel_sgd_create(&optimizer, reel_net_params(net), ctx, &sgd, &err));
}

static void destroy_all(void)
{
    reel_optimizer_destroy(optimizer);
    reel_net_destroy(net);
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

TestSuite(misuse, .init = make_all, .fini = destroy_all);

static void expect_refusal(reel_status status, const char *word)
{
    cr_expect_eq(status, REEL_ERR_INVALID, "%s", err.message);
    cr_expect_not_null(strstr(err.message, word), "\"%s\" names no %s", err.message, word);
    err = (reel_error){0};
}

static reel_var logits_of_four(void)
{
    const int64_t shape[2] = {4, 3};
    const reel_tensor t = reel_tensor_of(numbers, REEL_F32, 2, shape);
    return reel_input_grad(tape, &t);
}

Test(misuse, a_status_names_the_argument_that_is_null)
{
    const int64_t shape[2] = {4, 3};
    const reel_tensor images = reel_tensor_of(numbers, REEL_F32, 2, shape);
    expect_refusal(reel_ctx_create(NULL, NULL, &err), "out");
    expect_refusal(reel_net_build(NULL, &err), "net");
    expect_refusal(reel_net_predict(NULL, &images, numbers, &err), "net");
    expect_refusal(reel_net_predict(net, &images, NULL, &err), "probabilities");
    expect_refusal(reel_params_load(reel_net_params(net), NULL, &err), "weights");
    expect_refusal(reel_optimizer_group(optimizer, NULL, &err), "group");
    expect_refusal(reel_net_save_onnx(net, NULL, "x.onnx", &err), "config");
    expect_refusal(reel_loader_next(NULL, NULL, &err), "batch");
}

Test(misuse, what_was_not_made_is_null)
{
    reel_net *made = net;
    reel_optimizer *moved = optimizer;
    expect_refusal(reel_net_create(&made, NULL, REEL_F32, &err), "context");
    expect_refusal(reel_sgd_create(&moved, NULL, ctx, NULL, &err), "parameters");
    cr_expect_null(made);
    cr_expect_null(moved);
}

Test(misuse, a_null_handle_gives_a_default)
{
    reel_net_relu((reel_net *)NULL);
    reel_net_set_training(NULL, true);
    reel_tape_set_recording(NULL, true);
    reel_params_zero_grad(NULL);
    cr_expect_null(reel_net_params(NULL));
    cr_expect_eq(reel_ctx_threads(NULL), 0);
    cr_expect_eq(reel_dataset_count(NULL), 0);
    cr_expect_null(reel_dataset_left_out(NULL));
    cr_expect_null(reel_optimizer_config_of(NULL));
    cr_expect(isnan(reel_grad_norm(NULL, ctx)));
    cr_expect(isnan(reel_schedule_at(NULL, 0)));
}

Test(misuse, an_index_out_of_range_is_refused)
{
    const int64_t shape[2] = {2, 3};
    const reel_tensor values = reel_tensor_of(numbers, REEL_F32, 2, shape);
    expect_refusal(reel_optimizer_set_state(optimizer, 1, 0, &values, &err), "state 1");
    expect_refusal(reel_optimizer_set_state(optimizer, 0, 2, &values, &err), "parameter 2");
    reel_optimizer_forget(optimizer, 100000000);
    cr_expect_null(reel_optimizer_state(optimizer, 1, 0).data);
    cr_expect_null(reel_optimizer_state_name(optimizer, 1));
    cr_expect_null(reel_codec_at(-1));
    cr_expect_null(reel_source_at(1000));
    cr_expect_null(reel_isa_name(99));
    cr_expect_eq(reel_pack_shards(0, 0), 0);
    cr_expect_eq(reel_pack_shards(9, 4), 3);
}

Test(misuse, a_parameter_that_is_not_there_is_the_error_of_the_tape)
{
    const reel_var v = reel_param_var(tape, reel_net_params(net), -1);
    cr_expect_lt(v.id, 0);
    expect_refusal(reel_tape_status(tape, &err), "parameter -1");
}

Test(misuse, an_absent_value_gives_an_invalid_one)
{
    const reel_var none = {0};
    cr_expect_lt(reel_dropout(none, 0.5, 1).id, 0);
    cr_expect_lt(reel_relu(none).id, 0);
    cr_expect_lt(reel_cross_entropy(none, NULL, 0, NULL).id, 0);
    cr_expect_lt(reel_cross_entropy_soft(none, NULL, NULL).id, 0);
}

Test(misuse, shapes_and_axes_that_are_null_are_the_error_of_the_tape)
{
    cr_expect_lt(reel_permute(logits_of_four(), NULL).id, 0);
    expect_refusal(reel_tape_status(tape, &err), "axes");
    reel_tape_reset(tape);
    cr_expect_lt(reel_reshape(logits_of_four(), 2, NULL).id, 0);
    expect_refusal(reel_tape_status(tape, &err), "shape");
}

Test(misuse, more_labels_than_rows_are_not_read)
{
    const int64_t labels[4] = {0, 1, 2, 0};
    cr_expect_lt(reel_cross_entropy(logits_of_four(), labels, INT64_MAX, NULL).id, 0);
    expect_refusal(reel_tape_status(tape, &err), "4 rows of logits");
}

Test(misuse, a_crop_that_does_not_exist_is_refused)
{
    const reel_transform look = {.size = 32, .crop = (reel_crop)99};
    reel_transform resolved;
    expect_refusal(reel_transform_resolve(&resolved, &look, &err), "crop 99");
}

Test(misuse, a_null_among_names_is_refused)
{
    static const char *const hole[] = {"arrow", NULL};
    const reel_data_request request = {.data = "synth:train=4,val=2,classes=2,size=32",
                                       .split = "train",
                                       .class_names = hole,
                                       .classes = 2};
    reel_dataset *d = NULL;
    bool changed;
    cr_expect_eq(reel_dataset_open_as(&d, &request, NULL, 0, &err), REEL_ERR_INVALID);
    cr_expect(d == NULL && strstr(err.message, "class_names[c] is NULL"), "%s", err.message);
    must(reel_dataset_open(&d, request.data, "train", NULL, 0, &err));
    cr_expect_eq(reel_dataset_order_as(d, hole, 2, &changed, &err), REEL_ERR_INVALID);
    reel_dataset_destroy(d);
}
