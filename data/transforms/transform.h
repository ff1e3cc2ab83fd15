/* From an encoded image to one normalised sample of a batch: decode, crop, resize, flip, colour,
 * mean and deviation.
 *
 * Every random choice comes from Philox at (seed, REEL_STREAM_AUGMENT, epoch, sample index): a
 * sample looks the same for any number of workers and after a resume. */
#ifndef REEL_DATA_TRANSFORMS_TRANSFORM_H
#define REEL_DATA_TRANSFORMS_TRANSFORM_H

#include "core/files/model_card.h"
#include "core/rng.h"
#include "data/codecs/codec.h"
#include "data/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    /* Evaluation: the shorter side becomes `resize`, then a centre crop of `size` (torchvision's
     * rounding). */
    REEL_CROP_CENTER,
    /* torchvision's RandomResizedCrop: area in scale, aspect in ratio (log-uniform), 10 tries. */
    REEL_CROP_RANDOM_RESIZED,
    /* Krizhevsky et al. 2012 and Caffe: the shorter side becomes `resize`, centre square, random
     * crop of `size`. */
    REEL_CROP_RANDOM
} reel_crop;

/* How many views a ten-crop has. */
enum { REEL_TEN_CROP = 10 };

/* How images become pixels. EXACT: the bits of PIL. FAST, of formats that can (JPEG): a faster DCT,
 * plain upsampling of colour, and decoding at a half or less of the size where the part that is cut
 * out is still as large as the result. Pixels differ by a few units, and take less time. */
typedef enum { REEL_DECODE_EXACT, REEL_DECODE_FAST } reel_decode;

/* A policy of auto-augmentation: operations that are chosen at random (transforms/policies.c). By
 * torchvision's name: ta_wide, ra, imagenet, augmix; NULL = there is none. */
typedef struct reel_augment_policy reel_augment_policy;
REEL_API const reel_augment_policy *reel_augment_policy_find(const char *name);
REEL_API const char *reel_augment_policy_name(int index); /* 0, 1, ...; NULL = there are no more */
enum { REEL_RA_MAGNITUDES = 31, REEL_AUGMIX_SEVERITIES = 10 };

/* What is done to an image. All zeros is a valid transform: a centre crop of 224 pixels, pixels in
 * [0, 1]. A value: v = (pixel * pixel_scale - mean) / std, per channel. Only read by the calls
 * below, so any number of threads may share one. */
typedef struct reel_transform {
    int64_t channels; /* 3: red, green, blue; 1: PIL's "L", from the pixels as stored; 0 = 3 */
    int64_t size;     /* output height and width in pixels; 0 = 224 */
    int64_t resize;   /* shorter side before CENTER and RANDOM crops; 0 = size * 256 / 224 */
    reel_crop crop;
    double scale[2], ratio[2]; /* zeros = 0.08 to 1, and 3/4 to 4/3 */
    double flip;               /* probability of a horizontal flip */
    /* 0 or 1: one image. 10, with CENTER only: ten crops of the centre square of side resize, one
     * behind the other: its corners (top left, top right, bottom left, bottom right), its middle,
     * then the five mirrored (Krizhevsky et al. 2012, section 4.1). */
    int64_t views;
    /* torchvision's ColorJitter: factors in [1 - v, 1 + v], hue in [-v, v]; 0 = off. */
    double brightness, contrast, saturation, hue;
    double lighting;        /* deviation of PCA lighting noise (2012: 0.1); 0 = off */
    double mean[3], std[3]; /* per channel, for pixels in [0, 1]; std 0 = 1 */
    double pixel_scale;     /* 0 = 1/255. Caffe: 1, with a mean of 0 to 255 */
    reel_decode decode;
    reel_exif exif; /* APPLY: an encoded image is turned upright before anything else */
    reel_interpolation interpolation; /* of the resize, and of auto_augment's shears and turns */
    const reel_augment_policy *auto_augment; /* after crop and flip; NULL = off */
    int64_t ra_magnitude;                    /* ra: 0 to 30; torchvision's default is 9 */
    int64_t augmix_severity;                 /* augmix: 1 to 10; 0 = 3 */
    /* Probability that a part becomes 0, after mean and deviation (transforms/erase.h). */
    double random_erase;
} reel_transform;

/* Sets mean and std to torchvision's for ImageNet: .485 .456 .406 and .229 .224 .225. Of a
 * transform to 1 channel: what these make of grey, .459 and .226. */
REEL_API void reel_transform_imagenet_norm(reel_transform *t);

/* t with its zeros replaced by the defaults. REEL_ERR_INVALID names the field that cannot work. */
REEL_API reel_status reel_transform_resolve(reel_transform *out, const reel_transform *t,
                                            reel_error *err);

/* Scratch of one thread: intermediate images and decoders, reused from sample to sample.
 * Zero-initialise; free at the end. */
typedef struct reel_transform_scratch {
    reel_image decoded, resized;
    void *memory;
    size_t capacity;
    reel_decoders *decoders;
    int isa;              /* 1 + reel_isa; 0 = not looked at yet */
    reel_image upright;   /* pixels turned by their EXIF orientation */
    reel_image grey;      /* pixels whose three channels are their grey */
    void *augment_memory; /* of auto_augment */
    size_t augment_capacity;
} reel_transform_scratch;
REEL_API void reel_transform_scratch_free(reel_transform_scratch *scratch);

/* Applies t to an encoded image: out receives (views, size, size, channels) float32, channels last.
 * rng is not drawn from by CENTER without colour. REEL_ERR_FORMAT: the bytes are no image, or a
 * damaged one; REEL_ERR_INVALID: t cannot work; REEL_ERR_MEMORY. Calls with different scratch may
 * run at the same time. */
REEL_API reel_status reel_transform_bytes(const reel_transform *t, const uint8_t *bytes,
                                          size_t size, reel_rng rng,
                                          reel_transform_scratch *scratch, float *out,
                                          reel_error *err);
/* The same from an RGB image, which is taken as it lies (no EXIF). */
REEL_API reel_status reel_transform_image(const reel_transform *t, const reel_image *image,
                                          reel_rng rng, reel_transform_scratch *scratch, float *out,
                                          reel_error *err);

/* What a weights file says about pixels (core/files/model_card.h) as the transform of an
 * evaluation, and back. */
REEL_API reel_transform reel_transform_of(const reel_preprocessing *p);
REEL_API reel_preprocessing reel_preprocessing_of(const reel_transform *t);

/* One image, exactly as an evaluation sees it: rgb, (height, width, 3) bytes without gaps, becomes
 * out, (p->size, p->size, p->channels or 3) float32. Makes its scratch and drops it; a program that
 * preprocesses all the time keeps one and calls reel_transform_image. May run at the same time. */
REEL_API reel_status reel_preprocess_rgb(const reel_preprocessing *p, const uint8_t *rgb,
                                         int64_t width, int64_t height, float *out,
                                         reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
