/* `reel bench scale`: what training on several machines like this one is expected to take, before
 * there are any. Measures the layers here, and asks the model of train/bench/scale_model.h. */
#include "train/bench/layer_times.h"
#include "train/bench/scale_list.h"
#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/trainee.h"
#include "train/run/json_util.h"

#include "optim/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char bench_scale[] = "bench scale";

static const reel_option options_table[] = {
    REEL_OPTION(TEXT, .name = "nodes", .value = "N,N,...", .initial = "1,2,4,...,1024",
                .help = "numbers of machines"),
    REEL_OPTION(TEXT, .name = "link", .value = "RATE,...", .initial = "10Gbit,25Gbit,100Gbit",
                .help = "rates of each machine's network link, both ways at the same time"),
    REEL_SHARED("batch", .initial = "8192", .help = "images in a step of all machines together"),
    REEL_OPTION(TEXT, .name = "sizes", .value = "N,N,...", .initial = "1,4,16,64",
                .help = "batch sizes to measure here; others follow from these"),
    REEL_OPTION(INT, .name = "steps", .value = "N", .initial = "3", .min = 1, .max = 1000,
                .help = "timed steps of each size, after an untimed one"),
    REEL_OPTION(INT, .name = "ranks-a-node", .value = "N", .initial = "1", .min = 1, .max = 4096,
                .help = "processes on each machine, which share its memory"),
    REEL_OPTION(REAL, .name = "latency", .value = "S", .initial = "5e-5", .min = 0, .max = 10,
                .help = "seconds that a message takes, whatever its length"),
    REEL_OPTION(REAL, .name = "efficiency", .value = "X", .initial = "0.92", .min = 1e-6, .max = 1,
                .help = "share of the link's rate that the exchange reaches"),
    REEL_OPTION(REAL, .name = "cpu-per-gb", .value = "S", .initial = "0.6", .min = 0, .max = 1000,
                .help = "seconds of one core for each GB that a machine sends and gets in turn"),
    REEL_OPTION(REAL, .name = "sum-per-gb", .value = "S", .initial = "0.09", .min = 0, .max = 1000,
                .help =
                    "seconds for adding each GB of gradients of another process of the machine"),
    REEL_OPTION(TEXT, .name = "comm", .value = "FILE",
                .help = "take these costs from what `reel bench comm --json` printed"),
    REEL_OPTION(FLAG, .name = "timeline",
                .help = "show for each layer when it is computed, exchanged and needed again"),
    REEL_SHARED("arch"),
    REEL_SHARED("head"),
    REEL_SHARED("num-classes"),
    REEL_SHARED("size"),
    REEL_SHARED("opt"),
    REEL_SHARED("precision"),
    REEL_SHARED("seed"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

enum { EPOCHS = 90, IMAGENET = 1281167, SECONDS_A_DAY = 86400 };

/* What was asked for, and what was measured. */
typedef struct scale_plan {
    int nodes[REEL_SCALE_MOST], n_nodes;
    int sizes[REEL_SCALE_MOST], n_sizes;
    reel_scale_link links[REEL_SCALE_MOST];
    int n_links;
    reel_scale_costs costs; /* without the link */
    int64_t batch;
    int ranks, cores;
    reel_layer_times *measured; /* [n_sizes] */
} scale_plan;

/* ---- the request ---- */

/* A cost: as typed, else as the file says, else the default. */
static reel_status read_cost(double *cost, const reel_options *o, const char *option,
                             const json_t *file, const char *key, reel_error *err)
{
    const json_t *stored = json_object_get(file, key);
    *cost = reel_options_real(o, option);
    if (reel_options_given(o, option) || !stored)
        return REEL_OK;
    *cost = json_number_value(stored);
    if (!json_is_number(stored) || !(*cost >= 0) || !isfinite(*cost))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: \"%s\": expected a number of 0 or more",
                         reel_options_text(o, "comm"), key);
    return REEL_OK;
}

static reel_status read_costs(reel_scale_costs *costs, const reel_options *o, reel_error *err)
{
    json_t *file = NULL;
    reel_status status;
    const char *path = reel_options_text(o, "comm");
    if (path)
        REEL_TRY(reel_json_load(&file, path, err));
    REEL_TRY_GOTO(read_cost(&costs->alpha, o, "latency", file, "alpha_s", err), done);
    REEL_TRY_GOTO(read_cost(&costs->efficiency, o, "efficiency", file, "efficiency", err), done);
    REEL_TRY_GOTO(read_cost(&costs->cpu_per_gb, o, "cpu-per-gb", file, "cpu_s_per_gb", err), done);
    REEL_TRY_GOTO(read_cost(&costs->sum_per_gb, o, "sum-per-gb", file, "sum_s_per_gb", err), done);
    if (!(costs->efficiency > 0 && costs->efficiency <= 1))
        status = reel_fail(err, REEL_ERR_FORMAT,
                           "%s: \"efficiency\": expected more than 0 and at most 1, got %g", path,
                           costs->efficiency);
done:
    json_decref(file);
    return status;
}

static reel_status read_plan(scale_plan *p, const reel_options *o, reel_error *err)
{
    enum { MOST_NODES = 1 << 20, MOST_IMAGES = 1 << 20 };
    p->batch = reel_options_int(o, "batch");
    p->ranks = (int)reel_options_int(o, "ranks-a-node");
    REEL_TRY(reel_scale_counts("nodes", reel_options_text(o, "nodes"), MOST_NODES, p->nodes,
                               &p->n_nodes, err));
    REEL_TRY(reel_scale_counts("sizes", reel_options_text(o, "sizes"), MOST_IMAGES, p->sizes,
                               &p->n_sizes, err));
    REEL_TRY(reel_scale_links(reel_options_text(o, "link"), p->links, &p->n_links, err));
    if (!reel_options_given(o, "nodes")) /* the default list ends where the images do */
        while (p->n_nodes > 1 && p->nodes[p->n_nodes - 1] > p->batch)
            p->n_nodes--;
    if (p->nodes[p->n_nodes - 1] > p->batch)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--nodes: expected at most one for each image of --batch %lld, got %d",
                         (long long)p->batch, p->nodes[p->n_nodes - 1]);
    return read_costs(&p->costs, o, err);
}

