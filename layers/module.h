/* A layer: what every kind of module implements, and how one of one's own joins a net.
 *
 * A kind is a constant table. `setup` runs once, when the layer is added: it reads its config (a
 * copy kept by the module), checks it and adds parameters. `forward` writes an expression on the
 * tape; gradients follow from the operators it uses. */
#ifndef REEL_LAYERS_MODULE_H
#define REEL_LAYERS_MODULE_H

#include "layers/net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_module reel_module;
typedef struct reel_onnx reel_onnx; /* layers/onnx.h */

typedef struct reel_module_kind {
    const char *name;                                      /* "Conv2d" */
    reel_status (*setup)(reel_module *m, reel_error *err); /* NULL: nothing to set up */
    reel_var (*forward)(const reel_module *m, reel_tape *tape, reel_var x);
    /* Multiply-adds of one forward pass from shape in to shape out; NULL: none worth counting. */
    int64_t (*multiply_adds)(const reel_module *m, const reel_tensor *in, const reel_tensor *out);
    /* May compute some of the layers that follow as well, in one operator: sets *taken to how many
     * of next[0 .. n_next) it did. NULL: the layer stands alone. Same values as one after the
     * other, within rounding. */
    reel_var (*forward_with)(const reel_module *m, const reel_module *const *next, int n_next,
                             reel_tape *tape, reel_var x, int *taken);
    /* Writes the layer's nodes in evaluation mode (layers/onnx.h), for these shapes of in and out
     * with a batch of one. REEL_ERR_INVALID: what ONNX cannot express. NULL: the layer cannot be
     * exported. */
    reel_status (*onnx)(const reel_module *m, reel_onnx *graph, const reel_tensor *in,
                        const reel_tensor *out, reel_error *err);
} reel_module_kind;

/* Appends a layer to the open Sequential. config (config_size bytes) is copied; name NULL = its
 * position. */
REEL_API void reel_net_add(reel_net *net, const reel_module_kind *kind, const char *name,
                           const void *config, size_t config_size);

/* ---- for setup and forward ---- */
REEL_API const void *reel_module_config(const reel_module *m);
REEL_API const char *reel_module_name(const reel_module *m); /* full, "features.0" */
REEL_API bool reel_module_training(const reel_module *m);
REEL_API const reel_module_kind *reel_module_kind_of(const reel_module *m);
/* Position among the net's leaf layers: names this layer's random stream. */
REEL_API uint32_t reel_module_index(const reel_module *m);

/* Adds the module's next parameter, "NAME.suffix". fan_in and fan_out feed the initialiser. At most
 * 4 a module. */
REEL_API reel_status reel_module_add_param(reel_module *m, const char *suffix, int ndim,
                                           const int64_t *shape, unsigned flags, reel_init init,
                                           int64_t fan_in, int64_t fan_out, reel_error *err);
/* The k-th parameter as a value on the tape, or its tensor. */
REEL_API reel_var reel_module_param(const reel_module *m, reel_tape *tape, int k);
REEL_API reel_tensor reel_module_param_value(const reel_module *m, int k);

#ifdef __cplusplus
}
#endif
#endif
