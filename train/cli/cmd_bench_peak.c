/* `reel bench peak`: what this machine can do at most, for each instruction set: float32
 * multiply-adds, products of tiles of bf16, and memory traffic. */
#include "train/bench/bench.h"
#include "train/cli/command.h"

static const reel_option options_table[] = {
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

enum { BURSTS = 25 };

/* Where the set multiplies tiles of bf16. */
static void add_tiles(json_t *peak, reel_isa isa, int threads, bool json)
{
    const double one = reel_bench_tile_gflops(isa, 1, BURSTS),
                 all = reel_bench_tile_gflops(isa, threads, BURSTS);
    if (one == 0)
        return;
    if (!json)
        printf("%-9s tile products, bf16:    %8.1f GFLOP/s with 1 thread, %8.1f with %d\n",
               reel_isa_name(isa), one, all, threads);
    json_object_set_new(peak, "tile_gflops_1_thread", json_real(one));
    json_object_set_new(peak, "tile_gflops", json_real(all));
}

static int peak_answer(const reel_ctx *ctx, bool json)
{
    const int threads = reel_ctx_threads(ctx);
    json_t *peaks = json_array();
    reel_error err;
    double gbs;

    /* Every instruction set up to the one in use, with one thread and with all. */
    for (reel_isa isa = 0; isa <= reel_ctx_isa(ctx); isa++) {
        const double one = reel_bench_fma_gflops(isa, 1, BURSTS),
                     all = reel_bench_fma_gflops(isa, threads, BURSTS);
        if (!json)
            printf("%-9s multiply-adds, float32: %8.1f GFLOP/s with 1 thread, %8.1f with %d\n",
                   reel_isa_name(isa), one, all, threads);
        json_t *peak = json_pack("{s:s, s:f, s:f}", "isa", reel_isa_name(isa),
                                 "fma_gflops_1_thread", one, "fma_gflops", all);
        add_tiles(peak, isa, threads, json);
        json_array_append_new(peaks, peak);
    }

    if (reel_bench_triad_gbs(reel_ctx_isa(ctx), threads, &gbs, &err)) {
        json_decref(peaks);
        return reel_complain("bench peak", &err);
    }

    if (json)
        return reel_print_json(json_pack("{s:o, s:f, s:i, s:s}", "peaks", peaks, "triad_gb_per_s",
                                         gbs, "threads", threads, "isa",
                                         reel_isa_name(reel_ctx_isa(ctx))));
    json_decref(peaks);
    printf("%-9s triad a = b + f c: %.1f GB/s with %d threads\n", "memory", gbs, threads);
    return REEL_EXIT_OK;
}

static int bench_peak_run(reel_options *options)
{
    reel_error err;
    reel_ctx *ctx;
    if (reel_command_ctx(&ctx, options, &err))
        return reel_complain("bench peak", &err);
    const int code = peak_answer(ctx, reel_options_flag(options, "json"));
    reel_ctx_destroy(ctx);
    return code;
}

const reel_command reel_command_bench_peak =
    REEL_COMMAND(options_table, .name = "bench peak", .group = REEL_COMMAND_MEASURING, .rank = 3,
                 .run = bench_peak_run,
                 .summary = "Measure the machine's peak: multiply-adds and memory traffic",
                 .examples = {{"reel bench peak --threads 1", "The peak of one core."}});
