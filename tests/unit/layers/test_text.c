/* Networks as text: what is read, what comes back, and what wrong lines are told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "layers/gradcheck.h"
#include "tests/unit/layers/text_test.h"

TestSuite(text, .init = setup, .fini = teardown);

/* ---- nets ---- */

/* A net of the model that is not built: names and shapes. */
static reel_net *outline_of(const reel_model *model)
{
    reel_net *net;
    cr_assert_eq(reel_model_outline(&net, model, NULL, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_net_status(net, &err), REEL_OK, "%s", err.message);
    return net;
}

static char *print_of(const reel_net *net, const reel_model *model)
{
    char *text;
    const reel_model_config c = reel_model_config_default(model);
    const int64_t input[3] = {c.channels, c.image_size, c.image_size};
    cr_assert_eq(reel_net_print(net, input, &text, &err), REEL_OK, "%s", err.message);
    return text;
}

static reel_model *model_of(const char *text)
{
    reel_model *model;
    cr_assert_eq(reel_model_read_text(&model, "test.net", text, &err), REEL_OK, "%s\n%s",
                 err.message, text);
    return model;
}

static void expect_same_params(const reel_net *a, const reel_net *b, const char *name)
{
    const reel_params *p = reel_net_params(a), *q = reel_net_params(b);
    cr_assert_eq(reel_params_count(p), reel_params_count(q), "%s", name);
    for (int i = 0; i < reel_params_count(p); i++) {
        const reel_param *x = reel_params_at(p, i), *y = reel_params_at(q, i);
        cr_assert_str_eq(x->name, y->name);
        cr_assert(reel_tensor_same_shape(&x->value, &y->value), "%s: %s", name, x->name);
        cr_assert_eq(x->flags, y->flags, "%s: %s", name, x->name);
    }
}

/* Each network prints as a text that reads back to the same net, and prints the same again. */
Test(text, of_every_network_reads_back)
{
    for (int i = 0; i < reel_model_count(); i++) {
        const reel_model *model = reel_model_at(i);
        reel_net *net = outline_of(model);
        char *text = print_of(net, model);
        reel_model *back = model_of(text);
        reel_net *again = outline_of(back);
        expect_same_params(net, again, model->name);
        char *second = print_of(again, back);
        cr_expect_str_eq(text, second);
        free(second);
        free(text);
        reel_net_destroy(again);
        reel_net_destroy(net);
        reel_model_free(back);
    }
}

/* The table's rows are made by the build: they must say what the texts say. */
Test(text, of_the_table_agrees_with_its_row)
{
    for (int i = 0; i < reel_model_count(); i++) {
        const reel_model *model = reel_model_at(i);
        if (model->add)
            continue;
        reel_model *read = model_of(model->text);
        cr_expect_str_eq(read->about, model->about);
        cr_expect_eq(read->image_size, model->image_size, "%s", model->name);
        cr_expect_eq(read->channels, model->channels, "%s", model->name);
        reel_model_free(read);
    }
}

static void expect_parameters(const char *name, int64_t expected, const char *of, int64_t rows)
{
    reel_net *net = outline_of(reel_model_find(name));
    const reel_params *params = reel_net_params(net);
    int64_t n = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        if (!(reel_params_at(params, i)->flags & REEL_PARAM_BUFFER))
            n += reel_tensor_numel(&reel_params_at(params, i)->value);
    cr_expect_eq(n, expected, "%s: expected %ld parameters, got %ld", name, (long)expected,
                 (long)n);
    const reel_param *p = reel_params_find(params, of);
    cr_assert(p, "%s: no %s", name, of);
    cr_expect_eq(p->value.shape[0], rows, "%s: %s", name, of);
    reel_net_destroy(net);
}

Test(text, has_torchvisions_parameters)
{
    expect_parameters("lenet5", 61706 + 990 * 85, "9.weight", 84);
    expect_parameters("vgg11", 132863336, "features.18.weight", 512);
    expect_parameters("vgg16", 138357544, "features.28.bias", 512);
    expect_parameters("alexnet_bn", 61101992, "features.12.running_var", 256);
    expect_parameters("vgg11_bn", 132868840, "features.26.running_var", 512);
    expect_parameters("vgg16_bn", 138365992, "classifier.6.weight", 1000);
    expect_parameters("resnet18", 11689512, "layer2.0.downsample.0.weight", 128);
    expect_parameters("resnet34", 21797672, "layer4.2.bn2.running_mean", 512);
    expect_parameters("resnet50", 25557032, "layer1.0.downsample.1.weight", 256);
    expect_parameters("squeezenet1_1", 1235496, "features.3.expand3x3.weight", 64);
    expect_parameters("mobilenet_v2", 3504872, "features.3.conv.0.0.weight", 144);
    expect_parameters("mobilenet_v3_small", 2542856, "features.4.block.2.fc1.weight", 24);
}

/* ---- values ---- */

/* The output for drawn images, in evaluation. */
static void run_net(const char *text, float out[2 * 5])
{
    reel_model *model = model_of(text);
    reel_net *net;
    reel_tape *tape;
    cr_assert_eq(reel_model_create(&net, model, NULL, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    reel_net_set_training(net, false);
    static float pixels[2 * 3 * 12 * 12];
    reel_rng rng = reel_rng_at(3, REEL_STREAM_CHECK, 0, 0);
    for (int i = 0; i < REEL_COUNT(pixels); i++)
        pixels[i] = (float)reel_rng_normal(&rng);
    const reel_tensor x = reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){2, 3, 12, 12});
    const reel_var y = reel_net_forward(net, tape, reel_input(tape, &x));
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    const reel_tensor value = reel_value(y);
    cr_assert_eq(reel_tensor_numel(&value), 10);
    memcpy(out, value.data, 10 * sizeof *out);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    reel_model_free(model);
}

static const char student[] = "\xEF\xBB\xBFreel network 1\r\n"
                              "about a student's # and a comment\r\n"
                              "input 3x12x12   # the size\r\n"
                              "classes 5\r\n"
                              "block Pair width act_width=4:\r\n"
                              "    Conv2d width 3 padding=1\r\n"
                              "    ReLU\r\n"
                              "    Conv2d act_width*2 kernel_size=1\r\n"
                              "\r\n"
                              "features:\r\n"
                              "    Conv2d 8 3 padding=1 stride=2\r\n"
                              "    BatchNorm2d\r\n"
                              "    ReLU\r\n"
                              "    residual:\r\n"
                              "        Pair 6\r\n"
                              "        shortcut if needed:\r\n"
                              "            Conv2d 8 1\r\n"
                              "    ReLU\r\n"
                              "    concat:\r\n"
                              "        one: Conv2d channels/2 1\r\n"
                              "        branch\r\n"
                              "        branch:\r\n"
                              "            MaxPool2d 3 1 1\r\n"
                              "            Conv2d 4 1\r\n"
                              "    add:\r\n"
                              "        branch\r\n"
                              "        Identity\r\n"
                              "        \"two words\": Conv2d channels 3 padding=1\r\n"
                              "\"residual\":\r\n"
                              "    GlobalAvgPool2d\r\n"
                              "head: Linear classes\r\n";

/* Squeeze-and-excitation, also inside of a residual block, and layers whose arguments are words. */
static const char excited[] = "input 3x12x12\nclasses 5\nfeatures:\n"
                              "    Conv2d 8 3 stride=2\n    GroupNorm 4 affine=false\n"
                              "    Hardswish\n"
                              "    scale:\n"
                              "        avgpool: AdaptiveAvgPool2d 1\n        fc1: Conv2d 4 1\n"
                              "        SiLU\n        fc2: Conv2d 8 1\n        Hardsigmoid\n"
                              "    residual:\n"
                              "        Conv2d 8 3 padding=1\n        GroupNorm 2 eps=0.01\n"
                              "        scale:\n            AdaptiveAvgPool2d 1\n"
                              "    GELU tanh\n    GELU\n"
                              "GlobalAvgPool2d\nLinear classes\n";

/* Prints the text's net; what is printed computes the same. The print is the caller's. */
static char *print_that_computes_the_same(const char *text)
{
    float first[10], second[10];
    run_net(text, first);
    reel_model *model = model_of(text);
    reel_net *net = outline_of(model);
    char *printed = print_of(net, model);
    run_net(printed, second);
    cr_expect_eq(memcmp(first, second, sizeof first), 0, "%s", printed);
    reel_net_destroy(net);
    reel_model_free(model);
    return printed;
}

Test(text, of_scaled_channels_prints_as_it_was_read)
{
    char *text = print_that_computes_the_same(excited);
    cr_expect(strstr(text, "    scale:\n"
                           "        avgpool: AdaptiveAvgPool2d 1\n"
                           "        fc1: Conv2d 4 1\n"
                           "        SiLU\n"
                           "        fc2: Conv2d 8 1\n"
                           "        Hardsigmoid\n"
                           "    residual:\n"),
              "%s", text);
    cr_expect(strstr(text, "    GELU approximate=tanh\n    GELU\n"), "%s", text);
    cr_expect(strstr(text, "    GroupNorm 4 affine=false\n"), "%s", text);
    cr_expect(strstr(text, "    GroupNorm 2 eps=0.01\n"), "%s", text);
    free(text);
}

/* Printing keeps the values, not only the shapes. */
Test(text, printed_computes_the_same_bits)
{
    reel_model *model = model_of(student);
    reel_net *net = outline_of(model);
    char *text = print_that_computes_the_same(student);
    cr_expect(strstr(text, "residual:\n        3:\n"), "%s", text);
    cr_expect(strstr(text, "head: Linear classes\n"), "%s", text);
    cr_expect(reel_params_find(reel_net_params(net), "features.3.2.weight") != NULL, "%s", text);
    cr_expect(reel_params_find(reel_net_params(net), "features.one.weight") != NULL, "%s", text);
    free(text);
    reel_net_destroy(net);
    reel_model_free(model);
}

static void expect_right_gradients(const char *text)
{
    reel_model *model = model_of(text);
    reel_net *net;
    const reel_gradcheck_config config = {.tolerance = 1e-6, .max_elements = 5};
    reel_gradcheck_report report = {0};
    cr_assert_eq(reel_model_create(&net, model, NULL, ctx, REEL_F64, &err), REEL_OK, "%s",
                 err.message);
    cr_expect_eq(reel_net_gradcheck(net, (const int64_t[]){2, 3, 12, 12}, &config, &report, &err),
                 REEL_OK, "%s", err.message);
    cr_expect(report.passed, "%s", report.message);
    cr_expect_gt(report.checked, 50);
    reel_net_destroy(net);
    reel_model_free(model);
}

Test(text, of_sums_and_branches_has_right_gradients)
{
    expect_right_gradients(student);
}

Test(text, of_scaled_channels_has_right_gradients)
{
    expect_right_gradients(excited);
}

/* ---- mistakes ---- */

static const struct {
    const char *text, *says;
} mistakes[] = {
    {"", "t.net:1:1: expected a network"},
    {"Conv2d 3 3\n", "does not say the input's size"},
    {"input 3x8x9\n" END, "t.net:1:7: expected images as high as wide"},
    {"reel network 2\n" TOP END, "t.net:1:14: written for a newer Reel"},
    {TOP "\tReLU\n" END, "t.net:3:1: a tab"},
    {TOP "Conv2d 8 kernel_siz=3\n" END,
     "t.net:3:10: unknown argument kernel_siz; did you mean kernel_size?"},
    {TOP "Conv2D 8 3\n" END, "t.net:3:1: unknown layer Conv2D; did you mean Conv2d?"},
    {TOP "Conv2d 8 3 kernel_size=3\n" END, "t.net:3:12: kernel_size: given twice"},
    {TOP "Conv2d 8\n" END, "t.net:3:1: Conv2d: expected kernel_size"},
    {TOP "Conv2d 8 3 stride=two\n" END,
     "t.net:3:12: stride: expected a whole number of at least 1"},
    {TOP "Conv2d channels/2 3\n" END, "3 / 2 is no whole number"},
    {TOP "Conv2d wide*2 3\n" END, "\"wide\" in \"wide*2\" is neither"},
    {TOP "a:\n" END, "t.net:3:1: expected indented lines below the colon"},
    {TOP "ReLU\n    ReLU\n" END,
     "t.net:4:5: unexpected indentation: the line above does not end in a colon"},
    {TOP "a:\n    ReLU\n  ReLU\n" END, "t.net:5:3: indented by 2, expected"},
    {TOP "residual:\n    c: Conv2d 5 3\n" END,
     "expected branches of one size, got c (5 x 6 x 6) and its input (3 x 8 x 8)"},
    {TOP "scale:\n    c: Conv2d 5 1\n" END, "t.net:3:1: scale: expected one number for each "
                                            "channel of its input (3 x 8 x 8), got c (5 x 8 "
                                            "x 8)"},
    {TOP "scale\n" END, "t.net:3:1: scale: expected a colon at the line's end"},
    {TOP "GELU erf\n" END, "t.net:3:6: approximate: expected none or tanh, got \"erf\""},
    {TOP "GroupNorm 2\n" END, "2 groups of 3 channels"},
    {TOP "shrink: MaxPool2d 9\n" END, "t.net:3:1: shrink (MaxPool2d) cannot take 3 x 8 x 8"},
    {TOP "block A w:\n    B w\nblock B w:\n    A w\nA 3\n" END,
     "block B: expected it above its first use"},
    {TOP "block A w:\n    Conv2d w 9\nA 3\n" END, "(in A of line 5)"},
    {TOP "include other.net\n" END, "a text that is no file cannot include one"},
    {TOP "Flatten\nLinear 7\n", "ends with 7, expected one number for each of the 4 classes"},
    {TOP "repeat 99999:\n    ReLU\n" END, "expected a whole number of at most"},
    {TOP "repeat 90:\n    repeat 90:\n        ReLU\n" END, "expected a network of at most 8000"},
    {TOP
     "a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789:\n"
     "  b123456789b123456789b123456789b123456789b123456789b123456789b123456789b123456789b12345:\n"
     "    c123456789c123456789c123456789c123456789c123456789c123456789c123456789c1234567890:\n"
     "      d0123456789: ReLU\n" END,
     "t.net:6:7: the name a123456789a1"},
    {TOP "repeat 200:\n    repeat 200:\n        ReLU\n" END, "repetitions counted"},
    {TOP "c: Conv2d 3 1\nc: Conv2d 3 1\n" END, "the name is taken already"},
    {TOP "shortcut:\n    ReLU\n" END, "expected shortcut: right below residual:"},
    {TOP "Conv2d 999999999999999999 3\n" END, "t.net:3:1:"},
    {TOP "\"open: ReLU\n" END, "t.net:3:1: the quote does not end"},
    {TOP "\"a\"b: ReLU\n" END, "t.net:3:1: expected a blank after the quote"},
    {TOP "repeat\"2:\n    ReLU\n" END, "t.net:3:1: a quote within a word"},
    {TOP "Conv2d \"\" 3\n" END, "t.net:3:8: expected a word, got nothing"},
    {TOP "ReLU \x01\n" END, "t.net:3:6: a control character (byte 1)"},
    {TOP "include\n" END, "t.net:3:1: expected: include FILE"},
    {TOP "Flatten\na:", "t.net:4:1: expected indented lines below the colon"},
    {TOP "concat:\n    repeat 2:\n        ReLU\n" END,
     "t.net:4:5: expected branch:, a section or a layer below concat:"},
    {TOP "residual:\n    ReLU\n    shortcut maybe:\n        ReLU\n" END,
     "t.net:5:5: expected: shortcut: or shortcut if needed:"},
    {TOP "residual:\n    shortcut:\n        ReLU\n    ReLU\n" END,
     "t.net:4:5: expected the shortcut behind the other lines"},
    {TOP "repeat:\n    ReLU\n" END, "t.net:3:1: expected how often, such as: repeat 3:"},
    {TOP "for width:\n    ReLU\n" END, "t.net:3:1: expected values, such as: for width in 64 128:"},
    {TOP "branch:\n    ReLU\n" END, "expected branch: right below add: or concat:"},
    {TOP "a:\n    block A:\n        ReLU\n" END, "expected blocks without indentation"},
    {TOP "reel network 1\n" END, "t.net:3:1: expected the version in the first line"},
    {"reel net 1\n" TOP END, "t.net:1:1: expected: reel network 1"},
    {"input 4x8x8\n" END, "t.net:1:7: "},
    {"input 2x8x8\n" END, "t.net:1:7: expected 3 channels, or 1 for grey images"},
    {"input 3x8x8\nclasses none\n" END, "t.net:2:9: "},
    {TOP "input 3x8x8\n" END, "t.net:3:1: input: given twice"},
    {TOP "repeat 3\n" END, "t.net:3:1: repeat: expected a colon at the line's end"},
    {TOP "\"ReLU\"\n" END, "t.net:3:1: expected a layer, got a quoted word"},
    {TOP "a:\n    about words\n" END, "expected about without indentation"},
    {TOP "block A w:\n    Conv2d w 1\nA 3 4\n" END, "t.net:5:5: more values than arguments: \"4\""},
    {TOP "block A wide:\n    Conv2d wide 1\nA wied=3\n" END,
     "t.net:5:3: unknown argument wied; did "},
    {TOP "block A w:\n    Conv2d w 1\nA\n" END, "block A: expected w"},
    {TOP "Conv2d 8 4294967296\n" END, "t.net:3:1: 0 (Conv2d): a weight of too many elements"},
    {TOP "block A w w=2:\n    Conv2d w 1\nA 3\n" END, "t.net:3:11: w: given twice"},
    {TOP "block A w:\n    Conv2d w 1\nA 3 w=4\n" END, "t.net:5:5: w: given twice"},
    {TOP "block A w b=2*v:\n    Conv2d b 1\nA 3\n" END, "t.net:3:11: \"v\" in \"2*v\" is neither"},
    {TOP "block ReLU:\n    Tanh\nReLU\n" END, "block ReLU: the name is taken by a layer"},
    {TOP "block add:\n    Tanh\nReLU\n" END, "block add: the name is taken by a word of the"},
    {TOP "block:\n    Tanh\nReLU\n" END, "t.net:3:1: expected a name, such as: block Fire"},
    {TOP
     "block A a123456789b123456789c123456789d123456789e123456789f123456789g123:\n    Tanh\n" END,
     "t.net:3:9: expected a name of at most 63 bytes"},
    {TOP "include: ReLU\n" END, "t.net:3:1: expected: include FILE"},
    {TOP "\"a\xff\": ReLU\n" END, "t.net:3:3: not UTF-8 (byte 255)"},
    {TOP "\"a\xc2\x85\": ReLU\n" END, "t.net:3:3: a control character"},
    {TOP "Conv2d 8 3 frobnicate=3\n" END, "t.net:3:12: unknown argument frobnicate; Conv2d takes "},
    {TOP "ReLU 3\n" END, "t.net:3:6: more values than arguments: \"3\""},
    {TOP "Conv2d kernel_size=3 8\n" END, "t.net:3:22: "},
    {TOP "Conv2d 9999999999*9999999999 3\n" END, "is too large"},
    {TOP
     "Conv2d 8 3 stride=12345678901234567890123456789012345678901234567890123456789012345\n" END,
     "expected a value of at most"},
};

Test(text, wrong_lines_are_named_with_their_place)
{
    for (int i = 0; i < REEL_COUNT(mistakes); i++)
        expect_text_refused(mistakes[i].text, mistakes[i].says);
}

/* Lines, bytes and levels have limits, so that a hostile text costs nothing. */
Test(text, that_is_too_long_or_too_deep_is_refused)
{
    enum { BYTES = 1 << 20 };
    static const struct {
        const char *line, *says;
        int times, deeper;
    } cases[] = {
        {"ReLU\n", "expected at most 8192 lines", 9000, 0},
        {"# a comment that fills a line, and with all the others a text\n", "bytes of text", 9000,
         0},
        {"a:\n", "expected at most 48 levels", 60, 1},
    };
    char *text = malloc(BYTES);
    cr_assert(text);
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_model *model;
        size_t used = (size_t)snprintf(text, BYTES, TOP);
        for (int k = 0; k < cases[i].times; k++)
            used += (size_t)snprintf(text + used, BYTES - used, "%*s%s", k * cases[i].deeper, "",
                                     cases[i].line);
        cr_expect_eq(reel_model_read_text(&model, "t.net", text, &err), REEL_ERR_FORMAT);
        cr_expect(strstr(err.message, cases[i].says), "expected '%s', got '%s'", cases[i].says,
                  err.message);
    }
    free(text);
}

