/* `reel gradcheck`: every case of every operator, every kind of layer, small whole nets, and the
 * models in full size, in float64 against central differences; or with --fuzz, random uses of
 * operators and layers. Exit 5 when one fails. */
#include "train/cli/command.h"

#include "layers/gradcheck.h"
#include "layers/models.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>
#include <time.h>

static const reel_option options_table[] = {
    REEL_OPTION(REAL, .name = "tolerance", .value = "X", .initial = "1e-6", .min = 1e-12, .max = 1,
                .help = "largest error that passes"),
    REEL_OPTION(REAL, .name = "step", .value = "X", .min = 1e-9, .max = 1,
                .help = "first step of the differences; unset: 1e-4"),
    REEL_OPTION(INT, .name = "max-elements", .value = "N", .initial = "400", .min = 1, .max = 1e12,
                .help = "elements of each input to check, drawn at random"),
    REEL_OPTION(INT, .name = "fuzz", .value = "N", .initial = "0", .min = 0, .max = 1e9,
                .help = "check N random uses of each operator and layer instead of the cases"),
    REEL_SHARED("arch", .initial = "",
                .help = "check this network alone: a name, or a text in FILE"),
    REEL_SHARED("seed"),
    REEL_SHARED("threads", .initial = "1",
                .help = "compute threads; more than 1 rarely helps with shapes this small"),
    REEL_SHARED_OUTPUT,
};

/* ---- nets under check: a name, the shape of the input, the layers ---- */
typedef struct {
    const char *name;
    int64_t input[4];
    void (*add)(reel_net *net);
} net_case;

static void add_convolutions(reel_net *net)
{
    reel_net_conv2d(net, .in = 4, .out = 6, .kernel = 3, .stride = 2, .padding = 1, .groups = 2);
    reel_net_conv2d(net, .in = 6, .out = 5, .kernel = 3, .kernel_w = 2, .dilation = 2, .padding = 2,
                    .no_bias = true);
}

static void add_poolings(reel_net *net)
{
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2, .ceil_mode = true);
    reel_net_avg_pool2d(net, .kernel = 2, .stride = 1, .padding = 1);
    reel_net_adaptive_avg_pool2d(net, .height = 3, .width = 2);
}

static void add_activations(reel_net *net)
{
    reel_net_relu(net);
    reel_net_leaky_relu(net, .slope = 0.1);
    reel_net_sigmoid(net);
    reel_net_tanh(net);
    reel_net_flatten(net);
    reel_net_softmax(net);
}

static void add_normalizations(reel_net *net)
{
    reel_net_batch_norm2d(net, .channels = 6);
    reel_net_local_response_norm(net, .size = 5, .alpha = 0.1, .k = 2);
}

static void add_linear(reel_net *net)
{
    reel_net_flatten(net);
    reel_net_dropout(net, .p = 0.4);
    reel_net_linear(net, .in = 36, .out = 7);
    reel_net_linear(net, .in = 7, .out = 3, .no_bias = true);
}

static void add_global_avg(reel_net *net)
{
    reel_net_global_avg_pool(net);
}

static void add_global_max(reel_net *net)
{
    reel_net_global_max_pool(net);
}

static const reel_init scaled = {REEL_INIT_KAIMING_NORMAL, 0};

static void add_tiny_net(reel_net *net, reel_head head)
{
    reel_model_find("tiny")->add(net, &(reel_model_config){.classes = 4,
                                                           .head = head,
                                                           .dropout = 0.5,
                                                           .image_size = 20,
                                                           .channels = 3,
                                                           .weight_init = scaled});
}

static void add_tiny_flatten(reel_net *net)
{
    add_tiny_net(net, REEL_HEAD_FLATTEN);
}

static void add_tiny_gap(reel_net *net)
{
    add_tiny_net(net, REEL_HEAD_GAP);
}

static void add_tiny_gmp(reel_net *net)
{
    add_tiny_net(net, REEL_HEAD_GMP);
}

/* AlexNet's layers in AlexNet's order, with few channels: five convolutions (two in groups), LRN,
 * overlapping pooling, batch norm, dropout, three linear layers; convolutions with bias and
 * without. */
