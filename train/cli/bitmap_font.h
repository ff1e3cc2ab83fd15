/* A small bitmap font for labels on pictures: ASCII and the letters of Latin-1. Any other character
 * is a box. */
#ifndef REEL_TRAIN_BITMAP_FONT_H
#define REEL_TRAIN_BITMAP_FONT_H

#include "core/base.h"

enum { REEL_GLYPH_COLUMNS = 5, REEL_GLYPH_ROWS = 12 };

/* One character: 3 rows for accents, 7 above the baseline, 2 below. In a row the highest of the
 * REEL_GLYPH_COLUMNS bits is the leftmost pixel. */
typedef struct reel_glyph {
    uint8_t row[REEL_GLYPH_ROWS];
} reel_glyph;

reel_glyph reel_font_glyph(uint32_t character);
/* The glyphs of UTF-8 text, at most `most`; returns how many. An accent that follows its letter
 * (decomposed text, as file names on macOS) joins it. A byte that is no UTF-8 is a box. */
int reel_font_text(reel_glyph *glyph, int most, const char *text);

#endif
