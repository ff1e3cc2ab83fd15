/* What core reads of a context beside its public face: the environment as it was at creation, and
 * the counting of CPUs. Private to core. */
#ifndef REEL_CORE_CTX_INTERNAL_H
#define REEL_CORE_CTX_INTERNAL_H

#include "core/ctx.h"

typedef enum {
    REEL_TRACE_TIME = 1, /* each operator's times, at the tape's reset */
    REEL_TRACE_CONV = 2  /* which convolution implementation runs, and who refused */
} reel_trace;

/* Whether REEL_TRACE, a list of words, asked for it. */
bool reel_ctx_traces(const reel_ctx *ctx, reel_trace what);
/* REEL_CONV, or "" where it is not set. */
const char *reel_ctx_forced_conv(const reel_ctx *ctx);

/* widen_bf16 of its config. */
bool reel_ctx_widens_bf16(const reel_ctx *ctx);

/* Instruction sets (kernels/kernels.c): how many the build has, whether this CPU runs one, the best
 * that it runs. */
int reel_isa_count(void);
bool reel_isa_runs(reel_isa isa);
reel_isa reel_isa_best(void);

/* Implementations of convolution (kernels/conv_choice.c): whether one has that name, and all names
 * as text: "winograd, direct or gemm". */
bool reel_conv_is_known(const char *name);
const char *reel_conv_names(char *text, size_t size);

/* The smallest CPU quota on the way from a process's control group up to the root, rounded up; 0
 * where there is none. membership: a file such as /proc/self/cgroup; mount: where control groups
 * are mounted, version 1 or 2. */
int reel_cgroup_cpus(const char *membership, const char *mount);

#endif
