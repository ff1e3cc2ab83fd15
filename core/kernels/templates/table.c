/* The table of this instruction set. */
#include "core/kernels/templates/names.h"

#define STRING_(text) #text
#define STRING(text) STRING_(text)

const reel_kernels REEL_ISA_FN(reel_kernels) = {
    .name = STRING(REEL_ISA),
    .runs = REEL_JOIN(reel_isa_runs_, REEL_ISA, ),
#ifdef REEL_TILES
    .tiles = true,
    .peak_tiles_flop = REEL_PEAK_TILES * REEL_TILE_FLOP,
    .peak_tiles = REEL_ISA_FN(reel_peak_tiles),
    .tiles_conv = {REEL_ISA_FN(reel_tiles_conv_forward), REEL_ISA_FN(reel_tiles_conv_input_grad),
                   REEL_ISA_FN(reel_tiles_conv_weight_grad)},
#endif
    .matrix = REEL_BOTH_KERNELS(reel_matrix),
    .first_layer = {REEL_ISA_FN(reel_first_layer_forward), REEL_ISA_FN(reel_first_layer_input_grad),
                    REEL_ISA_FN(reel_first_layer_weight_grad)},
    .first_layer_taps = {REEL_ISA_FN(reel_first_layer_taps_forward), NULL,
                         REEL_ISA_FN(reel_first_layer_taps_grad)},
    .winograd = {REEL_ISA_FN(reel_winograd_forward), REEL_ISA_FN(reel_winograd_input_grad),
                 REEL_ISA_FN(reel_winograd_weight_grad)},
    .polyphase = {REEL_ISA_FN(reel_polyphase_forward), NULL,
                  REEL_ISA_FN(reel_polyphase_weight_grad)},
    .few_tiles = REEL_ISA_FN(reel_few_tiles_forward),
    .depthwise = {REEL_ISA_FN(reel_depthwise_forward), REEL_ISA_FN(reel_depthwise_input_grad),
                  REEL_ISA_FN(reel_depthwise_weight_grad)},
    .pointwise = {REEL_ISA_FN(reel_pointwise_forward), REEL_ISA_FN(reel_pointwise_input_grad),
                  REEL_ISA_FN(reel_pointwise_weight_grad)},
    .strided = {NULL, REEL_ISA_FN(reel_strided_input_grad), REEL_ISA_FN(reel_strided_weight_grad)},
    .relu_pool = REEL_BOTH_KERNELS(reel_relu_pool_max),
    .relu_pool_grad = REEL_BOTH_KERNELS(reel_relu_pool_grad),
    .batch_norm = REEL_BOTH_KERNELS(reel_batch_norm),
    .bf16_widen = REEL_ISA_FN(reel_bf16_widen),
    .bf16_round = REEL_ISA_FN(reel_bf16_round),
    .bf16_dots = REEL_ISA_FN(reel_bf16_dots),
#ifdef REEL_BF16_NATIVE
    .bf16_product = REEL_JOIN(reel_bf16_product, __, REEL_BF16_NATIVE),
    .bf16_product_runs = REEL_JOIN(reel_isa_runs_, REEL_BF16_NATIVE, ),
    .bf16_product_pays = REEL_JOIN(reel_isa_pays_, REEL_BF16_NATIVE, ),
#endif
    .philox_draw = REEL_ISA_FN(reel_philox_draw),
    .peak_flop = 2 * REEL_PEAK_CHAINS * VL,
    .peak_multiply_add = REEL_ISA_FN(reel_peak_multiply_add),
    .triad = REEL_ISA_FN(reel_triad),
    .plain_muladd = REEL_ISA_FN(reel_plain_muladd),
};
