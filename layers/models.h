/* The networks that come with the library. Each file in layers/models/ holds one. */
#ifndef REEL_LAYERS_MODELS_H
#define REEL_LAYERS_MODELS_H

#include "layers/net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { REEL_HEAD_FLATTEN = 0, REEL_HEAD_GAP, REEL_HEAD_GMP } reel_head;
REEL_API const char *reel_head_name(reel_head head); /* "flatten", "gap", "gmp" */
REEL_API reel_head reel_head_find(const char *name); /* REEL_HEAD_FLATTEN if unknown */

typedef struct reel_model_config {
    int64_t classes; /* 0 = 1000 */
    reel_head
        head; /* flatten: the original classifier; gap / gmp: global pool, dropout, one Linear */
    double dropout;     /* share; negative = the model's own (0.5) */
    int64_t image_size; /* 0 = the model's own. Needed where the classifier's width depends on it
                           (alexnet2012) */
    /* REEL_INIT_DEFAULT = the model's own. With a Kaiming initialiser the output layer is drawn
     * from N(0, 0.01^2): small logits. */
    reel_init weight_init, bias_init;
} reel_model_config;

typedef struct reel_model {
    const char *name;
    const char *about;  /* one line */
    int64_t image_size; /* default input height and width */
    int64_t min_size;   /* smallest input it can take with the flatten head */
    void (*add)(reel_net *net, const reel_model_config *config);
} reel_model;

/* torchvision's AlexNet (Krizhevsky 2014), the 2012 network with groups and LRN, a small net for
 * tests. */
REEL_API extern const reel_model reel_model_alexnet, reel_model_alexnet2012, reel_model_tiny;

REEL_API const reel_model *reel_model_find(const char *name); /* NULL if unknown */
REEL_API int reel_model_count(void);
REEL_API const reel_model *reel_model_at(int index);
/* Creates, adds, builds and initialises. REEL_ERR_INVALID: an image size the net cannot take (the
 * message says the smallest, or the largest: 2^20). */
REEL_API reel_status reel_model_create(reel_net **out, const reel_model *model,
                                       const reel_model_config *config, const reel_ctx *ctx,
                                       reel_dtype dtype, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
