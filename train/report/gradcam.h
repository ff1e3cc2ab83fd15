/* Grad-CAM: where in a picture a network finds its class.
 *
 * R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
 * Localization", 2017 (arXiv 1610.02391). Of the maps A (c, h, w) of one layer and the score y of a
 * class before softmax:
 *
 *     alpha_k = mean over i, j of dy / dA_k(i, j)
 *     L(i, j) = max(0, sum_k alpha_k A_k(i, j))
 */
#ifndef REEL_TRAIN_REPORT_GRADCAM_H
#define REEL_TRAIN_REPORT_GRADCAM_H

#include "data/image.h"
#include "layers/net.h"

typedef struct reel_gradcam {
    char layer[128];     /* whose maps they are; "" = the net has none */
    int64_t n, channels; /* images; of the layer's maps */
    int64_t h, w;        /* of the layer's maps */
    float *map;          /* L, [n][h][w]; owned; NULL = the net has no such layer */
} reel_gradcam;

/* L of every image for class[i]. The layer is the last in front of the net's last layer with
 * weights whose maps are larger than a pixel; pooling and dropout do not count. images: (n, c,
 * size, size), REEL_F32. They go through the net one by one, each layer by itself, in evaluation
 * mode. Afterwards the net has its mode again, its gradients are
 * zero and fusion is on. A net without such a layer: REEL_OK and no maps. REEL_ERR_MEMORY. */
reel_status reel_gradcam_of(reel_gradcam *out, reel_net *net, const reel_tensor *images,
                            const int64_t *class, reel_error *err);
void reel_gradcam_free(reel_gradcam *cam);

/* The formula. maps and gradient: (1, c, h, w); out: [h][w]. */
void reel_gradcam_map(float *out, const reel_tensor *maps, const reel_tensor *gradient);
/* L of image i at a point of the picture, both sides 0 to 1, between the maps' pixels (bilinear,
 * pixel centres as in PyTorch's interpolate). */
double reel_gradcam_at(const reel_gradcam *cam, int64_t i, double x, double y);
/* Colours the picture by L of image i: red where it is largest, over yellow, unchanged at 0. */
void reel_gradcam_paint(reel_image *picture, const reel_gradcam *cam, int64_t i);

#endif