static void add_small_alexnet(reel_net *net)
{
    reel_net_conv2d(net, .in = 3, .out = 6, .kernel = 5, .stride = 2, .padding = 2,
                    .weight_init = scaled);
    reel_net_relu(net);
    reel_net_local_response_norm(net, .size = 3, .alpha = 0.05, .k = 2);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);

    reel_net_conv2d(net, .in = 6, .out = 8, .kernel = 3, .padding = 1, .groups = 2, .no_bias = true,
                    .weight_init = scaled);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);

    reel_net_conv2d(net, .in = 8, .out = 8, .kernel = 3, .padding = 1, .no_bias = true,
                    .weight_init = scaled);
    reel_net_batch_norm2d(net, .channels = 8);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 2, .no_bias = true,
                    .weight_init = scaled);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 8, .out = 6, .kernel = 3, .padding = 1, .no_bias = true,
                    .weight_init = scaled);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 1);

    reel_net_adaptive_avg_pool2d(net, .height = 2);
    reel_net_flatten(net);
    reel_net_dropout(net, .p = 0.5);
    reel_net_linear(net, .in = 24, .out = 16, .weight_init = scaled);
    reel_net_relu(net);
    reel_net_dropout(net, .p = 0.5);
    reel_net_linear(net, .in = 16, .out = 16, .weight_init = scaled);
    reel_net_relu(net);
    reel_net_linear(net, .in = 16, .out = 5, .weight_init = scaled);
}

static const net_case net_cases[] = {
    {"layer/conv2d", {2, 4, 7, 6}, add_convolutions},
    {"layer/pooling", {2, 3, 8, 7}, add_poolings},
    {"layer/global_avgpool", {2, 5, 4, 3}, add_global_avg},
    {"layer/global_maxpool", {2, 5, 4, 3}, add_global_max},
    {"layer/activation", {2, 3, 3, 2}, add_activations},
    {"layer/normalization", {3, 6, 4, 3}, add_normalizations},
    {"layer/linear", {3, 4, 3, 3}, add_linear},
    {"net/tiny", {2, 3, 20, 20}, add_tiny_flatten},
    {"net/tiny-gap", {2, 3, 20, 20}, add_tiny_gap},
    {"net/tiny-gmp", {2, 3, 20, 20}, add_tiny_gmp},
    {"net/small-alexnet", {2, 3, 35, 35}, add_small_alexnet},
};

/* ---- models as they are trained, but for the number of classes; at the smallest image they take
 * ---- */
static const struct {
    const char *name;
    reel_head head;
} heads[] = {{"", REEL_HEAD_FLATTEN}, {"-gap", REEL_HEAD_GAP}, {"-gmp", REEL_HEAD_GMP}};

static reel_status check_model(const reel_model *model, reel_head head, const reel_ctx *ctx,
                               const reel_gradcheck_config *config, reel_gradcheck_report *report,
                               reel_error *err)
{
    reel_net *net;
    const int64_t size = model->min_size, input[4] = {1, 3, size, size};
    reel_model_config how = reel_model_config_default(model);
    how.classes = 5;
    how.head = head;
    how.image_size = size;
    how.weight_init = scaled;
    REEL_TRY(reel_model_create(&net, model, &how, ctx, REEL_F64, err));
    const reel_status status = reel_net_gradcheck(net, input, config, report, err);
    reel_net_destroy(net);
    return status;
}

/* ---- the table ---- */
typedef struct {
    const reel_options *options;
    json_t *rows; /* NULL without --json */
    int passed, failed;
    double worst;
    int64_t kinks;
} tally;

static bool selected(const tally *t, const char *name)
{
    if (reel_options_arg_count(t->options) == 0)
        return true;
    const char *pattern = reel_options_arg(t->options, 0);
    char part[300];
    snprintf(part, sizeof part, "*%s*", pattern);
    return strstr(name, pattern) || fnmatch(part, name, 0) == 0;
}

/* "1[37]": input 1, element 37; "1[*]": along a random direction. */
static const char *place_text(char *text, size_t size, const reel_gradcheck_report *r)
{
    if (r->index < 0)
        snprintf(text, size, "%d[*]", r->input);
    else
        snprintf(text, size, "%d[%lld]", r->input, (long long)r->index);
    return text;
}

static void tally_case(tally *t, const char *name, reel_status status,
                       const reel_gradcheck_report *r, const reel_error *err)
{
    char place[48];
    const bool passed = status == REEL_OK && r->passed;
    *(passed ? &t->passed : &t->failed) += 1;
    t->kinks += r->kinks;
    /* Written so that NaN counts as the worst error. */
    if (status == REEL_OK && !(r->worst_error <= t->worst))
        t->worst = r->worst_error;

    const char *why = "";
    if (!passed)
        why = status == REEL_OK ? r->message : err->message;

    if (t->rows) {
        json_t *row = json_pack("{s:s, s:b, s:I, s:I, s:I, s:i, s:I}", "name", name, "passed",
                                passed, "checked", (json_int_t)r->checked, "directions",
                                (json_int_t)r->projections, "kinks", (json_int_t)r->kinks, "input",
                                r->input, "index", (json_int_t)r->index);
        json_object_set_new(row, "worst_error",
                            isfinite(r->worst_error) ? json_real(r->worst_error) : json_null());
        if (!passed) {
            json_object_set_new(row, "operator", r->op[0] ? json_string(r->op) : json_null());
            json_object_set_new(row, "message", json_string(why));
        }
        json_array_append_new(t->rows, row);
    } else {
        if (t->passed + t->failed == 1)
            printf("%-6s %-52s %9s %12s %8s %6s\n", "", "case", "error", "at", "checked", "kinks");
        printf("%-6s %-52s %9.1e %12s %8lld %6lld\n", passed ? "ok" : "FAILED", name,
               r->worst_error, place_text(place, sizeof place, r),
               (long long)(r->checked + r->projections), (long long)r->kinks);
        fflush(stdout);
    }

    if (!passed)
        reel_say("reel gradcheck: %s: %s", name, why);
}

