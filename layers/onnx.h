/* A net as an ONNX file: opset 13, IR version 7, float32, any batch size, height and width fixed;
 * weights, and what the caller wants known (class names, preprocessing), inside. onnxruntime,
 * OpenCV's dnn and others run it.
 *
 * The graph comes from the net's layers: each kind of layer says in its `onnx` function which nodes
 * it is. So a net of one's own exports as soon as its layers do; a layer that has no such function,
 * or a setting that ONNX cannot express, is named in the error. Dropout leaves no node: the graph
 * is the net in evaluation mode. */
#ifndef REEL_LAYERS_ONNX_H
#define REEL_LAYERS_ONNX_H

#include "layers/module.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_onnx_config {
    int64_t channels, height, width; /* of the input; channels 0 = 3, width 0 = height */
    const char *name;                /* of the graph; NULL = "net" */
    int n_metadata;
    const char *const *keys, *const *values; /* [n_metadata] text, UTF-8 */
} reel_onnx_config;

/* Writes the net to path, which holds the old file or the new one at any moment. Input "images"
 * (batch, channels, height, width), output "logits" ("probabilities" where the net ends in
 * Softmax). REEL_ERR_INVALID: a layer that cannot be exported, an input that is too small, or more
 * than the 2 GB of a protobuf message; REEL_ERR_IO; REEL_ERR_MEMORY. */
REEL_API reel_status reel_net_save_onnx(reel_net *net, const reel_onnx_config *config,
                                        const char *path, reel_error *err);

/* ---- for a layer's `onnx` function: a node is begun, its inputs follow in order, then its
 * attributes ---- */

/* The node's output becomes the current value, which the next node or layer reads. */
REEL_API void reel_onnx_node(reel_onnx *graph, const char *op_type);
REEL_API void reel_onnx_input(reel_onnx *graph); /* the current value before this node */
REEL_API void reel_onnx_param(reel_onnx *graph, const reel_module *m,
                              int k); /* the module's k-th parameter */
REEL_API void reel_onnx_constant(reel_onnx *graph, const char *name, int64_t rows, int64_t columns,
                                 const float *values); /* a matrix; copied */
REEL_API void reel_onnx_int(reel_onnx *graph, const char *attribute, int64_t value);
REEL_API void reel_onnx_ints(reel_onnx *graph, const char *attribute, const int64_t *values, int n);
REEL_API void reel_onnx_float(reel_onnx *graph, const char *attribute, double value);

#ifdef __cplusplus
}
#endif
#endif
