/* Operations that look up each byte in a table: n pixels in place, rgb: (n, 3) bytes. Bit for bit
 * PIL's ImageOps of the same names. */
#ifndef REEL_DATA_TRANSFORMS_TONE_H
#define REEL_DATA_TRANSFORMS_TONE_H

#include <stdint.h>

/* Keeps the highest `bits` bits of each byte, 0 to 8. */
void reel_posterize(uint8_t *rgb, int64_t n, int bits);
/* Inverts the bytes that are not below the threshold. */
void reel_solarize(uint8_t *rgb, int64_t n, double threshold);
void reel_invert(uint8_t *rgb, int64_t n);
/* Stretches each channel to 0 to 255. */
void reel_autocontrast(uint8_t *rgb, int64_t n);
/* Makes each channel's histogram as even as it can be. */
void reel_equalize(uint8_t *rgb, int64_t n);

#endif