/* Adds one random use to a row; false ends the row. */
static bool add_use(reel_gradcheck_report *row, reel_status status,
                    const reel_gradcheck_report *one)
{
    const int64_t checked = row->checked + one->checked, kinks = row->kinks + one->kinks;
    const int64_t directions = row->projections + one->projections;
    if (status != REEL_OK || !one->passed || row->checked == 0 ||
        one->worst_error > row->worst_error)
        *row = *one;
    row->checked = checked;
    row->kinks = kinks;
    row->projections = directions;
    return status == REEL_OK && one->passed;
}

/* A row of `uses` random uses of an operator, or else of a layer. */
static void check_random(tally *t, const reel_ctx *ctx, const reel_gradcheck_config *config,
                         const reel_op *op, const reel_layer *layer, int64_t uses)
{
    char name[160];
    const char *called = op ? op->name : "";
    if (layer)
        called = layer->name;
    snprintf(name, sizeof name, "%s/%s: %lld random", op ? "op" : "layer", called, (long long)uses);
    if (!selected(t, name))
        return;

    reel_gradcheck_report row = {0};
    reel_status status = REEL_OK;
    reel_error err = {0};
    /* The first failure ends the row: its report is shown. */
    bool right = true;
    for (int64_t i = 0; i < uses && right; i++) {
        reel_gradcheck_report one = {0};
        status = op ? reel_gradcheck_random(ctx, op, (uint32_t)i, config, &one, &err)
                    : reel_layer_gradcheck_random(ctx, layer, (uint32_t)i, config, &one, &err);
        right = add_use(&row, status, &one);
    }

    tally_case(t, name, status, &row, &err);
}

static void check_cases(tally *t, const reel_ctx *ctx, const reel_gradcheck_config *config)
{
    char name[160];
    for (int i = 0; i < reel_op_count(); i++) {
        const reel_op *op = reel_op_at(i);
        for (int k = 0; k < op->n_cases; k++) {
            snprintf(name, sizeof name, "op/%s: %s", op->name, op->cases[k].label);
            if (!selected(t, name))
                continue;
            reel_gradcheck_report report = {0};
            reel_error err = {0};
            tally_case(t, name, reel_gradcheck_case(ctx, op, &op->cases[k], config, &report, &err),
                       &report, &err);
        }
    }
}

static void check_nets(tally *t, const reel_ctx *ctx, const reel_gradcheck_config *config)
{
    for (int i = 0; i < REEL_COUNT(net_cases); i++) {
        const net_case *c = &net_cases[i];
        if (!selected(t, c->name))
            continue;
        reel_gradcheck_report report = {0};
        reel_error err = {0};
        tally_case(t, c->name, reel_layer_gradcheck(ctx, c->add, c->input, config, &report, &err),
                   &report, &err);
    }
}

static void check_models(tally *t, const reel_ctx *ctx, const reel_gradcheck_config *config)
{
    char name[160];
    for (int i = 0; i < reel_model_count(); i++)
        for (int k = 0; k < REEL_COUNT(heads); k++) {
            if (!reel_model_at(i)->add) /* --arch checks these: some are large */
                break;
            snprintf(name, sizeof name, "model/%s%s", reel_model_at(i)->name, heads[k].name);
            if (!selected(t, name))
                continue;
            reel_gradcheck_report report = {0};
            reel_error err = {0};
            tally_case(t, name,
                       check_model(reel_model_at(i), heads[k].head, ctx, config, &report, &err),
                       &report, &err);
        }
}

/* A model has millions of elements: a few of each tensor, and one direction, which sees all of
 * them. */
static reel_gradcheck_config few_elements(const reel_gradcheck_config *config, int64_t most)
{
    reel_gradcheck_config few = *config;
    if (few.max_elements > most)
        few.max_elements = most;
    few.projections = 1;
    return few;
}

