/* Creation of a context: what this CPU can do, what the user capped it to, how many threads there are. */
#include "core/ctx.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reel_ctx {
    int threads;
    uint64_t seed;
    reel_isa isa;
    reel_log_fn *log;
    void *log_user;
};

static const char *const isa_names[] = {"portable", "avx2", "avx512"};

const char *reel_isa_name(reel_isa isa)
{
    return isa_names[isa];
}

static reel_isa best_isa(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return REEL_ISA_PORTABLE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return REEL_ISA_AVX512;
    return REEL_ISA_AVX2;
#else
    return REEL_ISA_PORTABLE;
#endif
}

/* The cgroup's CPU quota rounded up, or 0 where there is none. */
static int cgroup_cpus(void)
{
    double quota = 0, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (f) {
        if (fscanf(f, "%lf %lf", &quota, &period) != 2) quota = 0;
        fclose(f);
    } else {
        if ((f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r"))) {
            if (fscanf(f, "%lf", &quota) != 1) quota = 0;
            fclose(f);
        }
        if ((f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r"))) {
            if (fscanf(f, "%lf", &period) != 1) period = 0;
            fclose(f);
        }
    }
    if (quota <= 0 || period <= 0) return 0;
    const int cpus = (int)(quota / period);
    return cpus < quota / period ? cpus + 1 : cpus;
}

int reel_available_cpus(void)
{
    int cpus = 1;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
    const int quota = cgroup_cpus();
    if (quota > 0 && quota < cpus) cpus = quota;
    return cpus > 0 ? cpus : 1;
}

reel_status reel_ctx_create(reel_ctx **out, const reel_ctx_config *config, reel_error *err)
{
    static const reel_ctx_config defaults;
    if (!config) config = &defaults;
    *out = NULL;
    if (config->threads < 0)
        return reel_fail(err, REEL_ERR_INVALID, "threads: expected 1 or more (0 = all), got %d", config->threads);

    reel_isa isa = best_isa();
    const char *wanted = config->isa ? config->isa : getenv("REEL_ISA");
    if (wanted && *wanted) {
        int i = 0;
        while (i < 3 && strcmp(wanted, isa_names[i]) != 0) i++;
        if (i == 3) return reel_fail(err, REEL_ERR_INVALID, "ISA: expected portable, avx2 or avx512, got '%s'", wanted);
        if (i > (int)isa)
            return reel_fail(err, REEL_ERR_INVALID, "ISA: this CPU offers %s at most, got '%s'", isa_names[isa], wanted);
        isa = (reel_isa)i;
    }
    reel_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return reel_fail(err, REEL_ERR_MEMORY, "context: out of memory");
    ctx->threads = config->threads ? config->threads : reel_available_cpus();
    ctx->seed = config->seed;
    ctx->isa = isa;
    ctx->log = config->log;
    ctx->log_user = config->log_user;
    *out = ctx;
    return REEL_OK;
}

void reel_ctx_destroy(reel_ctx *ctx)
{
    free(ctx);
}

int reel_ctx_threads(const reel_ctx *ctx)
{
    return ctx->threads;
}

uint64_t reel_ctx_seed(const reel_ctx *ctx)
{
    return ctx->seed;
}

reel_isa reel_ctx_isa(const reel_ctx *ctx)
{
    return ctx->isa;
}

void reel_ctx_log(const reel_ctx *ctx, reel_log_level level, const char *format, ...)
{
    if (!ctx->log) return;
    char line[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ctx->log(ctx->log_user, level, line);
}
