/* `reel bench comm`: what exchanging gradients costs between the ranks of a launcher: messages, the
 * exchange of a training step, and how much of it hides behind computing. */
#include "train/bench/comm_times.h"
#include "train/bench/scale_list.h"
#include "train/cli/command.h"
#include "train/cli/rank_talk.h"
#include "train/run/ranks.h"

#include <math.h>
#include <stdlib.h>

static const char bench_comm[] = "bench comm";

static const reel_option options_table[] = {
    REEL_OPTION(TIME, .name = "compute", .value = "TIME", .initial = "0s", .min = 0, .max = 3600,
                .help = "length of the computation that the exchange runs behind; 0: twice that "
                        "of the exchange"),
    REEL_OPTION(TEXT, .name = "link", .value = "RATE",
                .help = "rate of the network link, such as 10Gbit, to compare with; default: that "
                        "of large messages"),
    REEL_OPTION(INT, .name = "runs", .value = "N", .initial = "5", .min = 1, .max = 1000,
                .help = "how often each is measured"),
    REEL_SHARED("batch", .initial = "256",
                .help = "images in a step of all ranks together, one piece a rank: the factors of "
                        "gradients grow with them"),
    REEL_SHARED("arch"),
    REEL_SHARED("num-classes"),
    REEL_SHARED("threads"),
    REEL_SHARED("comm-timeout"),
    REEL_SHARED_OUTPUT,
};

typedef struct comm_result {
    reel_comm_messages messages;
    reel_comm_exchange exchange;
    double sum_per_gb;
    double link;       /* bytes a second; 0 = not given */
    double efficiency; /* share of the link, or of large messages' rate, that an exchange reaches */
} comm_result;

/* The parameters of --arch, and the products of a piece, which the caller frees. */
static reel_status build_work(reel_comm_work *work, reel_net **net, const reel_options *o,
                              const reel_ctx *ctx, reel_error *err)
{
    reel_model *model;
    REEL_TRY(reel_command_arch(&model, o, err));
    reel_model_config config = reel_model_config_default(model);
    config.classes = reel_options_int(o, "num-classes");
    reel_status status = reel_model_build(net, model, &config, ctx, REEL_F32, err);
    reel_model_free(model);
    REEL_TRY(status);

    /* At least an image a rank, and whole pieces. */
    const int64_t images = reel_options_int(o, "batch") / work->pieces;
    const int64_t piece[4] = {images > 0 ? images : 1, config.channels, config.image_size,
                              config.image_size};
    reel_weight_product *products;
    REEL_TRY(reel_net_weight_products(*net, piece, &products, &work->n_products, err));
    work->products = products;
    work->params = reel_net_params(*net);
    return REEL_OK;
}

/* Of the messages only large ones tell what the link carries: small ones fit into buffers on the
 * way, and seem faster than it. */
static double efficiency_of(const comm_result *r)
{
    const size_t large = 4 << 20;
    double fastest = r->link;
    for (int i = 0; r->link == 0 && i < REEL_COMM_SIZES; i++)
        if (r->messages.bytes[i] >= large)
            fastest = fmax(fastest, (double)r->messages.bytes[i] / r->messages.seconds[i]);
    const double reached = r->exchange.rate / fastest;
    return reached < 1 ? reached : 1;
}