/* The network of --arch on two images of its own size: batch norm needs more than one. */
static reel_status check_arch(tally *t, const reel_ctx *ctx, const reel_gradcheck_config *config,
                              reel_error *err)
{
    char name[160];
    reel_model *model;
    reel_net *net = NULL;
    const reel_gradcheck_config few = few_elements(config, 4);

    if (reel_options_arg_count(t->options) > 0 || reel_options_int(t->options, "fuzz"))
        return reel_fail(err, REEL_ERR_INVALID,
                         "--arch checks one network as a whole: expected neither PATTERN nor "
                         "--fuzz");
    REEL_TRY(reel_command_arch(&model, t->options, err));
    const reel_model_config how = reel_model_config_default(model);
    const int64_t input[4] = {2, how.channels, how.image_size, how.image_size};
    snprintf(name, sizeof name, "model/%s", model->name);

    const reel_status status = reel_model_create(&net, model, &how, ctx, REEL_F64, err);
    if (status == REEL_OK) {
        reel_gradcheck_report report = {0};
        reel_error why = {0};
        tally_case(t, name, reel_net_gradcheck(net, input, &few, &report, &why), &report, &why);
    }

    reel_net_destroy(net);
    reel_model_free(model);
    return status;
}

static void check_all(tally *t, const reel_ctx *ctx, const reel_gradcheck_config *config,
                      int64_t fuzz)
{
    const int64_t uses = fuzz ? fuzz : 4;
    if (!fuzz)
        check_cases(t, ctx, config);
    for (int i = 0; fuzz && i < reel_op_count(); i++)
        check_random(t, ctx, config, reel_op_at(i), NULL, uses);
    for (int i = 0; i < reel_layer_count(); i++)
        check_random(t, ctx, config, NULL, reel_layer_at(i), uses);

    if (fuzz)
        return;
    check_nets(t, ctx, config);
    const reel_gradcheck_config few = few_elements(config, 2);
    check_models(t, ctx, &few);
}

static int gradcheck_run(reel_options *options)
{
    const reel_gradcheck_config config = {.step = reel_options_real(options, "step"),
                                          .tolerance = reel_options_real(options, "tolerance"),
                                          .seed = (uint64_t)reel_options_int(options, "seed"),
                                          .max_elements =
                                              reel_options_int(options, "max-elements")};

    reel_error err;
    reel_ctx *ctx;
    if (reel_ctx_create(&ctx,
                        &(reel_ctx_config){.threads = (int)reel_options_int(options, "threads"),
                                           .seed = config.seed},
                        &err))
        return reel_complain("gradcheck", &err);

    const bool json = reel_options_flag(options, "json");
    tally t = {.options = options, .rows = json ? json_array() : NULL};
    reel_status status = REEL_OK;
    if (reel_options_set(options, "arch"))
        status = check_arch(&t, ctx, &config, &err);
    else
        check_all(&t, ctx, &config, reel_options_int(options, "fuzz"));
    reel_ctx_destroy(ctx);
    if (status != REEL_OK) {
        json_decref(t.rows);
        return reel_complain_choice("gradcheck", &err);
    }

    /* A pattern that matches nothing is a mistake, not a success. */
    if (t.passed + t.failed == 0) {
        reel_fail(&err, REEL_ERR_INVALID, "no case matches '%s'", reel_options_arg(options, 0));
        json_decref(t.rows);
        return reel_complain_usage("gradcheck", &err);
    }

    int code = t.failed ? REEL_EXIT_CHECK : REEL_EXIT_OK;
    if (json) {
        const int printed = reel_print_json(
            json_pack("{s:b, s:i, s:i, s:I, s:f, s:f, s:o}", "passed", !t.failed, "cases",
                      t.passed + t.failed, "failed", t.failed, "kinks", (json_int_t)t.kinks,
                      "tolerance", config.tolerance, "worst_error",
                      isfinite(t.worst) ? t.worst : -1.0, "results", t.rows));
        if (!code)
            code = printed;
    } else {
        printf("%d of %d cases passed; worst error %.1e, tolerance %.1e; %lld kinks met and left "
               "out\n",
               t.passed, t.passed + t.failed, t.worst, config.tolerance, (long long)t.kinks);
    }
    return code;
}

const reel_command reel_command_gradcheck = REEL_COMMAND(
    options_table, .name = "gradcheck", .arguments = "[PATTERN]", .group = REEL_COMMAND_MEASURING,
    .run = gradcheck_run, .summary = "Check the gradients of operators, layers and networks",
    .notes = "PATTERN: part of a case's name; * and ? match as in the shell.\n"
             "The error is |a - n| / max(|a|, |n|, 1e-3 x the largest gradient of the tensor). "
             "`at` is where it is largest: input[element], or [*] along a random direction. Kinks "
             "are elements at a corner of the function, which have no gradient.\n"
             "The full networks come last and take about 2 GB. Exit code 5 if a case fails.",
    .examples = {
        {"reel gradcheck conv2d", "All cases whose name contains conv2d."},
        {"reel gradcheck 'op/*pool' --fuzz 100", "100 random uses of each pooling operator."}});
