/* Folders in DATA that Reel wrote: of training runs, and of pictures that `reel predict` made. They
 * are no classes. */
#ifndef REEL_DATA_SOURCES_COMMON_OUTPUTS_H
#define REEL_DATA_SOURCES_COMMON_OUTPUTS_H

#include "core/base.h"

/* The file in which `reel predict` lists what it wrote into a folder. */
#define REEL_WRITTEN_LIST ".reel-written"

/* Is it the folder of a training run, by its config.json? */
bool reel_is_run_folder(const char *path);
/* Does it hold the list of pictures that `reel predict` wrote there? */
bool reel_is_written_folder(const char *path);
/* One of the two. */
bool reel_is_output_folder(const char *path);

/* Files that are called like images in the folder (relative to the descriptor of another) and
 * below, but for those in folders of `reel predict`; links are not followed. */
int64_t reel_count_images(int parent, const char *name);

#endif
