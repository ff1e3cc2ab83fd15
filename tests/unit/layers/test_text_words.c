/* Words in networks' texts: slips, names that are words, the shortcut in one line, values that read
 * as PyTorch's, and initialisers that a text names. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/layers/text_test.h"

TestSuite(text_words, .init = setup, .fini = teardown);

static const struct {
    const char *text, *says;
} refused[] = {
    {TOP "residual: Conv2d 3 1\n" END, "t.net:3:1: residual is a word of the language: expected"},
    {TOP "concat: Conv2d 3 1\n" END, "a layer's name in quotes, \"concat\":"},
    {TOP "scale: Conv2d 3 1\n" END, "t.net:3:1: scale is a word of the language"},
    {TOP "add: Conv2d 3 1\n" END, "t.net:3:1: add is a word of the language"},
    {TOP "concat:\n    branch: ReLU\n    ReLU\n" END, "t.net:4:5: branch is a word of the"},
    {TOP "shortcut: Conv2d 3 1\n" END, "t.net:3:1: expected shortcut: right below residual:"},
    {TOP "residul:\n    Conv2d 3 1\n" END, "t.net:3:1: unknown word residul; did you mean "
                                           "residual:? To use it as a name, write it in quotes: "
                                           "\"residul\":"},
    {TOP "Residual:\n    Conv2d 3 1\n" END, "unknown word Residual; did you mean residual:?"},
    {TOP "concatenate:\n    Conv2d 3 1\n" END, "unknown word concatenate; did you mean concat:?"},
    {TOP "branc:\n    Conv2d 3 1\n" END, "unknown word branc; did you mean branch:?"},
    {TOP "residual:\n    ReLU\n    shorcut: Conv2d 3 1\n" END,
     "t.net:5:5: unknown word shorcut; did you mean shortcut:?"},
    {TOP "repaet 2:\n    ReLU\n" END, "t.net:3:1: unknown word repaet; did you mean repeat?"},
    {TOP "Block A:\n    ReLU\n" END, "t.net:3:1: unknown word Block; did you mean block?"},
    {TOP "residual:\n    ReLU\n    shortcut: a: b:\n        ReLU\n" END,
     "t.net:5:15: expected one layer behind the colon, or lines below it"},
    {TOP "residual:\n    ReLU\n    shortcut if: ReLU\n" END,
     "t.net:5:5: expected: shortcut: or shortcut if needed:"},
    {"Input 3x8x8\n" END, "t.net:1:1: unknown word Input; did you mean input?"},
    {TOP "Classes 5\n" END, "t.net:3:1: unknown layer Classes; did you mean classes?"},
    {TOP "GlobalAveragePool\n" END, "; the layers are AdaptiveAvgPool2d, AvgPool2d,"},
    {TOP "relu\n" END, "t.net:3:1: unknown layer relu; did you mean ReLU?"},
    {TOP "Conv2d(3, 8, 3)\n" END, "t.net:3:1: Conv2d(3,: expected the arguments behind blanks"},
    {TOP "Flatten\nLinear klasses\n",
     "t.net:4:8: out_features: expected a whole number of at least "
     "1, got \"klasses\"; did you mean classes?"},
    {TOP "block A width:\n    Conv2d widht 1\nA 3\n" END, "did you mean width?"},
    {TOP "Flatten\nLinear 192 classes\n",
     "t.net:4:12: bias: expected true or false, got 4; the "
     "input's width is left out here, such as: Linear classes"},
    {TOP "BatchNorm2d 3\n" END, "t.net:3:13: eps: expected a value by its name, got 3; the input's "
                                "width is left out here, such as: BatchNorm2d"},
    {TOP "Conv2d 3 16 3\n" END, "; Conv2d 3 16 3 means 3 output channels, a kernel of 16 and a "
                                "stride of 3; the input's channels are left out here: Conv2d 16 3"},
    {TOP "block A:\n    A\nA\n" END, "t.net:4:5: block A holds itself: it would never end (in A of "
                                     "line 5)"},
    {TOP "MaxPool2d 9\n" END, "cannot take 3 x 8 x 8: max_pool2d (n, 3, 8, 8): no window"},
    {TOP "Conv2d 900000000000 3\n" END,
     "t.net:3:1: the network's weights take 100800.0 GB up to this line, expected at most the "},
};

Test(text_words, that_are_wrong_are_named)
{
    for (int i = 0; i < REEL_COUNT(refused); i++)
        expect_text_refused(refused[i].text, refused[i].says);
}

/* Names beside the words of the language, and in quotes the words themselves. */
Test(text_words, may_be_like_names)
{
    static const char *const names[] = {
        "\"residual\"", "\"residul\"", "\"Residual\"", "branch1", "branch1x1", "scale_2", "add2",
        "stage",        "block1",      "blocks",       "body",    "addition",  "conv",    "fc"};
    for (int i = 0; i < REEL_COUNT(names); i++)
        for (int section = 0; section < 2; section++) {
            char text[200];
            snprintf(text, sizeof text, TOP "%s:%sConv2d 3 1\n" END, names[i],
                     section ? "\n    " : " ");
            reel_net *net = outline_text(text);
            cr_expect(net, "%s: %s", names[i], err.message);
            reel_net_destroy(net);
        }
}

