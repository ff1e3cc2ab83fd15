/* Memory that processes of one machine share. One process makes it without a name, the others open
 * it through /proc/PROCESS/fd/FILE; it is gone with the last process, however that ends, and needs
 * no room in /dev/shm.
 *
 * Order: the maker calls create and perhaps reserve, tells the others its process number and
 * `file`; these join; when all have joined, the maker seals. */
#ifndef REEL_COMM_WINDOW_H
#define REEL_COMM_WINDOW_H

#include "core/base.h"

typedef struct reel_window {
    void *memory; /* whole pages, on a boundary of huge pages; NULL = there is none */
    size_t bytes;
    int file; /* descriptor; -1 = sealed, or joined */
} reel_window;

/* Zeroed memory of `bytes` bytes, of which none is there yet: a page costs something from its first
 * touch on. Where the machine then has no more memory, that touch ends the process with SIGBUS. On
 * a failure *w is as empty as a zeroed window. REEL_ERR_MEMORY, REEL_ERR_IO. */
reel_status reel_window_create(reel_window *w, size_t bytes, reel_error *err);
/* Makes sure that the bytes from begin to end are there. REEL_ERR_MEMORY: they are not. */
reel_status reel_window_reserve(reel_window *w, size_t begin, size_t end, reel_error *err);
/* Another process's window of this size. REEL_ERR_IO: the system does not allow it, or the process
 * cannot be seen from here. */
reel_status reel_window_join(reel_window *w, int process, int file, size_t bytes, reel_error *err);
/* Closes the descriptor; the memory stays. */
void reel_window_seal(reel_window *w);
void reel_window_free(reel_window *w);

#endif