/* ---- measuring ---- */

static reel_status build_trainee(reel_trainee *t, const reel_options *o, int64_t *size,
                                 int64_t *channels, reel_error *err)
{
    reel_model *model;
    REEL_TRY(reel_command_arch(&model, o, err));
    reel_model_config config = reel_model_config_default(model);
    reel_model_free(model);
    if (reel_options_set(o, "size"))
        config.image_size = reel_options_int(o, "size");
    config.classes = reel_options_int(o, "num-classes");
    config.head = reel_head_find(reel_options_text(o, "head"));
    *size = config.image_size;
    *channels = config.channels;

    const reel_tape_config tape = {.dtype = REEL_F32, .timed = true};
    REEL_TRY(reel_trainee_build(t, o, &config, &tape, err));
    reel_net_set_training(t->session.net, true);
    return REEL_OK;
}

static reel_status measure_sizes(scale_plan *p, reel_trainee *t, const reel_options *o,
                                 reel_error *err)
{
    int64_t size, channels;
    REEL_TRY(build_trainee(t, o, &size, &channels, err));
    p->cores = reel_ctx_threads(t->session.ctx);
    p->measured = calloc((size_t)p->n_sizes, sizeof *p->measured);
    if (!p->measured)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");

    for (int k = 0; k < p->n_sizes; k++) {
        const int64_t shape[4] = {p->sizes[k], channels, size, size};
        REEL_TRY(reel_layer_times_measure(&p->measured[k], t->session.net, t->session.tape,
                                          t->session.opt, shape, (int)reel_options_int(o, "steps"),
                                          err));
        if (p->measured[k].n != p->measured[0].n)
            return reel_fail(err, REEL_ERR_INVALID, "batches of %d and %d run other layers",
                             p->sizes[0], p->sizes[k]);
    }
    return REEL_OK;
}

/* ---- predictions ---- */

/* A prediction for one link and one number of nodes. */
typedef struct scale_row {
    const reel_scale_link *link;
    int nodes;
    double batch; /* of a node: the largest share */
    reel_scale_step step;
    double images_per_second, efficiency, days;
    reel_scale_times *times; /* [layers] */
} scale_row;

/* The layers with their times for the batch of one node. */
static void layers_for_batch(const scale_plan *p, double batch, reel_layer_times *layers)
{
    double sizes[REEL_SCALE_MOST], forward[REEL_SCALE_MOST], backward[REEL_SCALE_MOST];
    *layers = p->measured[0];
    for (int k = 0; k < p->n_sizes; k++)
        sizes[k] = p->sizes[k];
    for (int i = 0; i < layers->n; i++) {
        for (int k = 0; k < p->n_sizes; k++) {
            forward[k] = p->measured[k].layer[i].forward;
            backward[k] = p->measured[k].layer[i].backward;
        }
        layers->layer[i].forward = reel_scale_time_at(sizes, forward, p->n_sizes, batch);
        layers->layer[i].backward = reel_scale_time_at(sizes, backward, p->n_sizes, batch);
    }
    /* The update does not depend on the batch; the largest disturbs it least. */
    layers->update = p->measured[p->n_sizes - 1].update;
}

