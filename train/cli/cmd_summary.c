/* `reel summary`: the layers of a network with shapes, parameters, multiply-adds, and the memory
 * that a step takes; or the tensors in a weights file. */
#include "core/number.h"
#include "layers/model_file.h"
#include "train/cli/command.h"
#include "train/cli/layer_table.h"
#include "train/cli/onnx_list.h"
#include "train/cli/weights_name.h"
#include "train/run/groups.h"
#include "train/run/json_util.h"
#include "train/run/memory_plan.h"
#include "train/run/model_card.h"
#include "train/run/precision.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const reel_option options_table[] = {
    REEL_SHARED("weights", .help = "FILE, in place of the argument"),
    REEL_SHARED("arch"),
    REEL_SHARED("head"),
    REEL_SHARED("num-classes"),
    REEL_SHARED("size"),
    REEL_SHARED("batch-size", .aliases = "batch", .initial = "1",
                .help = "images in a batch, for shapes, multiply-adds and memory"),
    REEL_SHARED("infer", .help = "show the memory of inference instead of a training step"),
    REEL_SHARED("grayscale", .help = "one input channel"),
    REEL_SHARED("opt", .help = "optimizer whose state counts in the memory"),
    REEL_SHARED("model-ema", .help = "count a moving average of the weights in the memory"),
    REEL_SHARED("freeze", .help = "parameters that do not learn count neither gradient nor state"),
    REEL_SHARED("precision", .help = "that the memory is planned for"),
    REEL_SHARED("memory", .help = "plan a training step within this limit, as `reel train` does"),
    REEL_OPTION(FLAG, .name = "text",
                .help = "print the network as a text that --arch reads (layers/README.md)"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

/* ---- a network ---- */

/* The net as a text that reads back to it. */
static int print_text(const reel_net *net, const int64_t input[4])
{
    reel_error err;
    char *text;
    if (reel_net_print(net, input + 1, &text, &err))
        return reel_complain("summary", &err);
    fputs(text, stdout);
    free(text);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return REEL_EXIT_OK;
    reel_say("reel summary: stdout: %s", strerror(errno));
    return REEL_EXIT_FAILED;
}

static int print_net_json(const reel_model *model, const reel_net *net,
                          const reel_layer_table *table, int64_t macs,
                          const reel_memory_plan *memory)
{
    json_t *tensors = json_array();
    reel_params *params = reel_net_params(net);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        json_array_append_new(tensors, json_pack("{s:s, s:o}", "name", p->name, "shape",
                                                 reel_shape_json(p->value.ndim, p->value.shape)));
    }
    return reel_print_json(json_pack(
        "{s:s, s:I, s:I, s:o, s:o, s:o}", "arch", model->name, "parameters",
        (json_int_t)reel_params_trainable(params), "multiply_adds", (json_int_t)macs, "memory",
        reel_memory_plan_json(memory), "tensors", tensors, "layers", reel_layer_table_json(table)));
}

static void print_net(const reel_model *model, const reel_net *net, const reel_layer_table *table,
                      int64_t macs, const reel_memory_plan *memory)
{
    printf("%s: %s\n\n", model->name, model->about);
    reel_layer_table_print(table);

    const int64_t parameters = reel_params_trainable(reel_net_params(net));
    printf("\n%" PRId64 " parameters (%.1f MB), %.3f billion multiply-adds\n", parameters,
           (double)parameters * 4e-6, (double)macs * 1e-9);
    reel_memory_plan_print(memory);
}

/* What a step takes, and with --memory what it is brought to. */
static reel_status plan_with_limit(reel_memory_plan *memory, reel_net *net,
                                   const reel_options *options, const int64_t input[4],
                                   reel_error *err)
{
    const reel_optimizer_config optimizer =
        reel_optimizer_config_default(reel_optimizer_find(reel_options_text(options, "opt")));
    const bool infer = reel_options_flag(options, "infer");
    REEL_TRY(reel_groups_freeze(reel_options_text(options, "freeze"), reel_net_params(net), err));
    REEL_TRY(reel_memory_plan_make(memory, net, infer ? NULL : &optimizer, input, err));
    if (reel_options_flag(options, "model-ema") && !infer)
        reel_memory_plan_add_average(memory);
    if (!reel_options_set(options, "memory"))
        return REEL_OK;
    if (infer)
        return reel_fail(err, REEL_ERR_INVALID, "--memory and --infer exclude each other");
    const reel_memory_limit limit = {.limit = reel_options_real(options, "memory")};
    return reel_memory_plan_fit(memory, net, input, &limit, err);
}

