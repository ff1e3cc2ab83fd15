/* AdaptiveAvgPool2d: (n, c, h, w) -> (n, c, height, width) for any h and w, by averages over cells
 * of nearly equal size. */
#include "layers/layers.h"

#include <stdlib.h>

#include "core/ops.h"
#include "layers/onnx_graph.h"

static const reel_layer_arg args[] = {
    REEL_ARG("output_size", INT, reel_adaptive_avg_pool2d_config, height, .min = 1, .max = INFINITY,
             .required = true),
    REEL_ARG("output_w", INT, reel_adaptive_avg_pool2d_config, width, .like = "output_size",
             .min = 1, .max = INFINITY),
};

static reel_var adaptive_avg_pool2d_layer_forward(const reel_module *m, reel_var x)
{
    const reel_adaptive_avg_pool2d_config *c = reel_module_config(m);
    const reel_tensor in = reel_value(x);
    if (in.ndim == 4 && in.shape[2] == c->height && in.shape[3] == c->width)
        return x; /* every cell is one pixel */
    return reel_adaptive_avg_pool2d(x, c->height, c->width);
}

/* ---- ONNX ---- */

/* Averages as a matrix (out, in): row i averages over [floor(i in / out), ceil((i + 1) in / out)).
 * Or its transpose (in, out). */
typedef struct cell_matrix {
    int64_t in, out;
    bool transposed;
} cell_matrix;

static reel_status put_cells(reel_onnx *graph, const char *name, const cell_matrix *cells,
                             reel_error *err)
{
    const int64_t in = cells->in, out = cells->out;
    float *a = calloc((size_t)(in * out), sizeof *a);
    if (!a)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");

    for (int64_t i = 0; i < out; i++) {
        const int64_t begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
        for (int64_t j = begin; j < end; j++)
            a[cells->transposed ? j * out + i : i * in + j] = 1.0f / (float)(end - begin);
    }

    const int64_t rows = cells->transposed ? in : out, columns = cells->transposed ? out : in;
    reel_onnx_constant(graph, name, rows, columns, a);
    free(a);
    return REEL_OK;
}

/* ONNX has no adaptive pooling. Where the sizes agree it is the identity, where they divide a plain
 * average, else two matrix products: rows (oh, h) x image (h, w) x columns (w, ow). */
static reel_status adaptive_avg_pool2d_layer_onnx(const reel_module *m, reel_onnx *graph,
                                                  reel_error *err)
{
    const reel_tensor *in = reel_onnx_shape_in(graph), *out = reel_onnx_shape_out(graph);
    const int64_t h = in->shape[2], w = in->shape[3], oh = out->shape[2], ow = out->shape[3];
    (void)m;
    if (h == oh && w == ow)
        return REEL_OK;
    if (h % oh == 0 && w % ow == 0) {
        const int64_t window[] = {h / oh, w / ow};
        reel_onnx_node(graph, "AveragePool");
        reel_onnx_input(graph);
        reel_onnx_ints(graph, "kernel_shape", window, 2);
        reel_onnx_ints(graph, "strides", window, 2);
        return REEL_OK;
    }

    const cell_matrix rows = {.in = h, .out = oh};
    const cell_matrix columns = {.in = w, .out = ow, .transposed = true};
    reel_onnx_node(graph, "MatMul");
    REEL_TRY(put_cells(graph, "rows", &rows, err));
    reel_onnx_input(graph);
    reel_onnx_node(graph, "MatMul");
    reel_onnx_input(graph);
    return put_cells(graph, "columns", &columns, err);
}

static void adaptive_avg_pool2d_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_adaptive_avg_pool2d_config *c = config;
    c->height = reel_draw_int(rng, 1, use->images[2]);
    c->width = reel_draw_int(rng, 0, use->images[3]);
}

const reel_layer reel_layer_adaptive_avg_pool2d =
    REEL_LAYER(args, reel_adaptive_avg_pool2d_config, .name = "adaptive_avg_pool2d",
               .kind = "AdaptiveAvgPool2d", .forward = adaptive_avg_pool2d_layer_forward,
               .onnx = adaptive_avg_pool2d_layer_onnx, .draw = adaptive_avg_pool2d_layer_draw);
