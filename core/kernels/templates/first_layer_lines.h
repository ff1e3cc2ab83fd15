/* The padded image rows that a band of a first layer's outputs reads. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_FIRST_LAYER_LINES_H
#define REEL_CORE_KERNELS_TEMPLATES_FIRST_LAYER_LINES_H

#include "core/kernels/first_layer.h"
#include "core/kernels/templates/stretch.h"

#include <string.h>

/* A band of output rows of one image. */
typedef struct band {
    int64_t image, row, rows;
} band;

static inline band band_of(const reel_conv_shape *s, const reel_first_layer_plan *p, int64_t item)
{
    const int64_t part = item % p->bands, row = s->oh * part / p->bands;
    return (band){item / p->bands, row, s->oh * (part + 1) / p->bands - row};
}

/* Image rows that the band reads, padded with zeros, `line` values from one to the next. */
static inline void copy_lines(const reel_conv_shape *s, const reel_first_layer_plan *p,
                              const float *x, band at, float *to)
{
    const int64_t left = s->pw * s->c, whole = s->w * s->c;
    const int64_t take = whole < p->line - left ? whole : p->line - left;
    for (int64_t l = 0; l < (at.rows - 1) * s->sh + s->kh; l++, to += p->line) {
        const int64_t y = at.row * s->sh - s->ph + l;
        if (y < 0 || y >= s->h || take <= 0) {
            memset(to, 0, (size_t)p->line * sizeof *to);
            continue;
        }
        memset(to, 0, (size_t)left * sizeof *to);
        memcpy(to + left, x + (at.image * s->h + y) * whole, (size_t)take * sizeof *to);
        memset(to + left + take, 0, (size_t)(p->line - left - take) * sizeof *to);
    }
}

#endif
