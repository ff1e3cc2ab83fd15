/* `reel bench step`: one training or inference step, timed on data in memory: forward, backward and
 * update. */
#include "train/bench/bench.h"
#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/trainee.h"
#include "train/run/memory_plan.h"
#include "train/run/model_card.h"

#include "core/memory.h"
#include "core/rng.h"
#include "optim/optim.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const reel_option options_table[] = {
    REEL_SHARED("batch"),
    REEL_SHARED("batch-pieces"),
    REEL_OPTION(INT, .name = "steps", .value = "N", .initial = "8", .min = 1, .max = 1e6,
                .help = "timed steps, after two untimed ones"),
    REEL_SHARED("infer"),
    REEL_SHARED("arch"),
    REEL_SHARED("head"),
    REEL_SHARED("num-classes"),
    REEL_SHARED("size"),
    REEL_SHARED("opt"),
    REEL_SHARED("precision"),
    REEL_SHARED("memory", .help = "bring the step within this limit, as `reel train` does"),
    REEL_SHARED("seed"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

typedef struct {
    reel_trainee run;
    reel_memory_plan plan;
    reel_tensor images;            /* of this rank's pieces */
    int64_t *labels, n, own, step; /* n: images of a batch; own: those of this rank */
    bool infer;
    double forward, backward, update; /* seconds of the last step */
} bench;

/* Seconds since this process was started, from the kernel's books: loading and linking count. */
static double process_age(void)
{
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "r");
    if (!f)
        return 0;
    const size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    char *p = strrchr(text, ')'); /* the name before it may hold anything; field 22 is the start in
                                     clock ticks since boot */
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');

    struct timespec t;
    if (!p || clock_gettime(CLOCK_BOOTTIME, &t))
        return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec -
           strtod(p, NULL) / (double)sysconf(_SC_CLK_TCK);
}

static int64_t peak_rss(void)
{
    char line[256];
    int64_t kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "VmHWM:", 6))
            kilobytes = strtoll(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kilobytes * 1024;
}

static reel_status bench_inference(bench *b, reel_error *err)
{
    reel_tape *tape = b->run.session.tape;
    const double began = reel_bench_now();
    reel_net_forward(b->run.session.net, tape, reel_input(tape, &b->images));
    b->forward = reel_bench_now() - began;
    REEL_TRY(reel_tape_status(tape, err));
    reel_tape_reset(tape);
    return REEL_OK;
}

static reel_status bench_one_step(bench *b, reel_error *err)
{
    if (b->infer)
        return bench_inference(b, err);
    const reel_batch own = {
        .images = b->images, .labels = b->labels, .n = b->own, .index = b->step++};
    reel_step_seconds seconds = {0};
    REEL_TRY(reel_trainee_gradient(&b->run, &own, &seconds, err));

    const double began = reel_bench_now();
    REEL_TRY(reel_trainee_update(&b->run, 0.01, err));
    reel_net_forget_gradients(b->run.session.net);
    b->forward = seconds.forward;
    b->backward = seconds.backward;
    b->update = reel_bench_now() - began;
    return REEL_OK;
}

/* Images of variance 1 and labels, drawn by the seed. */
static reel_status bench_draw(bench *b, const reel_ctx *ctx, const int64_t shape[4],
                              int64_t classes, reel_error *err)
{
    const int64_t count = reel_shape_numel(4, shape), image = count / b->own;
    float *x = reel_pages_alloc((size_t)count * sizeof *x, err);
    if (!x)
        return REEL_ERR_MEMORY;
    b->images = reel_tensor_of(x, REEL_F32, 4, shape);
    b->labels = malloc((size_t)b->own * sizeof *b->labels);
    if (!b->labels)
        return reel_fail(err, REEL_ERR_MEMORY, "bench: out of memory");

    /* Uniform in +-sqrt(3): normal deviates would cost seconds at batch 128. */
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx))
    for (int64_t n = 0; n < b->own; n++) {
        reel_rng rng = reel_rng_at(reel_ctx_seed(ctx), REEL_STREAM_BENCH, 0, (uint32_t)n);
        for (int64_t i = 0; i < image; i++)
            x[n * image + i] =
                (float)((double)reel_rng_u32(&rng) * (3.4641016151377544 / 4294967296.0) -
                        1.7320508075688772);
    }

    reel_rng rng = reel_rng_at(reel_ctx_seed(ctx), REEL_STREAM_BENCH, 1, 0);
    for (int64_t i = 0; i < b->own; i++)
        b->labels[i] = (int64_t)reel_rng_below(&rng, (uint64_t)classes);
    return REEL_OK;
}

