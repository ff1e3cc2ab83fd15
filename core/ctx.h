/* What a computation runs on: thread count, instruction set, seed, log.
 *
 * The caller creates a context; it outlives everything made with it. After creation it is
 * read-only: any number of threads may use one at the same time (but for reel_ctx_set_threads).
 * There is no global state. */
#ifndef REEL_CORE_CTX_H
#define REEL_CORE_CTX_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An instruction set: an index into the list of those that were built in, 0 for portable code, then
 * the better the higher. reel_isa_name names it. */
typedef int reel_isa;

/* What tapes of float32 store values and gradients in. Parameters, their gradients, statistics,
 * losses and sums are float32 either way. */
typedef enum { REEL_PRECISION_FLOAT32, REEL_PRECISION_BF16 } reel_precision;

typedef enum { REEL_LOG_DEBUG, REEL_LOG_INFO, REEL_LOG_WARN } reel_log_level;
/* Receives one line without a newline at its end; may be called from several threads. */
typedef void reel_log_fn(void *user, reel_log_level level, const char *line);

typedef struct reel_ctx reel_ctx;

enum { REEL_MAX_THREADS = 1024 };

typedef struct reel_ctx_config {
    int threads;   /* compute threads, at most REEL_MAX_THREADS; 0 = reel_available_cpus() */
    uint64_t seed; /* key of every random stream */
    /* "portable", "avx2", "avx512" or "amx"; on aarch64 "portable" or "neon": the highest to use.
     * NULL = the environment's REEL_ISA, else the best that this CPU has. */
    const char *isa;
    reel_log_fn *log; /* NULL: silent */
    void *log_user;   /* for log */
    reel_precision precision;
    /* Multiply in float32 even where this CPU has instructions for bf16: machines that differ in
     * this then compute the same bits. So does REEL_BF16=widen in the environment.
     * REEL_BF16=native takes these instructions even where float32 is faster: a context of bf16 is
     * refused where there are none. This field comes before the environment. */
    bool widen_bf16;
} reel_ctx_config;

/* config may be NULL for the defaults. The environment (REEL_ISA, REEL_BF16, REEL_CONV, REEL_TRACE)
 * is read here, once. REEL_ERR_INVALID: unknown isa or precision, an isa or instructions for bf16
 * that this CPU lacks, a number of threads out of range. */
REEL_API reel_status reel_ctx_create(reel_ctx **out, const reel_ctx_config *config,
                                     reel_error *err);
REEL_API void reel_ctx_destroy(reel_ctx *ctx); /* NULL is fine */

REEL_API int reel_ctx_threads(const reel_ctx *ctx);
/* Fewer threads than at creation, or as many again. Nothing may run on the context meanwhile;
 * results keep their bits. */
REEL_API void reel_ctx_set_threads(reel_ctx *ctx, int threads);
REEL_API uint64_t reel_ctx_seed(const reel_ctx *ctx);
REEL_API reel_isa reel_ctx_isa(const reel_ctx *ctx);
REEL_API reel_precision reel_ctx_precision(const reel_ctx *ctx);
/* "float32" or "bf16". */
REEL_API const char *reel_precision_name(reel_precision precision);
/* Whether the context multiplies bf16 with instructions of this CPU's own: where it has some that
 * are faster than float32's, or with REEL_BF16=native some at all. Else linear layers multiply in
 * float32. The bits differ between the two. */
REEL_API bool reel_ctx_multiplies_bf16(const reel_ctx *ctx);
REEL_API const char *reel_isa_name(reel_isa isa);
/* The instruction set of that name; -1 where the build has none. */
REEL_API int reel_isa_find(const char *name);
/* What a context with isa NULL would use, for code that has no context; an unknown name in REEL_ISA
 * is passed over. */
REEL_API reel_isa reel_isa_default(void);
REEL_API void reel_ctx_log(const reel_ctx *ctx, reel_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* CPUs this process may use: those of its affinity mask, or its control group's (v1 or v2) quota
 * rounded up where that is less. Processes that mpirun started on one host divide them by their
 * number. At least 1. */
REEL_API int reel_available_cpus(void);

#ifdef __cplusplus
}
#endif
#endif
