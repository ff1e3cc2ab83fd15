/* The table that lists the images of a folder, as in Kaggle's competitions. */
#ifndef REEL_DATA_SOURCES_COMMON_TABLE_BESIDE_H
#define REEL_DATA_SOURCES_COMMON_TABLE_BESIDE_H

#include <stdbool.h>

/* The only .csv or .tsv in data that names images there, where the folders of data hold no class
 * folders and are called after parts or heaps: labels.csv beside train/1.jpg. table: REEL_DATA_PATH
 * bytes. */
bool reel_find_table(const char *data, char *table);
/* Any .csv or .tsv in the folder, by its name; false = there is none. */
bool reel_find_any_table(const char *folder, char *name, int size);

#endif
