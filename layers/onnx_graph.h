/* Writing a layer as nodes of an ONNX graph: for a layer's `onnx` function (layers/module.h). A
 * node is begun, its inputs follow in order, then its attributes. */
#ifndef REEL_LAYERS_ONNX_GRAPH_H
#define REEL_LAYERS_ONNX_GRAPH_H

#include "layers/module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The layer's input and output, with a batch of one. Only the shapes are valid. */
REEL_API const reel_tensor *reel_onnx_shape_in(const reel_onnx *graph);
REEL_API const reel_tensor *reel_onnx_shape_out(const reel_onnx *graph);

/* Begins a node. Its output becomes the current value, which the next node or layer reads. */
REEL_API void reel_onnx_node(reel_onnx *graph, const char *op_type);

/* Inputs: the current value before this node; the layer's own input, for nodes after its first; the
 * module's k-th parameter; a row-major matrix of constants, which is copied; a vector of n equal
 * numbers; a vector of n whole numbers (int64), which is copied: a shape. */
REEL_API void reel_onnx_input(reel_onnx *graph);
REEL_API void reel_onnx_layer_input(reel_onnx *graph);
REEL_API void reel_onnx_param(reel_onnx *graph, const reel_module *m, int k);
REEL_API void reel_onnx_constant(reel_onnx *graph, const char *name, int64_t rows, int64_t columns,
                                 const float *values);
REEL_API void reel_onnx_vector(reel_onnx *graph, const char *name, int64_t n, float value);
REEL_API void reel_onnx_integers(reel_onnx *graph, const char *name, const int64_t *values, int n);

/* Attributes. */
REEL_API void reel_onnx_int(reel_onnx *graph, const char *attribute, int64_t value);
REEL_API void reel_onnx_ints(reel_onnx *graph, const char *attribute, const int64_t *values, int n);
REEL_API void reel_onnx_float(reel_onnx *graph, const char *attribute, double value);

#ifdef __cplusplus
}
#endif
#endif
