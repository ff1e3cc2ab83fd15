/* `reel bench kernels`: every pass of convolutions and linear layers: what runs, how fast, how much
 * of the peak, how exact. */
#include "train/bench/bench.h"
#include "train/bench/bench_work.h"
#include "train/cli/command.h"
#include "train/run/json_util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const reel_option options_table[] = {
    REEL_OPTION(TEXT, .name = "shapes", .value = "FILE",
                .help = "convolutions to measure, as JSON; unset: AlexNet's layers"),
    REEL_SHARED("batch", .initial = "16"),
    REEL_OPTION(CHOICE, .name = "pass", .value = "all|forward|input-grad|weight-grad",
                .initial = "all", .help = "pass to measure"),
    REEL_OPTION(TEXT, .name = "net", .value = "TEXT",
                .help = "only shapes whose name contains TEXT"),
    REEL_OPTION(INT, .name = "runs", .value = "N", .initial = "7", .min = 1, .max = 1e6,
                .help = "timed runs, after an untimed one; the median counts"),
    REEL_SHARED("seed"),
    REEL_SHARED("threads"),
    REEL_SHARED("json", .help = "print one JSON object a line: one for each pass, then a summary"),
    REEL_SHARED("quiet"),
};

enum { PASSES = 3 };
static const char *const pass_names[PASSES] = {"forward", "input-grad", "weight-grad"};

/* Logarithms, for geometric means. */
typedef struct totals {
    int64_t count;
    double gflops, percent, worst;
} totals;

typedef struct bench {
    const reel_ctx *ctx;
    const reel_options *options;
    reel_bench_shapes shapes;
    double *times;
    int64_t runs, batch;
    bool json;
    totals convolutions, products;
} bench;

static bool kernels_wanted(const bench *b, const reel_bench_shape *shape, int pass)
{
    const char *only = reel_options_text(b->options, "pass");
    return (!shape->forward_only || pass == 0) &&
           (!strcmp(only, "all") || !strcmp(only, pass_names[pass]));
}

/* The name without control characters. */
static const char *printable_name(const char *name, char *text, size_t size)
{
    size_t n = 0;
    for (; *name && n + 1 < size; name++)
        text[n++] = (unsigned char)*name < 32 || *name == 127 ? '?' : *name;
    text[n] = '\0';
    return text;
}

static json_t *shape_numbers(const reel_bench_shape *p)
{
    const reel_conv_shape *s = &p->conv;
    if (p->is_product)
        return json_pack("[I, I, I]", (json_int_t)p->m, (json_int_t)p->n, (json_int_t)p->k);
    return json_pack("[I, I, I, I, I, I, I, I]", (json_int_t)s->c, (json_int_t)s->h,
                     (json_int_t)s->w, (json_int_t)s->oc, (json_int_t)s->kh, (json_int_t)s->sh,
                     (json_int_t)s->ph, (json_int_t)s->groups);
}

static int kernels_report(bench *b, const reel_bench_work *w, double seconds, double peak,
                          double error)
{
    const double gflops = 1e-9 * reel_bench_work_flop(w) / seconds, percent = 100 * gflops / peak;
    const char *implementation = reel_bench_work_implementation(w),
               *isa = reel_isa_name(reel_ctx_isa(b->ctx));
    totals *t = w->shape->is_product ? &b->products : &b->convolutions;
    char name[60];

    /* Logarithms: the summary prints geometric means. */
    t->count++;
    t->gflops += log(gflops);
    t->percent += log(percent);
    t->worst = error > t->worst || isnan(error) ? error : t->worst;

    if (b->json)
        return reel_print_json(json_pack(
            "{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:o, s:I, s:i, s:s, s:o}", "name",
            w->shape->name, "pass", pass_names[w->pass], "implementation", implementation, "isa",
            isa, "ms", seconds * 1e3, "gflops", gflops, "peak_percent", percent, "peak_gflops",
            peak, "error", reel_json_number(error), "batch", (json_int_t)b->batch, "threads",
            reel_ctx_threads(b->ctx), "kind", w->shape->is_product ? "product" : "convolution",
            "shape", shape_numbers(w->shape)));

    printf("%-24s %-11s %-9s %-8s %10.3f %8.1f %7.1f %9.1e\n",
           printable_name(w->shape->name, name, sizeof name), pass_names[w->pass], implementation,
           isa, seconds * 1e3, gflops, percent, error);
    return fflush(stdout) == EOF ? REEL_EXIT_FAILED : REEL_EXIT_OK;
}

