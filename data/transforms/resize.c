/* Antialiased bilinear resize, bit for bit as PIL's Image.resize(size, BILINEAR, box).
 *
 * An output pixel is the average of the source pixels under a triangle whose width is the scale of
 * reduction (at least one source pixel to each side). Weights are computed in double and rounded to
 * 22 bits after the point; each pass sums in 32-bit integers from one half upwards and clips to a
 * byte, the horizontal pass first. Every output pixel is computed by itself, so a window of the
 * result has the same bits as the whole, and only the rows it needs pass through the horizontal
 * filter.
 *
 * The loops here are for every CPU and every shape; resize_vector.h does the same in vectors. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/data_internal.h"

enum { PRECISION = 32 - 8 - 2 };

static uint8_t clip8(int32_t sum)
{
    const int32_t v = sum >> PRECISION;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* in0, in1: borders of the box in float, as PIL passes them. */
static double axis_scale(float in0, float in1, int64_t out)
{
    return (double)(in1 - in0) / (double)out;
}

static int64_t axis_taps(double scale)
{
    return (int64_t)ceil(scale < 1.0 ? 1.0 : scale) * 2 + 1;
}

static size_t axis_bytes(int64_t n, int64_t taps)
{
    return (size_t)n * (2 + (size_t)taps) * sizeof(int32_t);
}

static void axis_fill(reel_axis *a, int64_t in, float in0, float in1, int64_t out, int64_t first,
                      double *weight)
{
    const double scale = axis_scale(in0, in1, out), spread = scale < 1.0 ? 1.0 : scale,
                 inverse = 1.0 / spread;
    a->most = 0;
    for (int64_t i = 0; i < a->n; i++) {
        const double center = in0 + ((double)(first + i) + 0.5) * scale;
        int64_t begin = (int64_t)(center - spread + 0.5), end = (int64_t)(center + spread + 0.5);
        if (begin < 0)
            begin = 0;
        if (end > in)
            end = in;
        double sum = 0.0;
        for (int64_t k = 0; k < end - begin; k++) {
            const double distance = fabs(((double)(begin + k) - center + 0.5) * inverse);
            weight[k] = distance < 1.0 ? 1.0 - distance : 0.0;
            sum += weight[k];
        }
        int32_t *fixed = a->weight + i * a->taps;
        for (int64_t k = 0; k < end - begin; k++) {
            if (sum != 0.0)
                weight[k] /= sum;
            fixed[k] = (int32_t)(0.5 + weight[k] * (1 << PRECISION));
        }
        for (int64_t k = end - begin; k < a->taps; k++)
            fixed[k] = 0;
        a->begin[i] = (int32_t)begin;
        a->count[i] = (int32_t)(end - begin);
        if (a->most < end - begin)
            a->most = end - begin;
    }
}

static void filter_row(uint8_t *restrict dst, const uint8_t *restrict src, const reel_axis *a)
{
    for (int64_t x = 0; x < a->n; x++) {
        const uint8_t *p = src + (int64_t)a->begin[x] * 3;
        const int32_t *w = a->weight + x * a->taps;
        int32_t r = 1 << (PRECISION - 1), g = r, b = r;
        for (int64_t k = 0; k < a->count[x]; k++) {
            r += p[3 * k] * w[k];
            g += p[3 * k + 1] * w[k];
            b += p[3 * k + 2] * w[k];
        }
        dst[3 * x] = clip8(r);
        dst[3 * x + 1] = clip8(g);
        dst[3 * x + 2] = clip8(b);
    }
}

/* n bytes of one output row from `count` rows, stride apart. In pieces, so that the sums stay in
 * cache. */
static void filter_column(uint8_t *restrict dst, const uint8_t *restrict src, int64_t stride,
                          int64_t n, const int32_t *weight, int64_t count)
{
    enum { PIECE = 256 };
    for (int64_t x0 = 0; x0 < n; x0 += PIECE) {
        const int64_t m = n - x0 < PIECE ? n - x0 : PIECE;
        int32_t sum[PIECE];
        for (int64_t x = 0; x < m; x++)
            sum[x] = 1 << (PRECISION - 1);
        for (int64_t k = 0; k < count; k++) {
            const uint8_t *row = src + k * stride + x0;
            const int32_t w = weight[k];
            for (int64_t x = 0; x < m; x++)
                sum[x] += row[x] * w;
        }
        for (int64_t x = 0; x < m; x++)
            dst[x0 + x] = clip8(sum[x]);
    }
}

static bool axis_needed(float in0, float in1, int64_t in, int64_t out)
{
    return out != in || in0 != 0.0f || in1 != (float)out;
}

static void across_rows(uint8_t *dst, int64_t dst_stride, const reel_view *src, int64_t rows,
                        const reel_axis *h, reel_isa isa)
{
    if (isa == REEL_ISA_AVX512 && reel_resize_across_avx512(dst, dst_stride, src, rows, h))
        return;
    if (isa >= REEL_ISA_AVX2 && reel_resize_across_avx2(dst, dst_stride, src, rows, h))
        return;
    for (int64_t y = 0; y < rows; y++)
        filter_row(dst + y * dst_stride, src->rgb + y * src->stride, h);
}