/* The net has no values: plans and shapes need none. */
static int show_net(const reel_model *model, reel_net *net, const reel_options *options,
                    const int64_t input[4])
{
    reel_error err;
    reel_layer_table table;
    reel_memory_plan memory;
    if (*reel_net_note(net))
        reel_say("reel summary: warning: %s", reel_net_note(net));
    if (reel_options_flag(options, "text"))
        return print_text(net, input);
    if (reel_layer_table_make(&table, net, input, &err) ||
        plan_with_limit(&memory, net, options, input, &err)) {
        free(table.info);
        return reel_complain("summary", &err);
    }

    int64_t macs = 0;
    int code = REEL_EXIT_OK;
    for (int i = 0; i < table.n; i++)
        macs += table.info[i].multiply_adds;
    if (reel_options_flag(options, "json"))
        code = print_net_json(model, net, &table, macs, &memory);
    else
        print_net(model, net, &table, macs, &memory);
    free(table.info);
    return code;
}

static int summarize_net(const reel_options *options, const reel_ctx *ctx)
{
    reel_error err;
    reel_model *model;
    if (reel_command_arch(&model, options, &err))
        return reel_complain_choice("summary", &err);
    const int64_t size =
        reel_options_set(options, "size") ? reel_options_int(options, "size") : model->image_size;
    reel_model_config config = reel_model_config_default(model);
    if (reel_options_given(options, "num-classes") || !model->classes)
        config.classes = reel_options_int(options, "num-classes");
    config.head = reel_head_find(reel_options_text(options, "head"));
    config.image_size = size;
    if (reel_options_flag(options, "grayscale"))
        config.channels = 1;
    const int64_t input[4] = {reel_options_int(options, "batch-size"), config.channels, size, size};

    reel_net *net;
    if (reel_model_build(&net, model, &config, ctx, REEL_F32, &err)) {
        reel_model_free(model);
        return reel_complain_choice("summary", &err);
    }
    const int code = show_net(model, net, options, input);
    reel_model_free(model);
    reel_net_destroy(net);
    return code;
}

/* ---- a weights file ---- */
static const char *stored_name(reel_stored_dtype dtype)
{
    static const char *const names[] = {"float32", "float64", "float16", "bfloat16", "int64"};
    return names[dtype];
}

static const char *const keys[] = {"reel.kind",     "arch",    "head", "image_size",
                                   "preprocessing", "classes", "step", "epoch"};

static int print_file_json(const reel_weights *weights, const reel_layer_table *layers)
{
    json_t *tensors = json_array(), *metadata = json_object();
    int64_t total = 0, bytes = 0;
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        total += reel_shape_numel(w->ndim, w->shape);
        json_array_append_new(
            tensors, json_pack("{s:o, s:s, s:o, s:I}", "name", reel_json_text(w->name), "dtype",
                               stored_name(w->dtype), "shape", reel_shape_json(w->ndim, w->shape),
                               "bytes", (json_int_t)w->bytes));
        bytes += (int64_t)w->bytes;
    }

    for (int i = 0; i < REEL_COUNT(keys); i++) {
        const char *value = reel_weights_metadata(weights, keys[i]);
        if (value)
            json_object_set_new(metadata, keys[i], reel_json_text(value));
    }

    json_t *file = json_pack("{s:s, s:I, s:I, s:o, s:o}", "format", reel_weights_format(weights),
                             "elements", (json_int_t)total, "bytes", (json_int_t)bytes, "metadata",
                             metadata, "tensors", tensors);
    if (layers->n)
        json_object_set_new(file, "layers", reel_layer_table_json(layers));
    return reel_print_json(file);
}