static reel_status predict_row(scale_row *row, const scale_plan *p, reel_error *err)
{
    reel_layer_times *layers = malloc(sizeof *layers);
    if (!layers)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    row->batch = ceil((double)p->batch / row->nodes);
    layers_for_batch(p, row->batch, layers);

    reel_scale_case c = {.layers = layers->layer,
                         .n_layers = layers->n,
                         .update = layers->update,
                         .nodes = row->nodes,
                         .ranks = p->ranks,
                         .cores = p->cores,
                         .costs = p->costs};
    c.costs.bytes_per_second = row->link->bytes_per_second;
    row->step = reel_scale_predict(&c, row->times);

    /* Efficiency: against one node with the whole batch. */
    layers_for_batch(p, (double)p->batch, layers);
    c.nodes = 1;
    const double alone = reel_scale_predict(&c, NULL).seconds;
    free(layers);
    if (isnan(row->step.seconds) || isnan(alone))
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    row->images_per_second = (double)p->batch / row->step.seconds;
    row->efficiency = alone / row->step.seconds / row->nodes;
    row->days = (double)IMAGENET * EPOCHS / row->images_per_second / SECONDS_A_DAY;
    return REEL_OK;
}

/* ---- text ---- */

static double measured_bytes(const reel_layer_times *t)
{
    double bytes = 0;
    for (int i = 0; i < t->n; i++)
        bytes += t->layer[i].bytes;
    return bytes;
}

static double pass_seconds(const reel_layer_times *t)
{
    double seconds = 0;
    for (int i = 0; i < t->n; i++)
        seconds += t->layer[i].forward + t->layer[i].backward;
    return seconds;
}

static void print_head(const scale_plan *p, const reel_options *o, const reel_ctx *ctx)
{
    printf("%s, %lld images a step; machines as this one: %d threads, %s\n",
           reel_options_text(o, "arch"), (long long)p->batch, p->cores,
           reel_isa_name(reel_ctx_isa(ctx)));
    printf("gradients %.1f MB; update %.1f ms\n", 1e-6 * measured_bytes(&p->measured[0]),
           1e3 * p->measured[p->n_sizes - 1].update);
    printf("measured here:");
    for (int k = 0; k < p->n_sizes; k++)
        printf("%s %.1f ms at batch %d", k ? "," : "", 1e3 * pass_seconds(&p->measured[k]),
               p->sizes[k]);
    printf("\n");
    printf("exchange: %g us a message, %g %% of the link, %g s of a core a GB; %d %s a machine\n",
           1e6 * p->costs.alpha, 100 * p->costs.efficiency, p->costs.cpu_per_gb, p->ranks,
           p->ranks == 1 ? "process" : "processes");
}

static void print_timeline(const scale_row *row, const reel_layer_times *layers)
{
    printf("    %-28s %8s %10s %10s %10s %10s %10s\n", "layer, times in ms", "MB", "gradient",
           "exchange", "summed", "weights", "needed");
    for (int i = layers->n - 1; i >= 0; i--) {
        const reel_scale_times *t = &row->times[i];
        printf("    %-28s %8.2f %10.1f %10.1f %10.1f %10.1f %10.1f\n", layers->layer[i].name,
               1e-6 * layers->layer[i].bytes, 1e3 * t->ready, 1e3 * t->begin, 1e3 * t->summed,
               1e3 * t->handed_out, 1e3 * t->needed);
    }
}

static void print_row(const scale_row *row, const reel_layer_times *layers, bool timeline)
{
    printf("%7d %12.0f %10.1f %12.1f %10.1f %12.0f %9.1f %% %10.2f\n", row->nodes, row->batch,
           1e3 * row->step.seconds, 1e3 * row->step.computing, 1e3 * row->step.link,
           row->images_per_second, 100 * row->efficiency, row->days);
    if (timeline)
        print_timeline(row, layers);
}

/* ---- JSON ---- */

static json_t *row_json(const scale_row *row, const reel_layer_times *layers, bool timeline)
{
    json_t *object = json_pack(
        "{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "link", row->link->name, "nodes",
        row->nodes, "batch_a_node", row->batch, "step_s", row->step.seconds, "computing_s",
        row->step.computing, "link_s", row->step.link, "images_per_second", row->images_per_second,
        "efficiency", row->efficiency, "imagenet_90_epochs_days", row->days);
    if (!timeline)
        return object;

    json_t *list = json_array();
    for (int i = 0; i < layers->n; i++) {
        const reel_scale_times *t = &row->times[i];
        json_array_append_new(
            list, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "layer", layers->layer[i].name,
                            "bytes", layers->layer[i].bytes, "gradient_ready_s", t->ready,
                            "exchange_begins_s", t->begin, "summed_s", t->summed, "exchange_ends_s",
                            t->handed_out, "needed_s", t->needed));
    }
    json_object_set_new(object, "timeline", list);
    return object;
}