static int kernels_measure(bench *b, const reel_bench_shape *shape, int pass)
{
    reel_bench_work work;
    reel_error err;
    if (reel_bench_work_open(&work, b->ctx, shape, (reel_conv_pass)pass, &err))
        return reel_complain("bench kernels", &err);
    reel_bench_work_run(&work);

    const double peak = reel_bench_fma_gflops(reel_ctx_isa(b->ctx), reel_ctx_threads(b->ctx), 3);
    reel_bench_work_run(&work); /* caches hold again what they held */

    for (int64_t i = 0; i < b->runs; i++) {
        const double begin = reel_bench_now();
        reel_bench_work_run(&work);
        b->times[i] = reel_bench_now() - begin;
    }

    const double error = reel_bench_work_error(&work),
                 again = reel_bench_fma_gflops(reel_ctx_isa(b->ctx), reel_ctx_threads(b->ctx), 3);
    const int code = kernels_report(b, &work, reel_bench_median(b->times, b->runs),
                                    again > peak ? again : peak, error);
    reel_bench_work_close(&work);
    return code;
}

static json_t *kernels_means(const totals *t)
{
    if (!t->count)
        return json_null();
    return json_pack("{s:I, s:f, s:f, s:o}", "passes", (json_int_t)t->count, "gflops",
                     exp(t->gflops / (double)t->count), "peak_percent",
                     exp(t->percent / (double)t->count), "worst_error", reel_json_number(t->worst));
}

static int kernels_summary(const bench *b)
{
    if (b->json)
        return reel_print_json(
            json_pack("{s:s, s:o, s:o, s:I, s:i, s:s}", "summary", "geometric mean", "convolutions",
                      kernels_means(&b->convolutions), "products", kernels_means(&b->products),
                      "batch", (json_int_t)b->batch, "threads", reel_ctx_threads(b->ctx), "isa",
                      reel_isa_name(reel_ctx_isa(b->ctx))));

    const totals *all[] = {&b->convolutions, &b->products};
    const char *const kinds[] = {"convolutions", "products"};
    printf("geometric mean, batch %lld, %d threads, %s", (long long)b->batch,
           reel_ctx_threads(b->ctx), reel_isa_name(reel_ctx_isa(b->ctx)));
    for (int i = 0; i < 2; i++)
        if (all[i]->count)
            printf("; %s: %.1f GFLOP/s, %.1f %% of the peak, error at most %.1e", kinds[i],
                   exp(all[i]->gflops / (double)all[i]->count),
                   exp(all[i]->percent / (double)all[i]->count), all[i]->worst);
    printf("\n");
    return REEL_EXIT_OK;
}

static int kernels_all(bench *b)
{
    reel_error err;
    for (int64_t i = 0; i < b->shapes.count;
         i++) /* nothing is measured before everything has been looked at */
        for (int pass = 0; pass < PASSES; pass++)
            if (kernels_wanted(b, &b->shapes.at[i], pass) &&
                reel_bench_work_check(b->ctx, &b->shapes.at[i], (reel_conv_pass)pass, &err))
                return reel_complain("bench kernels", &err);

    if (!b->json)
        printf("%-24s %-11s %-9s %-8s %10s %8s %7s %9s\n", "shape", "pass", "runs as", "isa", "ms",
               "GFLOP/s", "% peak", "error");

    for (int64_t i = 0; i < b->shapes.count; i++)
        for (int pass = 0; pass < PASSES; pass++) {
            const int code = kernels_wanted(b, &b->shapes.at[i], pass)
                                 ? kernels_measure(b, &b->shapes.at[i], pass)
                                 : REEL_EXIT_OK;
            if (code)
                return code;
        }

    return kernels_summary(b);
}

static int bench_kernels_run(reel_options *options)
{
    reel_error err;
    reel_ctx *ctx;
    if (reel_command_ctx(&ctx, options, &err))
        return reel_complain("bench kernels", &err);

    bench b = {.ctx = ctx,
               .options = options,
               .runs = reel_options_int(options, "runs"),
               .batch = reel_options_int(options, "batch"),
               .json = reel_options_flag(options, "json")};

    int code;
    b.times = calloc((size_t)b.runs, sizeof *b.times);
    /* The shapes of a file are checked before anything is measured. */
    if (!b.times)
        reel_fail(&err, REEL_ERR_MEMORY, "out of memory");
    if (!b.times || reel_bench_shapes_load(&b.shapes, reel_options_text(options, "shapes"),
                                           reel_options_text(options, "net"), b.batch, &err))
        code = reel_complain("bench kernels", &err);
    else
        code = kernels_all(&b);

    reel_bench_shapes_free(&b.shapes);
    free(b.times);
    reel_ctx_destroy(ctx);
    return code;
}

const reel_command reel_command_bench_kernels = REEL_COMMAND(
    options_table, .name = "bench kernels", .group = REEL_COMMAND_MEASURING, .rank = 3,
    .run = bench_kernels_run, .summary = "Time convolutions and linear layers, pass by pass",
    .notes =
        "FILE is JSON: {\"net\": {\"layer\": [c, h, w, oc, kernel, stride, padding, groups]}}. "
        "GFLOP/s count the plain sum, taps on padding included, so Winograd may exceed the "
        "peak. The error is relative L2 against float64, over results drawn at random.",
    .examples = {{"reel bench kernels --batch 128", "All layers of AlexNet, as a table."},
                 {"reel bench kernels --shapes nets.json --net vgg --json",
                  "The shapes of a file whose name contains vgg, one JSON object a line."}});
