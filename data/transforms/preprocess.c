/* What a weights file says about pixels, as a transform; one RGB image through it. */
#include "data/transforms/transform.h"

#include <string.h>

reel_transform reel_transform_of(const reel_preprocessing *p)
{
    static const reel_preprocessing none;
    if (!p)
        p = &none;
    reel_transform t = {.channels = p->channels,
                        .size = p->size,
                        .resize = p->resize,
                        .crop = REEL_CROP_CENTER,
                        .pixel_scale = p->pixel_scale};
    t.exif = p->upright ? REEL_EXIF_APPLY : REEL_EXIF_IGNORE;
    t.interpolation = p->interpolation;
    memcpy(t.mean, p->mean, sizeof t.mean);
    memcpy(t.std, p->std, sizeof t.std);
    return t;
}

reel_preprocessing reel_preprocessing_of(const reel_transform *t)
{
    if (!t)
        return (reel_preprocessing){0};

    reel_preprocessing p = {.channels = t->channels,
                            .size = t->size,
                            .resize = t->resize,
                            .pixel_scale = t->pixel_scale};
    p.upright = t->exif == REEL_EXIF_APPLY;
    p.interpolation = t->interpolation;
    memcpy(p.mean, t->mean, sizeof p.mean);
    for (int c = 0; c < 3; c++)
        p.std[c] = t->std[c] == 0 ? 1 : t->std[c]; /* other programs read it, too, and divide */
    return p;
}

reel_status reel_preprocess_rgb(const reel_preprocessing *p, const uint8_t *rgb, int64_t width,
                                int64_t height, float *out, reel_error *err)
{
    REEL_NEED(p, err);
    REEL_NEED(rgb, err);
    REEL_NEED(out, err);

    const reel_transform t = reel_transform_of(p);
    const reel_image image = {
        .width = width, .height = height, .rgb = (uint8_t *)rgb}; /* is only read */
    reel_transform_scratch scratch = {0};
    const reel_status status = reel_transform_image(
        &t, &image, reel_rng_at(0, REEL_STREAM_AUGMENT, 0, 0), &scratch, out, err);
    reel_transform_scratch_free(&scratch);
    return status;
}
