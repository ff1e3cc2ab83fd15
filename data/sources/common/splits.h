/* Folders that are parts of a data set, as people name them: Training, valid, seg_test. */
#ifndef REEL_DATA_SOURCES_COMMON_SPLITS_H
#define REEL_DATA_SOURCES_COMMON_SPLITS_H

#include "data/sources/common/names.h"
#include "data/sources/source.h"

/* Does the name look like that of a part of a data set? */
bool reel_looks_like_split(const char *name);
/* The folder of the split below data, by its own name or one that people use; where nothing is
 * called after validation data, those for tests validate. path: REEL_DATA_PATH bytes. */
bool reel_split_folder(const char *data, const char *split, char *path);
/* base holds a single folder, which holds folders and no images, and nothing else that counts: then
 * base becomes that folder. */
bool reel_descend_into_only_folder(char *base);
/* Is it the folder of a training run? These are no classes. */
bool reel_is_run_folder(const char *path);

#endif
