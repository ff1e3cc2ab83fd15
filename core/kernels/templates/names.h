/* Every function that is compiled once for each instruction set, declared under its full name:
 * REEL_ISA_FN(reel_triad) is reel_triad__avx2 while templates/ is compiled for AVX2. table.c puts
 * them into the instruction set's reel_kernels. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_NAMES_H
#define REEL_CORE_KERNELS_TEMPLATES_NAMES_H

#include "core/kernels/kernels.h"
#include "core/kernels/templates/vector.h"

enum { REEL_PEAK_CHAINS = 12 };

/* NAME_f32__ISA and NAME_f64__ISA, whichever dtype is being compiled. */
#define REEL_BOTH_KERNELS(name) {REEL_ISA_FN(name##_f32), REEL_ISA_FN(name##_f64)}

reel_matrix_fn REEL_ISA_FN(reel_matrix_f32), REEL_ISA_FN(reel_matrix_f64);

reel_conv_fn REEL_ISA_FN(reel_first_layer_forward), REEL_ISA_FN(reel_first_layer_input_grad),
    REEL_ISA_FN(reel_first_layer_weight_grad), REEL_ISA_FN(reel_first_layer_taps_forward),
    REEL_ISA_FN(reel_first_layer_taps_grad);
reel_conv_fn REEL_ISA_FN(reel_winograd_forward), REEL_ISA_FN(reel_winograd_input_grad),
    REEL_ISA_FN(reel_winograd_weight_grad);
reel_conv_fn REEL_ISA_FN(reel_polyphase_forward), REEL_ISA_FN(reel_polyphase_weight_grad);
reel_conv_fn REEL_ISA_FN(reel_few_tiles_forward);
reel_conv_fn REEL_ISA_FN(reel_depthwise_forward), REEL_ISA_FN(reel_depthwise_input_grad),
    REEL_ISA_FN(reel_depthwise_weight_grad);
reel_conv_fn REEL_ISA_FN(reel_pointwise_forward), REEL_ISA_FN(reel_pointwise_input_grad),
    REEL_ISA_FN(reel_pointwise_weight_grad);
reel_conv_fn REEL_ISA_FN(reel_strided_input_grad), REEL_ISA_FN(reel_strided_weight_grad);
reel_conv_fn REEL_ISA_FN(reel_tiles_conv_forward), REEL_ISA_FN(reel_tiles_conv_input_grad),
    REEL_ISA_FN(reel_tiles_conv_weight_grad);

reel_relu_pool_fn REEL_ISA_FN(reel_relu_pool_max_f32), REEL_ISA_FN(reel_relu_pool_max_f64);
reel_relu_pool_grad_fn REEL_ISA_FN(reel_relu_pool_grad_f32), REEL_ISA_FN(reel_relu_pool_grad_f64);

reel_batch_norm_fn REEL_ISA_FN(reel_batch_norm_f32), REEL_ISA_FN(reel_batch_norm_f64);

void REEL_ISA_FN(reel_bf16_widen)(int threads, const reel_bf16 *from, float *to, int64_t n);
void REEL_ISA_FN(reel_bf16_round)(int threads, const float *from, reel_bf16 *to, int64_t n);
void REEL_ISA_FN(reel_bf16_dots)(int threads, const struct reel_bf16_dots_job *job);
#ifdef REEL_BF16_NATIVE
reel_bf16_product_fn REEL_JOIN(reel_bf16_product, __, REEL_BF16_NATIVE);
bool REEL_JOIN(reel_isa_runs_, REEL_BF16_NATIVE, )(void),
    REEL_JOIN(reel_isa_pays_, REEL_BF16_NATIVE, )(void);
#endif

void REEL_ISA_FN(reel_philox_draw)(uint32_t *words, uint64_t seed, uint32_t stream, uint32_t epoch,
                                   uint32_t sample);

float REEL_ISA_FN(reel_peak_multiply_add)(int64_t rounds, float factor, float addend);
#ifdef REEL_TILES
enum { REEL_PEAK_TILES = 4, REEL_TILE_FLOP = 2 * 16 * 32 * 16 };
void REEL_ISA_FN(reel_peak_tiles)(int64_t rounds);
#endif
void REEL_ISA_FN(reel_triad)(int64_t n, float *a, const float *b, const float *c, float factor);
float REEL_ISA_FN(reel_plain_muladd)(float a, float b, float c);

extern const reel_kernels REEL_ISA_FN(reel_kernels);
bool REEL_JOIN(reel_isa_runs_, REEL_ISA, )(void);

#endif
