/* The context: what it refuses, what it reads from the environment, where its log goes. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cpus.h"
#include "core/ctx_internal.h"
#include "core/ops.h"

static reel_error err;

static reel_ctx *ctx_of(const reel_ctx_config *config)
{
    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, config, &err), REEL_OK, "%s", err.message);
    return ctx;
}

static void expect_refused(const reel_ctx_config *config, const char *words)
{
    reel_ctx *ctx = (reel_ctx *)&err;
    cr_expect_eq(reel_ctx_create(&ctx, config, &err), REEL_ERR_INVALID);
    cr_expect_null(ctx);
    cr_expect_not_null(strstr(err.message, words), "\"%s\" is not in: %s", words, err.message);
}

Test(ctx, defaults_use_the_cpus_that_this_process_may_use)
{
    unsetenv("REEL_ISA");
    reel_ctx *ctx = ctx_of(NULL);
    cr_expect_eq(reel_ctx_threads(ctx), reel_available_cpus());
    cr_expect_geq(reel_available_cpus(), 1);
    reel_ctx_destroy(ctx);
    reel_ctx_destroy(NULL);
}

Test(ctx, the_instruction_set_can_be_capped_by_config_and_environment)
{
    reel_ctx *ctx = ctx_of(&(reel_ctx_config){.isa = "portable"});
    cr_expect_eq(reel_ctx_isa(ctx), 0);
    reel_ctx_destroy(ctx);
    setenv("REEL_ISA", "portable", 1);
    ctx = ctx_of(&(reel_ctx_config){.threads = 3, .seed = 11});
    cr_expect_eq(reel_ctx_isa(ctx), 0);
    cr_expect_eq(reel_ctx_threads(ctx), 3);
    cr_expect_eq(reel_ctx_seed(ctx), 11);
    reel_ctx_destroy(ctx);
    setenv("REEL_ISA", "", 1);
    reel_ctx_destroy(ctx_of(NULL));
}

/* Where this CPU has instructions for bf16, they are used unless config or environment says no. */
Test(ctx, the_way_to_multiply_bf16_can_be_pinned)
{
    const reel_ctx_config plain = {.threads = 1},
                          half = {.threads = 1, .precision = REEL_PRECISION_BF16},
                          portable = {.isa = "portable", .precision = REEL_PRECISION_BF16},
                          widened = {.precision = REEL_PRECISION_BF16, .widen_bf16 = true};
    unsetenv("REEL_ISA");
    unsetenv("REEL_BF16");
    reel_ctx *ctx = ctx_of(&half);
    const bool native = reel_ctx_multiplies_bf16(ctx);
    reel_ctx_destroy(ctx);

    setenv("REEL_BF16", "widen", 1);
    ctx = ctx_of(&half);
    cr_expect_not(reel_ctx_multiplies_bf16(ctx));
    reel_ctx_destroy(ctx);

    setenv("REEL_BF16", "native", 1);
    if (native) {
        ctx = ctx_of(&half);
        cr_expect(reel_ctx_multiplies_bf16(ctx));
        reel_ctx_destroy(ctx);
    }
    expect_refused(&portable, "no instructions for bf16 with portable");
    ctx = ctx_of(&widened); /* what the caller says comes first */
    cr_expect_not(reel_ctx_multiplies_bf16(ctx));
    reel_ctx_destroy(ctx);

    setenv("REEL_BF16", "fast", 1);
    expect_refused(&plain, "REEL_BF16: expected native or widen, got 'fast'");
    setenv("REEL_BF16", "", 1);
    reel_ctx_destroy(ctx_of(&half));
    unsetenv("REEL_BF16");
}

Test(ctx, nonsense_is_refused_by_name)
{
    expect_refused(&(reel_ctx_config){.isa = "sse9"}, "sse9");
    expect_refused(&(reel_ctx_config){.threads = -2}, "-2");
    expect_refused(&(reel_ctx_config){.threads = REEL_MAX_THREADS + 1}, "expected 1 to 1024");
    setenv("REEL_ISA", "fastest", 1);
    expect_refused(NULL, "fastest");
}

static void keep(void *user, reel_log_level level, const char *line)
{
    snprintf(user, 100, "%d %s", (int)level, line);
}

Test(ctx, the_log_goes_to_the_callback_and_nowhere_without_one)
{
    char line[100] = "";
    reel_ctx *ctx = ctx_of(&(reel_ctx_config){.log = keep, .log_user = line});
    reel_ctx_log(ctx, REEL_LOG_WARN, "%d files", 3);
    cr_expect_str_eq(line, "2 3 files");
    reel_ctx_destroy(ctx);
    ctx = ctx_of(NULL);
    reel_ctx_log(ctx, REEL_LOG_WARN, "nobody hears this");
    reel_ctx_destroy(ctx);
}

/* Every line of the log, one below the other. */
static void keep_all(void *user, reel_log_level level, const char *line)
{
    const size_t used = strlen(user);
    snprintf((char *)user + used, 1000 - used, "%d %s\n", (int)level, line);
}

static double milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

