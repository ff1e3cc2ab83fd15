/* The bytes of an image file that a command line, or a line on stdin, names. */
#ifndef REEL_TRAIN_IMAGE_FILE_H
#define REEL_TRAIN_IMAGE_FILE_H

#include "data/bytes.h"

/* Reads the whole file, a pipe too, into memory that is kept from file to file. Errors do not name
 * the path: REEL_ERR_IO, REEL_ERR_MEMORY, REEL_ERR_FORMAT: over a gigabyte. */
reel_status reel_image_file_read(reel_bytes *bytes, const char *path, reel_error *err);
/* A name from stdin may be anything: a pipe would be waited for for ever. REEL_ERR_IO: the path is
 * a folder, a device or a pipe. What is not there is named when it is opened. */
reel_status reel_image_file_check(const char *path, reel_error *err);

#endif
