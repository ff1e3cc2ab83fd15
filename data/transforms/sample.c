/* One sample: an encoded image, or pixels, through a transform to normalised floats.
 *
 * Geometry is decided first, on the size alone; then only what it needs is decoded and resized.
 * Numbers are drawn in a fixed order: crop, flip, auto-augmentation, colour, lighting, erasing. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "core/ctx.h"
#include "data/transforms/augment.h"
#include "data/transforms/colour.h"
#include "data/transforms/erase.h"
#include "data/transforms/geometry.h"
#include "data/transforms/resize_internal.h"
#include "data/transforms/transform.h"
#include "data/transforms/upright.h"

/* An image larger than this is given back at once: one panorama must not keep its memory for ever.
 */
#define KEEP_BYTES ((size_t)64 << 20)

/* One sample in the making. */
struct sample {
    reel_transform t; /* resolved */
    reel_rng rng;
    reel_transform_scratch *scratch;
    reel_geometry g;
    reel_view pixels; /* whole pixels that hold the geometry's source */
    double box[4];    /* the source within them: left, top, right, bottom */
};

/* ---- rows of bytes to rows of floats ---- */

/* One table per channel from byte to float: the arithmetic of ToTensor and Normalize in single
 * precision. */
static void fill_table(float table[3][256], const reel_transform *t, const double delta[3])
{
    for (int c = 0; c < 3; c++) {
        const float mean = (float)t->mean[c], std = (float)t->std[c];
        const bool plain = t->pixel_scale == 0; /* pixels in [0, 1] */
        const float light = (float)(plain ? delta[c] : delta[c] * 255.0 * t->pixel_scale);
        for (int v = 0; v < 256; v++) {
            const float pixel = plain ? (float)v / 255.0f : (float)(v * t->pixel_scale);
            table[c][v] = (pixel + light - mean) / std;
        }
    }
}

