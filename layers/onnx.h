/* A net as an ONNX file: opset 13, IR version 7, float32, any batch size, height and width fixed;
 * weights, and what the caller wants known (class names, preprocessing), inside. onnxruntime,
 * OpenCV's dnn and others run it.
 *
 * Each layer writes its own nodes (reel_layer.onnx), so a net of your own exports when its layers
 * do. The error names a layer that has no ONNX form, or a setting that ONNX cannot express. The
 * graph is the net in evaluation mode: dropout leaves no node. */
#ifndef REEL_LAYERS_ONNX_H
#define REEL_LAYERS_ONNX_H

#include "layers/net.h"

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

#ifdef __cplusplus
}
#endif
#endif
