/* `reel predict --copy-into DIR`: pictures sorted into a folder per class, as copies. */
#ifndef REEL_TRAIN_SORTED_COPY_H
#define REEL_TRAIN_SORTED_COPY_H

#include "core/files/model_card.h"
#include "train/cli/new_files.h"

enum { REEL_COPY_PATH = 4600 };

typedef struct reel_sorted_copy {
    const char *folder;
    char **class_folders; /* [classes]; NULL = not made yet */
    int64_t classes;
    reel_new_files files;           /* the copies of this call */
    int64_t folders, already_there; /* class folders used; pictures that an earlier call copied */
    char last[REEL_COPY_PATH];      /* the path of the last copy */
} reel_sorted_copy;

/* Makes the folder. REEL_ERR_IO. */
reel_status reel_sorted_copy_open(reel_sorted_copy *c, const char *folder, int64_t classes,
                                  reel_error *err);

/* Writes the bytes into the folder of class c, under the last part of `path`. A file there is never
 * replaced: the copy becomes NAME-2.jpg, NAME-3.jpg. A picture that an earlier call copied, byte
 * for byte, is not copied again. The copy gets the time of the file `path`, where there is one.
 * c->last is the path of the copy until the next call. REEL_ERR_IO: the message names the copy. */
reel_status reel_sorted_copy_add(reel_sorted_copy *c, const reel_model_card *card, int64_t class,
                                 const char *path, const reel_bytes *bytes, reel_error *err);
void reel_sorted_copy_free(reel_sorted_copy *c);

/* A folder's name for a class: its name without slashes, control characters and a leading dot, at
 * most 200 bytes; with the class's number where another class would get the same. */
void reel_class_folder(const reel_model_card *card, int64_t class, char *text, size_t size);

#endif
