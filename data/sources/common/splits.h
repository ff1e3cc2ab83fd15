/* Folders that are parts of a data set, as people name them: Training, valid, seg_test. */
#ifndef REEL_DATA_SOURCES_COMMON_SPLITS_H
#define REEL_DATA_SOURCES_COMMON_SPLITS_H

#include "data/left_out.h"
#include "data/sources/common/names.h"
#include "data/sources/source.h"

/* Does the name look like that of a part of a data set? */
bool reel_looks_like_split(const char *name);
/* Is it a name for images of any class: "images", "photos"? */
bool reel_is_heap_name(const char *name);
/* The folder of the split below data, by its own name or one that people use; where nothing is
 * called after validation data, those for tests validate. path: REEL_DATA_PATH bytes. */
bool reel_split_folder(const char *data, const char *split, char *path);
/* Does the folder itself, not what is below it, hold images, by their names? */
bool reel_holds_images(const char *path);
/* base holds a single folder, which holds folders and no images, and nothing else that counts: then
 * base becomes that folder. */
bool reel_descend_into_only_folder(char *base);
/* The names of folders, sorted, that all of these folders below root hold. */
reel_status reel_common_folders(reel_names *common, const char *root, const reel_names *folders,
                                reel_error *err);
/* path is the folder of data's training part: counts the folders beside it that hold images and
 * are no part that Reel uses. */
void reel_split_count_unused(reel_left_out *left_out, const char *data, const char *path);
/* Is it a folder that archives and systems leave behind, such as __MACOSX? */
bool reel_is_litter(const char *name);

#endif
