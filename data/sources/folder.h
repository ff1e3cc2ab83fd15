/* Image folders, for other layouts that hold one. */
#ifndef REEL_DATA_SOURCES_FOLDER_H
#define REEL_DATA_SOURCES_FOLDER_H

#include "data/sources/common/opened.h"

/* Lists the folder root, a folder a class, as a reel_files. May a class be empty? */
reel_status reel_folder_scan(reel_opened *out, const char *root, bool empty, reel_error *err);
extern const reel_source reel_source_folder;

#endif
