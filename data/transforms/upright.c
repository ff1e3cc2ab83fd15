/* Pixels put upright by their EXIF orientation.
 *
 * Pixels are turned before they are resized: the filter rounds between its two passes, the
 * horizontal one first, and rounds its weights from left to right, so that turning the result would
 * give other bits. */
#include "data/transforms/upright.h"

static bool columns_are_mirrored(int orientation)
{
    return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

static bool rows_are_mirrored(int orientation)
{
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

bool reel_exif_swaps(int orientation)
{
    return orientation >= 5;
}

reel_rect reel_exif_stored(int orientation, int64_t width, int64_t height, const reel_rect *upright)
{
    reel_rect r = *upright;
    if (reel_exif_swaps(orientation))
        r = (reel_rect){r.y, r.x, r.h, r.w};
    if (columns_are_mirrored(orientation))
        r.x = width - r.x - r.w;
    if (rows_are_mirrored(orientation))
        r.y = height - r.y - r.h;
    return r;
}

void reel_exif_upright_box(int orientation, int64_t width, int64_t height, double box[4])
{
    double left = box[0], top = box[1], right = box[2], bottom = box[3];
    if (columns_are_mirrored(orientation)) {
        left = (double)width - box[2];
        right = (double)width - box[0];
    }
    if (rows_are_mirrored(orientation)) {
        top = (double)height - box[3];
        bottom = (double)height - box[1];
    }
    const bool swap = reel_exif_swaps(orientation);
    box[0] = swap ? top : left;
    box[1] = swap ? left : top;
    box[2] = swap ? bottom : right;
    box[3] = swap ? right : bottom;
}

/* An upright pixel's right neighbour lies step_x bytes from it in the stored image, its lower one
 * step_y bytes. Goes in squares, so that columns that become rows are read out of the nearest
 * cache. */
static void turn_pixels(reel_image *upright, const uint8_t *first, int64_t step_x, int64_t step_y)
{
    enum { SQUARE = 32 };
    const int64_t width = upright->width, height = upright->height;
    for (int64_t y0 = 0; y0 < height; y0 += SQUARE)
        for (int64_t x0 = 0; x0 < width; x0 += SQUARE) {
            const int64_t x1 = width - x0 < SQUARE ? width : x0 + SQUARE;
            const int64_t y1 = height - y0 < SQUARE ? height : y0 + SQUARE;
            for (int64_t y = y0; y < y1; y++) {
                uint8_t *to = upright->rgb + (y * width + x0) * 3;
                const uint8_t *from = first + y * step_y + x0 * step_x;
                for (int64_t x = x0; x < x1; x++, to += 3, from += step_x) {
                    to[0] = from[0];
                    to[1] = from[1];
                    to[2] = from[2];
                }
            }
        }
}

reel_status reel_exif_turn(reel_image *upright, int orientation, const reel_view *stored,
                           reel_error *err)
{
    const bool swap = reel_exif_swaps(orientation);
    REEL_TRY(reel_image_resize_buffer(upright, swap ? stored->height : stored->width,
                                      swap ? stored->width : stored->height, err));

    /* Where mirrored, the walk begins at the far side and goes backwards. */
    int64_t across = 3, down = stored->stride;
    const uint8_t *first = stored->rgb;
    if (columns_are_mirrored(orientation)) {
        first += (stored->width - 1) * across;
        across = -across;
    }
    if (rows_are_mirrored(orientation)) {
        first += (stored->height - 1) * down;
        down = -down;
    }

    turn_pixels(upright, first, swap ? down : across, swap ? across : down);
    return REEL_OK;
}
