/* The networks that come with the library: one file in layers/models/ for each. */
#ifndef REEL_LAYERS_MODELS_H
#define REEL_LAYERS_MODELS_H

#include "layers/model_config.h"
#include "layers/text.h"

#ifdef __cplusplus
extern "C" {
#endif

REEL_API const char *reel_head_name(reel_head head); /* "flatten", "gap", "gmp" */
REEL_API reel_head reel_head_find(const char *name); /* REEL_HEAD_FLATTEN if unknown */

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
    double dropout;     /* default; for a text each layer has its own */
    int64_t channels;   /* of the input; 0 = 3 */
    int64_t classes;    /* default; 0 = 1000 */
    /* Adds all layers to an empty net. No field of config is left at a default. NULL: the network
     * is a text, which `text` holds, or `lines` if it has been read. */
    void (*add)(reel_net *net, const reel_model_config *config);
    const char *text;
    const reel_text *lines;
    const reel_public_weights *public_weights; /* a row without a name ends them; NULL = none */
} reel_model;

REEL_API int reel_model_count(void);
REEL_API const reel_model *reel_model_at(int index);
REEL_API const reel_model *reel_model_find(const char *name); /* NULL if unknown */

/* The network of a name, or of a file with its text: the table's name comes first. The caller frees
 * it. REEL_ERR_INVALID: neither; the message has the nearest name. */
REEL_API reel_status reel_model_read(reel_model **out, const char *name_or_file, reel_error *err);
/* The network of a text. name is for messages; without folder and ending it is the network's. */
REEL_API reel_status reel_model_read_text(reel_model **out, const char *name, const char *text,
                                          reel_error *err);
REEL_API void reel_model_free(reel_model *model); /* NULL is fine */

/* 1000 classes, the flatten head, the model's own image size, dropout and initialisers. */
REEL_API reel_model_config reel_model_config_default(const reel_model *model);

/* Creates a net, adds the layers, builds and initialises it. config NULL: the default.
 * REEL_ERR_INVALID: an image size that the net cannot take; the message has the smallest, or the
 * largest, which is 2^20. */
REEL_API reel_status reel_model_create(reel_net **out, const reel_model *model,
                                       const reel_model_config *config, const reel_ctx *ctx,
                                       reel_dtype dtype, reel_error *err);

/* The same without initial values: no memory of the parameters is touched, so that a plan of a
 * large net costs nothing. reel_net_init, or weights, must follow before the net is used. */
REEL_API reel_status reel_model_build(reel_net **out, const reel_model *model,
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
