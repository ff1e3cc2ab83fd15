/* A transform's settings: defaults and checks; and its scratch. The work is in sample.c. */
#include "data/transforms/transform.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SIDE = 16384, DEFAULT_SIZE = 224, DEFAULT_RESIZE = 256 };

void reel_transform_imagenet_norm(reel_transform *t)
{
    if (!t)
        return;
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    const double grey_mean = 0.458971, grey_std = 0.225609; /* 0.299 R + 0.587 G + 0.114 B */
    for (int c = 0; c < 3; c++) {
        t->mean[c] = t->channels == 1 ? grey_mean : mean[c];
        t->std[c] = t->channels == 1 ? grey_std : std[c];
    }
}

void reel_transform_scratch_free(reel_transform_scratch *scratch)
{
    if (!scratch)
        return;
    reel_image_free(&scratch->decoded);
    reel_image_free(&scratch->resized);
    reel_image_free(&scratch->upright);
    reel_image_free(&scratch->grey);
    free(scratch->memory);
    free(scratch->augment_memory);
    reel_decoders_free(scratch->decoders);
    *scratch = (reel_transform_scratch){0};
}

static reel_status resolve_size(reel_transform *r, reel_error *err)
{
    if (r->size == 0)
        r->size = DEFAULT_SIZE;
    if (r->size < 1 || r->size > MOST_SIDE)
        return reel_fail(err, REEL_ERR_INVALID, "transform: size %" PRId64 ", expected 1 to %d",
                         r->size, MOST_SIDE);
    if (r->resize == 0)
        r->resize = r->size * DEFAULT_RESIZE / DEFAULT_SIZE;
    if (r->resize < 1 || r->resize > MOST_SIDE)
        return reel_fail(err, REEL_ERR_INVALID, "transform: resize %" PRId64 ", expected 1 to %d",
                         r->resize, MOST_SIDE);
    if ((int)r->crop < REEL_CROP_CENTER || (int)r->crop > REEL_CROP_RANDOM)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: crop %d, expected center, random_resized or random",
                         (int)r->crop);
    if (r->crop == REEL_CROP_RANDOM && r->resize < r->size)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: resize %" PRId64 " is smaller than the crop of %" PRId64,
                         r->resize, r->size);

    /* Ten crops are already mirrored, and need corners to stand in. */
    if (r->views == 0)
        r->views = 1;
    if (r->views == 1)
        return REEL_OK;
    if (r->views != REEL_TEN_CROP || r->crop != REEL_CROP_CENTER || r->flip > 0 ||
        r->resize < r->size)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "transform: %" PRId64
            " views, expected 1, or 10 of a centre crop without flip, no larger than resize",
            r->views);
    return REEL_OK;
}

static reel_status resolve_random_crop(reel_transform *r, reel_error *err)
{
    if (r->scale[0] == 0 && r->scale[1] == 0) {
        r->scale[0] = 0.08;
        r->scale[1] = 1.0;
    }
    if (r->ratio[0] == 0 && r->ratio[1] == 0) {
        r->ratio[0] = 3.0 / 4.0;
        r->ratio[1] = 4.0 / 3.0;
    }

    if (!(r->scale[0] > 0 && r->scale[0] <= r->scale[1] && r->scale[1] <= 1))
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: scale %g to %g, expected 0 < low <= high <= 1", r->scale[0],
                         r->scale[1]);
    if (!(r->ratio[0] > 0 && r->ratio[0] <= r->ratio[1] && isfinite(r->ratio[1])))
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: ratio %g to %g, expected 0 < low <= high", r->ratio[0],
                         r->ratio[1]);
    if (!(r->flip >= 0 && r->flip <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "transform: flip %g, expected a probability",
                         r->flip);
    return REEL_OK;
}

