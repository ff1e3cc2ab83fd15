/* ONNX files, read back with a few lines of protobuf: nodes in order, every name defined before it
 * is used, weights row-major, what the file says about itself. With REEL_ONNX_DIR set, files stay
 * there with inputs and logits beside them, and the whole AlexNets are written too:
 * tests/integration/onnx.sh has onnxruntime compute them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/rng.h"
#include "layers/models.h"
#include "layers/onnx.h"
#include "tests/unit/layers/protobuf_reader.h"

/* ---- the file ---- */
typedef struct model {
    unsigned char *bytes;
    field graph;
    char defined[128][96]; /* names: input, initializers, outputs */
    int n_defined;
    char ops[512]; /* "Conv Relu ..." */
} model;

static void define(model *m, const field *name)
{
    char *to = m->defined[m->n_defined++];
    snprintf(to, sizeof m->defined[0], "%.*s", (int)name->size, (const char *)name->data);
    for (int i = 0; i < m->n_defined - 1; i++)
        cr_assert_str_neq(m->defined[i], to, "%s is defined twice", to);
}

static bool is_defined(const model *m, const field *name)
{
    for (int i = 0; i < m->n_defined; i++)
        if (is(name, m->defined[i]))
            return true;
    return false;
}

enum { FLOATS = 1, WHOLE_NUMBERS = 7 }; /* element types */

static void check_weights(const field *tensor, const reel_net *net)
{
    const field name = find(tensor, 8), data = find(tensor, 9);
    char text[128];
    int64_t dims[8];
    int ndim = 0;
    field f;
    snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
    FIELDS(*tensor, f) if (f.number == 1) dims[ndim++] = (int64_t)f.value;
    const reel_param *p = reel_params_find(reel_net_params(net), text);
    const uint64_t type = find(tensor, 2).value;
    cr_assert(type == FLOATS || (!p && type == WHOLE_NUMBERS), "%s: element type", text);
    cr_assert_eq(data.size, (size_t)reel_shape_numel(ndim, dims) * (type == FLOATS ? 4 : 8),
                 "%s: %zu bytes", text, data.size);
    if (!p)
        return; /* a constant */
    float *want = malloc(data.size + 1);
    const reel_tensor row_major =
        reel_tensor_with_layout(want, REEL_F32, REEL_ROW_MAJOR, p->value.ndim, p->value.shape);
    cr_assert_eq(ndim, p->value.ndim, "%s: rank %d", text, ndim);
    for (int d = 0; d < ndim; d++)
        cr_assert_eq(dims[d], p->value.shape[d], "%s: size %lld at %d", text, (long long)dims[d],
                     d);
    reel_tensor_copy(&row_major, &p->value);
    cr_assert_eq(memcmp(want, data.data, data.size), 0, "%s: other values", text);
    free(want);
}

static void check_node(model *m, const field *node)
{
    const field op = find(node, 4);
    field f;
    FIELDS(*node, f)
    if (f.number == 1)
        cr_assert(is_defined(m, &f), "%.*s reads %.*s before it is defined", (int)op.size,
                  (const char *)op.data, (int)f.size, (const char *)f.data);
    const field output = find(node, 2);
    define(m, &output);
    snprintf(m->ops + strlen(m->ops), sizeof m->ops - strlen(m->ops), "%s%.*s", *m->ops ? " " : "",
             (int)op.size, (const char *)op.data);
}

static void check_value(const field *value, const char *name, const int64_t *shape, int ndim)
{
    const field type = find(value, 2), tensor = find(&type, 1), dims = find(&tensor, 2),
                called = find(value, 1);
    int d = 0;
    field f;
    cr_assert(is(&called, name), "expected %s", name);
    FIELDS(dims, f)
    {
        const field size = find(&f, 1), parameter = find(&f, 2);
        if (d == 0)
            cr_assert(is(&parameter, "batch"), "%s: the first dimension is not called batch", name);
        else
            cr_assert_eq((int64_t)size.value, shape[d], "%s: size %lld at %d", name,
                         (long long)size.value, d);
        d++;
    }
    cr_assert_eq(d, ndim, "%s: rank %d", name, d);
}