static json_t *plan_json(const scale_plan *p, const reel_options *o, const reel_ctx *ctx)
{
    json_t *measured = json_array();
    for (int k = 0; k < p->n_sizes; k++)
        json_array_append_new(measured, json_pack("{s:i, s:f, s:f}", "batch", p->sizes[k],
                                                  "passes_s", pass_seconds(&p->measured[k]),
                                                  "update_s", p->measured[k].update));
    return json_pack("{s:s, s:I, s:i, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:o}", "arch",
                     reel_options_text(o, "arch"), "batch", (json_int_t)p->batch, "threads",
                     p->cores, "isa", reel_isa_name(reel_ctx_isa(ctx)), "ranks_a_node", p->ranks,
                     "gradient_bytes", measured_bytes(&p->measured[0]), "alpha_s", p->costs.alpha,
                     "efficiency", p->costs.efficiency, "cpu_s_per_gb", p->costs.cpu_per_gb,
                     "sum_s_per_gb", p->costs.sum_per_gb, "measured", measured);
}

/* ---- the command ---- */

/* Prints a table for each link, or adds its rows to `list`. */
static reel_status answer_link(const scale_plan *p, const reel_scale_link *link,
                               reel_scale_times *times, bool timeline, json_t *list,
                               reel_error *err)
{
    if (!list)
        printf("\n%s\n%7s %12s %10s %12s %10s %12s %11s %10s\n", link->name, "nodes", "images each",
               "step ms", "computing ms", "link ms", "images/s", "efficiency", "days");
    for (int k = 0; k < p->n_nodes; k++) {
        scale_row row = {.link = link, .nodes = p->nodes[k], .times = times};
        REEL_TRY(predict_row(&row, p, err));
        if (list)
            json_array_append_new(list, row_json(&row, &p->measured[0], timeline));
        else
            print_row(&row, &p->measured[0], timeline);
    }
    return REEL_OK;
}

static reel_status answer_plan(const scale_plan *p, const reel_options *o, const reel_ctx *ctx,
                               int *code, reel_error *err)
{
    const bool timeline = reel_options_flag(o, "timeline");
    json_t *list = reel_options_flag(o, "json") ? json_array() : NULL;
    reel_status status = REEL_OK;
    reel_scale_times *times = calloc((size_t)p->measured[0].n, sizeof *times);
    if (!times)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_MEMORY, "out of memory"), done);

    if (!list)
        print_head(p, o, ctx);
    for (int l = 0; l < p->n_links; l++)
        REEL_TRY_GOTO(answer_link(p, &p->links[l], times, timeline, list, err), done);

    if (list) {
        json_t *object = plan_json(p, o, ctx);
        json_object_set(object, "results", list);
        *code = reel_print_json(object);
    } else {
        printf("\ndays: ImageNet, %d images x %d epochs\n", IMAGENET, EPOCHS);
    }
done:
    json_decref(list);
    free(times);
    return status;
}

static int bench_scale_run(reel_options *options)
{
    reel_error err;
    scale_plan plan = {0};
    if (read_plan(&plan, options, &err))
        return reel_complain_choice(bench_scale, &err);

    reel_trainee trainee;
    int code = reel_trainee_begin(&trainee, options, bench_scale);
    if (code)
        return code;
    if (measure_sizes(&plan, &trainee, options, &err))
        code = reel_complain_choice(bench_scale, &err);
    else if (answer_plan(&plan, options, trainee.session.ctx, &code, &err))
        code = reel_complain(bench_scale, &err);
    free(plan.measured);
    reel_trainee_end(&trainee);
    return code;
}

const reel_command reel_command_bench_scale = REEL_COMMAND(
    options_table, .name = "bench scale", .group = REEL_COMMAND_MEASURING, .rank = 4,
    .run = bench_scale_run, .more_options = reel_optimizer_row,
    .summary = "Predict training on several machines from a step on this one",
    .notes = "Measures a training step by layer on this machine. A model of the exchange says what "
             "a step takes on several such machines (train/bench/README.md lists what it assumes). "
             "No other machine is used.",
    .examples = {{"reel bench scale --nodes 1,2,4,...,64 --link 10Gbit",
                  "AlexNet in batches of 8,192 on up to 64 machines."},
                 {"reel bench scale --nodes 16 --link 10Gbit --timeline",
                  "Layer by layer: what hides behind computing, and what does not."}});
