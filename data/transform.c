/* Encoded image to normalised floats. Geometry is decided first, on the size alone; then only what it needs is decoded and
 * resized. Generator numbers are drawn in a fixed order: crop, flip, colour, lighting. */
#include "data/transform.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/data_internal.h"

#define KEEP_BYTES                                                                                                             \
    ((size_t)64 << 20) /* an image larger than this is given back at once: one panorama shall not weigh for ever */

void reel_transform_imagenet_norm(reel_transform *t)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    memcpy(t->mean, mean, sizeof mean);
    memcpy(t->std, std, sizeof std);
}

void reel_transform_scratch_free(reel_transform_scratch *scratch)
{
    if (!scratch) return;
    reel_image_free(&scratch->decoded);
    reel_image_free(&scratch->resized);
    free(scratch->memory);
    *scratch = (reel_transform_scratch){0};
}

reel_status reel_transform_resolve(reel_transform *out, const reel_transform *t, reel_error *err)
{
    reel_transform r = *t;
    if (r.size == 0) r.size = 224;
    if (r.size < 1 || r.size > 16384)
        return reel_fail(err, REEL_ERR_INVALID, "transform: size %" PRId64 ", expected 1 to 16384", r.size);
    if (r.resize == 0) r.resize = r.size * 256 / 224;
    if (r.resize < 1 || r.resize > 16384)
        return reel_fail(err, REEL_ERR_INVALID, "transform: resize %" PRId64 ", expected 1 to 16384", r.resize);
    if (r.crop == REEL_CROP_RANDOM && r.resize < r.size)
        return reel_fail(err, REEL_ERR_INVALID, "transform: resize %" PRId64 " is smaller than the crop of %" PRId64, r.resize,
                         r.size);
    if (r.scale[0] == 0 && r.scale[1] == 0) r.scale[0] = 0.08, r.scale[1] = 1.0;
    if (r.ratio[0] == 0 && r.ratio[1] == 0) r.ratio[0] = 3.0 / 4.0, r.ratio[1] = 4.0 / 3.0;
    if (!(r.scale[0] > 0 && r.scale[0] <= r.scale[1] && r.scale[1] <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "transform: scale %g to %g, expected 0 < low <= high <= 1", r.scale[0],
                         r.scale[1]);
    if (!(r.ratio[0] > 0 && r.ratio[0] <= r.ratio[1] && isfinite(r.ratio[1])))
        return reel_fail(err, REEL_ERR_INVALID, "transform: ratio %g to %g, expected 0 < low <= high", r.ratio[0], r.ratio[1]);
    if (!(r.flip >= 0 && r.flip <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "transform: flip %g, expected a probability", r.flip);
    const double positive[] = {r.brightness, r.contrast, r.saturation, r.lighting};
    for (int i = 0; i < 4; i++)
        if (!(positive[i] >= 0 && positive[i] < 1e6))
            return reel_fail(err, REEL_ERR_INVALID, "transform: %s %g, expected 0 or more",
                             (const char *[]){"brightness", "contrast", "saturation", "lighting"}[i], positive[i]);
    if (!(r.hue >= 0 && r.hue <= 0.5)) return reel_fail(err, REEL_ERR_INVALID, "transform: hue %g, expected 0 to 0.5", r.hue);
    for (int c = 0; c < 3; c++) {
        if (r.std[c] == 0) r.std[c] = 1;
        if (!isfinite(r.mean[c]) || !(r.std[c] > 0) || !isfinite(r.std[c]))
            return reel_fail(err, REEL_ERR_INVALID,
                             "transform: channel %d has mean %g and deviation %g, expected finite and positive", c, r.mean[c],
                             r.std[c]);
    }
    if (!isfinite(r.pixel_scale)) return reel_fail(err, REEL_ERR_INVALID, "transform: pixel_scale is not finite");
    *out = r;
    return REEL_OK;
}

/* What to cut from the image and what to make of it. */
struct geometry {
    reel_rect source;      /* part of the image that is resized */
    int64_t width, height; /* it is resized to this */
    reel_rect window;      /* part of the result that is wanted; may reach beyond it, where pixels are black */
};

/* torchvision's CenterCrop along one axis: halves to even where the image is larger, padding where it is smaller. */
static int64_t center(int64_t length, int64_t size)
{
    return length >= size ? (int64_t)rint((double)(length - size) / 2.0) : -((size - length) / 2);
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

/* Resizes into scratch->resized, size x size. at: where the first pixel of `decoded` lies in the image. */
static reel_status cut(const reel_transform *t, const struct geometry *g, const reel_image *decoded, const reel_rect *at,
                       reel_transform_scratch *scratch, reel_error *err)
{
    const int64_t size = t->size, stride = size * 3;
    REEL_TRY(reel_image_resize_buffer(&scratch->resized, size, size, err));
    uint8_t *dst = scratch->resized.rgb;
    reel_rect w = g->window;
    if (w.x < 0 || w.y < 0 || w.x + w.w > g->width || w.y + w.h > g->height) {
        memset(dst, 0, (size_t)(size * stride));
        if (w.x < 0) dst += -w.x * 3, w.w += w.x, w.x = 0;
        if (w.y < 0) dst += -w.y * stride, w.h += w.y, w.y = 0;
        if (w.x + w.w > g->width) w.w = g->width - w.x;
        if (w.y + w.h > g->height) w.h = g->height - w.y;
    }
    const reel_rect *s = &g->source;
    const reel_view view = {decoded->rgb + ((s->y - at->y) * decoded->width + (s->x - at->x)) * 3, s->w, s->h,
                            decoded->width * 3};
    reel_buffer buffer = {scratch->memory, scratch->capacity};
    const reel_status status = reel_resize_window(dst, stride, &w, g->width, g->height, &view,
                                                  (const double[4]){0, 0, (double)s->w, (double)s->h}, &buffer, err);
    scratch->memory = buffer.data;
    scratch->capacity = buffer.capacity;
    return status;
}

/* Flip, colour, and one table per channel from byte to float: the arithmetic of ToTensor and Normalize in single precision. */
static void finish(const reel_transform *t, reel_image *image, reel_rng *rng, float *out)
{
    const int64_t size = t->size;
    const bool flip = t->flip > 0 && reel_rng_uniform(rng) < t->flip;
    reel_jitter(t, image->rgb, size * size, rng);
    double delta[3] = {0};
    if (t->lighting > 0) reel_lighting(delta, t->lighting, rng);
    float table[3][256];
    for (int c = 0; c < 3; c++) {
        const float mean = (float)t->mean[c], std = (float)t->std[c];
        const float light = (float)(t->pixel_scale == 0 ? delta[c] : delta[c] * 255.0 * t->pixel_scale);
        for (int v = 0; v < 256; v++) {
            const float pixel = t->pixel_scale == 0 ? (float)v / 255.0f : (float)(v * t->pixel_scale);
            table[c][v] = (pixel + light - mean) / std;
        }
    }
    for (int64_t y = 0; y < size; y++) {
        const uint8_t *row = image->rgb + y * size * 3;
        float *to = out + y * size * 3;
        const int64_t first = flip ? 3 * (size - 1) : 0, step = flip ? -3 : 3;
        for (int64_t x = 0; x < size; x++)
            for (int c = 0; c < 3; c++) to[3 * x + c] = table[c][row[first + x * step + c]];
    }
}

reel_status reel_transform_bytes(const reel_transform *t, const uint8_t *bytes, size_t size, reel_rng rng,
                                 reel_transform_scratch *scratch, float *out, reel_error *err)
{
    reel_transform r;
    REEL_TRY(reel_transform_resolve(&r, t, err));
    int64_t width, height;
    REEL_TRY(reel_image_size(bytes, size, &width, &height, err));
    const struct geometry g = choose(&r, width, height, &rng);
    reel_rect at = {0};
    if (r.crop == REEL_CROP_RANDOM_RESIZED && reel_content_sniff(bytes, size) == REEL_CONTENT_JPEG)
        REEL_TRY(reel_jpeg_decode(&scratch->decoded, bytes, size, &g.source, &at, err));
    else
        REEL_TRY(reel_image_decode(&scratch->decoded, bytes, size, err));
    REEL_TRY(cut(&r, &g, &scratch->decoded, &at, scratch, err));
    finish(&r, &scratch->resized, &rng, out);
    if (scratch->decoded.capacity > KEEP_BYTES) reel_image_free(&scratch->decoded);
    return REEL_OK;
}

reel_status reel_transform_image(const reel_transform *t, const reel_image *image, reel_rng rng,
                                 reel_transform_scratch *scratch, float *out, reel_error *err)
{
    reel_transform r;
    REEL_TRY(reel_transform_resolve(&r, t, err));
    if (image->width < 1 || image->height < 1 || !image->rgb)
        return reel_fail(err, REEL_ERR_INVALID, "transform: image of %" PRId64 " x %" PRId64 " pixels", image->width,
                         image->height);
    const struct geometry g = choose(&r, image->width, image->height, &rng);
    REEL_TRY(cut(&r, &g, image, &(reel_rect){0}, scratch, err));
    finish(&r, &scratch->resized, &rng, out);
    return REEL_OK;
}