/* Reads path whole and checks all that holds for every file; the operators come back in m->ops. */
static void check_file(model *m, const char *path, const reel_net *net, const int64_t *in,
                       const char *output, const int64_t *out)
{
    *m = (model){0};
    FILE *file = fopen(path, "rb");
    cr_assert(file && fseek(file, 0, SEEK_END) == 0);
    field whole = {.size = (size_t)ftell(file)}, f;
    rewind(file);
    m->bytes = malloc(whole.size);
    cr_assert_eq(fread(m->bytes, 1, whole.size, file), whole.size);
    fclose(file);
    whole.data = m->bytes;
    const field opset = find(&whole, 8);
    cr_assert_eq(find(&whole, 1).value, 7, "IR version %llu",
                 (unsigned long long)find(&whole, 1).value);
    cr_assert_eq(find(&opset, 2).value, 13, "opset %llu",
                 (unsigned long long)find(&opset, 2).value);
    m->graph = find(&whole, 7);
    const field input = find(&m->graph, 11), result = find(&m->graph, 12),
                input_name = find(&input, 1);
    check_value(&input, "images", in, 4);
    check_value(&result, output, out, 2);
    define(m, &input_name);
    FIELDS(m->graph, f) if (f.number == 5)
    {
        const field name = find(&f, 8);
        define(m, &name);
        check_weights(&f, net);
    }
    FIELDS(m->graph, f) if (f.number == 1) check_node(m, &f);
    cr_assert_str_eq(m->defined[m->n_defined - 1], output, "the last node gives %s",
                     m->defined[m->n_defined - 1]);
}

/* ---- nets ---- */
static char made[32];

static const char *folder(void)
{
    const char *given = getenv("REEL_ONNX_DIR");
    if (given)
        return given;
    if (!*made)
        cr_assert(mkdtemp(strcpy(made, "/tmp/reel-onnx-XXXXXX")));
    return made;
}

static void leave(void)
{
    if (*made)
        rmdir(made);
}

static void put_floats(const char *name, const char *what, const float *values, int64_t n)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s.%s", folder(), name, what);
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(values, 4, (size_t)n, file) == (size_t)n);
    fclose(file);
}

/* Row-major images and logits beside the file. */
static void put_probe(const char *name, reel_net *net, const int64_t *in)
{
    const int64_t shape[4] = {6, in[1], in[2], in[3]};
    const int64_t n = reel_shape_numel(4, shape);
    float *drawn = malloc((size_t)n * 4), *images = malloc((size_t)n * 4);
    const reel_tensor row_major =
        reel_tensor_with_layout(drawn, REEL_F32, REEL_ROW_MAJOR, 4, shape);
    const reel_tensor x = reel_tensor_of(images, REEL_F32, 4, shape);
    for (int64_t i = 0; i < n; i++)
        drawn[i] = (float)((i * 7919 + i / 13 * 104729) % 2003 - 1001) / 500;
    reel_tensor_copy(&x, &row_major);
    reel_tape *tape;
    reel_error err = {0};
    cr_assert_eq(
        reel_tape_create(&tape, reel_net_ctx(net), &(reel_tape_config){.no_grad = true}, &err),
        REEL_OK);
    reel_net_set_training(net, false);
    const reel_tensor y = reel_value(reel_net_forward(net, tape, reel_input(tape, &x)));
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s: %s", name, err.message);
    put_floats(name, "input", drawn, n);
    put_floats(name, "logits", y.data, reel_tensor_numel(&y));
    reel_tape_destroy(tape);
    free(drawn);
    free(images);
}

/* Exports net as NAME.onnx, with metadata; path has room for 1200 characters. */
static void save(reel_net *net, const char *name, const int64_t *in, char *path)
{
    static const char *const keys[] = {"classes", "preprocessing"}, *const values[] = {
                                                                        "[\"a\",\"b\"]",
                                                                        "{\"size\":32}"};
    const reel_onnx_config config = {.channels = in[1],
                                     .height = in[2],
                                     .width = in[3],
                                     .name = name,
                                     .n_metadata = 2,
                                     .keys = keys,
                                     .values = values};
    reel_error err = {0};
    snprintf(path, 1200, "%s/%s.onnx", folder(), name);
    cr_assert_eq(reel_net_save_onnx(net, &config, path, &err), REEL_OK, "%s: %s", name,
                 err.message);
}

