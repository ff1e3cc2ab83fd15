/* Files that a command writes into folders of its user: under free names, never over another file.
 *
 * A file is written under a temporary name and then linked to its own: link() fails where the name
 * is taken, rename() would replace the file. */
#ifndef REEL_TRAIN_NEW_FILES_H
#define REEL_TRAIN_NEW_FILES_H

#include "train/cli/written_list.h"

/* What one call has written. Zero-initialise but for `what` and `root`; free at the end. */
typedef struct reel_new_files {
    const char *what; /* for messages: "the copy" */
    const char *root; /* the folder whose list names the files; NULL = none does */
    uint64_t *made;   /* inodes of the files */
    int64_t n, capacity;
} reel_new_files;
void reel_new_files_free(reel_new_files *f);

/* Makes a folder and those above it, unless it is there. REEL_ERR_IO. */
reel_status reel_new_folder(const char *path, reel_error *err);
/* Number 1, 2, 3: FOLDER/x.jpg, FOLDER/x-2.jpg, FOLDER/x-3.jpg, where x.jpg is the last part of
 * `path`. A name that would be too long loses the end of its stem. */
void reel_numbered_path(char *text, size_t size, const char *folder, const char *path, int number);

/* A new file with the bytes; nothing is left of it where it cannot be written. REEL_ERR_IO. */
reel_status reel_new_file_write(const reel_new_files *f, const char *path, const reel_bytes *bytes,
                                reel_error *err);
/* Gives a file that has these bytes the name `to` as well, unless that is taken: then *taken. The
 * list of the root names the file before it is there. */
reel_status reel_new_file_link(const reel_new_files *f, const char *temporary, const char *to,
                               const reel_bytes *bytes, bool *taken, reel_error *err);
/* Remembers a file as one of this call; asks whether an inode is one. */
reel_status reel_new_files_add(reel_new_files *f, const char *path, reel_error *err);
bool reel_new_files_hold(const reel_new_files *f, uint64_t inode);

#endif
