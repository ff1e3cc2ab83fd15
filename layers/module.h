/* What a layer is: one constant table, `reel_layer`. The library's own layers and those of a user
 * are the same thing; layers/README.md shows how to write one.
 *
 * A net holds modules, one for each place where a layer is used. A module owns a copy of its
 * settings ("config"), its parameters, and perhaps modules of its own. */
#ifndef REEL_LAYERS_MODULE_H
#define REEL_LAYERS_MODULE_H

#include "core/params.h"
#include "core/rng.h"
#include "core/tape.h"
#include "layers/args.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_module reel_module;
typedef struct reel_onnx reel_onnx; /* layers/onnx_graph.h */

/* ---- the layer ---- */

/* One use of the layer in a gradient check; `draw` changes it to what the layer can take. */
typedef struct reel_layer_use {
    int64_t images[4]; /* shape (n, c, h, w) of the input, drawn: n, c 1 to 3; h, w 1 to 5 */
    bool flatten;      /* the layer takes (n, c h w) instead */
    bool evaluation;   /* check in evaluation mode instead of training mode */
} reel_layer_use;

typedef struct reel_layer {
    const char *name; /* "conv2d": the file's name, the builder's, the one in text */
    const char *kind; /* "Conv2d": PyTorch's class, shown to people; NULL = name */

    /* Arguments, and the config struct that holds them. The struct's first member is
     * `const char *name`. No arguments: config_size 0, the config is reel_layer_config. */
    const reel_layer_arg *args;
    int n_args;
    size_t config_size;

    /* Runs once, when the layer is added, after the arguments were checked: adds parameters and
     * modules, checks what concerns several arguments at once. NULL: nothing to do. */
    reel_status (*setup)(reel_module *m, reel_error *err);

    /* Writes the layer as an expression on the tape of x (core/ops.h). Shapes are checked, and
     * gradients follow, by the operators it uses. A layer that is one function of x and nothing
     * else has `function` instead. */
    reel_var (*forward)(const reel_module *m, reel_var x);
    reel_var (*function)(reel_var x);

    /* Multiply-adds of one forward pass from shape in to shape out. NULL: none worth counting. */
    int64_t (*multiply_adds)(const reel_module *m, const reel_tensor *in, const reel_tensor *out);

    /* May compute some of the layers that follow as well, in one operator: sets *taken to how many
     * of next[0 .. n_next) it did. Same values as one after the other, within rounding. NULL: the
     * layer stands alone. */
    reel_var (*forward_with)(const reel_module *m, const reel_module *const *next, int n_next,
                             reel_var x, int *taken);

    /* ONNX, in evaluation mode: the type of the one node that the layer is, or a function that
     * writes its nodes (layers/onnx_graph.h). The function returns REEL_ERR_INVALID for settings
     * that ONNX cannot express. Both NULL: the layer cannot be exported. */
    const char *onnx_node;
    reel_status (*onnx)(const reel_module *m, reel_onnx *graph, reel_error *err);

    /* The layer's gradient check: fills a zeroed config with drawn settings, and changes `use` to
     * an input that they allow. A layer with arguments must have it; without arguments, NULL checks
     * the layer on any images. */
    void (*draw)(reel_rng *rng, reel_layer_use *use, void *config);
} reel_layer;

/* ---- the tree ---- */

/* How a module without a layer computes with its children. */
typedef enum {
    REEL_JOIN_NONE,   /* a Sequential: one after the other */
    REEL_JOIN_ADD,    /* each child is a branch that reads the same input; their values' sum */
    REEL_JOIN_CONCAT, /* branches likewise; their values side by side along dimension 1 */
    REEL_JOIN_SCALE   /* two branches: a factor for each channel (n, c, 1, 1), and the input that
                         it multiplies, a branch without layers */
} reel_join;

/* ---- for setup, forward and onnx ---- */

/* The settings, defaults filled in. */
REEL_API const void *reel_module_config(const reel_module *m);
REEL_API const char *reel_module_name(const reel_module *m); /* full, "features.0" */
REEL_API const reel_layer *reel_module_layer(const reel_module *m);
/* Whether the net is in training mode. */
REEL_API bool reel_module_training(const reel_module *m);
/* Position among all layers of the net: names this layer's random stream. */
REEL_API uint32_t reel_module_index(const reel_module *m);

typedef struct reel_param_config {
    const char *name; /* the last part of the parameter's name: "weight" */
    int ndim;
    int64_t shape[REEL_MAX_DIMS];
    unsigned flags; /* REEL_PARAM_BIAS, ...: core/params.h */
    reel_init init;
    int64_t fan_in, fan_out; /* what the initialisers of variance read */
} reel_param_config;

/* Adds the module's next parameter, of any number. */
REEL_API reel_status reel_module_add_param(reel_module *m, const reel_param_config *param,
                                           reel_error *err);
REEL_API int reel_module_params(const reel_module *m); /* how many */
/* The k-th parameter as a value on the tape, and its tensor. */
REEL_API reel_var reel_module_param(const reel_module *m, reel_tape *tape, int k);
REEL_API reel_tensor reel_module_param_value(const reel_module *m, int k);

/* Adds a module inside the module: its parameters are named "OUTER.NAME.weight". */
REEL_API reel_status reel_module_add(reel_module *m, const reel_layer *layer, const void *config,
                                     reel_error *err);
/* The value of the k-th inner module on x. */
REEL_API reel_var reel_module_run(const reel_module *m, int k, reel_var x);

/* ---- for draw ---- */
REEL_API int64_t reel_draw_int(reel_rng *rng, int64_t min, int64_t max); /* both included */
REEL_API bool reel_draw_chance(reel_rng *rng, double probability);

#ifdef __cplusplus
}
#endif
#endif