static reel_status measure_comm(comm_result *r, reel_comm *comm, const reel_options *o,
                                reel_error *err)
{
    const int runs = (int)reel_options_int(o, "runs"), hosts = reel_comm_hosts(comm);
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_comm_work work = {.pieces = reel_comm_ranks(comm)};
    const reel_comm_runs how = {.compute = reel_options_real(o, "compute"), .runs = runs};
    reel_status status = reel_command_ctx(&ctx, o, err);
    if (status == REEL_OK)
        status = build_work(&work, &net, o, ctx, err);
    REEL_TRY_GOTO(reel_rank_agree(comm, status, err, "the network"), done);

    REEL_TRY_GOTO(reel_comm_messages_measure(&r->messages, comm, runs, err), done);
    status = reel_comm_sum_measure(&r->sum_per_gb, reel_ctx_threads(ctx), runs, err);
    REEL_TRY_GOTO(reel_rank_agree(comm, status, err, "adding up"), done);
    REEL_TRY_GOTO(reel_comm_exchange_measure(&r->exchange, comm, &work, ctx, &how, err), done);
    /* Without a second host nothing goes over a link. */
    r->efficiency = hosts > 1 ? efficiency_of(r) : 1;
done:
    free((void *)work.products);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

/* ---- the answer ---- */

static void print_size(size_t bytes)
{
    if (bytes >> 20)
        printf("%6zu MB", bytes >> 20);
    else
        printf("%6zu KB", bytes >> 10);
}

static void print_comm(const comm_result *r, const reel_comm *comm, const char *arch)
{
    const reel_comm_messages *m = &r->messages;
    const reel_comm_exchange *x = &r->exchange;
    printf("%d ranks on %d %s; messages between rank 0 (host %s) and rank %d (host %s)\n",
           reel_comm_ranks(comm), reel_comm_hosts(comm),
           reel_comm_hosts(comm) == 1 ? "host" : "hosts", reel_comm_host_name(comm, 0), m->partner,
           reel_comm_host_name(comm, m->partner));
    printf("%9s %10s %8s\n", "message", "us", "GB/s");
    for (int i = 0; i < REEL_COMM_SIZES; i++) {
        print_size(m->bytes[i]);
        printf(" %10.1f %8.3f\n", 1e6 * m->seconds[i], 1e-9 * (double)m->bytes[i] / m->seconds[i]);
    }
    printf("latency %.1f us; %.3f s of a core for each GB sent and received; adding a GB %.3f s\n",
           1e6 * m->latency, m->cpu_per_gb, r->sum_per_gb);
    printf(
        "%s, gradients of %.1f MB: a host sends %.1f MB, exchange alone %.1f ms; without factors "
        "%.0f %% of the %s\n",
        arch, 1e-6 * x->bytes, 1e-6 * x->sent, 1e3 * x->exchange, 100 * r->efficiency,
        r->link > 0 ? "link" : "large messages' rate");
    if (x->products > 0)
        printf("products of factors: %.1f ms; one process computes them, too, so the other times "
               "leave them out\n",
               1e3 * x->products);
    printf("behind %.1f ms of computing: step %.1f ms, %.0f %% of the exchange is hidden\n",
           1e3 * x->compute, 1e3 * x->step, 100 * x->hidden);
}

static json_t *comm_json(const comm_result *r, const reel_comm *comm, const reel_options *o)
{
    const reel_comm_messages *m = &r->messages;
    const reel_comm_exchange *x = &r->exchange;
    json_t *sizes = json_array();
    for (int i = 0; i < REEL_COMM_SIZES; i++)
        json_array_append_new(sizes, json_pack("{s:I, s:f, s:f}", "bytes", (json_int_t)m->bytes[i],
                                               "seconds", m->seconds[i], "gb_per_s",
                                               1e-9 * (double)m->bytes[i] / m->seconds[i]));
    return json_pack("{s:i, s:i, s:s, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                     "ranks", reel_comm_ranks(comm), "hosts", reel_comm_hosts(comm), "arch",
                     reel_options_text(o, "arch"), "messages", sizes, "alpha_s", m->latency,
                     "cpu_s_per_gb", m->cpu_per_gb, "sum_s_per_gb", r->sum_per_gb, "efficiency",
                     r->efficiency, "gradient_bytes", x->bytes, "sent_bytes", x->sent, "exchange_s",
                     x->exchange, "compute_s", x->compute, "step_s", x->step, "products_s",
                     x->products, "hidden", x->hidden);
}

static reel_status read_link(double *rate, const reel_options *o, reel_error *err)
{
    reel_scale_link links[REEL_SCALE_MOST];
    int n;
    if (!reel_options_set(o, "link"))
        return REEL_OK;
    REEL_TRY(reel_scale_links(reel_options_text(o, "link"), links, &n, err));
    if (n > 1)
        return reel_fail(err, REEL_ERR_INVALID, "--link: expected one rate, got %d", n);
    *rate = links[0].bytes_per_second;
    return REEL_OK;
}

static int answer_comm(const comm_result *r, const reel_comm *comm, const reel_options *o)
{
    if (reel_options_flag(o, "json"))
        return reel_print_json(comm_json(r, comm, o));
    print_comm(r, comm, reel_options_text(o, "arch"));
    return fflush(stdout) == 0 ? REEL_EXIT_OK : REEL_EXIT_FAILED;
}

static int bench_comm_run(reel_options *options)
{
    reel_error err;
    reel_comm *comm;
    comm_result result = {0};
    if (read_link(&result.link, options, &err))
        return reel_complain_choice(bench_comm, &err);
    if (reel_rank_talk_connect(&comm, bench_comm, reel_options_real(options, "comm-timeout"), &err))
        return reel_complain(bench_comm, &err);

    int code = REEL_EXIT_OK;
    if (reel_comm_ranks(comm) == 1) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "nothing to measure: one process has nobody to exchange with; start several, as "
                  "in mpirun -n 2 --host a,b reel bench comm");
        code = reel_complain(bench_comm, &err);
    } else if (measure_comm(&result, comm, options, &err)) {
        code = reel_complain_once(comm, bench_comm, &err);
    } else if (reel_comm_rank(comm) == 0) {
        code = answer_comm(&result, comm, options);
    }
    reel_rank_talk_close(comm);
    return code;
}

const reel_command reel_command_bench_comm = REEL_COMMAND(
    options_table, .name = "bench comm", .group = REEL_COMMAND_MEASURING, .rank = 5, .ranks = true,
    .run = bench_comm_run, .summary = "Measure the exchange of gradients between processes",
    .notes =
        "Runs under mpirun or srun, with one process a machine or several. Measures messages of "
        "64 KB to 64 MB, and the exchange of a training step: the sums of all gradients and all "
        "new "
        "weights, by itself and behind a computation. `reel bench scale --comm FILE` takes the "
        "costs from what --json prints.",
    .examples = {{"mpirun -n 2 --host a,b reel bench comm --link 10Gbit",
                  "Two machines, and how much of their link the exchange reaches."},
                 {"mpirun -n 2 --host a,b reel bench comm --json", "Costs for reel bench scale."}});
