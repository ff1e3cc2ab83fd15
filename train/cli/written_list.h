/* The list of the files that Reel wrote into a folder of its user: DIR/.reel-written.
 *
 * A line for each file: the CRC-32 and the size of its bytes, and its path from DIR. Lines are only
 * appended, so that a call that was interrupted leaves the list whole. A line may name a file that
 * is not there; no file of Reel is there without its line. */
#ifndef REEL_TRAIN_WRITTEN_LIST_H
#define REEL_TRAIN_WRITTEN_LIST_H

#include "data/bytes.h"

typedef struct reel_written {
    const char *name; /* from DIR, a line break as '?' */
    unsigned long crc;
    unsigned long long size;
} reel_written;

/* Zero-initialise; free at the end. */
typedef struct reel_written_list {
    reel_bytes text;
    reel_written *files; /* by the last part of the name */
    int64_t n;
} reel_written_list;
void reel_written_list_free(reel_written_list *list);

/* The list of the folder; empty where there is none. REEL_ERR_IO, REEL_ERR_MEMORY. */
reel_status reel_written_list_read(reel_written_list *list, const char *folder, reel_error *err);
/* Did Reel write a file of that name, wherever in DIR? A copy that its user moved into the folder
 * of another class is still one. */
bool reel_written_list_names(const reel_written_list *list, const char *name);
/* *held: did Reel write the file that is there now, DIR/NAME? No, where it has changed since, or
 * cannot be read. REEL_ERR_MEMORY. */
reel_status reel_written_list_holds(const reel_written_list *list, const char *folder,
                                    const char *name, bool *held, reel_error *err);

/* Notes that DIR/NAME is about to be written with these bytes. REEL_ERR_IO. */
reel_status reel_written_list_add(const char *folder, const char *name, const reel_bytes *bytes,
                                  reel_error *err);

#endif