static reel_status check_colour(const reel_transform *r, reel_error *err)
{
    const struct {
        const char *name;
        double value;
    } amounts[] = {{"brightness", r->brightness},
                   {"contrast", r->contrast},
                   {"saturation", r->saturation},
                   {"lighting", r->lighting}};
    for (int64_t i = 0; i < REEL_COUNT(amounts); i++)
        if (!(amounts[i].value >= 0 && amounts[i].value < 1e6))
            return reel_fail(err, REEL_ERR_INVALID, "transform: %s %g, expected 0 or more",
                             amounts[i].name, amounts[i].value);
    if (!(r->hue >= 0 && r->hue <= 0.5))
        return reel_fail(err, REEL_ERR_INVALID, "transform: hue %g, expected 0 to 0.5", r->hue);
    return REEL_OK;
}

static reel_status resolve_pixels(reel_transform *r, reel_error *err)
{
    for (int c = 0; c < 3; c++) {
        if (r->std[c] == 0)
            r->std[c] = 1;
        if (!isfinite(r->mean[c]) || !(r->std[c] > 0) || !isfinite(r->std[c]))
            return reel_fail(
                err, REEL_ERR_INVALID,
                "transform: channel %d has mean %g and deviation %g, expected finite and positive",
                c, r->mean[c], r->std[c]);
    }

    if (r->channels == 0)
        r->channels = 3;
    if (r->channels != 1 && r->channels != 3)
        return reel_fail(err, REEL_ERR_INVALID, "transform: %" PRId64 " channels, expected 1 or 3",
                         r->channels);
    if (r->decode != REEL_DECODE_EXACT && r->decode != REEL_DECODE_FAST)
        return reel_fail(err, REEL_ERR_INVALID, "transform: decode %d, expected exact or fast",
                         (int)r->decode);
    if (r->exif != REEL_EXIF_IGNORE && r->exif != REEL_EXIF_APPLY)
        return reel_fail(err, REEL_ERR_INVALID, "transform: exif %d, expected ignore or apply",
                         (int)r->exif);
    if (!isfinite(r->pixel_scale))
        return reel_fail(err, REEL_ERR_INVALID, "transform: pixel_scale is not finite");
    return REEL_OK;
}

static reel_status resolve_augment(reel_transform *r, reel_error *err)
{
    if (r->augmix_severity == 0)
        r->augmix_severity = 3;

    if (!reel_interpolation_name(r->interpolation))
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: interpolation %d, expected bilinear, bicubic or nearest",
                         (int)r->interpolation);
    if (r->ra_magnitude < 0 || r->ra_magnitude >= REEL_RA_MAGNITUDES)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: ra_magnitude %" PRId64 ", expected 0 to %d", r->ra_magnitude,
                         REEL_RA_MAGNITUDES - 1);
    if (r->augmix_severity < 1 || r->augmix_severity > REEL_AUGMIX_SEVERITIES)
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: augmix_severity %" PRId64 ", expected 1 to %d",
                         r->augmix_severity, REEL_AUGMIX_SEVERITIES);
    if (!(r->random_erase >= 0 && r->random_erase <= 1))
        return reel_fail(err, REEL_ERR_INVALID,
                         "transform: random_erase %g, expected a probability", r->random_erase);
    if (r->views > 1 && (r->auto_augment || r->random_erase > 0))
        return reel_fail(
            err, REEL_ERR_INVALID,
            "transform: %" PRId64 " views, expected 1 with auto_augment or random_erase", r->views);
    return REEL_OK;
}

reel_status reel_transform_resolve(reel_transform *out, const reel_transform *t, reel_error *err)
{
    REEL_NEED(out, err);
    REEL_NEED(t, err);

    reel_transform r = *t;
    REEL_TRY(resolve_size(&r, err));
    REEL_TRY(resolve_random_crop(&r, err));
    REEL_TRY(check_colour(&r, err));
    REEL_TRY(resolve_pixels(&r, err));
    REEL_TRY(resolve_augment(&r, err));
    *out = r;
    return REEL_OK;
}
