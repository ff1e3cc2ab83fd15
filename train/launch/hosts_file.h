/* `--hosts FILE`: the hosts of a run, one a line, and how many ranks each of them gets.
 *
 *     # name or address of a host, and how many ranks it takes
 *     node1 slots=2
 *     node2 slots=2 */
#ifndef REEL_TRAIN_HOSTS_FILE_H
#define REEL_TRAIN_HOSTS_FILE_H

#include "core/base.h"

typedef struct reel_run_host {
    char name[256];
    int64_t slots; /* ranks that it may take; 0 = the line does not say */
    int64_t ranks; /* ranks that it gets */
    int line;
} reel_run_host;

typedef struct reel_hosts_file {
    reel_run_host *list;
    int64_t count;
} reel_hosts_file;

/* Reads the file. REEL_ERR_IO: it cannot be read. REEL_ERR_INVALID: a line is wrong (the message
 * holds file, line, what was expected and what was found), a host stands there twice, or there is
 * none. After a failure there is nothing to free. */
reel_status reel_hosts_file_read(reel_hosts_file *hosts, const char *path, reel_error *err);
void reel_hosts_file_free(reel_hosts_file *hosts);

/* Fills in `ranks`; wanted 0 = as many as the file has room for. Consecutive ranks lie on one host.
 * - Some line says slots=N: the hosts are filled in the order of the file; a host without slots=
 *   takes one rank.
 * - No line does: all hosts get the same number; where it does not come out even, the first ones
 *   get one more.
 * *total: ranks in all. REEL_ERR_INVALID: the file has slots for fewer ranks. */
reel_status reel_hosts_file_share(reel_hosts_file *hosts, const char *path, int64_t wanted,
                                  int64_t *total, reel_error *err);

#endif
