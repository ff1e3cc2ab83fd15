/* `reel predict --annotate DIR`: the pictures with their class and its probability drawn on them.
 */
#ifndef REEL_TRAIN_ANNOTATE_H
#define REEL_TRAIN_ANNOTATE_H

#include "data/codecs/codec.h"
#include "train/cli/new_files.h"

enum { REEL_ANNOTATED_PATH = 4600 };

/* Zero-initialise; begin with reel_annotate_open, end with reel_annotate_free. */
typedef struct reel_annotate {
    const char *folder;        /* NULL = no pictures are asked for */
    bool overwrite;            /* pictures of earlier calls are replaced */
    reel_written_list earlier; /* what earlier calls wrote */
    int64_t written;
    reel_new_files files; /* of this call */
    reel_decoders *decoders;
    reel_image decoded, upright;
    reel_bytes encoded;
    char last[REEL_ANNOTATED_PATH]; /* the path of the last picture */
} reel_annotate;

/* Makes the folder, and reads the list of what earlier calls wrote into it. REEL_ERR_IO,
 * REEL_ERR_MEMORY. */
reel_status reel_annotate_open(reel_annotate *a, const char *folder, bool overwrite,
                               reel_error *err);

typedef struct reel_annotation {
    const char *source; /* the file: gives the name */
    const reel_bytes *bytes;
    const char *class;
    double probability;
} reel_annotation;

/* Writes the picture, upright by its EXIF orientation: a JPEG as JPEG (quality 92), any other
 * format as PNG, under the last part of `source`. A second x.jpg of this call becomes x-2.jpg. *to:
 * the path, valid until the next call. REEL_ERR_FORMAT: the bytes are no image. REEL_ERR_IO: it
 * cannot be written, or a file of that name is there that an earlier call did not write, or that
 * `overwrite` does not allow to replace; the source itself is never replaced. */
reel_status reel_annotate_add(reel_annotate *a, const reel_annotation *what, const char **to,
                              reel_error *err);
void reel_annotate_free(reel_annotate *a);

#endif
