/* The networks that come with the library: one file in layers/models/ for each. */
#ifndef REEL_LAYERS_MODELS_H
#define REEL_LAYERS_MODELS_H

#include "layers/net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { REEL_HEAD_FLATTEN = 0, REEL_HEAD_GAP, REEL_HEAD_GMP } reel_head;
REEL_API const char *reel_head_name(reel_head head); /* "flatten", "gap", "gmp" */
REEL_API reel_head reel_head_find(const char *name); /* REEL_HEAD_FLATTEN if unknown */

/* Start from reel_model_config_default: a dropout of 0 is a value. */
typedef struct reel_model_config {
    int64_t classes; /* 0 = 1000 */
    /* flatten: the original classifier; gap, gmp: global pool, dropout, one Linear */
    reel_head head;
    double dropout;     /* share of the elements set to zero, in every dropout layer */
    int64_t image_size; /* height and width; 0 = the model's own */
    int64_t channels;   /* of the input: 3, or 1 for grey images; 0 = 3 */
    /* REEL_INIT_DEFAULT = the model's own. With a Kaiming initialiser the output layer is drawn
     * from N(0, 0.01^2), which keeps the first logits small. */
    reel_init weight_init, bias_init;
} reel_model_config;

/* Trained weights of a network that somebody publishes. `reel` downloads them by their name. */
typedef struct reel_public_weights {
    const char *name; /* publisher/network: "torchvision/alexnet" */
    /* https; the file's name ends in '-', the first hex digits of its SHA-256 (8 or more), and an
     * extension. */
    const char *url;
    int megabytes; /* of 2^20 bytes: the file's size, rounded up */
} reel_public_weights;

typedef struct reel_model {
    const char *name;   /* the file's: "alexnet" */
    const char *about;  /* one line */
    int64_t image_size; /* default input height and width */
    int64_t min_size;   /* smallest input that the net can take with the flatten head */
    double dropout;     /* default */
    /* Adds all layers to an empty net. No field of config is left at a default. */
    void (*add)(reel_net *net, const reel_model_config *config);
    const reel_public_weights *public_weights; /* a row without a name ends them; NULL = none */
} reel_model;

REEL_API int reel_model_count(void);
REEL_API const reel_model *reel_model_at(int index);
REEL_API const reel_model *reel_model_find(const char *name); /* NULL if unknown */

/* 1000 classes, the flatten head, the model's own image size, dropout and initialisers. */
REEL_API reel_model_config reel_model_config_default(const reel_model *model);

/* Creates a net, adds the layers, builds and initialises it. config NULL: the default.
 * REEL_ERR_INVALID: an image size that the net cannot take; the message has the smallest, or the
 * largest, which is 2^20. */
REEL_API reel_status reel_model_create(reel_net **out, const reel_model *model,
                                       const reel_model_config *config, const reel_ctx *ctx,
                                       reel_dtype dtype, reel_error *err);

/* The same without reel_net_build: names and shapes of the parameters, but no memory for them. For
 * comparing with a file before anything of the file's size is allocated. */
REEL_API reel_status reel_model_outline(reel_net **out, const reel_model *model,
                                        const reel_model_config *config, const reel_ctx *ctx,
                                        reel_dtype dtype, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
