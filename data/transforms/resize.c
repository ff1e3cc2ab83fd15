/* Resizing, bit for bit as PIL's Image.resize(size, BILINEAR, BICUBIC or NEAREST, box).
 *
 * An output pixel is the average of the source pixels under a filter whose width grows with the
 * scale of reduction, so that it is antialiased: a triangle, one source pixel to each side at
 * least, or Keys's cubic (a = -1/2), two. Nearest is a filter with one weight, of 1. Weights are
 * computed in double and rounded to 22 bits after the point; each pass sums in 32-bit integers from
 * one half upwards and clips to a byte, the horizontal pass first as a rule. Every output pixel is
 * computed by itself, so a window of the result has the same bits as the whole, and only the rows
 * it needs pass through the horizontal filter.
 *
 * The loops here are for every CPU and every shape; resize_vector.h does the same in vectors. */
#include "data/transforms/resize.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/transforms/resize_internal.h"

enum { PRECISION = 32 - 8 - 2 };

static uint8_t clip8(int32_t sum)
{
    const int32_t v = sum >> PRECISION;
    if (v < 0)
        return 0;
    return v > 255 ? 255 : (uint8_t)v;
}

/* One axis of a resize: in0 to in1 of `in` source pixels become `out` pixels, of which the window
 * takes those from `first` on. Borders are float, as PIL passes them. */
struct axis_job {
    int64_t in, out, first;
    float in0, in1;
    const struct resize_filter *filter;
};

/* A filter: its half width, and its weight at a distance, both in result pixels (in source pixels
 * where the image grows). */
struct resize_filter {
    double support;
    double (*weight)(double distance);
    bool negative; /* has it negative weights? */
    /* Is the vertical pass the first one where the height shrinks by more than twice as many pixels
     * as the width? Pillow 13 does so for every filter, earlier ones for none: bilinear keeps the
     * bits that it has always had here. */
    bool down_may_be_first;
};

static double triangle_weight(double distance)
{
    return distance < 1.0 ? 1.0 - distance : 0.0;
}

/* Keys, "Cubic convolution interpolation for digital image processing", IEEE ASSP 1981. */
static double cubic_weight(double d)
{
    const double a = -0.5;
    if (d < 1.0)
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1;
    return d < 2.0 ? (((d - 5) * d + 8) * d - 4) * a : 0.0;
}

static const struct resize_filter resize_filters[REEL_N_INTERPOLATIONS] = {
    [REEL_INTERPOLATION_BILINEAR] = {1.0, triangle_weight, false, false},
    [REEL_INTERPOLATION_BICUBIC] = {2.0, cubic_weight, true, true},
    [REEL_INTERPOLATION_NEAREST] = {0.0, NULL, false, false},
};

/* Source pixels a result pixel. */
static double axis_scale(const struct axis_job *job)
{
    return (double)(job->in1 - job->in0) / (double)job->out;
}

