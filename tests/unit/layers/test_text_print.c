/* Nets as texts: what is printed reads back to the same net, whatever its layers are called and
 * however they are joined; a net that no text describes is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers/models.h"
#include "layers/net_internal.h"
#include "tests/unit/layers/text_test.h"

TestSuite(text_print, .init = setup, .fini = teardown);

static reel_net *net_of(const char *text, const reel_model_config *config)
{
    reel_model *model;
    reel_net *net;
    cr_assert_eq(reel_model_read_text(&model, "test.net", text, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_model_outline(&net, model, config, ctx, REEL_F32, &err), REEL_OK, "%s\n%s",
                 err.message, text);
    reel_model_free(model);
    return net;
}

static void expect_equal_nets(const reel_net *a, const reel_net *b, const char *text)
{
    const reel_params *p = reel_net_params(a), *q = reel_net_params(b);
    cr_assert_eq(reel_params_count(p), reel_params_count(q), "%s", text);
    for (int i = 0; i < reel_params_count(p); i++) {
        const reel_param *x = reel_params_at(p, i), *y = reel_params_at(q, i);
        const reel_param_init *d = &a->scope.inits[i], *e = &b->scope.inits[i];
        cr_expect_str_eq(x->name, y->name, "%s", text);
        cr_expect(reel_tensor_same_shape(&x->value, &y->value), "%s: %s", text, x->name);
        cr_expect_eq(d->init.kind, e->init.kind, "%s: %s", text, x->name);
        cr_expect_eq(d->init.value, e->init.value, "%s: %s", text, x->name);
        cr_expect_eq(d->fan_in, e->fan_in, "%s: %s", text, x->name);
        cr_expect_eq(d->fan_out, e->fan_out, "%s: %s", text, x->name);
    }
}

/* The net's text, which reads back to the same net and prints the same again. */
static char *text_of(const reel_net *net, int64_t side)
{
    char *text, *second;
    const int64_t input[3] = {3, side, side};
    cr_assert_eq(reel_net_print(net, input, &text, &err), REEL_OK, "%s", err.message);
    reel_net *again = net_of(text, NULL);
    expect_equal_nets(net, again, text);
    cr_assert_eq(reel_net_print(again, input, &second, &err), REEL_OK, "%s", err.message);
    cr_expect_str_eq(text, second);
    free(second);
    reel_net_destroy(again);
    return text;
}

#define SIX "input 3x8x8\nclasses 6\n"

Test(text_print, of_odd_nets_reads_back)
{
    static const struct {
        const char *text, *has;
    } cases[] = {
        {SIX "GlobalAvgPool2d\nconcat:\n    Linear classes/2\n    Linear classes/2\n", "classes 6"},
        {SIX "GlobalAvgPool2d\nconcat:\n    Linear 2\n    Linear 4\n",
         "    Linear 2\n    Linear 4\n"},
        {SIX "GlobalAvgPool2d\nadd:\n    Linear classes\n    Linear classes\n",
         "    Linear classes\n    Linear classes\n"},
        {SIX "GlobalAvgPool2d\n\"include\": Linear classes\n", "\"include\": Linear classes"},
        {SIX "block Head n:\n    GlobalAvgPool2d\n    Linear n\nHead classes\n", "Linear classes"},
        {SIX "block Head n=classes m=2*n:\n    GlobalAvgPool2d\n    Linear m\n    Linear n\nHead\n",
         "    Linear 12\n    Linear classes\n"},
        {SIX "GlobalAvgPool2d\nLinear classes\nLinear 6\n", "Linear classes\nLinear 6\n"},
        {SIX "residual:\n    repeat 0:\n        ReLU\nGlobalAvgPool2d\nLinear classes\n",
         "add:\n    branch\n    branch\n"},
        {SIX "residual:\n    ReLU\n    shortcut:\n        repeat 0:\n            ReLU\n"
             "GlobalAvgPool2d\nLinear classes\n",
         "residual:\n    ReLU\n"},
        {SIX "repeat 100:\n    repeat 78:\n        ReLU\nGlobalAvgPool2d\nLinear classes\n",
         "ReLU"},
        {SIX "repeat 200:\n    concat:\n        branch\n    add:\n        branch\n        branch\n"
             "residual:\n    shortcut:\n        ReLU\nGlobalAvgPool2d\nLinear classes\n",
         "concat:\n    branch\n"},
        {SIX "GlobalAvgPool2d\n\"größe 1\": Linear classes weight_init=gaussian(0.1)\n",
         "\"größe 1\": Linear classes weight_init=gaussian(0.1)"},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_net *net = net_of(cases[i].text, NULL);
        char *text = text_of(net, 8);
        cr_expect(strstr(text, cases[i].has), "expected '%s' in\n%s", cases[i].has, text);
        free(text);
        reel_net_destroy(net);
    }
}

