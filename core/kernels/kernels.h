/* The kernels of one instruction set, as a table of functions. The build compiles the files in
 * templates/ once for each instruction set, and makes one table of each (templates/table.c);
 * kernels.c keeps the list, worst first. Private to core, train's bench and tests. */
#ifndef REEL_CORE_KERNELS_KERNELS_H
#define REEL_CORE_KERNELS_KERNELS_H

#include "core/bf16.h"
#include "core/kernels/conv_shape.h"

struct reel_batch_norm_job;
struct reel_bf16_dots_job;
struct reel_bf16_product;
struct reel_matrix_job;
struct reel_relu_pool_shape;

typedef void reel_matrix_fn(const struct reel_matrix_job *job);
typedef void reel_conv_fn(const reel_conv_job *job, int threads);
typedef void reel_relu_pool_fn(int threads, const struct reel_relu_pool_shape *s, const void *x,
                               void *y, uint8_t *cell);
typedef void reel_relu_pool_grad_fn(int threads, const struct reel_relu_pool_shape *s,
                                    const void *dy, const uint8_t *cell, void *dx);

typedef void reel_batch_norm_fn(const struct reel_batch_norm_job *job);

typedef void reel_bf16_product_fn(int threads, const struct reel_bf16_product *p);

typedef struct reel_kernels {
    const char *name;   /* as in REEL_ISA=name */
    bool (*runs)(void); /* whether this CPU has what it takes */
    bool tiles;         /* multiplies tiles of bf16 (templates/tiles.h) */

    /* Blocked matrix products (matrix.h), by reel_dtype. */
    reel_matrix_fn *matrix[2];

    /* The float32 convolutions, by reel_conv_pass (first_layer.h, winograd.h, polyphase.h,
     * depthwise.h, pointwise.h, strided.h, tiles_conv.h). polyphase and first_layer_taps have no
     * input gradient, strided has no forward pass. */
    reel_conv_fn *first_layer[REEL_CONV_PASSES];
    reel_conv_fn *first_layer_taps[REEL_CONV_PASSES]; /* 3 x 3 kernels over 3 channels */
    reel_conv_fn *winograd[REEL_CONV_PASSES];
    reel_conv_fn *polyphase[REEL_CONV_PASSES];
    reel_conv_fn *few_tiles; /* forward (few_tiles.h) */
    reel_conv_fn *depthwise[REEL_CONV_PASSES];
    reel_conv_fn *pointwise[REEL_CONV_PASSES];
    reel_conv_fn *strided[REEL_CONV_PASSES];
    reel_conv_fn *tiles_conv[REEL_CONV_PASSES]; /* maps in bf16; NULL without tiles */

    /* ReLU with max pooling and its gradient (relu_pool.h), by reel_dtype. */
    reel_relu_pool_fn *relu_pool[2];
    reel_relu_pool_grad_fn *relu_pool_grad[2];

    /* The passes of batch normalisation (batch_norm.h), by reel_dtype. */
    reel_batch_norm_fn *batch_norm[2];

    /* bf16 (bf16.h). The product takes instructions of its own, which need not come with the rest
     * of the set: whether this CPU has them, and whether they are faster than float32's multiply-
     * adds. NULL: the set has none. */
    void (*bf16_widen)(int threads, const reel_bf16 *from, float *to, int64_t n);
    void (*bf16_round)(int threads, const float *from, reel_bf16 *to, int64_t n);
    void (*bf16_dots)(int threads, const struct reel_bf16_dots_job *job);
    reel_bf16_product_fn *bf16_product;
    bool (*bf16_product_runs)(void), (*bf16_product_pays)(void);

    /* 1,024 random words (philox.h). */
    void (*philox_draw)(uint32_t *words, uint64_t seed, uint32_t stream, uint32_t epoch,
                        uint32_t sample);

    /* What the machine can do at most: `rounds` of `peak_flop` operations each, in independent
     * chains of multiply-adds. The sum is returned so that the compiler keeps them; with factor in
     * (0, 1) values stay near addend / (1 - factor). */
    int64_t peak_flop;
    float (*peak_multiply_add)(int64_t rounds, float factor, float addend);
    /* The same for products of tiles of bf16; NULL where there are none. */
    int64_t peak_tiles_flop;
    void (*peak_tiles)(int64_t rounds);
    /* a = b + factor c over n floats: the triad of McCalpin (1995), bound by memory. */
    void (*triad)(int64_t n, float *a, const float *b, const float *c, float factor);

    /* a b + c as the compiler takes it; rounds twice, or this file was compiled without
     * -ffp-contract=off and no promise about bits holds. */
    float (*plain_muladd)(float a, float b, float c);
} reel_kernels;

/* The table of one of the build's instruction sets; 0 is the portable one. */
const reel_kernels *reel_kernels_at(reel_isa isa);
/* The table that a context uses. */
const reel_kernels *reel_ctx_kernels(const reel_ctx *ctx);

/* Defines what an instruction set's detect.c says: REEL_ISA_RUNS(avx2) { return ...; } */
#define REEL_ISA_RUNS(name)                                                                        \
    bool reel_isa_runs_##name(void);                                                               \
    bool reel_isa_runs_##name(void)

/* The same for instructions that a CPU may have without gaining by them. */
#define REEL_ISA_PAYS(name)                                                                        \
    bool reel_isa_pays_##name(void);                                                               \
    bool reel_isa_pays_##name(void)

#endif