/* Scratch: one double a tap, both axes' tables, then rows that went through the horizontal pass. */
reel_status reel_resizer_begin(reel_resizer *r, const reel_rect *window, int64_t width,
                               int64_t height, const reel_view *src, const double box[4],
                               reel_isa isa, reel_buffer *scratch, reel_error *err)
{
    const float left = (float)box[0], top = (float)box[1], right = (float)box[2],
                bottom = (float)box[3];
    reel_axis h = {.n = window->w, .taps = axis_taps(axis_scale(left, right, width))};
    reel_axis v = {.n = window->h, .taps = axis_taps(axis_scale(top, bottom, height))};
    const bool across = axis_needed(left, right, src->width, width),
               down = axis_needed(top, bottom, src->height, height);

    const int64_t widest = h.taps > v.taps ? h.taps : v.taps;
    const size_t tables =
        (size_t)widest * sizeof(double) + axis_bytes(h.n, h.taps) + axis_bytes(v.n, v.taps);
    const int64_t n = window->w * 3, stride = n + 4; /* vectors write a little too far */
    int64_t first = window->y, rows = window->h;
    REEL_TRY(reel_buffer_reserve(scratch, tables, err));
    for (int pass = 0; pass < 2; pass++) { /* again after growing, which loses what was there */
        double *weight = scratch->data;
        h.begin = (int32_t *)(weight + widest);
        h.count = h.begin + h.n;
        h.weight = h.count + h.n;
        v.begin = h.weight + h.n * h.taps;
        v.count = v.begin + v.n;
        v.weight = v.count + v.n;
        if (across)
            axis_fill(&h, src->width, left, right, width, window->x, weight);
        if (down) {
            axis_fill(&v, src->height, top, bottom, height, window->y, weight);
            first = v.begin[0];
            rows = v.begin[v.n - 1] + v.count[v.n - 1] - first;
        }
        const size_t needed = tables + (across ? (size_t)(rows * stride) : 0);
        if (needed <= scratch->capacity)
            break;
        REEL_TRY(reel_buffer_reserve(scratch, needed, err));
    }
    *r = (reel_resizer){.v = v, .down = down, .first = first, .n = n, .isa = isa};
    r->from = src->rgb + first * src->stride + (across ? 0 : window->x * 3);
    r->stride = src->stride;
    if (across) {
        uint8_t *to = (uint8_t *)scratch->data + tables;
        const reel_view part = {r->from, src->width, src->height - first, src->stride};
        across_rows(to, stride, &part, rows, &h, isa);
        r->from = to;
        r->stride = stride;
    }
    return REEL_OK;
}

void reel_resizer_row(const reel_resizer *r, int64_t y, uint8_t *dst)
{
    if (!r->down) {
        memcpy(dst, r->from + y * r->stride, (size_t)r->n);
        return;
    }
    const uint8_t *src = r->from + (r->v.begin[y] - r->first) * r->stride;
    const int32_t *weight = r->v.weight + y * r->v.taps, count = r->v.count[y];
    if (r->isa == REEL_ISA_AVX512 &&
        reel_resize_down_avx512(dst, src, r->stride, r->n, weight, count))
        return;
    if (r->isa >= REEL_ISA_AVX2 && reel_resize_down_avx2(dst, src, r->stride, r->n, weight, count))
        return;
    filter_column(dst, src, r->stride, r->n, weight, count);
}

reel_status reel_resize_window(uint8_t *dst, int64_t stride, const reel_rect *window, int64_t width,
                               int64_t height, const reel_view *src, const double box[4],
                               reel_buffer *scratch, reel_error *err)
{
    reel_resizer r;
    REEL_TRY(
        reel_resizer_begin(&r, window, width, height, src, box, reel_isa_default(), scratch, err));
    for (int64_t y = 0; y < window->h; y++)
        reel_resizer_row(&r, y, dst + y * stride);
    return REEL_OK;
}

reel_status reel_image_resize(reel_image *dst, int64_t width, int64_t height, const reel_image *src,
                              const double box[4], reel_error *err)
{
    REEL_ASSERT(dst != src);
    const double edges[4] = {box[0], box[1], box[0] + box[2], box[1] + box[3]};
    if (!(edges[0] >= 0 && edges[1] >= 0 && edges[2] > edges[0] && edges[3] > edges[1] &&
          edges[2] <= (double)src->width && edges[3] <= (double)src->height))
        return reel_fail(err, REEL_ERR_INVALID,
                         "resize: box at (%g, %g) of %g x %g does not lie in the image of %" PRId64
                         " x %" PRId64 " pixels",
                         box[0], box[1], box[2], box[3], src->width, src->height);
    REEL_TRY(reel_image_resize_buffer(dst, width, height, err));
    const reel_rect whole = {0, 0, width, height};
    const reel_view view = {src->rgb, src->width, src->height, src->width * 3};
    reel_buffer scratch = {0};
    const reel_status status =
        reel_resize_window(dst->rgb, width * 3, &whole, width, height, &view, edges, &scratch, err);
    free(scratch.data);
    return status;
}
