/* Encoded image to normalised floats. Geometry is decided first, on the size alone; then only what
 * it needs is decoded and resized. Generator numbers are drawn in a fixed order: crop, flip,
 * colour, lighting. */
#include "data/transforms/transform.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/data_internal.h"

enum { LINE = 64, TEN = 10 };
#define KEEP_BYTES                                                                                 \
    ((size_t)64 << 20) /* an image larger than this is given back at once: one panorama shall not  \
                          weigh for ever */

void reel_transform_imagenet_norm(reel_transform *t)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    memcpy(t->mean, mean, sizeof mean);
    memcpy(t->std, std, sizeof std);
}

void reel_transform_scratch_free(reel_transform_scratch *scratch)
{
    if (!scratch)
        return;
    reel_image_free(&scratch->decoded);
    reel_image_free(&scratch->resized);
    reel_image_free(&scratch->upright);
    free(scratch->memory);
    reel_jpeg_destroy(scratch->jpeg);
    *scratch = (reel_transform_scratch){0};
}

reel_status reel_transform_resolve(reel_transform *out, const reel_transform *t, reel_error *err)
{
    reel_transform r = *t;
    if (r.size == 0)
        r.size = 224;
    if (r.size < 1 || r.size > 16384)
        return reel_fail(err, REEL_ERR_INVALID, "transform: size %" PRId64 ", expected 1 to 16384",
                         r.size);
    if (r.resize == 0)
        r.resize = r.size * 256 / 224;
    if (r.resize < 1 || r.resize > 16384)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: resize %" PRId64 ", expected 1 to 16384", r.resize);
    if (r.crop == REEL_CROP_RANDOM && r.resize < r.size)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: resize %" PRId64 " is smaller than the crop of %" PRId64,
                         r.resize, r.size);
    if (r.views == 0)
        r.views = 1;
    if (r.views != 1 &&
        (r.views != TEN || r.crop != REEL_CROP_CENTER || r.flip > 0 || r.resize < r.size))
        return reel_fail(
            err, REEL_ERR_INVALID,
            "transform: %" PRId64
            " views, expected 1, or 10 of a centre crop without flip, no larger than resize",
            r.views);
    if (r.scale[0] == 0 && r.scale[1] == 0)
        r.scale[0] = 0.08, r.scale[1] = 1.0;
    if (r.ratio[0] == 0 && r.ratio[1] == 0)
        r.ratio[0] = 3.0 / 4.0, r.ratio[1] = 4.0 / 3.0;
    if (!(r.scale[0] > 0 && r.scale[0] <= r.scale[1] && r.scale[1] <= 1))
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: scale %g to %g, expected 0 < low <= high <= 1", r.scale[0],
                         r.scale[1]);
    if (!(r.ratio[0] > 0 && r.ratio[0] <= r.ratio[1] && isfinite(r.ratio[1])))
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: ratio %g to %g, expected 0 < low <= high", r.ratio[0],
                         r.ratio[1]);
    if (!(r.flip >= 0 && r.flip <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "transform: flip %g, expected a probability",
                         r.flip);
    const double positive[] = {r.brightness, r.contrast, r.saturation, r.lighting};
    for (int i = 0; i < 4; i++)
        if (!(positive[i] >= 0 && positive[i] < 1e6))
            return reel_fail(
                err, REEL_ERR_INVALID, "transform: %s %g, expected 0 or more",
                (const char *[]){"brightness", "contrast", "saturation", "lighting"}[i],
                positive[i]);
    if (!(r.hue >= 0 && r.hue <= 0.5))
        return reel_fail(err, REEL_ERR_INVALID, "transform: hue %g, expected 0 to 0.5", r.hue);
    for (int c = 0; c < 3; c++) {
        if (r.std[c] == 0)
            r.std[c] = 1;
        if (!isfinite(r.mean[c]) || !(r.std[c] > 0) || !isfinite(r.std[c]))
            return reel_fail(
                err, REEL_ERR_INVALID,
                "transform: channel %d has mean %g and deviation %g, expected finite and positive",
                c, r.mean[c], r.std[c]);
    }
    if (r.decode != REEL_DECODE_EXACT && r.decode != REEL_DECODE_FAST)
        return reel_fail(err, REEL_ERR_INVALID, "transform: decode %d, expected exact or fast",
                         (int)r.decode);
    if (r.exif != REEL_EXIF_IGNORE && r.exif != REEL_EXIF_APPLY)
        return reel_fail(err, REEL_ERR_INVALID, "transform: exif %d, expected ignore or apply",
                         (int)r.exif);
    if (!isfinite(r.pixel_scale))
        return reel_fail(err, REEL_ERR_INVALID, "transform: pixel_scale is not finite");
    *out = r;
    return REEL_OK;
}