static reel_status bench_prepare(bench *b, const reel_options *o, const reel_ctx *ctx, int64_t size,
                                 reel_error *err)
{
    reel_model *model;
    REEL_TRY(reel_command_arch(&model, o, err));
    reel_model_config config = reel_model_config_default(model);
    reel_model_free(model);
    config.classes = reel_options_int(o, "num-classes");
    config.head = reel_head_find(reel_options_text(o, "head"));
    config.image_size = size;

    b->n = reel_options_int(o, "batch");
    b->infer = reel_options_flag(o, "infer");
    const reel_tape_config tape = {.dtype = REEL_F32, .no_grad = b->infer};
    REEL_TRY(reel_trainee_build(&b->run, o, &config, &tape, err));
    reel_net_set_training(b->run.session.net, !b->infer);

    const int64_t pieces = b->infer ? 1 : reel_options_int(o, "batch-pieces");
    REEL_TRY(reel_trainee_divide(&b->run, b->n, pieces, err));
    b->own = b->n / pieces * b->run.session.own.count;
    const int64_t shape[4] = {b->own, config.channels, size, size};
    REEL_TRY(reel_memory_plan_make(&b->plan, b->run.session.net,
                                   b->infer ? NULL : &b->run.optimizer, shape, err));
    const reel_memory_limit limit = {.limit = reel_options_real(o, "memory")};
    if (reel_options_set(o, "memory") && b->infer)
        return reel_fail(err, REEL_ERR_INVALID, "--memory and --infer exclude each other");
    if (reel_options_set(o, "memory"))
        REEL_TRY(reel_memory_plan_fit(&b->plan, b->run.session.net, shape, &limit, err));
    return bench_draw(b, ctx, shape, config.classes, err);
}

typedef struct {
    double first, *total, *forward, *backward, *update;
    int64_t steps;
} times;

static reel_status bench_measure(bench *b, times *t, reel_error *err)
{
    REEL_TRY(bench_one_step(b, err));
    t->first = process_age();
    REEL_TRY(bench_one_step(b, err));
    for (int64_t i = 0; i < t->steps; i++) {
        const double begin = reel_bench_now();
        REEL_TRY(bench_one_step(b, err));
        t->total[i] = reel_bench_now() - begin;
        t->forward[i] = b->forward;
        t->backward[i] = b->backward;
        t->update[i] = b->update;
    }
    return REEL_OK;
}