/* The whole value, without control characters: the file may come from anybody. */
static int print_metadata(const char *key, const char *value)
{
    char name[200];
    if (!value)
        return REEL_EXIT_OK;
    const size_t size = 4 * strlen(value) + 8; /* a byte takes four letters at most */
    char *shown = malloc(size);
    reel_error err;
    if (!shown)
        return reel_fail(&err, REEL_ERR_MEMORY, "%s: out of memory", key),
               reel_complain("summary", &err);
    printf("%s: %s\n", reel_shown_text(key, name, sizeof name),
           reel_shown_text(value, shown, size));
    free(shown);
    return REEL_EXIT_OK;
}

/* The lines of an ONNX file's tensors, as reel_onnx_list gives them. */
static void print_onnx_tensors(const json_t *tensors)
{
    size_t i;
    json_t *row;
    char shown[1100], text[80];
    json_array_foreach(tensors, i, row)
    {
        const json_t *sides = json_object_get(row, "shape");
        int64_t shape[REEL_MAX_DIMS];
        const int ndim = (int)json_array_size(sides);
        for (int d = 0; d < ndim; d++)
            shape[d] = json_integer_value(json_array_get(sides, (size_t)d));

        printf(
            "%-32s %-9s %-20s %13" PRId64 " bytes\n",
            reel_shown_text(json_string_value(json_object_get(row, "name")), shown, sizeof shown),
            json_string_value(json_object_get(row, "dtype")),
            reel_shape_text(text, sizeof text, ndim, shape),
            (int64_t)json_integer_value(json_object_get(row, "bytes")));
    }
}

static int summarize_onnx(const char *path, bool json)
{
    reel_error err;
    json_t *list, *value;
    const char *key;
    if (reel_onnx_list(&list, path, &err))
        return reel_complain("summary", &err);
    if (json)
        return reel_print_json(list);

    const json_t *tensors = json_object_get(list, "tensors");
    print_onnx_tensors(tensors);
    printf("%s, %s, %" PRId64 " bytes (onnx)\n",
           reel_count_of((int64_t)json_array_size(tensors), "tensor").text,
           reel_count_of(json_integer_value(json_object_get(list, "elements")), "element").text,
           (int64_t)json_integer_value(json_object_get(list, "bytes")));

    int code = REEL_EXIT_OK;
    json_object_foreach(json_object_get(list, "metadata"), key, value)
    {
        if (code == REEL_EXIT_OK)
            code = print_metadata(key, json_string_value(value));
    }
    json_decref(list);
    return code;
}

static int print_file(const reel_weights *weights, const reel_layer_table *layers)
{
    int64_t total = 0, bytes = 0;
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        char shape[80], name[200];
        printf("%-32s %-9s %-20s %13zu bytes\n", reel_shown_text(w->name, name, sizeof name),
               stored_name(w->dtype), reel_shape_text(shape, sizeof shape, w->ndim, w->shape),
               w->bytes);
        total += reel_shape_numel(w->ndim, w->shape);
        bytes += (int64_t)w->bytes;
    }
    printf("%s, %s, %" PRId64 " bytes (%s)\n",
           reel_count_of(reel_weights_count(weights), "tensor").text,
           reel_count_of(total, "element").text, bytes, reel_weights_format(weights));

    int code = REEL_EXIT_OK;
    for (int i = 0; i < REEL_COUNT(keys) && code == REEL_EXIT_OK; i++)
        code = print_metadata(keys[i], reel_weights_metadata(weights, keys[i]));
    if (code == REEL_EXIT_OK && layers->n) {
        putchar('\n');
        reel_layer_table_print(layers);
    }
    return code;
}

