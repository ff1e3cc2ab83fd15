/* Drawing of one parameter, and the names of the initialisers. Private. */
#ifndef REEL_LAYERS_INIT_INTERNAL_H
#define REEL_LAYERS_INIT_INTERNAL_H

#include "core/ctx.h"
#include "core/tensor.h"
#include "layers/init.h"

/* Everything that the values depend on besides the seed and the parameter's index. */
typedef struct reel_param_init {
    reel_init init;
    int64_t fan_in, fan_out;
} reel_param_init;

/* Draws every element of t. The values are a function of (seed, index, element) only, whatever the
 * number of threads. */
void reel_init_draw(const reel_ctx *ctx, const reel_param_init *how, uint32_t index,
                    const reel_tensor *t);

/* "kaiming_normal"; NULL after the last kind. */
const char *reel_init_kind_name(int kind);
/* Whether the kind reads reel_init.value. */
bool reel_init_takes_value(reel_init_kind kind);

/* The output layer's initialiser. A Kaiming initialiser keeps the signal's size through ReLUs. In
 * the output layer it would make the first logits as large as the activations, and the first loss
 * several times ln(classes). So the output layer starts small. */
static inline reel_init reel_output_init(reel_init hidden)
{
    const bool kaiming = hidden.kind == REEL_INIT_KAIMING_UNIFORM ||
                         hidden.kind == REEL_INIT_KAIMING_NORMAL ||
                         hidden.kind == REEL_INIT_KAIMING_NORMAL_OUT;
    return kaiming ? (reel_init){REEL_INIT_GAUSSIAN, 0.01} : hidden;
}

#endif