Test(text, names_the_smallest_image)
{
    reel_net *net;
    const reel_model_config config = {.image_size = 31, .dropout = 0.5};
    cr_expect_eq(reel_model_create(&net, reel_model_find("vgg11"), &config, ctx, REEL_F32, &err),
                 REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "expected images of 32 x 32 or larger"), "%s", err.message);
}

Test(text, file_may_include_others)
{
    FILE *part = fopen("part.net", "w"), *whole = fopen("whole.net", "w");
    cr_assert(part && whole);
    fputs("block Two width:\n    Conv2d width 1\n    Conv2d width 1\n", part);
    fputs("input 1x4x4\nclasses 3\ninclude part.net\nTwo 2\n" END, whole);
    fclose(part);
    fclose(whole);
    reel_model *model;
    cr_assert_eq(reel_model_read(&model, "whole.net", &err), REEL_OK, "%s", err.message);
    cr_expect_str_eq(model->name, "whole");
    reel_net *net = outline_of(model);
    cr_expect(reel_params_find(reel_net_params(net), "0.1.weight") != NULL);
    reel_net_destroy(net);
    reel_model_free(model);
    remove("part.net");
    remove("whole.net");
}

/* An included file's own includes begin at its folder. */
Test(text, file_in_a_folder_may_include_its_neighbour)
{
    reel_model *model;
    cr_assert_eq(mkdir("parts", 0700), 0);
    FILE *whole = fopen("outer.net", "w"), *inner = fopen("parts/inner.net", "w"),
         *last = fopen("parts/last.net", "w");
    cr_assert(whole && inner && last);
    fputs("input 3x4x4\nclasses 3\ninclude parts/inner.net\nTwo\n" END, whole);
    fputs("include last.net\n", inner);
    fputs("block Two:\n    ReLU\n    ReLU\n", last);
    fclose(whole);
    fclose(inner);
    fclose(last);
    cr_expect_eq(reel_model_read(&model, "outer.net", &err), REEL_OK, "%s", err.message);
    reel_model_free(model);
    remove("parts/inner.net");
    remove("parts/last.net");
    remove("parts");
    remove("outer.net");
}

