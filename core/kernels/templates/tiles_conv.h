/* What the passes of the direct convolution by tiles share: a thread's copy of a part of a map. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_TILES_CONV_H
#define REEL_CORE_KERNELS_TEMPLATES_TILES_CONV_H

#include "core/kernels/templates/tiles.h"
#include "core/kernels/templates/vector_bf16.h"

#include "core/kernels/tiles_conv.h"

#include <string.h>

/* Channels [first, first + count) of a map in bf16 or float32. */
typedef struct channels_of {
    const reel_tiles_map *map;
    const void *data;
    bool bf16;
    int64_t first, count;
} channels_of;

/* `pixels` pixels from number `pixel` of the map on. */
static void copy_pixels(const channels_of *m, int64_t pixel, int64_t pixels, reel_bf16 *to)
{
    const int64_t c = m->map->c, at = pixel * c + m->first;
    if (m->bf16 && m->count == c) {
        memcpy(to, (const reel_bf16 *)m->data + at, (size_t)(pixels * c) * sizeof *to);
        return;
    }
    for (int64_t i = 0; i < pixels; i++, to += m->count) {
        const int64_t from = at + i * c;
        if (m->bf16)
            memcpy(to, (const reel_bf16 *)m->data + from, (size_t)m->count * sizeof *to);
        else
            for (int64_t k = 0; k < m->count; k += VL)
                store_bf16(to + k, load((const float *)m->data + from + k));
    }
}

/* Lines [first, first + lines) of an image, `pitch` pixels each from column -left on, and zeros up
 * to `pixels` pixels. */
typedef struct lines_of {
    int64_t image, first, lines, pitch, pixels;
} lines_of;

static void copy_map_lines(const channels_of *m, const lines_of *at, reel_bf16 *to)
{
    const reel_tiles_map *map = m->map;
    const int64_t skip = most(-map->left, 0), left = least(most(map->left, 0), at->pitch);
    const int64_t count = most(least(map->w - skip, at->pitch - left), 0);
    const int64_t right = at->pitch - left - count, c = m->count;
    reel_bf16 *end = to + at->pixels * c;
    for (int64_t y = at->first; y < at->first + at->lines; y++, to += at->pitch * c) {
        if (y < 0 || y >= map->h) {
            memset(to, 0, (size_t)(at->pitch * c) * sizeof *to);
            continue;
        }
        memset(to, 0, (size_t)(left * c) * sizeof *to);
        copy_pixels(m, (at->image * map->h + y) * map->w + skip, count, to + left * c);
        memset(to + (left + count) * c, 0, (size_t)(right * c) * sizeof *to);
    }
    memset(to, 0, (size_t)(end - to) * sizeof *to);
}

#endif