/* What to cut from the image and what to make of it. */
struct geometry {
    reel_rect source;      /* part of the image that is resized */
    int64_t width, height; /* it is resized to this */
    reel_rect
        window; /* part of the result that is wanted; may reach beyond it, where pixels are black */
};

/* torchvision's CenterCrop along one axis: halves to even where the image is larger, padding where
 * it is smaller. */
static int64_t center(int64_t length, int64_t size)
{
    return length >= size ? (int64_t)rint((double)(length - size) / 2.0) : -((size - length) / 2);
}

/* Moves the window to crop `view` of ten: a corner of the centre square, or its middle. */
static void choose_of_ten(struct geometry *g, const reel_transform *t, int64_t view)
{
    const int64_t place = view % 5, room = t->resize - t->size;
    if (place == 4)
        return; /* it is there already */
    g->window.x = center(g->width, t->resize) + (place % 2 ? room : 0);
    g->window.y = center(g->height, t->resize) + (place / 2 ? room : 0);
}

static struct geometry choose(const reel_transform *t, int64_t width, int64_t height, reel_rng *rng)
{
    struct geometry g = {.source = {0, 0, width, height}, .width = t->size, .height = t->size};
    g.window = (reel_rect){0, 0, t->size, t->size};
    if (t->crop == REEL_CROP_RANDOM_RESIZED) {
        g.source = reel_random_resized_rect(width, height, t->scale, t->ratio, rng);
        return g;
    }
    reel_resized_size(width, height, t->resize, &g.width, &g.height);
    if (t->crop == REEL_CROP_CENTER) {
        g.window.x = center(g.width, t->size);
        g.window.y = center(g.height, t->size);
    } else {
        const uint64_t places = (uint64_t)(t->resize - t->size + 1);
        g.window.y = center(g.height, t->resize) + (int64_t)reel_rng_below(rng, places);
        g.window.x = center(g.width, t->resize) + (int64_t)reel_rng_below(rng, places);
    }
    return g;
}

/* What was decoded, and which part of it is the source: whole pixels, and the exact box within
 * them. */
struct source {
    reel_view view;
    double box[4];
};

static struct source source_of(const reel_rect *s, const reel_image *decoded,
                               const reel_jpeg_part *part)
{
    const int64_t n = part->eighths, x = s->x * n / 8, y = s->y * n / 8;
    const int64_t right = ((s->x + s->w) * n + 7) / 8, bottom = ((s->y + s->h) * n + 7) / 8;
    const double scale = (double)n / 8;
    return (struct source){
        {decoded->rgb + ((y - part->at.y) * decoded->width + (x - part->at.x)) * 3, right - x,
         bottom - y, decoded->width * 3},
        {(double)s->x * scale - (double)x, (double)s->y * scale - (double)y,
         (double)(s->x + s->w) * scale - (double)x, (double)(s->y + s->h) * scale - (double)y}};
}

/* The part of the window that lies in the resized image, and how many black pixels lie left of it
 * and above. */
static reel_rect inside(const struct geometry *g, int64_t *left, int64_t *above)
{
    reel_rect w = g->window;
    *left = w.x < 0 ? -w.x : 0;
    *above = w.y < 0 ? -w.y : 0;
    if (w.x < 0)
        w.w += w.x, w.x = 0;
    if (w.y < 0)
        w.h += w.y, w.y = 0;
    if (w.x + w.w > g->width)
        w.w = g->width - w.x;
    if (w.y + w.h > g->height)
        w.h = g->height - w.y;
    return w;
}

/* One table per channel from byte to float: the arithmetic of ToTensor and Normalize in single
 * precision. */
static void fill_table(float table[3][256], const reel_transform *t, const double delta[3])
{
    for (int c = 0; c < 3; c++) {
        const float mean = (float)t->mean[c], std = (float)t->std[c];
        const float light =
            (float)(t->pixel_scale == 0 ? delta[c] : delta[c] * 255.0 * t->pixel_scale);
        for (int v = 0; v < 256; v++) {
            const float pixel =
                t->pixel_scale == 0 ? (float)v / 255.0f : (float)(v * t->pixel_scale);
            table[c][v] = (pixel + light - mean) / std;
        }
    }
}

static void write_row(float *restrict out, const uint8_t *restrict row, int64_t n, bool flip,
                      const float table[3][256])
{
    const uint8_t *p = flip ? row + 3 * (n - 1) : row;
    const int64_t step = flip ? -3 : 3;
    for (int64_t x = 0; x < n; x++, p += step, out += 3) {
        out[0] = table[0][p[0]];
        out[1] = table[1][p[1]];
        out[2] = table[2][p[2]];
    }
}