Test(text, that_includes_itself_is_refused)
{
    reel_model *model;
    FILE *file = fopen("itself.net", "w");
    cr_assert(file);
    fputs("include itself.net\n", file);
    fclose(file);
    cr_expect_eq(reel_model_read(&model, "itself.net", &err), REEL_ERR_FORMAT);
    cr_expect(strstr(err.message, "expected at most 8 files that include one another"), "%s",
              err.message);

    file = fopen("itself.net", "w");
    cr_assert(file);
    fprintf(file, "include %01200d\n", 0);
    fclose(file);
    cr_expect_eq(reel_model_read(&model, "itself.net", &err), REEL_ERR_FORMAT);
    cr_expect(strstr(err.message, "the path has more than"), "%s", err.message);
    remove("itself.net");
}

/* What blocks for ever where nobody writes into it. */
Test(text, pipe_is_no_network, .timeout = 10)
{
    cr_assert_eq(mkfifo("pipe.net", 0600), 0);
    reel_model *model;
    cr_expect_eq(reel_model_read(&model, "pipe.net", &err), REEL_ERR_IO);
    cr_expect(strstr(err.message, "pipe.net"), "%s", err.message);

    FILE *whole = fopen("around.net", "w");
    cr_assert(whole);
    fputs("input 1x4x4\ninclude pipe.net\n" END, whole);
    fclose(whole);
    cr_expect_eq(reel_model_read(&model, "around.net", &err), REEL_ERR_IO);
    cr_expect_eq(err.status, REEL_ERR_IO);
    cr_expect(strstr(err.message, "around.net:2:9: ./pipe.net"), "%s", err.message);
    remove("around.net");
    remove("pipe.net");
}
