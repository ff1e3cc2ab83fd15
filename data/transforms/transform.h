/* From an encoded image to one normalised sample of a batch: decode, crop, resize, flip, colour,
 * mean and deviation.
 *
 * Every random choice comes from Philox at (seed, REEL_STREAM_AUGMENT, epoch, sample index): the
 * same sample looks the same for any number of workers and after a resume. */
#ifndef REEL_DATA_TRANSFORM_H
#define REEL_DATA_TRANSFORM_H

#include "core/files/model_card.h"
#include "core/rng.h"
#include "data/codecs/exif.h"
#include "data/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    REEL_CROP_CENTER, /* evaluation: shorter side to resize, centre crop of size (torchvision's
                         rounding) */
    REEL_CROP_RANDOM_RESIZED, /* torchvision's RandomResizedCrop: area in scale, aspect in ratio
                                 (log-uniform), 10 tries */
    REEL_CROP_RANDOM /* 2012 and Caffe: shorter side to resize, centre square, random crop of size
                      */
} reel_crop;

/* How JPEGs become pixels. EXACT: the bits of PIL. FAST: a faster DCT, plain upsampling of colour,
 * and decoding at a half or less of the size where the part that is cut out is still as large as
 * the result: pixels differ by a few units, and take less time. */
typedef enum { REEL_DECODE_EXACT, REEL_DECODE_FAST } reel_decode;

typedef struct reel_transform {
    int64_t size;   /* output height and width; 0 = 224 */
    int64_t resize; /* shorter side before CENTER and RANDOM crops; 0 = size * 256 / 224 */
    reel_crop crop;
    double scale[2], ratio[2]; /* zeros = 0.08, 1 and 3/4, 4/3 */
    double flip;               /* probability of a horizontal flip */
    int64_t views; /* 0 or 1: one image. 10, CENTER only: ten crops of the centre square of side
                    * resize, one behind the other: its corners (top left, top right, bottom left,
                    * bottom right), its middle, then the five mirrored (Krizhevsky et al. 2012,
                    * section 4.1) */
    double brightness, contrast, saturation,
        hue;         /* colour jitter as torchvision's: factors in [1 - v, 1 + v], hue in [-v, v] */
    double lighting; /* deviation of PCA lighting noise (2012: 0.1); 0 = off */
    double mean[3], std[3]; /* per channel, for pixels in [0, 1]; std 0 = 1 */
    double pixel_scale; /* pixels are multiplied by this before mean and std; 0 = 1/255. Caffe: 1
                           with mean in 0..255 */
    reel_decode decode;
    reel_exif exif; /* of encoded bytes; APPLY: the image is turned upright before anything else */
} reel_transform;

/* torchvision's ImageNet constants: mean .485 .456 .406, std .229 .224 .225. */
REEL_API void reel_transform_imagenet_norm(reel_transform *t);

/* Scratch of one thread: intermediate images, reused from sample to sample. Zero-initialise; free
 * at the end. */
typedef struct reel_transform_scratch {
    reel_image decoded, resized;
    void *memory;
    size_t capacity;
    struct reel_jpeg *jpeg; /* decoder, made on first use */
    int isa;                /* 1 + reel_isa; 0 = not looked at yet */
    reel_image upright;     /* pixels turned by their EXIF orientation */
} reel_transform_scratch;
REEL_API void reel_transform_scratch_free(reel_transform_scratch *scratch);

/* Applies t to encoded bytes: writes views x size x size x 3 floats, channels-last (h, w, c). rng
 * is unused by CENTER without colour. */
REEL_API reel_status reel_transform_bytes(const reel_transform *t, const uint8_t *bytes,
                                          size_t size, reel_rng rng,
                                          reel_transform_scratch *scratch, float *out,
                                          reel_error *err);
/* The same from an RGB image, which is taken as it lies. */
REEL_API reel_status reel_transform_image(const reel_transform *t, const reel_image *image,
                                          reel_rng rng, reel_transform_scratch *scratch, float *out,
                                          reel_error *err);

/* What a weights file says about pixels (core/files/model_card.h) as a transform, and the transform
 * of an evaluation as that. */
REEL_API reel_transform reel_transform_of(const reel_preprocessing *p);
REEL_API reel_preprocessing reel_preprocessing_of(const reel_transform *t);

/* One image, exactly as evaluation sees it: width x height RGB bytes, row by row without gaps,
 * become p->size x p->size x 3 floats, channels-last. Makes its scratch and drops it: who
 * preprocesses without end keeps one for reel_transform_image. */
REEL_API reel_status reel_preprocess_rgb(const reel_preprocessing *p, const uint8_t *rgb,
                                         int64_t width, int64_t height, float *out,
                                         reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
