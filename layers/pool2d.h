/* What pooling layers share: a square window that moves over each channel, and the nodes of ONNX.
 * Private. */
#ifndef REEL_LAYERS_POOL2D_H
#define REEL_LAYERS_POOL2D_H

#include "core/ops.h"
#include "layers/layers.h"
#include "layers/onnx_graph.h"

enum { REEL_POOL2D_ARGS = 5 };
extern const reel_layer_arg reel_pool2d_args[REEL_POOL2D_ARGS];

/* The operator's attributes, from the module's settings. */
reel_pool2d_attrs reel_pool2d_attrs_of(const reel_module *m);

/* Begins the node and writes its input, kernel, pads and strides. */
void reel_pool2d_onnx(const reel_module *m, reel_onnx *graph, const char *node);
/* Whether floor mode gives the size of the output that the module has. */
bool reel_pool2d_floors(const reel_module *m, reel_onnx *graph);

/* The layer's onnx_node over the whole image, and a Flatten: ONNX keeps two dimensions of size 1.
 */
reel_status reel_global_pool_onnx(const reel_module *m, reel_onnx *graph, reel_error *err);

void reel_pool2d_draw(reel_rng *rng, reel_layer_use *use, void *config);

#endif
