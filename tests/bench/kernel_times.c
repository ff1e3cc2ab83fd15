/* Times single convolutions and poolings, one a line of standard input, for against_torch.py:
 *
 *   conv RUNS n c h w oc kernel stride padding groups dilation
 *   max RUNS n c h w kernel stride padding ceil
 *   avg RUNS n c h w
 *   peak
 *
 * A line of output holds the medians over RUNS calls, in ms, after one that is not counted:
 * forward, input gradient and, of a convolution, weight gradient; avg is the mean of all pixels of
 * a channel. peak: multiply-adds of all threads, in GFLOP/s. The environment chooses threads
 * (OMP_NUM_THREADS) and instruction set (REEL_ISA). */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ctx_internal.h"
#include "core/kernels/conv.h"
#include "core/kernels/kernels.h"
#include "core/memory.h"
#include "core/ops.h"
#include "core/rng.h"
#include "core/tape.h"

enum { MOST_RUNS = 101 };

static reel_ctx *ctx;

static void kernel_times_die(const char *what)
{
    fprintf(stderr, "kernel_times: %s\n", what);
    exit(1);
}

static double kernel_times_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int kernel_times_order(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double kernel_times_median(double *times, int runs)
{
    qsort(times, (size_t)runs, sizeof *times, kernel_times_order);
    return 1e3 * times[runs / 2];
}

/* A block that only grows, filled with normal numbers where `random`. A stretch of prime length
 * repeats, so that large blocks cost no more than a copy. Blocks begin at different places of a
 * page, as those of a training step do. */
static void *kernel_times_block(int which, size_t count_bytes, bool random)
{
    enum { STRETCH = 65521, APART = 11 * REEL_ALIGNMENT };
    const size_t offset = (size_t)which * APART, bytes = count_bytes + offset;
    static struct {
        void *at;
        size_t bytes;
    } blocks[5];
    reel_error err;
    if (blocks[which].bytes < bytes) {
        if (blocks[which].at)
            reel_pages_free(blocks[which].at, blocks[which].bytes);
        blocks[which].at = reel_pages_alloc(bytes, &err);
        blocks[which].bytes = bytes;
        if (!blocks[which].at)
            kernel_times_die("out of memory");
    }

    float *to = (float *)((char *)blocks[which].at + offset);
    const size_t count = random ? count_bytes / sizeof *to : 0;
    reel_rng rng = reel_rng_at(1, REEL_STREAM_BENCH, 1, (uint32_t)which);
    for (size_t i = 0; i < count && i < STRETCH; i++)
        to[i] = (float)reel_rng_normal(&rng);
    for (size_t done = STRETCH; done < count; done += STRETCH)
        memcpy(to + done, to, sizeof *to * (count - done < STRETCH ? count - done : STRETCH));
    return to;
}

static void time_convolution(const int64_t *f, int runs)
{
    reel_conv_shape s = {.n = f[0], .c = f[1], .h = f[2], .w = f[3], .oc = f[4], .groups = f[8]};
    s.kh = s.kw = f[5], s.sh = s.sw = f[6], s.ph = s.pw = f[7], s.dh = s.dw = f[9];
    s.oh = (s.h + 2 * s.ph - s.dh * (s.kh - 1) - 1) / s.sh + 1;
    s.ow = (s.w + 2 * s.pw - s.dw * (s.kw - 1) - 1) / s.sw + 1;
    const size_t x = sizeof(float) * (size_t)(s.n * s.h * s.w * s.c),
                 y = sizeof(float) * (size_t)(s.n * s.oh * s.ow * s.oc),
                 w = sizeof(float) * (size_t)(s.oc * s.kh * s.kw * s.c / s.groups),
                 most = (x > y ? x : y) > w ? (x > y ? x : y) : w;
    reel_conv_job job = {.s = &s,
                         .x = kernel_times_block(0, x, true),
                         .w = kernel_times_block(1, w, true),
                         .dy = kernel_times_block(2, y, true),
                         .out = kernel_times_block(3, most, false)};
    float *bias = calloc((size_t)s.oc, sizeof *bias);
    for (int p = 0; p < REEL_CONV_PASSES; p++) {
        const reel_conv_pass pass = (reel_conv_pass)p;
        double times[MOST_RUNS];
        job.bias = pass == REEL_CONV_FORWARD ? bias : NULL;
        job.scratch = kernel_times_block(4, reel_conv_scratch(ctx, REEL_F32, pass, &s) + 64, false);
        for (int run = -1; run < runs; run++) {
            const double begin = kernel_times_now();
            reel_conv_run(ctx, REEL_F32, pass, &job);
            times[run < 0 ? 0 : run] = kernel_times_now() - begin;
        }
        printf("%s%.4f", p ? " " : "", kernel_times_median(times, runs));
    }
    free(bias);
}

/* The operator on a tape that takes its times. */
static void time_pooling(const int64_t *f, bool max, int runs)
{
    static reel_tape *tape;
    const reel_tape_config config = {.timed = true};
    reel_error err;
    if (!tape && reel_tape_create(&tape, ctx, &config, &err))
        kernel_times_die(err.message);

    const size_t bytes = sizeof(float) * (size_t)(f[0] * f[1] * f[2] * f[3]);
    const reel_tensor x = reel_tensor_of(kernel_times_block(0, bytes, true), REEL_F32, 4, f);
    const reel_pool2d_attrs attrs = {.kernel_h = f[4],
                                     .kernel_w = f[4],
                                     .stride_h = f[5],
                                     .stride_w = f[5],
                                     .padding_h = f[6],
                                     .padding_w = f[6],
                                     .ceil_mode = f[7] != 0};
    double forward[MOST_RUNS], backward[MOST_RUNS];
    for (int run = -1; run < runs; run++) {
        reel_tape_reset(tape);
        const reel_var in = reel_input_grad(tape, &x),
                       y = max ? reel_max_pool2d(in, &attrs) : reel_global_avg_pool(in);
        if (reel_backward(reel_mean(y, 0, false), &err))
            kernel_times_die(err.message);
        const reel_tape_node node = reel_tape_node_at(tape, y.id);
        forward[run < 0 ? 0 : run] = node.forward;
        backward[run < 0 ? 0 : run] = node.backward;
    }
    printf("%.4f %.4f", kernel_times_median(forward, runs), kernel_times_median(backward, runs));
}

static double peak_gflops(void)
{
    enum { ROUNDS = 400000, BURSTS = 5 };
    const reel_kernels *kernels = reel_ctx_kernels(ctx);
    const int threads = reel_ctx_threads(ctx);
    double best = 0;
    float sum = 0;
    for (int burst = 0; burst < BURSTS; burst++) {
        const double begin = kernel_times_now();
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(+ : sum)
        for (int t = 0; t < threads; t++)
            sum += kernels->peak_multiply_add(ROUNDS, 0.5f, 0.25f);
        const double rate =
            1e-9 * (double)(ROUNDS * kernels->peak_flop * threads) / (kernel_times_now() - begin);
        best = rate > best ? rate : best;
    }
    return sum > 0 ? best : 0;
}

int main(void)
{
    char line[400], kind[8];
    reel_error err;
    const reel_ctx_config config = {.threads = omp_get_max_threads()};
    if (reel_ctx_create(&ctx, &config, &err))
        kernel_times_die(err.message);

    while (fgets(line, sizeof line, stdin)) {
        int64_t f[10] = {0};
        int runs = 0, used = 0, fields = 0;
        if (sscanf(line, "%7s %d%n", kind, &runs, &used) < 1)
            kernel_times_die("empty line");
        for (char *at = line + used, *end; fields < 10; fields++, at = end) {
            f[fields] = strtoll(at, &end, 10);
            if (end == at)
                break;
        }
        if (strcmp(kind, "peak") == 0)
            printf("%.1f %s", peak_gflops(), reel_isa_name(reel_ctx_isa(ctx)));
        else if (runs < 1 || runs > MOST_RUNS)
            kernel_times_die("expected 1 to 101 runs");
        else if (strcmp(kind, "conv") == 0 && fields == 10)
            time_convolution(f, runs);
        else if ((strcmp(kind, "max") == 0 && fields == 8) ||
                 (strcmp(kind, "avg") == 0 && fields == 4))
            time_pooling(f, *kind == 'm', runs);
        else
            kernel_times_die("expected conv, max, avg or peak, and their numbers");
        printf("\n");
        fflush(stdout);
    }
    reel_ctx_destroy(ctx);
    return 0;
}
