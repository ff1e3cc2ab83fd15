/* PIL's conversions of CMYK and YCbCr to RGB. */
#include "data/codecs/common/colours.h"

/* White less black, less the ink's share of that. */
void reel_rgb_of_ink(uint8_t *rgb, const uint8_t *cmyk)
{
    const int white = 255 - cmyk[3];
    for (int c = 0; c < 3; c++) {
        const int product = cmyk[c] * white + 128;
        rgb[c] = (uint8_t)(white - ((product + (product >> 8)) >> 8));
    }
}

/* factor * (v - 128) in 64ths, as PIL's tables have it: half is added, then cut towards zero. */
static int chroma(double factor, int v)
{
    return (int)(64 * factor * (v - 128) + 0.5);
}

static uint8_t clip_byte(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

void reel_rgb_of_ycc(uint8_t *rgb, const uint8_t *ycc)
{
    const int y = ycc[0], cb = ycc[1], cr = ycc[2];
    rgb[0] = clip_byte(y + (chroma(1.402, cr) >> 6));
    rgb[1] = clip_byte(y + ((chroma(-0.34414, cb) + chroma(-0.71414, cr)) >> 6));
    rgb[2] = clip_byte(y + (chroma(1.772, cb) >> 6));
}
