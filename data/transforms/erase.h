/* Random erasing (Zhong et al., "Random erasing data augmentation", AAAI 2020). */
#ifndef REEL_DATA_TRANSFORMS_ERASE_H
#define REEL_DATA_TRANSFORMS_ERASE_H

#include "core/rng.h"
#include "data/image.h"

/* torchvision's RandomErasing(p): with probability p, a part of the square image of 2 to 33 % of
 * its area, height / width between 0.3 and 3.3 (log-uniform); up to 10 tries. Empty: none. */
reel_rect reel_erase_choose(int64_t size, double p, reel_rng *rng);

/* Makes that part of image, (size, size, channels) floats, 0. */
void reel_erase(float *image, int64_t size, int64_t channels, const reel_rect *part);

#endif