Test(ctx, a_traced_tape_tells_the_time_of_each_operator_when_it_is_reset)
{
    char log[1000] = "";
    static double x[300 * 1000]; /* large enough that exp takes a while */
    double forward[2], backward[2], all = 0;
    const reel_tensor t = reel_tensor_of(x, REEL_F64, 2, (const int64_t[]){300, 1000});
    const double begin = milliseconds();
    setenv("REEL_TRACE", "time", 1);
    reel_ctx *ctx = ctx_of(&(reel_ctx_config){.threads = 1, .log = keep_all, .log_user = log});
    reel_tape *tape;
    cr_assert_eq(reel_tape_create(&tape, ctx, &(reel_tape_config){.dtype = REEL_F64}, &err),
                 REEL_OK, "%s", err.message);

    const reel_var v = reel_input_grad(tape, &t);
    cr_assert_eq(reel_backward(reel_sum(reel_exp(v), 0, false), &err), REEL_OK, "%s", err.message);
    cr_expect_str_eq(log, "", "told before the step was over: %s", log);
    reel_tape_reset(tape);
    int end = 0;
    sscanf(log,
           "0 time exp (300, 1000) forward %lf ms backward %lf ms "
           "0 time sum () forward %lf ms backward %lf ms %n",
           &forward[0], &backward[0], &forward[1], &backward[1], &end);
    cr_assert(end > 0 && log[end] == '\0', "%s", log);
    const double passed = milliseconds() - begin, rounding = 0.01;
    for (int i = 0; i < 2; i++) {
        cr_expect(forward[i] >= 0 && backward[i] >= 0, "%s", log);
        all += forward[i] + backward[i];
    }
    cr_expect(forward[0] > 0 && backward[0] > 0 && all <= passed + rounding,
              "%.3f ms passed, told: %s", passed, log);
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

Test(ctx, processes_that_share_a_host_divide_its_cpus)
{
    static const struct {
        int mask, all, quota, processes;
        bool bound;
        int expected;
        const char *what;
    } cases[] = {
        {16, 16, 0, 1, false, 16, "alone"},
        {16, 16, 0, 4, false, 4, "unbound"},
        {4, 16, 0, 2, false, 2, "unbound, all on the same 4"},
        {16, 16, 0, 3, false, 5, "one CPU is left over"},
        {2, 2, 0, 8, false, 1, "more processes than CPUs"},
        {16, 16, 8, 4, false, 2, "a quota of the group they are all in"},
        {1, 16, 0, 4, true, 1, "each bound to a core"},
        {8, 16, 0, 4, true, 4, "two bound to each half"},
        {4, 16, 0, 2, true, 4, "each bound to 4 of its own"},
        {8, 16, 4, 2, true, 2, "bound, with a quota"},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        const int share = reel_share_of_cpus(cases[i].mask, cases[i].all, cases[i].quota,
                                             cases[i].processes, cases[i].bound);
        cr_expect_eq(share, cases[i].expected, "%s: %d CPUs, expected %d", cases[i].what, share,
                     cases[i].expected);
    }
}

Test(ctx, a_launcher_tells_how_many_processes_share_the_host)
{
    const int alone = reel_available_cpus();
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2", 1);
    cr_expect_eq(reel_available_cpus(), alone > 1 ? alone / 2 : 1, "%d of %d CPUs",
                 reel_available_cpus(), alone);
    setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "none", 1);
    cr_expect_eq(reel_available_cpus(), alone);
}

/* ---- control groups, in a tree of files like the kernel's ---- */
static char place[] = "/tmp/reel-cgroup-XXXXXX";

/* Writes text to place/path, with the folders on the way. */
static void put(const char *path, const char *text)
{
    char full[300];
    snprintf(full, sizeof full, "%s/%s", place, path);
    for (char *p = full + strlen(place) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        mkdir(full, 0700);
    }
    FILE *f = fopen(full, "w");
    cr_assert_not_null(f, "%s", full);
    fputs(text, f);
    fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void remove_place(void)
{
    nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int cpus_of(const char *membership)
{
    char self[300], mount[300];
    put("self", membership);
    snprintf(self, sizeof self, "%s/self", place);
    snprintf(mount, sizeof mount, "%s/mount", place);
    return reel_cgroup_cpus(self, mount);
}

Test(ctx, the_smallest_quota_on_the_way_to_the_root_counts, .fini = remove_place)
{
    cr_assert_not_null(mkdtemp(place));
    put("mount/cpu.max", "max 100000\n");
    cr_expect_eq(cpus_of("0::/\n"), 0);
    put("mount/a/cpu.max", "250000 100000\n");
    put("mount/a/b/cpu.max", "max 100000\n");
    put("mount/a/b/c/cpu.max", "400000 100000\n");
    cr_expect_eq(cpus_of("0::/a/b/c\n"), 3, "2.5 CPUs of /a, rounded up: got %d",
                 cpus_of("0::/a/b/c\n"));
    cr_expect_eq(cpus_of("0::/elsewhere\n"), 0);
    cr_expect_eq(cpus_of("no group\n5:cpu\n0::/a/b/c\n"), 3, "lines without a path count");
    put("mount/cpu.max", "50000 100000\n"); /* what a container sees of itself */
    cr_expect_eq(cpus_of("0::/a/path/of/the/host\n"), 1);
    cr_expect_eq(cpus_of(""), 1);
}

Test(ctx, quotas_of_version_1_are_read_too, .fini = remove_place)
{
    cr_assert_not_null(mkdtemp(place));
    put("mount/cpu/cpu.cfs_period_us", "100000\n");
    put("mount/cpu/cpu.cfs_quota_us", "-1\n");
    cr_expect_eq(cpus_of("5:cpuset:/x\n4:cpu,cpuacct:/\n"), 0);
    put("mount/cpu/slice/cpu.cfs_period_us", "50000\n");
    put("mount/cpu/slice/cpu.cfs_quota_us", "200000\n");
    cr_expect_eq(cpus_of("5:cpuset:/x\n4:cpuacct,cpu:/slice/job\n0::/\n"), 4);
    cr_expect_eq(cpus_of("5:cpuset:/slice\n3:cpuacct:/slice\n"), 0);
}
