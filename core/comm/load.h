/* The module that connects ranks (link.h): whether a launcher makes it necessary, and where it
 * is. */
#ifndef REEL_COMM_LOAD_H
#define REEL_COMM_LOAD_H

#include "core/comm/link.h"

/* Processes that the launcher says it started, this one included; 1 = no launcher, 0 = a launcher
 * that does not say. */
int64_t reel_launched_count(void);

/* Loads reel_mpi.so from the first of these places, and keeps it loaded:
 * - the file that the environment's REEL_MPI_MODULE names; then no other place is tried
 * - the folder of the file that holds this library's code (libreel.so or the program), its
 *   subfolder reel/, and ../LIBDIR/reel/
 * - the folder where this build installs it
 * REEL_ERR_IO: not found, or it cannot be loaded, or it is of another version. */
reel_status reel_link_load(const reel_link **out, reel_error *err);

#endif