static int64_t axis_taps(const struct axis_job *job)
{
    const double scale = axis_scale(job);
    if (!job->filter->weight)
        return 3; /* one is used; vectors look at two */
    return (int64_t)ceil(job->filter->support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
}

static size_t axis_bytes(const reel_axis *a)
{
    return (size_t)a->n * (2 + (size_t)a->taps) * sizeof(int32_t);
}

/* Does the pass along this axis change anything? */
static bool axis_needed(const struct axis_job *job)
{
    return job->out != job->in || job->in0 != 0.0f || job->in1 != (float)job->out;
}

static int32_t fixed_weight(double weight)
{
    const double half = weight < 0 ? -0.5 : 0.5;
    return (int32_t)(half + weight * (1 << PRECISION));
}

/* Output i is the source pixel under its centre. Places are summed up from the first output on, as
 * PIL does, whose rounding shows in the last bits. */
static void axis_fill_nearest(reel_axis *a, const struct axis_job *job)
{
    const double scale = axis_scale(job);
    double place = (double)job->in0 + scale * 0.5;
    for (int64_t i = -job->first; i < a->n; i++, place += scale) {
        if (i < 0)
            continue;
        const int64_t pixel = (int64_t)place;
        a->begin[i] = (int32_t)(pixel < job->in ? pixel : job->in - 1);
        a->count[i] = 1;
        int32_t *fixed = a->weight + i * a->taps;
        fixed[0] = 1 << PRECISION;
        fixed[1] = fixed[2] = 0;
    }
    a->most = 1;
}

/* Output i: the sources whose centres lie under the filter around `center` of half width `spread`,
 * with weights that add up to 1 in fixed point. weight: memory for the weights in double. */
static void axis_fill(reel_axis *a, const struct axis_job *job, double *weight)
{
    if (!job->filter->weight) {
        axis_fill_nearest(a, job);
        return;
    }

    const double scale = axis_scale(job), reduction = scale < 1.0 ? 1.0 : scale,
                 spread = job->filter->support * reduction, inverse = 1.0 / reduction;
    a->most = 0;
    for (int64_t i = 0; i < a->n; i++) {
        const double center = job->in0 + ((double)(job->first + i) + 0.5) * scale;
        int64_t begin = (int64_t)(center - spread + 0.5), end = (int64_t)(center + spread + 0.5);
        if (begin < 0)
            begin = 0;
        if (end > job->in)
            end = job->in;

        double sum = 0.0;
        for (int64_t k = 0; k < end - begin; k++) {
            const double distance = fabs(((double)(begin + k) - center + 0.5) * inverse);
            weight[k] = job->filter->weight(distance);
            sum += weight[k];
        }

        /* The sum is 0 where no source lies under the filter: the weights stay 0. */
        int32_t *fixed = a->weight + i * a->taps;
        for (int64_t k = 0; k < end - begin; k++) {
            if (sum != 0.0)
                weight[k] /= sum;
            fixed[k] = fixed_weight(weight[k]);
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

/* In pieces, so that the sums stay in cache. Clips always. */
static bool down_plain(uint8_t *restrict dst, const reel_column_sum *c)
{
    enum { PIECE = 256 };
    const uint8_t *restrict src = c->src;
    const int32_t *weight = c->weight;
    const int64_t stride = c->stride, n = c->n, count = c->count;

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
    return true;
}

static bool across_plain(uint8_t *dst, int64_t dst_stride, const reel_view *src, int64_t rows,
                         const reel_axis *h)
{
    for (int64_t y = 0; y < rows; y++)
        filter_row(dst + y * dst_stride, src->rgb + y * src->stride, h);
    return true;
}

static const reel_resize_kernels plain_kernels = {"portable", across_plain, down_plain};

/* The widest vectors last. What they decline falls to the next narrower; the first take all. */
static const reel_resize_kernels *const kernels[] = {
    &plain_kernels,
#if defined(__x86_64__)
    &reel_resize_kernels_avx2,
    &reel_resize_kernels_avx512,
#endif
};

/* The best of kernels[] where `isa` is the best set in use. */
static int best_kernels(reel_isa isa)
{
    int best = 0;
    for (int k = 1; k < REEL_COUNT(kernels); k++) {
        const int needed = reel_isa_find(kernels[k]->isa);
        if (needed >= 0 && needed <= isa)
            best = k;
    }
    return best;
}

/* Both passes of one resize. Scratch holds: one double a tap, both axes' tables, then the rows that
 * went through the horizontal pass. */
struct passes {
    struct axis_job h_job, v_job;
    reel_axis h, v;
    bool across, down;   /* which passes change anything */
    bool down_first;     /* both do, and the vertical one comes first */
    int64_t widest;      /* taps of the wider filter */
    size_t tables;       /* bytes before the rows */
    int64_t first, rows; /* of src, that the window needs */
};

static struct passes plan_passes(const reel_resizing *what)
{
    const reel_rect *window = &what->window;
    const struct resize_filter *filter = &resize_filters[what->how];
    struct passes p = {.first = window->y, .rows = window->h};
    p.h_job = (struct axis_job){.in = what->src.width,
                                .out = what->width,
                                .first = window->x,
                                .in0 = (float)what->box[0],
                                .in1 = (float)what->box[2],
                                .filter = filter};
    p.v_job = (struct axis_job){.in = what->src.height,
                                .out = what->height,
                                .first = window->y,
                                .in0 = (float)what->box[1],
                                .in1 = (float)what->box[3],
                                .filter = filter};
    p.across = axis_needed(&p.h_job);
    p.down = axis_needed(&p.v_job);
    const int64_t lost_rows = what->src.height - what->height,
                  lost_columns = what->src.width - what->width;
    p.down_first = filter->down_may_be_first && p.across && p.down && lost_rows > 0 &&
                   lost_rows > 2 * lost_columns;

    p.h = (reel_axis){.n = window->w, .taps = axis_taps(&p.h_job), .clip = filter->negative};
    p.v = (reel_axis){.n = window->h, .taps = axis_taps(&p.v_job), .clip = filter->negative};
    p.widest = p.h.taps > p.v.taps ? p.h.taps : p.v.taps;
    p.tables = (size_t)p.widest * sizeof(double) + axis_bytes(&p.h) + axis_bytes(&p.v);
    return p;
}

static void fill_tables(struct passes *p, void *memory)
{
    double *weight = memory;
    p->h.begin = (int32_t *)(weight + p->widest);
    p->h.count = p->h.begin + p->h.n;
    p->h.weight = p->h.count + p->h.n;
    p->v.begin = p->h.weight + p->h.n * p->h.taps;
    p->v.count = p->v.begin + p->v.n;
    p->v.weight = p->v.count + p->v.n;

    if (p->across)
        axis_fill(&p->h, &p->h_job, weight);
    if (p->down) {
        axis_fill(&p->v, &p->v_job, weight);
        const int64_t last = p->v.n - 1;
        p->first = p->v.begin[0];
        p->rows = p->v.begin[last] + p->v.count[last] - p->first;
    }
}

static void run_across(const reel_resizer *r, uint8_t *to, int64_t stride, const reel_view *from,
                       int64_t rows, const reel_axis *h)
{
    int k = r->best; /* the first kernel takes everything: k stays 0 or more */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    while (!kernels[k]->across(to, stride, from, rows, h))
        k--;
}

/* The vertical pass over all columns, then the horizontal one over its rows. */
static void run_down_first(reel_resizer *r, const struct passes *p, const reel_resizing *what,
                           uint8_t *to, int64_t stride)
{
    const reel_view *src = &what->src;
    const int64_t rows = what->window.h, row_bytes = src->width * 3;
    uint8_t *lowered = to + rows * stride;
    reel_resizer whole = *r;
    whole.n = row_bytes;
    whole.from = src->rgb + p->first * src->stride;
    for (int64_t y = 0; y < rows; y++)
        reel_resizer_row(&whole, y, lowered + y * row_bytes);

    run_across(r, to, stride, &(reel_view){lowered, src->width, rows, row_bytes}, rows, &p->h);
    r->from = to;
    r->stride = stride;
    r->down = false;
}

reel_status reel_resizer_begin(reel_resizer *r, const reel_resizing *what, reel_buffer *scratch,
                               reel_error *err)
{
    const reel_view *src = &what->src;
    struct passes p = plan_passes(what);
    REEL_TRY(reel_buffer_reserve(scratch, p.tables, err));
    fill_tables(&p, scratch->data);

    /* Only the tables tell how many rows are needed. Growing loses the tables: fill them again. */
    const int64_t n = what->window.w * 3, stride = n + 4; /* vectors write a little too far */
    int64_t rows_bytes = p.across ? p.rows * stride : 0;
    if (p.down_first)
        rows_bytes = what->window.h * (stride + src->width * 3);
    const size_t needed = p.tables + (size_t)rows_bytes;
    if (needed > scratch->capacity) {
        REEL_TRY(reel_buffer_reserve(scratch, needed, err));
        fill_tables(&p, scratch->data);
    }

    *r = (reel_resizer){.v = p.v, .down = p.down, .first = p.first, .n = n};
    r->best = best_kernels(what->isa);
    r->from = src->rgb + p.first * src->stride + (p.across ? 0 : what->window.x * 3);
    r->stride = src->stride;
    uint8_t *to = (uint8_t *)scratch->data + p.tables;
    if (p.down_first) {
        run_down_first(r, &p, what, to, stride);
    } else if (p.across) {
        const reel_view part = {r->from, src->width, src->height - p.first, src->stride};
        run_across(r, to, stride, &part, p.rows, &p.h);
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
    const reel_column_sum sum = {.src = r->from + (r->v.begin[y] - r->first) * r->stride,
                                 .stride = r->stride,
                                 .n = r->n,
                                 .count = r->v.count[y],
                                 .weight = r->v.weight + y * r->v.taps,
                                 .clip = r->v.clip};
    int k = r->best; /* as above */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    while (!kernels[k]->down(dst, &sum))
        k--;
}

reel_status reel_resize_window(uint8_t *dst, int64_t stride, const reel_resizing *what,
                               reel_buffer *scratch, reel_error *err)
{
    reel_resizer r;
    REEL_TRY(reel_resizer_begin(&r, what, scratch, err));
    for (int64_t y = 0; y < what->window.h; y++)
        reel_resizer_row(&r, y, dst + y * stride);
    return REEL_OK;
}

reel_status reel_image_resize(reel_image *dst, int64_t width, int64_t height, const reel_image *src,
                              const double box[4], reel_error *err)
{
    REEL_NEED(dst, err);
    REEL_NEED(src, err);
    REEL_NEED(src->rgb, err);
    REEL_NEED(box, err);

    if (dst == src)
        return reel_fail(err, REEL_ERR_INVALID, "resize: expected two images, got one twice");
    const double edges[4] = {box[0], box[1], box[0] + box[2], box[1] + box[3]};
    if (!(edges[0] >= 0 && edges[1] >= 0 && edges[2] > edges[0] && edges[3] > edges[1] &&
          edges[2] <= (double)src->width && edges[3] <= (double)src->height))
        return reel_fail(err, REEL_ERR_INVALID,
                         "resize: box at (%g, %g) of %g x %g does not lie in the image of %" PRId64
                         " x %" PRId64 " pixels",
                         box[0], box[1], box[2], box[3], src->width, src->height);
    REEL_TRY(reel_image_resize_buffer(dst, width, height, err));

    const reel_resizing what = {
        .src = {src->rgb, src->width, src->height, src->width * 3},
        .box = {edges[0], edges[1], edges[2], edges[3]},
        .width = width,
        .height = height,
        .window = {0, 0, width, height},
        .isa = reel_isa_default(),
    };
    reel_buffer scratch = {0};
    const reel_status status = reel_resize_window(dst->rgb, width * 3, &what, &scratch, err);
    free(scratch.data);
    return status;
}
