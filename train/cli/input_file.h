/* Opening a file that a user has named, to be read from its beginning to its end. */
#ifndef REEL_TRAIN_INPUT_FILE_H
#define REEL_TRAIN_INPUT_FILE_H

#include "core/base.h"

#include <stdio.h>

/* Opens a regular file, or a pipe of the shell (/dev/stdin, or /dev/fd/63 of `<(...)`), to be
 * closed by the caller. Never waits: REEL_ERR_IO for a named pipe, whose writer may never come, for
 * a device or a folder, and where it cannot be opened. The message does not hold the path. */
reel_status reel_input_open(FILE **out, const char *path, reel_error *err);

#endif
