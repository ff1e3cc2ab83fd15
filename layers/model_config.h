/* What a network is built with: classes, size, head, dropout, initial values. */
#ifndef REEL_LAYERS_MODEL_CONFIG_H
#define REEL_LAYERS_MODEL_CONFIG_H

#include "layers/init.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { REEL_HEAD_FLATTEN = 0, REEL_HEAD_GAP, REEL_HEAD_GMP } reel_head;

/* Start from reel_model_config_default: a dropout of 0 is a value. */
typedef struct reel_model_config {
    int64_t classes; /* 0 = 1000, or what the network's text says */
    /* flatten: the original classifier; gap, gmp: global pool, dropout, one Linear */
    reel_head head;
    double dropout; /* share of the elements set to zero, in every dropout layer; NaN = each layer's
                       own, for a network that is a text */
    int64_t image_size; /* height and width; 0 = the model's own */
    int64_t channels;   /* of the input: 3, or 1 for grey images; 0 = the model's own */
    /* REEL_INIT_DEFAULT = the model's own. With a Kaiming initialiser the output layer is drawn
     * from N(0, 0.01^2), which keeps the first logits small. */
    reel_init weight_init, bias_init;
    bool keep_text_init; /* a line of a text that names an initialiser is obeyed all the same */
} reel_model_config;

#ifdef __cplusplus
}
#endif
#endif