/* The net that the weights are of, without their values. input: the shape of one image. */
static reel_status net_of_file(reel_net **net, int64_t input[4], const reel_weights *weights,
                               const char *path, const reel_options *options, const reel_ctx *ctx,
                               reel_error *err)
{
    reel_model_card card;
    const char *arch =
        reel_options_given(options, "arch") ? reel_options_text(options, "arch") : NULL;
    *net = NULL;
    reel_status status = reel_model_read_card(&card, weights, arch, path, err);
    if (status == REEL_OK)
        status = reel_model_of_card(net, &card, weights, path, ctx, REEL_F32, err);
    const int64_t size = card.image_size;
    memcpy(input, (int64_t[]){1, card.preprocessing.channels, size, size}, 4 * sizeof *input);
    reel_model_card_free(&card);
    return status;
}

/* Tensors, what the file says about itself, and the layers if it says its network. */
static int show_file(const reel_weights *weights, const char *path, const reel_options *options,
                     const reel_ctx *ctx)
{
    reel_error err;
    reel_net *net;
    int64_t input[4];
    reel_layer_table layers = {0};
    const bool text = reel_options_flag(options, "text");
    reel_status known = net_of_file(&net, input, weights, path, options, ctx, &err);
    if (known == REEL_OK && !text)
        known = reel_layer_table_make(&layers, net, input, &err);
    int code;
    if (text) {
        code = known ? reel_complain("summary", &err) : print_text(net, input);
    } else if (known == REEL_ERR_MEMORY) {
        code = reel_complain("summary", &err);
    } else {
        if (known != REEL_OK)
            layers.n = 0; /* tensors alone */
        code = reel_options_flag(options, "json") ? print_file_json(weights, &layers)
                                                  : print_file(weights, &layers);
    }
    free(layers.info);
    reel_net_destroy(net);
    return code;
}

static int summarize_file(const char *given, const reel_options *options, const reel_ctx *ctx)
{
    reel_error err;
    const size_t length = strlen(given);
    if (length > 5 && !strcmp(given + length - 5, ".onnx")) {
        if (!reel_options_flag(options, "text"))
            return summarize_onnx(given, reel_options_flag(options, "json"));
        reel_fail(&err, REEL_ERR_INVALID, "--text: expected weights or --arch, got %s", given);
        return reel_complain_usage("summary", &err);
    }

    reel_weights *weights;
    char path[REEL_WEIGHTS_PATH];
    if (reel_weights_path(given, reel_options_flag(options, "quiet"), path, &err) ||
        reel_weights_read(&weights, path, &err))
        return reel_complain("summary", &err);
    const int code = reel_weights_verify(weights, &err) ? reel_complain("summary", &err)
                                                        : show_file(weights, path, options, ctx);
    reel_weights_destroy(weights);
    return code;
}

static int summary_run(reel_options *options)
{
    reel_error err;
    const char *file;
    int next;
    if (reel_command_given(&file, &next, options, 0, NULL, &err))
        return reel_complain_usage("summary", &err);
    if (reel_options_flag(options, "text") && reel_options_flag(options, "json")) {
        reel_fail(&err, REEL_ERR_INVALID, "--text and --json exclude each other");
        return reel_complain_usage("summary", &err);
    }
    reel_ctx *ctx;
    const reel_ctx_config config = {.threads = (int)reel_options_int(options, "threads"),
                                    .precision =
                                        reel_precision_of(reel_options_text(options, "precision"))};
    if (reel_ctx_create(&ctx, &config, &err))
        return reel_complain("summary", &err);
    const int code = file ? summarize_file(file, options, ctx) : summarize_net(options, ctx);
    reel_ctx_destroy(ctx);
    return code;
}

const reel_command reel_command_summary = REEL_COMMAND(
    options_table, .name = "summary", .arguments = "[FILE]", .group = REEL_COMMAND_USING, .rank = 1,
    .run = summary_run, .summary = "Show the layers of a network, or the tensors of a file",
    .notes = "FILE: a .safetensors, .pth or .onnx file, the folder of a run, or a name such as "
             "torchvision/alexnet. The memory is that of one step "
             "of --opt on one batch, as in `reel bench step`; a loader holds more batches.",
    .examples = {{"reel summary --arch alexnet -b 128", "Layers, and the memory of a step."},
                 {"reel summary run/best.safetensors", "Tensors and layers of a weights file."},
                 {"reel summary --arch resnet18 --text", "The network as a text, to be changed."}});