/* What another version printed is read, whatever words this one has; and what this one prints. */
Test(text_words, of_printed_texts_are_not_questioned)
{
    reel_net *net =
        outline_text("reel network 1\n" TOP "concatenate:\n    scale: Conv2d 3 1\n" END);
    char *text;
    cr_assert(net, "%s", err.message);
    cr_expect(reel_params_find(reel_net_params(net), "concatenate.scale.weight") != NULL);
    cr_assert_eq(reel_net_print(net, (const int64_t[]){3, 8, 8}, &text, &err), REEL_OK);
    cr_expect(strstr(text, "\n\"concatenate\":\n    \"scale\": Conv2d 3 1\n"), "%s", text);
    free(text);
    reel_net_destroy(net);
}

/* As a person's file, where slips are looked for, each network that comes along reads, too. */
Test(text_words, of_the_networks_are_right)
{
    for (int i = 0; i < reel_model_count(); i++) {
        reel_model *model;
        reel_net *net;
        if (!reel_model_at(i)->text)
            continue;
        FILE *file = fopen("known.net", "w");
        cr_assert(file && fputs(reel_model_at(i)->text, file) >= 0 && fclose(file) == 0);
        cr_assert_eq(reel_model_read(&model, "known.net", &err), REEL_OK, "%s", err.message);
        cr_expect_eq(reel_model_outline(&net, model, NULL, ctx, REEL_F32, &err), REEL_OK, "%s",
                     err.message);
        cr_expect_str_eq(reel_net_note(net), "");
        reel_net_destroy(net);
        reel_model_free(model);
    }
    remove("known.net");
}

/* ---- the shortcut in one line ---- */

static char *print_of(const char *text)
{
    char *printed;
    reel_net *net = outline_text(text);
    cr_assert(net, "%s", err.message);
    cr_assert_eq(reel_net_print(net, (const int64_t[]){3, 8, 8}, &printed, &err), REEL_OK, "%s",
                 err.message);
    reel_net_destroy(net);
    return printed;
}

Test(text_words, of_a_shortcut_hold_one_layer)
{
    static const char *const same[][2] = {
        {"shortcut: Conv2d 16 1", "shortcut:\n        Conv2d 16 1"},
        {"shortcut if needed: Conv2d 16 1", "shortcut if needed:\n        Conv2d 16 1"},
        {"shortcut: project: Conv2d 16 1", "shortcut:\n        project: Conv2d 16 1"},
        {"shortcut: Fire 16", "shortcut:\n        Fire 16"}};
    for (int i = 0; i < REEL_COUNT(same); i++) {
        char *printed[2];
        for (int k = 0; k < 2; k++) {
            char text[300];
            snprintf(text, sizeof text,
                     TOP "block Fire w:\n    Conv2d w 1\nresidual:\n    Conv2d 16 3 padding=1\n"
                         "    %s\nReLU\n" END,
                     same[i][k]);
            printed[k] = print_of(text);
        }
        cr_expect_str_eq(printed[0], printed[1]);
        cr_expect(strstr(printed[0], "    shortcut:\n"), "%s", printed[0]);
        free(printed[0]);
        free(printed[1]);
    }
    char *without = print_of(TOP "residual:\n    ReLU\n    shortcut if needed: Conv2d 3 1\n" END);
    cr_expect_null(strstr(without, "Conv2d"), "%s", without);
    free(without);
}

