/* The images that a command line names: files as they are, folders with everything that looks like
 * an image below them. */
#ifndef REEL_TRAIN_IMAGE_LIST_H
#define REEL_TRAIN_IMAGE_LIST_H

#include "data/left_out.h"

typedef struct reel_image_list {
    char **paths;
    int64_t n, capacity;
    reel_left_out left_out; /* of folders */
    const char *skip[2];    /* folders that are not walked; NULL = none; set by the caller */
} reel_image_list;

/* Appends path, or the images (by name, or by their first bytes) below it in bytewise order. A file
 * is taken whatever its name. REEL_ERR_IO: it does not exist; REEL_ERR_INVALID: a folder without
 * images. */
reel_status reel_image_list_add(reel_image_list *list, const char *path, reel_error *err);
void reel_image_list_free(reel_image_list *list);

#endif
