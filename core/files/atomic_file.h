/* A file that appears whole or not at all: written beside its name, flushed, renamed over it, its
 * folder flushed. Private to the writers of the library. */
#ifndef REEL_CORE_ATOMIC_FILE_H
#define REEL_CORE_ATOMIC_FILE_H

#include "core/base.h"

typedef struct reel_atomic_file {
    int fd;
    const char *path; /* the final one; borrowed */
    char *temporary, *folder;
} reel_atomic_file;

/* All fail with REEL_ERR_IO and strerror in the message, or REEL_ERR_MEMORY. _open refuses a path
 * that is a folder, device or pipe, or a link to one: a rename would replace it. */
reel_status reel_atomic_open(reel_atomic_file *f, const char *path, reel_error *err);
reel_status reel_atomic_put(reel_atomic_file *f, const void *bytes, size_t size, reel_error *err);
reel_status reel_atomic_rewind(reel_atomic_file *f,
                               reel_error *err); /* to write over the beginning */
/* Ends it in any case. status REEL_OK: puts the file in place; else, or where that fails: the name
 * still holds what it held, and the temporary file (.reel-PID-N.tmp in the same folder) is gone.
 * Returns the first failure. */
reel_status reel_atomic_close(reel_atomic_file *f, reel_status status, reel_error *err);

/* All of it: a file with these bytes. */
reel_status reel_atomic_write(const char *path, const void *bytes, size_t size, reel_error *err);
/* Another name for a file, in the same folder. */
reel_status reel_atomic_rename(const char *from, const char *to, reel_error *err);

#endif