/* ---- values ---- */

Test(text_words, in_pytorchs_order_are_noted)
{
    static const struct {
        const char *line;
        bool noted;
    } lines[] = {{"Conv2d 3 6 2", true},  {"Conv2d 3 8 3", true},  {"Conv2d 3 3 2", false},
                 {"Conv2d 3 4 2", false}, {"Conv2d 3 8 8", false}, {"Conv2d 16 8 3", false},
                 {"Conv2d 3 7 2", false}, {"Conv2d 3 8", false}};
    for (int i = 0; i < REEL_COUNT(lines); i++) {
        char text[200];
        snprintf(text, sizeof text, TOP "%s\n" END, lines[i].line);
        reel_net *net = outline_text(text);
        cr_assert(net, "%s: %s", lines[i].line, err.message);
        cr_expect_eq(*reel_net_note(net) != '\0', lines[i].noted, "%s: %s", lines[i].line,
                     reel_net_note(net));
        if (lines[i].noted)
            cr_expect(strstr(reel_net_note(net), "t.net:3:1: Conv2d 3 "), "%s", reel_net_note(net));
        reel_net_destroy(net);
    }
}

/* ---- initialisers ---- */

static float first_value(const reel_net *net, const char *name)
{
    const reel_param *p = reel_params_find(reel_net_params(net), name);
    cr_assert(p, "%s", name);
    return *(const float *)p->value.data;
}

/* A line's initialisers are obeyed where the config says so, and not fitted to images. */
Test(text_words, of_initialisers_are_obeyed)
{
    static const char text[] = TOP "a: Conv2d 8 3 weight_init=constant(0.5)\nReLU\n"
                                   "b: Conv2d 8 3\n" END;
    static float pixels[4 * 3 * 8 * 8];
    const reel_tensor images = reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){4, 3, 8, 8});
    for (int i = 0; i < REEL_COUNT(pixels); i++)
        pixels[i] = (float)(i % 17) * 0.1f;

    for (int keep = 0; keep < 2; keep++) {
        reel_model *model;
        reel_net *net;
        cr_assert_eq(reel_model_read_text(&model, "t.net", text, &err), REEL_OK);
        cr_expect(reel_text_names_init(model->lines));
        reel_model_config c = reel_model_config_default(model);
        c.weight_init.kind = REEL_INIT_KAIMING_NORMAL;
        c.bias_init = (reel_init){REEL_INIT_CONSTANT, 0};
        c.keep_text_init = keep;
        cr_assert_eq(reel_model_create(&net, model, &c, ctx, REEL_F32, &err), REEL_OK);
        cr_expect_eq(first_value(net, "a.weight") == 0.5f, keep);
        const float drawn = first_value(net, "b.weight");
        cr_assert_eq(reel_net_calibrate(net, &images, 0.1, &err), REEL_OK, "%s", err.message);
        cr_expect_eq(first_value(net, "a.weight") == 0.5f, keep);
        cr_expect_neq(first_value(net, "b.weight"), drawn);
        reel_net_destroy(net);
        reel_model_free(model);
    }
}

/* A plan draws nothing: the memory of the values has not been touched. */
Test(text_words, of_a_built_net_have_no_values)
{
    reel_net *net;
    cr_assert_eq(reel_model_build(&net, reel_model_find("tiny"), NULL, ctx, REEL_F32, &err),
                 REEL_OK);
    const reel_params *params = reel_net_params(net);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        for (int64_t k = 0; k < reel_tensor_numel(&p->value); k++)
            cr_assert_eq(((const float *)p->value.data)[k], 0);
    }
    cr_expect_str_eq(reel_net_last_kind(net), "Linear");
    reel_layer_info info[40];
    int n;
    cr_expect_eq(reel_net_describe(net, (const int64_t[]){1, 3, 32, 32}, info, 40, &n, &err),
                 REEL_OK);
    cr_expect_gt(n, 5);
    reel_net_destroy(net);
}