static int bench_step_report(const bench *b, const times *t, const reel_options *o,
                             const reel_ctx *ctx, int64_t size)
{
    const double middle = reel_bench_median(t->total, t->steps),
                 forward = reel_bench_median(t->forward, t->steps);
    const double backward = reel_bench_median(t->backward, t->steps),
                 update = reel_bench_median(t->update, t->steps), rate = (double)b->n / middle;

    const char *isa = reel_isa_name(reel_ctx_isa(ctx)), *arch = reel_options_text(o, "arch"),
               *precision = reel_precision_name(reel_ctx_precision(ctx));
    const int64_t rss = peak_rss();
    const size_t planned = b->plan.limit > 0 ? b->plan.limited_total : b->plan.total;
    const int ranks = reel_ranks_count(b->run.ranks);
    char saving[200];
    if (!reel_ranks_leads(b->run.ranks))
        return REEL_EXIT_OK;

    if (!reel_options_flag(o, "json")) {
        printf("%s, %s, batch %lld at %lld, %d threads, %s, %s", arch,
               b->infer ? "inference" : "training", (long long)b->n, (long long)size,
               reel_ctx_threads(ctx), isa, precision);
        if (b->run.session.pieces > 1)
            printf(", %lld pieces", (long long)b->run.session.pieces);
        printf(ranks > 1 ? ", %d ranks\n" : "\n", ranks);
        printf(
            "%.1f images/s; step %.1f ms (best %.1f): forward %.1f, backward %.1f, update %.1f\n",
            rate, middle * 1e3, t->total[0] * 1e3, forward * 1e3, backward * 1e3, update * 1e3);
        printf("first step done %.2f s after the start; peak memory %.0f MB (planned %.0f)\n",
               t->first, (double)rss * 1e-6, (double)planned * 1e-6);
        if (b->plan.limit > 0)
            puts(reel_memory_plan_text(&b->plan, saving, sizeof saving));
        return REEL_EXIT_OK;
    }

    return reel_print_json(json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:i, s:s, s:I, s:s, s:I, s:I, s:b, s:s, "
        "s:I, s:i, s:s}",
        "images_per_second", rate, "step_ms", middle * 1e3, "best_ms", t->total[0] * 1e3,
        "forward_ms", forward * 1e3, "backward_ms", backward * 1e3, "update_ms", update * 1e3,
        "first_step_s", t->first, "peak_rss_bytes", (json_int_t)rss, "plan_bytes",
        (json_int_t)planned, "threads", reel_ctx_threads(ctx), "isa", isa, "batch",
        (json_int_t)b->n, "arch", arch, "size", (json_int_t)size, "steps", (json_int_t)t->steps,
        "infer", b->infer, "opt", b->run.optimizer.kind->name, "batch_pieces",
        (json_int_t)b->run.session.pieces, "ranks", ranks, "precision", precision));
}

static int bench_step_run(reel_options *options)
{
    reel_error err;
    bench b = {0};
    int code = reel_trainee_begin(&b.run, options, "bench step");
    if (code)
        return code;

    reel_ctx *ctx = b.run.session.ctx;
    reel_model *model;
    if (reel_command_arch(&model, options, &err)) {
        reel_trainee_end(&b.run);
        return reel_complain_choice("bench step", &err);
    }
    const int64_t size =
        reel_options_set(options, "size") ? reel_options_int(options, "size") : model->image_size;
    reel_model_free(model);

    /* Four times of each step lie in one block. */
    times t = {.steps = reel_options_int(options, "steps")};
    double *memory = calloc((size_t)t.steps * 4, sizeof *memory);

    if (!memory) {
        reel_fail(&err, REEL_ERR_MEMORY, "out of memory");
        code = reel_complain("bench step", &err);
    } else {
        t.total = memory;
        t.forward = memory + t.steps;
        t.backward = memory + 2 * t.steps;
        t.update = memory + 3 * t.steps;
        if (bench_prepare(&b, options, ctx, size, &err) || bench_measure(&b, &t, &err))
            code = reel_complain("bench step", &err);
        else
            code = bench_step_report(&b, &t, options, ctx, size);
    }

    free(memory);
    free(b.labels);
    reel_pages_free(b.images.data, reel_tensor_bytes(&b.images));
    reel_trainee_end(&b.run);
    return code;
}

const reel_command reel_command_bench_step = REEL_COMMAND(
    options_table, .name = "bench step", .group = REEL_COMMAND_MEASURING, .rank = 2, .ranks = true,
    .run = bench_step_run, .more_options = reel_optimizer_row,
    .summary = "Time a training or inference step on images in memory",
    .examples = {
        {"reel bench step --batch 32", "AlexNet, 32 images a step, all cores."},
        {"reel bench step --batch 1 --infer --threads 1", "Latency of one image on one core."}});
