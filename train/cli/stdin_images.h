/* What comes on stdin in place of `-`: names of images, or the bytes of one image.
 *
 * Names end with a line end or a zero byte (`find -print0`). They are handed on as they come: a
 * pipe that stays open is answered name by name. */
#ifndef REEL_TRAIN_STDIN_IMAGES_H
#define REEL_TRAIN_STDIN_IMAGES_H

#include "data/bytes.h"

typedef enum {
    REEL_STDIN_NAME,    /* `name` */
    REEL_STDIN_IMAGE,   /* all of `bytes` is one image */
    REEL_STDIN_NOT_YET, /* nothing is there now, more may come */
    REEL_STDIN_END
} reel_stdin_kind;

/* Zero-initialise; free with reel_stdin_images_free. */
typedef struct reel_stdin_images {
    reel_bytes bytes; /* what was read */
    size_t at;        /* where the next name begins in it */
    bool ended, decided, is_image;
    int64_t count;    /* names and images so far */
    const char *name; /* valid until the next call */
} reel_stdin_images;

/* may_wait: whether to wait when nothing is there. Stdin is one image if it does not begin with the
 * name of a file, and its first bytes are those of an image or no text. REEL_ERR_IO,
 * REEL_ERR_MEMORY, REEL_ERR_FORMAT: too large. */
reel_status reel_stdin_images_next(reel_stdin_images *s, bool may_wait, reel_stdin_kind *kind,
                                   reel_error *err);
void reel_stdin_images_free(reel_stdin_images *s);

#endif
