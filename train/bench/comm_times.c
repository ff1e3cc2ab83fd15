/* Measuring messages and exchanges. */
#include "train/bench/comm_times.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "train/bench/bench.h"

/* ---- messages ---- */

/* Seconds that this process has computed, its threads and the kernel's work for it included. */
static double process_cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

reel_status reel_comm_messages_measure(reel_comm_messages *m, reel_comm *comm, int runs,
                                       reel_error *err)
{
    enum { SMALLEST = 1 << 16, MOVED = 4 << 20, LATENCIES = 50, RUN_OF_MESSAGES = 64 };
    const int last = reel_comm_ranks(comm) - 1;
    *m = (reel_comm_messages){.partner = last};
    for (int r = last; r > 0; r--)
        if (reel_comm_host_of(comm, r) == 1)
            m->partner = r;

    REEL_TRY(reel_comm_ping(comm, 0, m->partner, 8, LATENCIES, &m->latency, err));
    for (int i = 0; i < REEL_COMM_SIZES; i++) {
        m->bytes[i] = (size_t)SMALLEST << 2 * i;
        /* Of large messages few: on a slow link each takes a second. */
        const bool large = m->bytes[i] > MOVED;
        const int times = large ? 1 : (int)(MOVED / m->bytes[i]);
        for (int k = 0; k < (large && runs > 2 ? 2 : runs); k++) {
            double seconds;
            REEL_TRY(reel_comm_ping(comm, 0, m->partner, m->bytes[i], times, &seconds, err));
            m->seconds[i] = k == 0 ? seconds : fmin(m->seconds[i], seconds);
        }
    }

    /* Messages of 1 MB, as the exchange has them. */
    double seconds;
    const double cpu = process_cpu_seconds();
    REEL_TRY(reel_comm_ping(comm, 0, m->partner, 1 << 20, RUN_OF_MESSAGES, &seconds, err));
    m->cpu_per_gb = 1e9 * (process_cpu_seconds() - cpu) / (RUN_OF_MESSAGES + 1) / (1 << 20);
    return REEL_OK;
}

reel_status reel_comm_sum_measure(double *seconds_per_gb, int threads, int runs, reel_error *err)
{
    const int64_t n = 16 << 20;
    float *a = calloc((size_t)n, sizeof *a), *b = calloc((size_t)n, sizeof *b);
    double best = INFINITY;
    reel_status status =
        a && b ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "arrays to add: out of memory");
    for (int k = 0; status == REEL_OK && k <= runs; k++) {
        const double began = reel_bench_now();
#pragma omp parallel for simd schedule(static) num_threads(threads)
        for (int64_t i = 0; i < n; i++)
            a[i] += b[i] + 1;
        best = k > 0 ? fmin(best, reel_bench_now() - began) : best;
    }
    *seconds_per_gb = 1e9 * best / (double)(n * (int64_t)sizeof *a);
    free(a);
    free(b);
    return status;
}

/* ---- a computation of fixed work ---- */

/* Turns of multiply-adds that take `seconds` here. */
typedef struct work_load {
    double turns_per_second;
    int threads;
} work_load;

static void do_turns(const work_load *w, double turns)
{
    const int64_t n = (int64_t)turns;
    volatile float kept = 0;
    float sum = 0;
#pragma omp parallel for schedule(static, 1) num_threads(w->threads) reduction(+ : sum)
    for (int t = 0; t < w->threads; t++) {
        float x = 1;
        for (int64_t i = 0; i < n; i++)
            x = x * 0.5f + 0.25f;
        sum += x;
    }
    kept = sum;
    (void)kept;
}

static work_load weigh_work(int threads)
{
    const double turns = 4e6;
    work_load w = {.threads = threads};
    for (int k = 0; k < 5; k++) {
        const double began = reel_bench_now();
        do_turns(&w, turns);
        w.turns_per_second = fmax(w.turns_per_second, turns / (reel_bench_now() - began));
    }
    return w;
}

