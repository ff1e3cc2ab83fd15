/* Clock, medians and the machine's peak, for the `reel bench` commands. */
#include "train/bench/bench.h"

#include "core/kernels/kernels.h"
#include "core/memory.h"

#include <stdlib.h>
#include <time.h>

double reel_bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare_times(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double reel_bench_median(double *times, int64_t n)
{
    qsort(times, (size_t)n, sizeof *times, compare_times);
    return times[n / 2];
}

double reel_bench_fma_gflops(reel_isa isa, int threads, int bursts)
{
    const reel_kernels *kernels = reel_kernels_at(isa);
    const int64_t rounds = isa == 0 ? 200000 : 400000; /* about two milliseconds */
    volatile float kept = 0;
    float sum = 0;
    double best = 0;

    for (int burst = 0; burst < bursts; burst++) {
        const double begin = reel_bench_now();
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(+ : sum)
        for (int t = 0; t < threads; t++)
            sum += kernels->peak_multiply_add(rounds, 0.5f, 0.25f);

        const double rate =
            1e-9 * (double)(rounds * kernels->peak_flop * threads) / (reel_bench_now() - begin);
        if (rate > best)
            best = rate;
    }

    /* Without a use of the sum the compiler would drop the loop. */
    kept = sum;
    (void)kept;
    return best;
}

double reel_bench_tile_gflops(reel_isa isa, int threads, int bursts)
{
    const reel_kernels *kernels = reel_kernels_at(isa);
    const int64_t rounds = 100000; /* about two milliseconds */
    double best = 0;
    for (int burst = 0; burst < bursts && kernels->peak_tiles; burst++) {
        const double begin = reel_bench_now();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
        for (int t = 0; t < threads; t++)
            kernels->peak_tiles(rounds);
        const double flop = (double)(rounds * kernels->peak_tiles_flop * threads),
                     rate = 1e-9 * flop / (reel_bench_now() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

reel_status reel_bench_triad_gbs(reel_isa isa, int threads, double *gbs, reel_error *err)
{
    enum { SWEEPS = 6 };
    const int64_t n = (int64_t)40 << 20;
    const size_t bytes = (size_t)n * sizeof(float);
    float *a = reel_pages_alloc(3 * bytes, err);
    if (!a)
        return REEL_ERR_MEMORY;
    float *b = a + n, *c = b + n;

    double best = 0;
    for (int sweep = -1; sweep < SWEEPS; sweep++) { /* the first one brings the pages */
        const double begin = reel_bench_now();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
        for (int t = 0; t < threads; t++) {
            const int64_t from = n / threads * t, to = t + 1 == threads ? n : n / threads * (t + 1);
            if (sweep < 0)
                for (int64_t i = from; i < to; i++)
                    a[i] = b[i] = c[i] = 1;
            else
                reel_kernels_at(isa)->triad(to - from, a + from, b + from, c + from, 0.5f);
        }

        const double rate = 3e-9 * (double)bytes / (reel_bench_now() - begin);
        if (sweep >= 0 && rate > best)
            best = rate;
    }

    reel_pages_free(a, 3 * bytes);
    *gbs = best;
    return REEL_OK;
}
