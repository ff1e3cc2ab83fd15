/* A file that is being downloaded: NAME.part beside its final name. It stays when a download is
 * interrupted or killed, and the next one continues it.
 *
 * One process at a time holds it, by a lock that ends with the process. Where the file system has
 * no locks, the process takes a file of its own, NAME.part.PID, which it does not leave behind. */
#ifndef REEL_TRAIN_PART_FILE_H
#define REEL_TRAIN_PART_FILE_H

#include "train/fetch/sha256.h"

enum { REEL_PART_PATH = 4300 };

typedef struct reel_part {
    char path[REEL_PART_PATH];
    int fd;          /* -1 = not open */
    bool own;        /* of this process alone */
    int64_t size;    /* bytes in it */
    reel_sha256 sum; /* of these bytes */
} reel_part;

/* What to do while another process holds the file. */
typedef struct reel_part_wait {
    void (*waiting)(void *user); /* told once */
    bool (*stop)(void *user);    /* asked while waiting; true ends it with REEL_ERR_STOPPED */
    void *user;
} reel_part_wait;

/* Opens or makes FINAL.part, waits for its lock, and reads what an earlier download left in it.
 * Then FINAL may be there: another process may have finished it. A part of more than `most` bytes
 * is emptied. */
reel_status reel_part_open(reel_part *part, const char *final, int64_t most,
                           const reel_part_wait *wait, reel_error *err);
reel_status reel_part_append(reel_part *part, const void *bytes, size_t size, reel_error *err);
reel_status reel_part_empty(reel_part *part, reel_error *err);
/* Flushes it to disk and renames it to FINAL. */
reel_status reel_part_finish(reel_part *part, const char *final, reel_error *err);
/* Closes it, if it is open. keep: for the next download; an empty one is removed all the same. */
void reel_part_close(reel_part *part, bool keep);

#endif
