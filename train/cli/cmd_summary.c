/* `reel summary`: the layers of a network with shapes, parameters, multiply-adds, and the memory
 * that a step takes; or the tensors in a weights file. */
#include "core/number.h"
#include "train/cli/command.h"
#include "train/cli/onnx_list.h"
#include "train/cli/weights_name.h"
#include "train/run/groups.h"
#include "train/run/json_util.h"
#include "train/run/memory_plan.h"
#include "train/run/model_card.h"

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
    REEL_SHARED("memory", .help = "plan a training step within this limit, as `reel train` does"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

static json_t *shape_json(int ndim, const int64_t *shape)
{
    json_t *array = json_array();
    for (int d = 0; d < ndim; d++)
        json_array_append_new(array, json_integer(shape[d]));
    return array;
}

/* ---- a network ---- */
static int print_net_json(const reel_model *model, const reel_net *net,
                          const reel_layer_info *layers, int n_layers, int64_t macs,
                          const reel_memory_plan *memory)
{
    json_t *tensors = json_array(), *rows = json_array();
    reel_params *params = reel_net_params(net);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        json_array_append_new(tensors, json_pack("{s:s, s:o}", "name", p->name, "shape",
                                                 shape_json(p->value.ndim, p->value.shape)));
    }

    for (int i = 0; i < n_layers; i++)
        json_array_append_new(
            rows, json_pack("{s:s, s:s, s:o, s:I, s:I}", "name", layers[i].name, "kind",
                            layers[i].kind, "output", shape_json(layers[i].ndim, layers[i].shape),
                            "parameters", (json_int_t)layers[i].parameters, "multiply_adds",
                            (json_int_t)layers[i].multiply_adds));

    return reel_print_json(
        json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "arch", model->name, "parameters",
                  (json_int_t)reel_params_trainable(params), "multiply_adds", (json_int_t)macs,
                  "memory", reel_memory_plan_json(memory), "tensors", tensors, "layers", rows));
}

enum { WIDEST_NAME = 40 }; /* of a layer, as a column; a longer one shifts its line */

static void print_net(const reel_model *model, const reel_net *net, const reel_layer_info *layers,
                      int n_layers, int64_t macs, const reel_memory_plan *memory)
{
    char shape[80];
    int width = 15;
    for (int i = 0; i < n_layers; i++) {
        const int length = (int)strlen(layers[i].name);
        width = length > width && length <= WIDEST_NAME ? length : width;
    }
    printf("%s: %s\n\n%-*s %-17s %-19s %10s %14s\n", model->name, model->about, width, "layer",
           "kind", "output", "parameters", "multiply-adds");

    for (int i = 0; i < n_layers; i++) {
        printf("%-*s %-17s %-19s", width, layers[i].name, layers[i].kind,
               reel_shape_text(shape, sizeof shape, layers[i].ndim, layers[i].shape));
        if (layers[i].parameters || layers[i].multiply_adds)
            printf(" %10" PRId64 " %14" PRId64, layers[i].parameters, layers[i].multiply_adds);
        putchar('\n');
    }

    const int64_t parameters = reel_params_trainable(reel_net_params(net));
    printf("\n%" PRId64 " parameters (%.1f MB), %.3f billion multiply-adds\n", parameters,
           (double)parameters * 4e-6, (double)macs * 1e-9);
    reel_memory_plan_print(memory);
}

/* Every layer of the net; the caller frees *layers. */
static reel_status describe_all(reel_net *net, const int64_t input[4], reel_layer_info **layers,
                                int *n, reel_error *err)
{
    enum { OFTEN_ENOUGH = 256 };
    for (int room = OFTEN_ENOUGH;; room = *n) {
        free(*layers);
        *layers = malloc((size_t)room * sizeof **layers);
        if (!*layers)
            return reel_fail(err, REEL_ERR_MEMORY, "summary: out of memory");
        REEL_TRY(reel_net_describe(net, input, *layers, room, n, err));
        if (*n <= room)
            return REEL_OK;
    }
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

    reel_layer_info *layers = NULL;
    reel_net *net;
    reel_memory_plan memory;
    int n = 0;
    if (reel_model_create(&net, model, &config, ctx, REEL_F32, &err)) {
        reel_model_free(model);
        return reel_complain_choice("summary", &err);
    }
    if (describe_all(net, input, &layers, &n, &err) ||
        plan_with_limit(&memory, net, options, input, &err)) {
        free(layers);
        reel_model_free(model);
        reel_net_destroy(net);
        return reel_complain("summary", &err);
    }

    int64_t macs = 0;
    int code = REEL_EXIT_OK;
    for (int i = 0; i < n; i++)
        macs += layers[i].multiply_adds;

    if (reel_options_flag(options, "json"))
        code = print_net_json(model, net, layers, n, macs, &memory);
    else
        print_net(model, net, layers, n, macs, &memory);
    free(layers);
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

static int print_file_json(const reel_weights *weights)
{
    json_t *tensors = json_array(), *metadata = json_object();
    int64_t total = 0, bytes = 0;
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        total += reel_shape_numel(w->ndim, w->shape);
        json_array_append_new(
            tensors, json_pack("{s:o, s:s, s:o, s:I}", "name", reel_json_text(w->name), "dtype",
                               stored_name(w->dtype), "shape", shape_json(w->ndim, w->shape),
                               "bytes", (json_int_t)w->bytes));
        bytes += (int64_t)w->bytes;
    }

    for (int i = 0; i < REEL_COUNT(keys); i++) {
        const char *value = reel_weights_metadata(weights, keys[i]);
        if (value)
            json_object_set_new(metadata, keys[i], reel_json_text(value));
    }

    return reel_print_json(json_pack(
        "{s:s, s:I, s:I, s:o, s:o}", "format", reel_weights_format(weights), "elements",
        (json_int_t)total, "bytes", (json_int_t)bytes, "metadata", metadata, "tensors", tensors));
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

static int print_file(const reel_weights *weights)
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
    return code;
}

static int summarize_file(const char *given, bool json, bool quiet)
{
    const size_t length = strlen(given);
    if (length > 5 && !strcmp(given + length - 5, ".onnx"))
        return summarize_onnx(given, json);

    reel_error err;
    reel_weights *weights;
    char path[REEL_WEIGHTS_PATH];
    if (reel_weights_path(given, quiet, path, &err) || reel_weights_read(&weights, path, &err))
        return reel_complain("summary", &err);

    int code;
    if (reel_weights_verify(weights, &err))
        code = reel_complain("summary", &err);
    else
        code = json ? print_file_json(weights) : print_file(weights);
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
    if (file)
        return summarize_file(file, reel_options_flag(options, "json"),
                              reel_options_flag(options, "quiet"));
    reel_ctx *ctx;
    const reel_ctx_config config = {.threads = (int)reel_options_int(options, "threads")};
    if (reel_ctx_create(&ctx, &config, &err))
        return reel_complain("summary", &err);
    const int code = summarize_net(options, ctx);
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
                 {"reel summary run/best.safetensors", "What a weights file holds."}});
