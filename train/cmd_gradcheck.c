/* `reel gradcheck`: every case of every operator, every kind of layer, and small whole nets, in float64 against central
 * differences. Exit 5 when one fails. */
#include "train/command.h"

#include "layers/gradcheck.h"
#include "layers/models.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>
#include <time.h>

static const reel_option options_table[] = {
    {"tolerance", NULL, 0, REEL_OPTION_REAL, "X", "1e-6", 1e-12, 1, "largest error that passes"},
    {"step", NULL, 0, REEL_OPTION_REAL, "X", NULL, 1e-9, 1, "step of the differences; unset = 1e-5, for whole nets 1e-4"},
    {"max-elements", NULL, 0, REEL_OPTION_INT, "N", "400", 1, 1e12, "elements of each input to check, drawn at random"},
    {"fuzz", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 1e9, "instead of the cases: N random uses of each operator and layer"},
    REEL_ROW_SEED,
    {"threads", NULL, 0, REEL_OPTION_INT, "N", "1", 0, 1024, "compute threads; more rarely helps with such small shapes"},
    REEL_ROW_JSON,
    REEL_ROW_QUIET,
};

/* ---- nets under check: a name, the shape of the input, the layers ---- */
typedef struct {
    const char *name;
    int64_t input[4];
    void (*add)(reel_net *net);
} net_case;

static void add_convolutions(reel_net *net)
{
    reel_add_conv2d(net, .in = 4, .out = 6, .kernel = 3, .stride = 2, .padding = 1, .groups = 2);
    reel_add_conv2d(net, .in = 6, .out = 5, .kernel = 3, .kernel_w = 2, .dilation = 2, .padding = 2, .no_bias = true);
}

static void add_poolings(reel_net *net)
{
    reel_add_maxpool(net, .kernel = 3, .stride = 2, .ceil_mode = true);
    reel_add_avgpool(net, .kernel = 2, .stride = 1, .padding = 1);
    reel_add_adaptive_avgpool(net, .height = 3, .width = 2);
}

static void add_activations(reel_net *net)
{
    reel_add_relu(net);
    reel_add_leaky_relu(net, .slope = 0.1);
    reel_add_sigmoid(net);
    reel_add_tanh(net);
    reel_add_flatten(net);
    reel_add_softmax(net);
}

static void add_normalizations(reel_net *net)
{
    reel_add_batch_norm2d(net, .channels = 6);
    reel_add_lrn(net, .size = 5, .alpha = 0.1, .k = 2);
}

static void add_linear(reel_net *net)
{
    reel_add_flatten(net);
    reel_add_dropout(net, .p = 0.4);
    reel_add_linear(net, .in = 36, .out = 7);
    reel_add_linear(net, .in = 7, .out = 3, .no_bias = true);
}

static void add_global_avg(reel_net *net)
{
    reel_add_global_avgpool(net);
}

static void add_global_max(reel_net *net)
{
    reel_add_global_maxpool(net);
}

static const reel_init scaled = {REEL_INIT_KAIMING_NORMAL, 0};

static void add_tiny(reel_net *net, reel_head head)
{
    reel_model_tiny.add(
        net, &(reel_model_config){.classes = 4, .head = head, .dropout = 0.5, .image_size = 20, .weight_init = scaled});
}

static void add_tiny_flatten(reel_net *net)
{
    add_tiny(net, REEL_HEAD_FLATTEN);
}

static void add_tiny_gap(reel_net *net)
{
    add_tiny(net, REEL_HEAD_GAP);
}

static void add_tiny_gmp(reel_net *net)
{
    add_tiny(net, REEL_HEAD_GMP);
}

/* AlexNet's layers in AlexNet's order, with few channels: five convolutions (two in groups), LRN, overlapping pooling, batch
 * norm, dropout, three linear layers. Some without bias: a check takes 16 inputs at most. */