/* ---- the exchange ---- */

typedef struct comm_bench {
    reel_comm *comm;
    reel_params *params;
    reel_parallel *parallel;
    const reel_comm_work *of;
    work_load work;
    double turns;    /* of each parameter's backward; its forward takes half of them; 0 = none */
    double products; /* seconds of this rank's products of factors: the mean of the steps */
} comm_bench;

static bool learns(const reel_params *params, int i)
{
    return !(reel_params_at(params, i)->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN));
}

static reel_status bench_forward(const comm_bench *b, bool exchanges, reel_error *err)
{
    for (int i = 0; i < reel_params_count(b->params); i++) {
        if (exchanges)
            REEL_TRY(reel_parallel_need(b->parallel, i, err));
        do_turns(&b->work, b->turns / 2);
    }
    return REEL_OK;
}

/* Backward of so many pieces leaves the gradient of parameter i, or its factors as they lie. */
static reel_status leave_gradient(const comm_bench *b, int i, int64_t pieces, reel_error *err)
{
    reel_param *param = reel_params_at(b->params, i);
    param->has_grad = learns(b->params, i) && !param->by_factors;
    for (int k = 0; k < b->of->n_products; k++) {
        reel_weight_product product = b->of->products[k];
        reel_factors to;
        product.rows *= pieces;
        if (product.param == i && param->by_factors)
            REEL_TRY(reel_parallel_factors(b->parallel, &product, &to, err));
    }
    return REEL_OK;
}

static void bench_backward(const comm_bench *b)
{
    for (int i = reel_params_count(b->params) - 1; i >= 0; i--)
        do_turns(&b->work, b->turns);
}

/* The same for the last subtree of a step, whose gradients travel at once. */
static reel_status bench_last_backward(const comm_bench *b, int64_t pieces, reel_error *err)
{
    for (int i = reel_params_count(b->params) - 1; i >= 0; i--) {
        do_turns(&b->work, b->turns);
        REEL_TRY(leave_gradient(b, i, pieces, err));
        if (learns(b->params, i))
            reel_parallel_ready(b->parallel, i);
    }
    return REEL_OK;
}

static reel_status bench_exchange_step(const comm_bench *b, reel_error *err)
{
    REEL_TRY(bench_forward(b, true, err));
    const reel_pieces *trees;
    const int n = reel_parallel_subtrees(b->parallel, &trees);
    for (int k = 0; k < n; k++) {
        reel_parallel_subtree(b->parallel, k);
        for (int i = 0; k < n - 1 && i < reel_params_count(b->params); i++)
            REEL_TRY(leave_gradient(b, i, trees[k].count, err));
    }
    REEL_TRY(bench_last_backward(b, trees[n - 1].count, err));
    REEL_TRY(reel_parallel_sum(b->parallel, err));
    return reel_parallel_publish(b->parallel, err);
}

enum { UNTIMED = 2 };

/* Medians of `runs` steps after two: the first plans what travels early. Weights travel while the
 * next step computes. The products of factors are left out. */
static reel_status time_exchange(comm_bench *b, int runs, double *median, reel_error *err)
{
    double *times = calloc((size_t)runs, sizeof *times);
    reel_status status =
        times ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "times of steps: out of memory");
    REEL_TRY_GOTO(reel_comm_agree(b->comm, status, err, "times of steps"), done);
    b->products = 0;
    for (int k = -UNTIMED; k < runs; k++) {
        const double began = reel_bench_now();
        const double before = reel_parallel_product_seconds(b->parallel);
        REEL_TRY_GOTO(bench_exchange_step(b, err), done);
        if (b->turns == 0)
            REEL_TRY_GOTO(reel_parallel_settle(b->parallel, err), done);
        const double products = reel_parallel_product_seconds(b->parallel) - before;
        if (k >= 0) {
            times[k] = reel_bench_now() - began - products;
            b->products += products / runs;
        }
    }
    status = reel_parallel_settle(b->parallel, err);
    *median = reel_bench_median(times, runs);
