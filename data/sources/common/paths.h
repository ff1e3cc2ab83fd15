/* What the names of files and folders say about DATA and its splits. */
#ifndef REEL_DATA_SOURCES_COMMON_PATHS_H
#define REEL_DATA_SOURCES_COMMON_PATHS_H

#include "data/sources/common/names.h"
#include "data/sources/source.h"

bool reel_is_folder(const char *path);
bool reel_is_file(const char *path);
const char *reel_base_name(const char *path);
/* path, or where it is no folder, the folder that it is in. folder: REEL_DATA_PATH bytes. */
void reel_folder_of(const char *path, char *folder);
/* Names of the folders in path, sorted bytewise; hidden ones are left out. */
reel_status reel_folder_names(reel_names *names, const char *path, reel_error *err);

/* The names that a split's folder or file may have: the split's own, and for val also validation
 * and valid. NULL (all there is): train. */
typedef struct reel_split_names {
    const char *at[3];
    int n;
} reel_split_names;
reel_split_names reel_names_of_split(const char *split);

bool reel_is_val(const char *split); /* val and what people call it */
/* Does the word stand in the name by itself? In "train-000.tar" and "imagenet_train_01.tar", not in
 * "trainer.tar". */
bool reel_has_word(const char *name, const char *word);
/* Does the name say that it belongs to the split? NULL: any does. */
bool reel_names_split(const char *name, const char *split);

#endif