/* Grey pixels have three equal channels, of which one is written. */
static void write_grey_row(float *restrict out, const uint8_t *restrict row, int64_t n, bool flip,
                           const float table[256])
{
    const uint8_t *p = flip ? row + 3 * (n - 1) : row;
    const int64_t step = flip ? -3 : 3;
    for (int64_t x = 0; x < n; x++, p += step)
        out[x] = table[*p];
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

/* ---- one view ---- */

/* Where a view's rows pass on their way to the floats. */
struct canvas {
    bool whole;           /* rgb holds all rows of the view, not one */
    int64_t rows, stride; /* of rgb; stride in bytes */
    uint8_t *rgb;
    reel_rect inside;
    int64_t left, above; /* black pixels beside and above `inside` */
};

/* Auto-augmentation and colour need the whole image in between (contrast its mean); else one row is
 * enough. */
static reel_status make_canvas(struct canvas *c, struct sample *s, bool whole, reel_error *err)
{
    const int64_t size = s->t.size;
    *c = (struct canvas){.whole = whole, .rows = whole ? size : 1, .stride = size * 3};
    c->inside = reel_geometry_inside(&s->g, &c->left, &c->above);
    reel_image *memory = &s->scratch->resized;
    REEL_TRY(reel_image_resize_buffer(memory, size, c->rows, err));

    c->rgb = memory->rgb;
    if (c->inside.w < size || c->inside.h < size)
        memset(c->rgb, 0, (size_t)(c->rows * c->stride));
    return REEL_OK;
}

static reel_status begin_resize(reel_resizer *r, struct sample *s, const reel_rect *window,
                                reel_error *err)
{
    reel_transform_scratch *scratch = s->scratch;
    reel_resizing what = {.src = s->pixels,
                          .width = s->g.width,
                          .height = s->g.height,
                          .window = *window,
                          .isa = scratch->isa - 1,
                          .how = s->t.interpolation};
    memcpy(what.box, s->box, sizeof what.box);

    /* The public struct cannot hold the private type of its memory. */
    reel_buffer buffer = {scratch->memory, scratch->capacity};
    const reel_status status = reel_resizer_begin(r, &what, &buffer, err);
    scratch->memory = buffer.data;
    scratch->capacity = buffer.capacity;
    return status;
}

/* Row y of the view as bytes: resized now, or coloured before. */
static const uint8_t *view_row(const struct canvas *c, const reel_resizer *r, int64_t y)
{
    if (c->whole)
        return c->rgb + y * c->stride;
    if (y >= c->above && y < c->above + c->inside.h)
        reel_resizer_row(r, y - c->above, c->rgb + c->left * 3);
    else
        memset(c->rgb, 0, (size_t)c->stride);
    return c->rgb;
}

static void mirror_rows(uint8_t *rgb, int64_t width, int64_t height)
{
    for (int64_t y = 0; y < height; y++, rgb += width * 3)
        for (int64_t l = 0, r = width - 1; l < r; l++, r--)
            for (int c = 0; c < 3; c++) {
                const uint8_t kept = rgb[3 * l + c];
                rgb[3 * l + c] = rgb[3 * r + c];
                rgb[3 * r + c] = kept;
            }
}

/* What auto_augment chooses, on the whole canvas. Turning an image to the left is not turning its
 * mirror image to the left: the flip comes first. */
static reel_status augment_canvas(struct canvas *c, struct sample *s, bool flip, reel_error *err)
{
    const int64_t size = s->t.size;
    if (flip)
        mirror_rows(c->rgb, size, size);
    const reel_augment_choice choice = reel_augment_choose(&s->t, size, size, &s->rng);

    reel_transform_scratch *scratch = s->scratch;
    reel_buffer buffer = {scratch->augment_memory, scratch->augment_capacity};
    const reel_status status =
        reel_augment_apply(&choice, c->rgb, size, size, s->t.interpolation, &buffer, err);
    scratch->augment_memory = buffer.data;
    scratch->augment_capacity = buffer.capacity;
    return status;
}

/* Resizes, augments, colours, flips and normalises into out, (size, size, channels). Row by row, so
 * that a row is still in the nearest cache when it becomes floats. mirrored: a ten-crop's view,
 * whose flip is not drawn. */
static reel_status make_view(struct sample *s, bool mirrored, float *out, reel_error *err)
{
    const reel_transform *t = &s->t;
    const int64_t size = t->size, stride = size * 3; /* bytes of a row of rgb */
    bool flip = mirrored || (t->flip > 0 && reel_rng_uniform(&s->rng) < t->flip);
    const reel_jitter_amounts jitter = {t->brightness, t->contrast, t->saturation, t->hue};
    struct canvas c;
    reel_resizer r;
    REEL_TRY(make_canvas(&c, s, t->auto_augment || reel_jitter_is_on(&jitter), err));
    REEL_TRY(begin_resize(&r, s, &c.inside, err));

    if (c.whole) {
        for (int64_t y = 0; y < c.inside.h; y++)
            reel_resizer_row(&r, y, c.rgb + (c.above + y) * stride + c.left * 3);
        if (t->auto_augment) {
            REEL_TRY(augment_canvas(&c, s, flip, err));
            flip = false; /* it is done */
        }
        reel_jitter(&jitter, c.rgb, size * size, &s->rng);
    }

    double delta[3] = {0};
    float table[3][256];
    if (t->lighting > 0)
        reel_lighting(delta, t->lighting, &s->rng);
    fill_table(table, t, delta);

    for (int64_t y = 0; y < size; y++) {
        float *to = out + y * size * t->channels;
        if (t->channels == 1)
            write_grey_row(to, view_row(&c, &r, y), size, flip, table[0]);
        else
            write_row(to, view_row(&c, &r, y), size, flip, table);
    }

    if (t->random_erase > 0) {
        const reel_rect part = reel_erase_choose(size, t->random_erase, &s->rng);
        reel_erase(out, size, t->channels, &part);
    }
    return REEL_OK;
}

static reel_status make_views(struct sample *s, float *out, reel_error *err)
{
    const bool plain = false;
    if (s->t.views == 1)
        return make_view(s, plain, out, err);
    const reel_geometry chosen = s->g;
    for (int64_t view = 0; view < s->t.views; view++) {
        const bool mirrored = view >= REEL_TEN_CROP / 2;
        s->g = chosen;
        reel_geometry_of_ten(&s->g, &s->t, view);
        REEL_TRY(make_view(s, mirrored, out + view * s->t.size * s->t.size * s->t.channels, err));
    }
    return REEL_OK;
}

/* ---- from bytes to pixels ---- */

static reel_status begin_sample(struct sample *s, const reel_transform *t, reel_rng rng,
                                reel_transform_scratch *scratch, reel_error *err)
{
    *s = (struct sample){.rng = rng, .scratch = scratch};
    REEL_TRY(reel_transform_resolve(&s->t, t, err));
    if (scratch->isa == 0)
        scratch->isa = 1 + reel_isa_default();
    return REEL_OK;
}

/* Which of the decoded pixels are `part` (in pixels of the stored image): whole ones, and the exact
 * box within them. At n eighths of the size a part's edges may lie within pixels. */
static void take_part(struct sample *s, const reel_rect *part, const reel_decoding *d)
{
    const int64_t n = d->eighths, x = part->x * n / 8, y = part->y * n / 8;
    const int64_t right = ((part->x + part->w) * n + 7) / 8;
    const int64_t bottom = ((part->y + part->h) * n + 7) / 8;
    const reel_view *from = &d->pixels;
    s->pixels = (reel_view){from->rgb + (y - d->top) * from->stride + (x - d->left) * 3, right - x,
                            bottom - y, from->stride};

    const double scale = (double)n / 8;
    s->box[0] = (double)part->x * scale - (double)x;
    s->box[1] = (double)part->y * scale - (double)y;
    s->box[2] = (double)(part->x + part->w) * scale - (double)x;
    s->box[3] = (double)(part->y + part->h) * scale - (double)y;
}

/* PIL's convert("L") of the pixels that were taken. It comes before resizing, as for images that
 * are opened as grey. */
static reel_status turn_grey(struct sample *s, reel_error *err)
{
    reel_image *grey = &s->scratch->grey;
    const reel_view *from = &s->pixels;
    REEL_TRY(reel_image_resize_buffer(grey, from->width, from->height, err));
    for (int64_t y = 0; y < from->height; y++) {
        const uint8_t *p = from->rgb + y * from->stride;
        uint8_t *to = grey->rgb + y * grey->width * 3;
        for (int64_t x = 0; x < from->width; x++, p += 3, to += 3)
            to[0] = to[1] = to[2] =
                (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
    }
    s->pixels = (reel_view){grey->rgb, grey->width, grey->height, grey->width * 3};
    return REEL_OK;
}

/* Turns the pixels that were taken, and nothing but them. */
static reel_status turn_upright(struct sample *s, int orientation, reel_error *err)
{
    reel_image *upright = &s->scratch->upright;
    reel_exif_upright_box(orientation, s->pixels.width, s->pixels.height, s->box);
    REEL_TRY(reel_exif_turn(upright, orientation, &s->pixels, err));
    s->pixels = (reel_view){upright->rgb, upright->width, upright->height, upright->width * 3};
    return REEL_OK;
}

/* The header gives the size, the size the geometry, and the geometry what has to be decoded: the
 * crop is chosen in the upright image, its place in the stored one is decoded. */
static reel_status decode_source(struct sample *s, const uint8_t *bytes, size_t size,
                                 reel_error *err)
{
    reel_transform_scratch *scratch = s->scratch;
    reel_decoding d;
    REEL_TRY(reel_decoding_begin(&d, &scratch->decoders, bytes, size, err));
    const bool look = s->t.exif == REEL_EXIF_APPLY && d.codec->orientation;
    const int orientation = look ? d.codec->orientation(bytes, size) : 0;
    const bool swap = reel_exif_swaps(orientation);
    s->g =
        reel_geometry_choose(&s->t, swap ? d.height : d.width, swap ? d.width : d.height, &s->rng);

    const reel_rect stored = reel_exif_stored(orientation, d.width, d.height, &s->g.source);
    const reel_want want = {.part = stored,
                            .fast = s->t.decode == REEL_DECODE_FAST,
                            .width = swap ? s->g.height : s->g.width,
                            .height = swap ? s->g.width : s->g.height};
    /* The other crops resize the whole image before they cut. */
    const bool all = s->t.crop != REEL_CROP_RANDOM_RESIZED && !want.fast;
    REEL_TRY(reel_decoding_finish(&d, all ? NULL : &want, &scratch->decoded, err));

    take_part(s, &stored, &d);
    if (s->t.channels == 1)
        REEL_TRY(turn_grey(s, err));
    return orientation > 1 ? turn_upright(s, orientation, err) : REEL_OK;
}

reel_status reel_transform_bytes(const reel_transform *t, const uint8_t *bytes, size_t size,
                                 reel_rng rng, reel_transform_scratch *scratch, float *out,
                                 reel_error *err)
{
    REEL_NEED(t, err);
    REEL_NEED(scratch, err);
    REEL_NEED(out, err);

    struct sample s;
    REEL_TRY(begin_sample(&s, t, rng, scratch, err));
    REEL_TRY(decode_source(&s, bytes, size, err));
    REEL_TRY(make_views(&s, out, err));
    if (scratch->decoded.capacity > KEEP_BYTES)
        reel_image_free(&scratch->decoded);
    if (scratch->upright.capacity > KEEP_BYTES)
        reel_image_free(&scratch->upright);
    if (scratch->grey.capacity > KEEP_BYTES)
        reel_image_free(&scratch->grey);
    return REEL_OK;
}

reel_status reel_transform_image(const reel_transform *t, const reel_image *image, reel_rng rng,
                                 reel_transform_scratch *scratch, float *out, reel_error *err)
{
    REEL_NEED(t, err);
    REEL_NEED(image, err);
    REEL_NEED(scratch, err);
    REEL_NEED(out, err);

    struct sample s;
    REEL_TRY(begin_sample(&s, t, rng, scratch, err));
    if (image->width < 1 || image->height < 1 || !image->rgb ||
        image->width > REEL_MAX_PIXELS / image->height)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: image of %" PRId64 " x %" PRId64 " pixels", image->width,
                         image->height);

    s.g = reel_geometry_choose(&s.t, image->width, image->height, &s.rng);
    const reel_decoding as_it_lies = {
        .pixels = {image->rgb, image->width, image->height, image->width * 3}, .eighths = 8};
    take_part(&s, &s.g.source, &as_it_lies);
    if (s.t.channels == 1)
        REEL_TRY(turn_grey(&s, err));
    return make_views(&s, out, err);
}
