/* What stands in an ONNX file, for `reel summary`: its initial values and metadata. */
#ifndef REEL_TRAIN_ONNX_LIST_H
#define REEL_TRAIN_ONNX_LIST_H

#include "core/base.h"

#include <jansson.h>

/* {"format", "elements", "bytes", "metadata": {}, "tensors": [{"name", "dtype", "shape",
 * "bytes"}]}. Reads headers and passes over values, so that the size of the file is of no matter.
 * REEL_ERR_FORMAT: not an ONNX model, damaged or cut. */
reel_status reel_onnx_list(json_t **out, const char *path, reel_error *err);

#endif
