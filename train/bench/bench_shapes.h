/* The products and convolutions that `reel bench kernels` measures: AlexNet's own, or those of a
 * file.
 *
 * A file is {"net": {"layer": [c, h, w, oc, kernel, stride, padding, groups], ...}, ...}, all
 * square: kernel x kernel taps, the stride and the padding the same in both directions. */
#ifndef REEL_TRAIN_BENCH_SHAPES_H
#define REEL_TRAIN_BENCH_SHAPES_H

#include "core/kernels/conv.h"

/* One layer. A product is a linear layer y = x W^T of m rows, k inputs and n outputs; square ones
 * have a forward pass only. */
typedef struct reel_bench_shape {
    char *name; /* "net/layer" */
    bool is_product, forward_only;
    reel_conv_shape conv;
    int64_t m, n, k;
} reel_bench_shape;

typedef struct reel_bench_shapes {
    reel_bench_shape *at;
    int64_t count;
} reel_bench_shapes;

/* path NULL: AlexNet's convolutions and linear layers, and a product of 1024 x 1024 x 1024. Only
 * shapes whose name holds `net` (NULL or "": all). REEL_ERR_FORMAT and REEL_ERR_IO name file, layer
 * and field; REEL_ERR_INVALID: nothing has that name. */
reel_status reel_bench_shapes_load(reel_bench_shapes *shapes, const char *path, const char *net,
                                   int64_t batch, reel_error *err);
void reel_bench_shapes_free(reel_bench_shapes *shapes);

#endif