/* What fine-tuning does: the text of six classes gives a net of nine. */
Test(text_print, of_layers_as_wide_as_the_classes_takes_other_classes)
{
    static const char *const texts[] = {
        SIX "GlobalAvgPool2d\nadd:\n    Linear classes\n    Linear classes\n",
        SIX "block Head n:\n    Linear 6\n    Linear n\nGlobalAvgPool2d\nHead classes\n",
        SIX "GlobalAvgPool2d\nLinear 6\n"};
    for (int i = 0; i < REEL_COUNT(texts); i++) {
        reel_net *net = net_of(texts[i], NULL);
        char *text = text_of(net, 8);
        reel_net *wider = net_of(text, &(reel_model_config){.classes = 9, .dropout = 0.5});
        const int last = reel_net_output_param(wider);
        cr_assert_geq(last, 0);
        cr_expect_eq(reel_params_at(reel_net_params(wider), last)->value.shape[0], 9, "%s", text);
        reel_net_destroy(wider);
        reel_net_destroy(net);
        free(text);
    }
}

/* The layer of the classes starts small also where a block's parameter says so. */
Test(text_print, of_classes_by_a_parameter_draws_the_output_layer_small)
{
    static const reel_init_kind kinds[] = {REEL_INIT_KAIMING_UNIFORM, REEL_INIT_KAIMING_NORMAL,
                                           REEL_INIT_KAIMING_NORMAL_OUT};
    static const char text[] = SIX "block Head n:\n    Linear 5\n    Linear n\n"
                                   "GlobalAvgPool2d\nHead classes\n";
    for (int i = 0; i < REEL_COUNT(kinds); i++) {
        const reel_model_config config = {.dropout = 0.5, .weight_init = {kinds[i], 0}};
        reel_net *net = net_of(text, &config);
        cr_expect_eq(net->scope.inits[0].init.kind, kinds[i]);
        cr_expect_eq(net->scope.inits[2].init.kind, REEL_INIT_GAUSSIAN);
        reel_net_destroy(net);
    }
}

Test(text_print, of_a_join_in_a_join_reads_back)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_begin_join(net, REEL_JOIN_ADD);
    reel_net_begin_join(net, REEL_JOIN_CONCAT);
    reel_net_conv2d(net, .in = 3, .out = 1, .kernel = 1);
    reel_net_conv2d(net, .in = 3, .out = 2, .kernel = 1);
    reel_net_end(net);
    reel_net_begin_branch(net);
    reel_net_end(net);
    reel_net_end(net);
    reel_net_flatten(net);
    reel_net_linear(net, .in = 3 * 5 * 5, .out = 4);
    char *text = text_of(net, 5);
    cr_expect(strstr(text, "residual:\n    concat:\n        Conv2d 1 1"), "%s", text);
    free(text);
    reel_net_destroy(net);
}

/* Names, sizes and depths that a net of C may have, and no text. */
Test(text_print, refuses_what_does_not_read_back)
{
    static const char *const names[] = {"a\"b", "a\nb", "a\xff", "a\xc2\x85z"};
    const int64_t input[3] = {3, 5, 5}, wide[3] = {3, 5, 6}, large[3] = {3, 20000, 20000};
    char *text;
    for (int i = 0; i < REEL_COUNT(names); i++) {
        reel_net *net = new_net(REEL_F32);
        reel_net_global_avg_pool(net);
        reel_net_linear(net, .name = names[i], .in = 3, .out = 4);
        cr_expect_eq(reel_net_print(net, input, &text, &err), REEL_ERR_INVALID);
        cr_expect(strstr(err.message, "has no form in a text"), "%s", err.message);
        cr_expect_null(text);
        reel_net_destroy(net);
    }

    reel_net *net = new_net(REEL_F32);
    reel_net_global_avg_pool(net);
    reel_net_linear(net, .in = 3, .out = 4);
    cr_expect_eq(reel_net_print(net, wide, &text, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "expected images as high as wide"), "%s", err.message);
    cr_expect_eq(reel_net_print(net, large, &text, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "does not read back"), "%s", err.message);
    reel_net_destroy(net);

    net = new_net(REEL_F32);
    for (int i = 0; i < 55; i++)
        reel_net_begin(net, "a");
    reel_net_global_avg_pool(net);
    reel_net_linear(net, .in = 3, .out = 4);
    for (int i = 0; i < 55; i++)
        reel_net_end(net);
    cr_expect_eq(reel_net_print(net, input, &text, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "levels"), "%s", err.message);
    reel_net_destroy(net);
}

/* A part without layers has no form in a text: what reads must print. */
Test(text_print, parts_without_layers_are_refused)
{
    static const char none[] = "expected at least one layer below it, got none";
    char says[80];
    snprintf(says, sizeof says, "t.net:3:1: %s", none);
    expect_text_refused(TOP "a:\n    repeat 0:\n        ReLU\n" END, says);
    snprintf(says, sizeof says, "t.net:6:1: %s", none);
    expect_text_refused(TOP "block B:\n    repeat 0:\n        ReLU\nx: B\n" END, says);
}