done:
    free(times);
    return status;
}

static reel_status time_compute(const comm_bench *b, int runs, double *median, reel_error *err)
{
    double *times = calloc((size_t)runs, sizeof *times);
    reel_status status =
        times ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "times of steps: out of memory");
    REEL_TRY_GOTO(reel_comm_agree(b->comm, status, err, "times of steps"), done);
    for (int k = 0; k < runs; k++) {
        const double began = reel_bench_now();
        REEL_TRY_GOTO(bench_forward(b, false, err), done);
        bench_backward(b);
        REEL_TRY_GOTO(reel_comm_agree(b->comm, REEL_OK, err, "a computation"), done);
        times[k] = reel_bench_now() - began;
    }
    *median = reel_bench_median(times, runs);
done:
    free(times);
    return status;
}

static double exchanged_bytes(const reel_params *params)
{
    double bytes = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        bytes +=
            learns(params, i) ? (double)reel_tensor_bytes(&reel_params_at(params, i)->value) : 0;
    return bytes;
}

/* The exchange by itself, and the bytes that a host sends for one. b->parallel is made. */
static reel_status measure_alone(comm_bench *b, const reel_ctx *ctx, int runs,
                                 reel_comm_exchange *x, reel_error *err)
{
    const reel_comm_work *work = b->of;
    const reel_parallel_config config = {.pieces = work->pieces,
                                         .overlap = true,
                                         .products = work->products,
                                         .n_products = work->n_products};
    REEL_TRY(reel_parallel_create(&b->parallel, b->comm, work->params, ctx, &config, err));
    const uint64_t before = reel_comm_sent_bytes(b->comm);
    REEL_TRY(time_exchange(b, runs, &x->exchange, err));
    x->sent = (double)(reel_comm_sent_bytes(b->comm) - before);
    REEL_TRY(reel_comm_add_up(b->comm, &x->sent, 1, "what was sent", err));
    x->sent /= (double)(runs + UNTIMED) * reel_comm_hosts(b->comm);
    return REEL_OK;
}

reel_status reel_comm_exchange_measure(reel_comm_exchange *x, reel_comm *comm,
                                       const reel_comm_work *work, const reel_ctx *ctx,
                                       const reel_comm_runs *how, reel_error *err)
{
    comm_bench b = {.comm = comm, .params = work->params};
    *x = (reel_comm_exchange){.bytes = exchanged_bytes(work->params)};

    /* Without factors the bytes are those of all gradients: the rate tells how well messages go. */
    const reel_comm_work plain = {.params = work->params, .pieces = work->pieces};
    b.of = &plain;
    reel_status status;
    REEL_TRY_GOTO(measure_alone(&b, ctx, how->runs, x, err), done);
    x->rate = x->sent / x->exchange;
    reel_parallel_destroy(b.parallel);
    b.parallel = NULL;
    b.of = work;
    REEL_TRY_GOTO(measure_alone(&b, ctx, how->runs, x, err), done);

    /* The same work on all ranks, as rank 0 measured it. */
    b.work = weigh_work(reel_ctx_threads(ctx));
    const double seconds = how->compute > 0 ? how->compute : 2 * x->exchange;
    b.turns = b.work.turns_per_second * seconds / (1.5 * reel_params_count(work->params));
    REEL_TRY_GOTO(reel_comm_broadcast(comm, &b.turns, sizeof b.turns, 0, "the work", err), done);
    REEL_TRY_GOTO(time_compute(&b, how->runs, &x->compute, err), done);
    REEL_TRY_GOTO(time_exchange(&b, how->runs, &x->step, err), done);
    x->products = b.products;
    x->hidden = 1 - (x->step - x->compute) / x->exchange;
done:
    reel_parallel_destroy(b.parallel);
    return status;
}