/* Exports net as NAME.onnx, checks it, and compares its operators. */
static void expect_export(reel_net *net, const char *name, const int64_t *in, int64_t classes,
                          const char *ops)
{
    char path[1200];
    model m;
    save(net, name, in, path);
    const size_t length = strlen(ops);
    const bool softmax = length > 7 && strcmp(ops + length - 7, "Softmax") == 0;
    check_file(&m, path, net, in, softmax ? "probabilities" : "logits",
               (const int64_t[]){0, classes});
    cr_expect_str_eq(m.ops, ops, "%s: nodes %s, expected %s", name, m.ops, ops);
    const size_t before = (size_t)(m.graph.data - m.bytes);
    cr_expect(memmem(m.bytes, before, "preprocessing", 13) &&
                  memmem(m.bytes, before, "[\"a\",\"b\"]", 9),
              "%s: metadata are missing", name);
    free(m.bytes);
    if (getenv("REEL_ONNX_DIR"))
        put_probe(name, net, in);
    else
        remove(path);
}

static reel_ctx *make_ctx(void)
{
    reel_ctx *ctx;
    reel_error err = {0};
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK, "%s", err.message);
    return ctx;
}

static void expect_model(const char *name, const reel_model *which, reel_head head, int64_t size,
                         const char *ops)
{
    reel_ctx *ctx = make_ctx();
    reel_net *net;
    reel_error err = {0};
    const reel_model_config config = {.classes = 11,
                                      .head = head,
                                      .dropout = 0.5,
                                      .image_size = size,
                                      .weight_init = {REEL_INIT_KAIMING_UNIFORM, 0}};
    cr_assert_eq(reel_model_create(&net, which, &config, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    expect_export(net, name, (const int64_t[]){1, 3, size, size}, 11, ops);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

TestSuite(onnx, .fini = leave);

/* The layers before the head, and what the head becomes. */
#define TINY "Conv Relu MaxPool Conv Relu "
#define ALEXNET "Conv Relu MaxPool Conv Relu MaxPool Conv Relu Conv Relu Conv Relu MaxPool "
#define ALEXNET_2012                                                                               \
    "Conv Relu LRN MaxPool Conv Relu LRN MaxPool Conv Relu Conv Relu Conv Relu MaxPool "
#define GAP "GlobalAveragePool Flatten Gemm"
#define GMP "GlobalMaxPool Flatten Gemm"
#define LINEAR "Flatten Gemm Relu Gemm"

Test(onnx, models_export_with_every_head_and_size)
{
    static const struct {
        const char *name, *model;
        reel_head head;
        int64_t size;
        const char *ops;
    } cases[] = {
        {"tiny", "tiny", REEL_HEAD_FLATTEN, 32, TINY "MatMul MatMul " LINEAR},
        {"tiny-even", "tiny", REEL_HEAD_FLATTEN, 34, TINY "AveragePool " LINEAR},
        {"tiny-same", "tiny", REEL_HEAD_FLATTEN, 18, TINY LINEAR},
        {"tiny-grows", "tiny", REEL_HEAD_FLATTEN, 13, TINY "MatMul MatMul " LINEAR},
        {"tiny-gap", "tiny", REEL_HEAD_GAP, 32, TINY GAP},
        {"tiny-gmp", "tiny", REEL_HEAD_GMP, 32, TINY GMP},
        {"alexnet-gap", "alexnet", REEL_HEAD_GAP, 224, ALEXNET GAP},
        {"alexnet-gmp", "alexnet", REEL_HEAD_GMP, 224, ALEXNET GMP},
        {"alexnet2012-gap", "alexnet2012", REEL_HEAD_GAP, 227, ALEXNET_2012 GAP},
        {"alexnet2012-gmp", "alexnet2012", REEL_HEAD_GMP, 227, ALEXNET_2012 GMP},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++)
        expect_model(cases[i].name, reel_model_find(cases[i].model), cases[i].head, cases[i].size,
                     cases[i].ops);
}

Test(onnx, whole_alexnets_export_where_there_is_room)
{
    if (!getenv("REEL_ONNX_DIR"))
        cr_skip_test("400 MB of files: tests/integration/onnx.sh has them written");
    expect_model("alexnet", reel_model_find("alexnet"), REEL_HEAD_FLATTEN, 224,
                 ALEXNET LINEAR " Relu Gemm");
    expect_model("alexnet2012", reel_model_find("alexnet2012"), REEL_HEAD_FLATTEN, 227,
                 ALEXNET_2012 LINEAR " Relu Gemm");
}

Test(onnx, every_other_layer_exports)
{
    reel_ctx *ctx = make_ctx();
    reel_net *net;
    reel_error err = {0};
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
    reel_net_conv2d(net, .in = 2, .out = 6, .kernel = 3, .kernel_w = 5, .stride = 1, .stride_w = 2,
                    .padding_h = 2, .padding_w = 1, .dilation = 2, .groups = 2, .no_bias = true);
    reel_net_batch_norm2d(net, .channels = 6);
    reel_net_leaky_relu(net, .slope = 0.2);
    reel_net_local_response_norm(net, .size = 3, .alpha = 0.1, .paper = true);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true);
    reel_net_tanh(net);
    reel_net_avg_pool2d(net, .kernel = 3, .stride = 1, .padding = 1);
    reel_net_avg_pool2d(net, .kernel = 3, .stride = 1, .padding = 1, .exclude_padding = true);
    reel_net_dropout(net, .p = 0.5);
    reel_net_sigmoid(net);
    reel_net_adaptive_avg_pool2d(net, .height = 3, .width = 2);
    reel_net_flatten(net);
    reel_net_linear(net, .in = 36, .out = 7, .no_bias = true);
    reel_net_softmax(net);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    for (int i = 0; i < reel_params_count(reel_net_params(net)); i++) {
        const reel_param *p = reel_params_at(reel_net_params(net), i);
        if (strncmp(p->name, "1.", 2) != 0)
            continue; /* the batch normalisation's, all positive */
        for (int64_t k = 0; k < 6; k++)
            ((float *)p->value.data)[k] = 0.5f + 0.25f * (float)((k + i) % 5);
    }
    expect_export(net, "layers", (const int64_t[]){1, 2, 12, 17}, 7,
                  "Conv BatchNormalization LeakyRelu LRN MaxPool Tanh AveragePool AveragePool "
                  "Sigmoid MatMul MatMul Flatten Gemm "
                  "Softmax");
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

static void expect_text_export(const char *name, const char *text, const char *ops)
{
    reel_ctx *ctx = make_ctx();
    reel_model *which;
    reel_net *net;
    reel_error err = {0};
    cr_assert_eq(reel_model_read_text(&which, name, text, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_model_create(&net, which, NULL, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    expect_export(net, name, (const int64_t[]){1, 3, 16, 16}, 7, ops);
    reel_net_destroy(net);
    reel_model_free(which);
    reel_ctx_destroy(ctx);
}

/* Layers that opset 13 knows only in parts, and channels that are scaled. */
Test(onnx, layers_of_several_nodes_export)
{
    static const char text[] = "input 3x16x16\nclasses 7\n"
                               "Conv2d 8 3 padding=1\nGroupNorm 4\nGELU\n"
                               "Conv2d 8 1\nGroupNorm 2 affine=false\nGELU tanh\n"
                               "scale:\n"
                               "    AdaptiveAvgPool2d 1\n    Conv2d 4 1\n    SiLU\n"
                               "    Conv2d 8 1\n    Hardsigmoid\n"
                               "Hardswish\nFlatten\nLinear classes\n";
    expect_text_export("several", text,
                       "Conv Reshape InstanceNormalization Reshape BatchNormalization "
                       "Mul Erf Add Mul Mul "
                       "Conv Reshape InstanceNormalization Reshape "
                       "Mul Mul Add Mul Tanh Add Mul Mul "
                       "AveragePool Conv Sigmoid Mul Conv HardSigmoid Mul "
                       "HardSigmoid Mul Flatten Gemm");
}

/* Branches that are added and concatenated, one of them the input itself. */
Test(onnx, branches_export)
{
    static const char text[] = "input 3x16x16\nclasses 7\n"
                               "features:\n"
                               "    Conv2d 8 3 padding=1\n"
                               "    residual:\n"
                               "        Conv2d 8 3 padding=1\n"
                               "        ReLU6\n"
                               "    concat:\n"
                               "        Conv2d 4 1\n"
                               "        branch:\n"
                               "            Conv2d 4 1\n"
                               "            Identity\n"
                               "        branch\n"
                               "    add:\n"
                               "        Conv2d 4 1\n"
                               "        Conv2d 4 3 padding=1\n"
                               "Flatten\nLinear classes\n";
    expect_text_export("branches", text,
                       "Conv Conv Max Min Sum Conv Conv Concat Conv Conv Sum Flatten Gemm");
}

/* For onnxruntime: the networks that are texts, of a size that leaves a map of several pixels. */
Test(onnx, networks_that_are_texts_export)
{
    if (!getenv("REEL_ONNX_DIR"))
        cr_skip_test("150 MB of files: tests/integration/onnx.sh has them written");
    static const struct {
        const char *name;
        int64_t channels, size;
    } nets[] = {{"lenet5", 1, 28},        {"resnet18", 3, 96},     {"resnet50", 3, 96},
                {"squeezenet1_1", 3, 96}, {"mobilenet_v2", 3, 96}, {"vgg11_bn", 3, 32},
                {"alexnet_bn", 3, 63}};
    reel_ctx *ctx = make_ctx();
    for (int i = 0; i < REEL_COUNT(nets); i++) {
        const int64_t in[4] = {1, nets[i].channels, nets[i].size, nets[i].size};
        const reel_model_config config = {
            .classes = 11, .image_size = in[2], .weight_init = {REEL_INIT_KAIMING_UNIFORM, 0}};
        reel_net *net;
        reel_error err = {0};
        cr_assert_eq(
            reel_model_create(&net, reel_model_find(nets[i].name), &config, ctx, REEL_F32, &err),
            REEL_OK, "%s: %s", nets[i].name, err.message);

        char path[1200];
        save(net, nets[i].name, in, path);
        put_probe(nets[i].name, net, in);
        reel_net_destroy(net);
    }
    reel_ctx_destroy(ctx);
}

static reel_var nothing(const reel_module *m, reel_var x)
{
    (void)m;
    return x;
}

Test(onnx, what_cannot_be_expressed_is_named_and_leaves_no_file)
{
    static const reel_layer own = {.name = "Own", .forward = nothing};
    reel_ctx *ctx = make_ctx();
    char path[1200];
    snprintf(path, sizeof path, "%s/none.onnx", folder());
    for (int i = 0; i < 5; i++) {
        reel_net *net;
        reel_error err = {0};
        cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
        if (i == 0)
            reel_net_add(net, &own, &(reel_layer_config){.name = "mine"});
        if (i == 1)
            reel_net_local_response_norm(net, .name = "mine", .size = 4);
        if (i == 2)
            reel_net_avg_pool2d(net, .name = "mine", .kernel = 3, .stride = 2, .ceil_mode = true);
        if (i == 3)
            reel_net_dropout(net, .name = "mine", .p = 0.5);
        if (i == 4)
            reel_net_conv2d(net, .name = "mine", .in = 3, .out = 4, .kernel = 11);
        static const char *const words[] = {"mine: a Own layer", "mine: not to be expressed",
                                            "mine: not to be expressed", "without layers", "mine"};
        cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
        reel_net_init(net);
        const reel_status status =
            reel_net_save_onnx(net, &(reel_onnx_config){.height = 8}, path, &err);
        cr_expect_eq(status, REEL_ERR_INVALID, "case %d: status %d: %s", i, status, err.message);
        cr_expect(strstr(err.message, words[i]), "case %d: expected \"%s\" in: %s", i, words[i],
                  err.message);
        cr_expect_eq(access(path, F_OK), -1, "case %d left a file", i);
        reel_net_destroy(net);
    }
    reel_ctx_destroy(ctx);
}

/* Layers may be called as others, as joins, as a layer's further nodes, as the graph's ends. */
Test(onnx, gives_every_value_a_name_of_its_own)
{
    reel_ctx *ctx = make_ctx();
    reel_net *net;
    reel_error err = {0};
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
    reel_net_relu(net, .name = "r");
    reel_net_begin_join(net, REEL_JOIN_ADD);
    reel_net_sigmoid(net, .name = "images");
    reel_net_relu(net, .name = "add");
    reel_net_end(net);
    reel_net_global_avg_pool(net, .name = "c");
    reel_net_tanh(net, .name = "c_1");
    reel_net_relu(net, .name = "d.weight");
    reel_net_linear(net, .in = 3, .out = 4, .name = "d");
    reel_net_relu(net, .name = "logits");
    reel_net_relu(net, .name = "r");
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    expect_export(net, "names", (const int64_t[]){1, 3, 5, 6}, 4,
                  "Relu Sigmoid Relu Sum GlobalAveragePool Flatten Tanh Relu Gemm Relu Relu");
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}