#if defined(__SSE2__)
typedef float v_line __attribute__((vector_size(16)));

/* A row to memory past the caches: a batch is larger than they are, and storing into lines that are
 * not there reads them first.
 */
static void stream_row(float *restrict out, const float *restrict row, int64_t n)
{
    for (int64_t i = 0; i < n; i += 4) {
        const v_line v = *(const v_line *)(row + i);
#if defined(__clang__)
        __builtin_nontemporal_store(v, (v_line *)(out + i));
#else
        __builtin_ia32_movntps(out + i, v);
#endif
    }
}

/* Before another thread is told. */
static void end_of_stream(void)
{
    __builtin_ia32_sfence();
}
#else
static void stream_row(float *restrict out, const float *restrict row, int64_t n)
{
    memcpy(out, row, (size_t)n * sizeof *out);
}

static void end_of_stream(void)
{
}
#endif

static bool has_colour(const reel_transform *t)
{
    return t->brightness > 0 || t->contrast > 0 || t->saturation > 0 || t->hue > 0;
}

/* Resizes, flips, colours and normalises into out. Row by row, so that a row is still in the
 * nearest cache when it becomes floats; only colour needs the whole image (contrast its mean) and
 * stores it in between. */
static reel_status finish_view(const reel_transform *t, const struct geometry *g,
                               const struct source *from, bool mirrored, reel_rng *rng,
                               reel_transform_scratch *scratch, float *out, reel_error *err)
{
    const int64_t size = t->size, stride = size * 3;
    const bool flip = mirrored || (t->flip > 0 && reel_rng_uniform(rng) < t->flip),
               colour = has_colour(t);
    int64_t left, above;
    const reel_rect w = inside(g, &left, &above);
    /* One row of bytes, or all; behind it a row of floats on a cache line, where those of the batch
     * are on lines as well. */
    const int64_t rows = colour ? size : 1;
    const bool stream = size >= LINE && stride % LINE == 0 && (uintptr_t)out % LINE == 0;
    REEL_TRY(reel_image_resize_buffer(&scratch->resized, size, rows + 5, err));
    uint8_t *rgb = scratch->resized.rgb, *behind = rgb + rows * stride;
    float *line = (float *)(behind + (LINE - (uintptr_t)behind % LINE) % LINE);
    if (w.w < size || w.h < size)
        memset(rgb, 0, (size_t)(rows * stride));

    reel_resizer r;
    reel_buffer buffer = {scratch->memory, scratch->capacity};
    const reel_status status =
        reel_resizer_begin(&r, &w, g->width, g->height, &from->view, from->box,
                           (reel_isa)(scratch->isa - 1), &buffer, err);
    scratch->memory = buffer.data;
    scratch->capacity = buffer.capacity;
    REEL_TRY(status);
    double delta[3] = {0};
    float table[3][256];
    if (colour) {
        for (int64_t y = 0; y < w.h; y++)
            reel_resizer_row(&r, y, rgb + (above + y) * stride + left * 3);
        reel_jitter(t, rgb, size * size, rng);
    }
    if (t->lighting > 0)
        reel_lighting(delta, t->lighting, rng);
    fill_table(table, t, delta);
    for (int64_t y = 0; y < size; y++) {
        const bool there = y >= above && y < above + w.h;
        if (!colour && there)
            reel_resizer_row(&r, y - above, rgb + left * 3);
        if (!colour && !there)
            memset(rgb, 0, (size_t)stride);
        write_row(stream ? line : out + y * stride, colour ? rgb + y * stride : rgb, size, flip,
                  table);
        if (stream)
            stream_row(out + y * stride, line, stride);
    }
    if (stream)
        end_of_stream();
    return REEL_OK;
}

static reel_status finish(const reel_transform *t, const struct geometry *g,
                          const struct source *from, reel_rng *rng, reel_transform_scratch *scratch,
                          float *out, reel_error *err)
{
    if (t->views == 1)
        return finish_view(t, g, from, false, rng, scratch, out, err);
    for (int64_t view = 0; view < t->views; view++) {
        struct geometry one = *g;
        choose_of_ten(&one, t, view);
        REEL_TRY(finish_view(t, &one, from, view >= TEN / 2, rng, scratch,
                             out + view * t->size * t->size * 3, err));
    }
    return REEL_OK;
}

/* A JPEG: the header gives the size, the size the geometry, and the geometry what has to be
 * decoded: `stored`, which is g->source where it lies in the file. */
