/* From the words of an option to the library's values: options that several commands have. */
#ifndef REEL_TRAIN_OPTION_WORDS_H
#define REEL_TRAIN_OPTION_WORDS_H

#include "data/transforms/transform.h"

reel_exif reel_exif_from(const char *word); /* "ignore" or "apply"; NULL = ignore */
reel_crop reel_crop_from(const char *word); /* "random-resized", "random", "center" */
/* "bilinear", "bicubic", "nearest"; NULL = bilinear */
reel_interpolation reel_interpolation_from(const char *word);
reel_decode reel_decode_from(const char *word); /* "fast", "exact" */

#endif
