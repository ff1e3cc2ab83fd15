/* Creation of a context: what this CPU can do, what the user capped it to, how many threads there
 * are. The environment is read here and nowhere later: a context does not change, and a step makes
 * no calls of getenv. */
#include "core/ctx_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reel_ctx {
    int threads, created; /* created: the most there may be */
    uint64_t seed;
    reel_isa isa;
    unsigned trace; /* reel_trace */
    char conv[32];  /* REEL_CONV */
    reel_log_fn *log;
    void *log_user;
    reel_precision precision;
    bool widen_bf16;
};

/* "portable, avx2 or avx512" */
static void join_isa_names(char *to, size_t size)
{
    size_t used = 0;
    const int count = reel_isa_count();
    to[0] = '\0';
    for (int isa = 0; isa < count && used < size; isa++) {
        const char *between = isa == 0 ? "" : isa + 1 == count ? " or " : ", ";
        used += (size_t)snprintf(to + used, size - used, "%s%s", between, reel_isa_name(isa));
    }
}

/* The instruction set named by the caller or by REEL_ISA; else the best of this CPU. */
static reel_status choose_isa(reel_isa *isa, const char *wanted, reel_error *err)
{
    *isa = reel_isa_best();
    if (!wanted || !*wanted)
        return REEL_OK;

    const int found = reel_isa_find(wanted);
    if (found < 0) {
        char names[200];
        join_isa_names(names, sizeof names);
        return reel_fail(err, REEL_ERR_INVALID, "ISA: expected %s, got '%s'", names, wanted);
    }
    if (!reel_isa_runs(found))
        return reel_fail(err, REEL_ERR_INVALID, "ISA: this CPU offers %s at most, got '%s'",
                         reel_isa_name(*isa), wanted);
    *isa = found;
    return REEL_OK;
}

reel_status reel_ctx_create(reel_ctx **out, const reel_ctx_config *config, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    static const reel_ctx_config defaults;
    if (!config)
        config = &defaults;
    if (config->threads < 0 || config->threads > REEL_MAX_THREADS)
        return reel_fail(err, REEL_ERR_INVALID,
                         "threads: expected 1 to %d (0 = all this process may use), got %d",
                         REEL_MAX_THREADS, config->threads);

    if (config->precision != REEL_PRECISION_FLOAT32 && config->precision != REEL_PRECISION_BF16)
        return reel_fail(err, REEL_ERR_INVALID, "precision: expected float32 or bf16, got %d",
                         (int)config->precision);

    reel_isa isa;
    REEL_TRY(choose_isa(&isa, config->isa ? config->isa : getenv("REEL_ISA"), err));

    const char *trace = getenv("REEL_TRACE"), *conv = getenv("REEL_CONV");
    if (conv && *conv && !reel_conv_is_known(conv)) {
        char names[200];
        return reel_fail(err, REEL_ERR_INVALID, "REEL_CONV: expected %s, got '%s'",
                         reel_conv_names(names, sizeof names), conv);
    }
    reel_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx)
        return reel_fail(err, REEL_ERR_MEMORY, "context: out of memory");
    const int cpus = config->threads ? config->threads : reel_available_cpus();
    ctx->threads = cpus < REEL_MAX_THREADS ? cpus : REEL_MAX_THREADS;
    ctx->created = ctx->threads;
    ctx->seed = config->seed;
    ctx->isa = isa;
    ctx->log = config->log;
    ctx->log_user = config->log_user;
    ctx->precision = config->precision;
    ctx->widen_bf16 = config->widen_bf16;
    if (trace && strstr(trace, "time"))
        ctx->trace |= REEL_TRACE_TIME;
    if (trace && strstr(trace, "conv"))
        ctx->trace |= REEL_TRACE_CONV;
    snprintf(ctx->conv, sizeof ctx->conv, "%s", conv ? conv : "");
    *out = ctx;
    return REEL_OK;
}

void reel_ctx_destroy(reel_ctx *ctx)
{
    free(ctx);
}

int reel_ctx_threads(const reel_ctx *ctx)
{
    return ctx ? ctx->threads : 0;
}

void reel_ctx_set_threads(reel_ctx *ctx, int threads)
{
    if (!ctx)
        return;
    ctx->threads = threads < 1 ? 1 : threads > ctx->created ? ctx->created : threads;
}

uint64_t reel_ctx_seed(const reel_ctx *ctx)
{
    return ctx ? ctx->seed : 0;
}

reel_isa reel_ctx_isa(const reel_ctx *ctx)
{
    return ctx ? ctx->isa : 0;
}

reel_precision reel_ctx_precision(const reel_ctx *ctx)
{
    return ctx ? ctx->precision : REEL_PRECISION_FLOAT32;
}

bool reel_ctx_widens_bf16(const reel_ctx *ctx)
{
    return ctx->widen_bf16;
}

const char *reel_precision_name(reel_precision precision)
{
    return precision == REEL_PRECISION_BF16 ? "bf16" : "float32";
}

bool reel_ctx_traces(const reel_ctx *ctx, reel_trace what)
{
    return ctx->trace & what;
}

const char *reel_ctx_forced_conv(const reel_ctx *ctx)
{
    return ctx->conv;
}

void reel_ctx_log(const reel_ctx *ctx, reel_log_level level, const char *format, ...)
{
    if (!ctx || !ctx->log || !format)
        return;
    char line[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ctx->log(ctx->log_user, level, line);
}