static reel_status open_jpeg(const reel_transform *t, const uint8_t *bytes, size_t size,
                             int orientation, reel_rng *rng, struct geometry *g, reel_rect *stored,
                             reel_transform_scratch *scratch, reel_jpeg_part *part, reel_error *err)
{
    int64_t width, height;
    if (!scratch->jpeg)
        REEL_TRY(reel_jpeg_create(&scratch->jpeg, err));
    REEL_TRY(reel_jpeg_open(scratch->jpeg, bytes, size, &width, &height, err));
    const bool swap = reel_exif_swaps(orientation), fast = t->decode == REEL_DECODE_FAST;
    *g = choose(t, swap ? height : width, swap ? width : height, rng);
    *stored = reel_exif_stored(orientation, width, height, &g->source);
    const reel_jpeg_want want = {.part = *stored,
                                 .fast = fast,
                                 .width = swap ? g->height : g->width,
                                 .height = swap ? g->width : g->height};
    const bool whole = t->crop != REEL_CROP_RANDOM_RESIZED && !fast;
    return reel_jpeg_read(scratch->jpeg, &scratch->decoded, whole ? NULL : &want, part, err);
}

/* Anything else is decoded wholly. */
static reel_status open_other(const reel_transform *t, const uint8_t *bytes, size_t size,
                              int orientation, reel_rng *rng, struct geometry *g, reel_rect *stored,
                              reel_transform_scratch *scratch, reel_error *err)
{
    const reel_image *decoded = &scratch->decoded;
    REEL_TRY(reel_image_decode(&scratch->decoded, bytes, size, err));
    const bool swap = reel_exif_swaps(orientation);
    *g = choose(t, swap ? decoded->height : decoded->width, swap ? decoded->width : decoded->height,
                rng);
    *stored = reel_exif_stored(orientation, decoded->width, decoded->height, &g->source);
    return REEL_OK;
}

reel_status reel_transform_bytes(const reel_transform *t, const uint8_t *bytes, size_t size,
                                 reel_rng rng, reel_transform_scratch *scratch, float *out,
                                 reel_error *err)
{
    reel_transform r;
    struct geometry g;
    reel_rect stored;
    reel_jpeg_part part = {.eighths = 8};
    REEL_TRY(reel_transform_resolve(&r, t, err));
    if (scratch->isa == 0)
        scratch->isa = 1 + (int)reel_isa_default();
    const reel_content content = reel_content_sniff(bytes, size);
    if (content == REEL_CONTENT_PNM && bytes[1] == '6') { /* pixels already: used where they lie */
        reel_pnm pnm;
        REEL_TRY(reel_pnm_open(&pnm, bytes, size, err));
        g = choose(&r, pnm.width, pnm.height, &rng);
        const reel_image image = {
            .width = pnm.width, .height = pnm.height, .rgb = (uint8_t *)pnm.pixels};
        const struct source from = source_of(&g.source, &image, &part);
        return finish(&r, &g, &from, &rng, scratch, out, err);
    }
    const int orientation = r.exif == REEL_EXIF_APPLY ? reel_exif_orientation(bytes, size) : 0;
    if (content == REEL_CONTENT_JPEG)
        REEL_TRY(open_jpeg(&r, bytes, size, orientation, &rng, &g, &stored, scratch, &part, err));
    else
        REEL_TRY(open_other(&r, bytes, size, orientation, &rng, &g, &stored, scratch, err));
    struct source from = source_of(&stored, &scratch->decoded, &part);
    if (orientation > 1) {
        reel_exif_upright_box(orientation, from.view.width, from.view.height, from.box);
        REEL_TRY(reel_exif_turn(&scratch->upright, orientation, &from.view, err));
        from.view = (reel_view){scratch->upright.rgb, scratch->upright.width,
                                scratch->upright.height, scratch->upright.width * 3};
    }
    REEL_TRY(finish(&r, &g, &from, &rng, scratch, out, err));
    if (scratch->decoded.capacity > KEEP_BYTES)
        reel_image_free(&scratch->decoded);
    if (scratch->upright.capacity > KEEP_BYTES)
        reel_image_free(&scratch->upright);
    return REEL_OK;
}

reel_status reel_transform_image(const reel_transform *t, const reel_image *image, reel_rng rng,
                                 reel_transform_scratch *scratch, float *out, reel_error *err)
{
    reel_transform r;
    REEL_TRY(reel_transform_resolve(&r, t, err));
    if (image->width < 1 || image->height < 1 || !image->rgb)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: image of %" PRId64 " x %" PRId64 " pixels", image->width,
                         image->height);
    if (scratch->isa == 0)
        scratch->isa = 1 + (int)reel_isa_default();
    const struct geometry g = choose(&r, image->width, image->height, &rng);
    const struct source from = source_of(&g.source, image, &(reel_jpeg_part){.eighths = 8});
    return finish(&r, &g, &from, &rng, scratch, out, err);
}
