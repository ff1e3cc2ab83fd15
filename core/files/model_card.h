/* What a weights file says about itself: network, head, class names, and how pixels become its
 * input. It stands in the file's metadata, so that a program needs the file and nothing else. Files
 * from elsewhere carry none: then as much as possible is read off the tensors' names and shapes.
 *
 * The card is plain text and numbers: which network `arch` means is for layers/model_file.h, what
 * preprocessing does to pixels for data/transforms/transform.h. Keys of the metadata: reel.format,
 * reel.kind, arch, network (its text; layers/text.h), head, image_size, classes (JSON array),
 * preprocessing (JSON object). */
#ifndef REEL_CORE_MODEL_CARD_H
#define REEL_CORE_MODEL_CARD_H

#include "core/files/weights.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How pixels between those of an image are found, when it is resized, turned or sheared. The names
 * are torchvision's: "bilinear", "bicubic", "nearest". */
typedef enum {
    REEL_INTERPOLATION_BILINEAR,
    REEL_INTERPOLATION_BICUBIC,
    REEL_INTERPOLATION_NEAREST,
    REEL_N_INTERPOLATIONS
} reel_interpolation;
REEL_API const char *reel_interpolation_name(reel_interpolation how); /* NULL: there is none */
/* REEL_N_INTERPOLATIONS: no such name, or NULL. */
REEL_API reel_interpolation reel_interpolation_find(const char *name);

/* Of evaluation: shorter side to `resize`, centre crop of `size`, then (pixel * pixel_scale - mean)
 * / std for each channel. */
typedef struct reel_preprocessing {
    int64_t channels; /* of the input: 3, or 1: grey, as PIL's "L"; 0 = 3 */
    int64_t size;     /* height and width of the input */
    int64_t resize;   /* 0 = size * 256 / 224 */
    double mean[3], std[3];
    double pixel_scale; /* 0 = 1/255 */
    bool upright;       /* encoded images are turned by their EXIF orientation first */
    reel_interpolation interpolation; /* of the resize */
} reel_preprocessing;

typedef struct reel_model_card {
    char arch[41];   /* "alexnet" */
    char head[17];   /* "flatten", "gap", "gmp" */
    char *network;   /* the network's text, which counts where it is there; owned; NULL = by arch */
    int64_t classes; /* 0 = nothing says it */
    char **class_names;               /* [classes], UTF-8; owned; NULL = unknown */
    int64_t image_size;               /* that the net was built for; 0 = the network's own */
    reel_preprocessing preprocessing; /* size 0 = image_size */
} reel_model_card;

REEL_API void reel_model_card_free(reel_model_card *card);

/* Name of class c, or "class c" written into text. */
REEL_API const char *reel_model_card_class(const reel_model_card *card, int64_t c, char *text,
                                           size_t size);

/* Room for names (card->classes is set), then each of them, copied. REEL_ERR_INVALID: not UTF-8. */
REEL_API reel_status reel_model_card_make_names(reel_model_card *card, int64_t classes,
                                                reel_error *err);
REEL_API reel_status reel_model_card_set_name(reel_model_card *card, int64_t c, const char *name,
                                              reel_error *err);

/* Gives a card of 1,000 classes without names those of ImageNet, which such weights were most
 * likely trained on; *named: whether it did. For showing results: a data set's names are not
 * compared with them. */
REEL_API reel_status reel_model_card_name_imagenet(reel_model_card *card, bool *named,
                                                   reel_error *err);

/* arch: the network to take where the file does not say; NULL = alexnet. name is for messages. What
 * nothing says about pixels is ImageNet's mean and deviation. REEL_ERR_FORMAT: a checkpoint, a
 * newer format. classes is 0, and the head flatten, where no tensor is a classifier.N.weight. The
 * caller frees the card, also after a failure. */
REEL_API reel_status reel_model_card_read(reel_model_card *card, const reel_weights *weights,
                                          const char *arch, const char *name, reel_error *err);
/* The same for a network that is a text: no tensor's name says classes or head. */
REEL_API reel_status reel_model_card_read_text(reel_model_card *card, const reel_weights *weights,
                                               const char *arch, const char *name, reel_error *err);

/* What the input is where nothing says so: of so many channels, with ImageNet's mean and deviation.
 */
REEL_API void reel_model_card_expect(reel_model_card *card, int64_t channels);

/* Hands every key and value of the card's metadata to put. */
typedef reel_status reel_model_card_put(void *user, const char *key, const char *value,
                                        reel_error *err);
REEL_API reel_status reel_model_card_metadata(const reel_model_card *card, reel_model_card_put *put,
                                              void *user, reel_error *err);
REEL_API reel_status reel_model_card_write(const reel_model_card *card, reel_weights_writer *writer,
                                           reel_error *err);

/* REEL_ERR_INVALID where the weights were not trained on the card's classes, in its order. name is
 * for messages. */
REEL_API reel_status reel_model_card_resumes(const reel_model_card *card,
                                             const reel_weights *weights, const char *name,
                                             reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
