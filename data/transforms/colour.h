/* Random colour of n pixels in place, rgb: (n, 3) bytes. Bit for bit what PIL's ImageEnhance and
 * torchvision's adjust_hue compute. */
#ifndef REEL_DATA_TRANSFORMS_COLOUR_H
#define REEL_DATA_TRANSFORMS_COLOUR_H

#include "core/rng.h"

/* factor: 0 = black, grey or no colour; 1 = as it is; above 1 = more. */
void reel_adjust_brightness(uint8_t *rgb, int64_t n, double factor);
void reel_adjust_contrast(uint8_t *rgb, int64_t n, double factor);
void reel_adjust_saturation(uint8_t *rgb, int64_t n, double factor);
void reel_adjust_hue(uint8_t *rgb, int64_t n, double factor); /* -0.5 to 0.5 of a turn */
/* 0: blurred; above 1: sharper. dst, src: (height, width, 3); dst is not src. */
void reel_adjust_sharpness(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height,
                           double factor);

/* torchvision's ColorJitter: factors from [max(0, 1 - v), 1 + v], hue from [-v, v], in random
 * order. 0 = off; rng is drawn from only if one of them is on. */
typedef struct reel_jitter_amounts {
    double brightness, contrast, saturation, hue;
} reel_jitter_amounts;
bool reel_jitter_is_on(const reel_jitter_amounts *amounts);
void reel_jitter(const reel_jitter_amounts *amounts, uint8_t *rgb, int64_t n, reel_rng *rng);

/* PCA lighting (Krizhevsky et al. 2012, section 4.1): what is added to every pixel's channels, for
 * pixels in [0, 1]. */
void reel_lighting(double delta[3], double deviation, reel_rng *rng);

#endif
