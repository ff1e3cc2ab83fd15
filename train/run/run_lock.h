/* One training process a folder. The lock is on the file ".lock" in it and ends with the process,
 * however that ends. */
#ifndef REEL_TRAIN_RUN_LOCK_H
#define REEL_TRAIN_RUN_LOCK_H

#include "core/base.h"

/* Locks the folder, which exists. *fd: to be given to reel_run_unlock. A file system without locks
 * is a warning and no error. REEL_ERR_INVALID: another process has it, named by its id.
 * REEL_ERR_IO: the file cannot be made. */
reel_status reel_run_lock(int *fd, const char *folder, reel_error *err);
void reel_run_unlock(int fd); /* -1 is fine */

/* Another process holds the folder's lock: it trains. The caller must not hold the lock itself:
 * the system would release it here. */
bool reel_run_locked(const char *folder);

#endif
