/* Labels on pictures: see picture_label.h. */
#include "train/cli/picture_label.h"

#include "train/cli/bitmap_font.h"

enum { MOST_GLYPHS = 400, ADVANCE = REEL_GLYPH_COLUMNS + 1, SIDE_OF_A_PIXEL = 190 };

/* How many glyphs of this scale stand beside each other, between margins of two pixels. */
static int64_t room_of(const reel_image *image, int64_t scale)
{
    return (image->width - 3 * scale) / (ADVANCE * scale);
}

/* A quarter of the brightness: white text stands out on any picture. */
static void darken_band(reel_image *image, int64_t height)
{
    const int64_t first = (image->height - height) * image->width * 3;
    for (int64_t i = first; i < image->height * image->width * 3; i++)
        image->rgb[i] /= 4;
}

static void draw_glyph(reel_image *image, const reel_glyph *glyph, int64_t left, int64_t top,
                       int64_t scale)
{
    for (int64_t y = 0; y < REEL_GLYPH_ROWS * scale; y++)
        for (int64_t x = 0; x < REEL_GLYPH_COLUMNS * scale; x++) {
            const int bit = REEL_GLYPH_COLUMNS - 1 - (int)(x / scale);
            const int64_t at_x = left + x, at_y = top + y;
            const bool inside = at_x < image->width && at_y >= 0 && at_y < image->height;
            if (!inside || !(glyph->row[y / scale] >> bit & 1))
                continue;
            uint8_t *pixel = image->rgb + (at_y * image->width + at_x) * 3;
            pixel[0] = pixel[1] = pixel[2] = 255;
        }
}

/* "NAME  TAIL" in at most `room` glyphs. Returns how many. */
static int lay_out(reel_glyph *line, int64_t room, const char *name, const char *tail)
{
    reel_glyph end[MOST_GLYPHS];
    const int in_name = reel_font_text(line, MOST_GLYPHS, name),
              in_tail = reel_font_text(end, MOST_GLYPHS, tail);
    int n = in_name;
    const int64_t for_name = room - in_tail - 2;
    if (n > for_name) {
        n = for_name > 3 ? (int)for_name - 3 : 0;
        for (int i = 0; i < 3 && for_name > 3; i++)
            line[n++] = reel_font_glyph('.');
    }
    for (int i = 0; i < 2 && n; i++)
        line[n++] = reel_font_glyph(' ');
    for (int i = 0; i < in_tail && n < room; i++)
        line[n++] = end[i];
    return n;
}

void reel_picture_label(reel_image *image, const char *name, const char *tail)
{
    reel_glyph line[2 * MOST_GLYPHS + 2];
    const int64_t side = image->width < image->height ? image->width : image->height;
    int64_t scale = (side + SIDE_OF_A_PIXEL / 2) / SIDE_OF_A_PIXEL;
    scale = scale < 1 ? 1 : scale;
    const int64_t least = (scale + 1) / 2, wanted = reel_font_text(line, MOST_GLYPHS, name) + 2 +
                                                    reel_font_text(line, MOST_GLYPHS, tail);

    /* A text that does not fit is drawn smaller, down to half the size; then the name is cut. */
    while (scale > least && room_of(image, scale) < wanted)
        scale--;
    const int64_t room =
        room_of(image, scale) < 2 * MOST_GLYPHS ? room_of(image, scale) : 2 * MOST_GLYPHS;
    const int n = lay_out(line, room, name, tail);

    const int64_t band = (REEL_GLYPH_ROWS + 2) * scale,
                  height = band < image->height ? band : image->height;
    darken_band(image, height);
    for (int i = 0; i < n; i++)
        draw_glyph(image, &line[i], 2 * scale + i * ADVANCE * scale, image->height - band + scale,
                   scale);
}