static void add_small_alexnet(reel_net *net)
{
    reel_add_conv2d(net, .in = 3, .out = 6, .kernel = 5, .stride = 2, .padding = 2, .weight_init = scaled);
    reel_add_relu(net);
    reel_add_lrn(net, .size = 3, .alpha = 0.05, .k = 2);
    reel_add_maxpool(net, .kernel = 3, .stride = 2);
    reel_add_conv2d(net, .in = 6, .out = 8, .kernel = 3, .padding = 1, .groups = 2, .no_bias = true, .weight_init = scaled);
    reel_add_relu(net);
    reel_add_maxpool(net, .kernel = 3, .stride = 2);
    reel_add_conv2d(net, .in = 8, .out = 8, .kernel = 3, .padding = 1, .no_bias = true, .weight_init = scaled);
    reel_add_batch_norm2d(net, .channels = 8);
    reel_add_relu(net);
    reel_add_conv2d(net, .in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 2, .no_bias = true, .weight_init = scaled);
    reel_add_relu(net);
    reel_add_conv2d(net, .in = 8, .out = 6, .kernel = 3, .padding = 1, .no_bias = true, .weight_init = scaled);
    reel_add_relu(net);
    reel_add_maxpool(net, .kernel = 3, .stride = 1);
    reel_add_adaptive_avgpool(net, .height = 2);
    reel_add_flatten(net);
    reel_add_dropout(net, .p = 0.5);
    reel_add_linear(net, .in = 24, .out = 16, .weight_init = scaled);
    reel_add_relu(net);
    reel_add_dropout(net, .p = 0.5);
    reel_add_linear(net, .in = 16, .out = 16, .weight_init = scaled);
    reel_add_relu(net);
    reel_add_linear(net, .in = 16, .out = 5, .weight_init = scaled);
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

static reel_status check_net(const net_case *c, const reel_ctx *ctx, const reel_gradcheck_config *config,
                             reel_gradcheck_report *report, reel_error *err)
{
    reel_net *net;
    REEL_TRY(reel_net_create(&net, ctx, REEL_F64, err));
    c->add(net);
    reel_status status = reel_net_build(net, err);
    if (status == REEL_OK) {
        reel_net_init(net);
        status = reel_net_gradcheck(net, c->input, config, report, err);
    }
    reel_net_destroy(net);
    return status;
}

/* ---- the table ---- */
typedef struct {
    const reel_options *options;
    json_t *rows; /* NULL without --json */
    int passed, failed;
    double worst;
} tally;

static bool selected(const reel_options *options, const char *name)
{
    if (reel_options_arg_count(options) == 0) return true;
    const char *pattern = reel_options_arg(options, 0);
    return strstr(name, pattern) || fnmatch(pattern, name, 0) == 0;
}

static void count(tally *t, const char *name, reel_status status, const reel_gradcheck_report *r, const reel_error *err)
{
    const bool passed = status == REEL_OK && r->passed;
    *(passed ? &t->passed : &t->failed) += 1;
    if (status == REEL_OK && !(r->worst_error <= t->worst)) t->worst = r->worst_error;
    const char *why = passed ? "" : status == REEL_OK ? r->message : err->message;
    if (t->rows) {
        json_t *row = json_pack("{s:s, s:b, s:I, s:I}", "name", name, "passed", passed, "checked", (json_int_t)r->checked,
                                "kinks", (json_int_t)r->kinks);
        json_object_set_new(row, "worst_error", isfinite(r->worst_error) ? json_real(r->worst_error) : json_null());
        if (!passed) json_object_set_new(row, "message", json_string(why));
        json_array_append_new(t->rows, row);
    } else {
        if (t->passed + t->failed == 1) printf("%-6s %-52s %9s %8s %6s\n", "", "case", "error", "checked", "kinks");
        printf("%-6s %-52s %9.1e %8lld %6lld\n", passed ? "ok" : "FAILED", name, r->worst_error, (long long)r->checked,
               (long long)r->kinks);
    }
    if (!passed) reel_say("reel gradcheck: %s: %s", name, why);
}

static void check_all(tally *t, const reel_ctx *ctx, const reel_gradcheck_config *config)
{
    char name[160];
    /* Rounding in a whole net's output is large against the change that 1e-5 makes. */
    reel_gradcheck_config for_nets = *config;
    if (for_nets.step == 0) for_nets.step = 1e-4;
    for (int i = 0; i < reel_op_count(); i++) {
        const reel_op *op = reel_op_at(i);
        for (int k = 0; k < op->n_cases; k++) {
            snprintf(name, sizeof name, "op/%s: %s", op->name, op->cases[k].label);
            if (!selected(t->options, name)) continue;
            reel_gradcheck_report report = {0};
            reel_error err = {0};
            count(t, name, reel_gradcheck_case(ctx, &op->cases[k], config, &report, &err), &report, &err);
        }
    }
    for (int i = 0; i < REEL_COUNT(net_cases); i++) {
        if (!selected(t->options, net_cases[i].name)) continue;
        reel_gradcheck_report report = {0};
        reel_error err = {0};
        count(t, net_cases[i].name, check_net(&net_cases[i], ctx, &for_nets, &report, &err), &report, &err);
    }
}

static int run(reel_options *options)
{
    const reel_gradcheck_config config = {.step = reel_options_real(options, "step"),
                                          .tolerance = reel_options_real(options, "tolerance"),
                                          .seed = (uint64_t)reel_options_int(options, "seed"),
                                          .max_elements = reel_options_int(options, "max-elements")};
    reel_error err;
    reel_ctx *ctx;
    if (reel_ctx_create(&ctx, &(reel_ctx_config){.threads = (int)reel_options_int(options, "threads"), .seed = config.seed},
                        &err))
        return reel_complain("gradcheck", &err);
    const bool json = reel_options_flag(options, "json");
    tally t = {.options = options, .rows = json ? json_array() : NULL};
    check_all(&t, ctx, &config);
    reel_ctx_destroy(ctx);

    if (t.passed + t.failed == 0) {
        reel_fail(&err, REEL_ERR_INVALID, "no case matches '%s'", reel_options_arg(options, 0));
        json_decref(t.rows);
        return reel_complain_usage("gradcheck", &err);
    }
    int code = t.failed ? REEL_EXIT_CHECK : REEL_EXIT_OK;
    if (json) {
        const int printed = reel_print_json(json_pack("{s:b, s:i, s:i, s:f, s:f, s:o}", "passed", !t.failed, "cases",
                                                      t.passed + t.failed, "failed", t.failed, "tolerance", config.tolerance,
                                                      "worst_error", isfinite(t.worst) ? t.worst : -1.0, "results", t.rows));
        if (!code) code = printed;
    } else {
        printf("%d of %d cases passed; worst error %.1e, tolerance %.1e\n", t.passed, t.passed + t.failed, t.worst,
               config.tolerance);
    }
    return code;
}

const reel_command reel_command_gradcheck = {
    .name = "gradcheck",
    .arguments = "[PATTERN]",
    .about = "Checks the gradients of every operator, layer and some nets in float64",
    .notes = "PATTERN: part of a case's name, or a shell pattern: `reel gradcheck conv2d`, `reel gradcheck 'op/*pool*'`.\n"
             "The error is |a - n| / max(|a|, |n|, 1e-3 x the largest gradient of the tensor). Exit code 5 if one fails.",
    .options = options_table,
    .n_options = (int)REEL_COUNT(options_table),
    .max_args = 1,
    .run = run,
};
