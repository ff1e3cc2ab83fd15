/* Samples that are files below a folder: what image folders, lists and flat folders open as. */
#ifndef REEL_DATA_SOURCES_COMMON_FILES_H
#define REEL_DATA_SOURCES_COMMON_FILES_H

#include "data/bytes.h"
#include "data/sources/common/names.h"
#include "data/sources/source.h"

typedef struct reel_files {
    int root; /* directory descriptor: samples are found even if the program changes its working
                 directory */
    reel_pool paths;   /* relative to root */
    reel_list samples; /* reel_file */
    int64_t hidden;
} reel_files;

typedef struct reel_file {
    size_t path; /* offset into the pool */
    int64_t label;
} reel_file;

reel_status reel_files_open(reel_files **out, const char *root, reel_error *err);
reel_status reel_files_add(reel_files *f, const char *path, size_t length, int64_t label,
                           reel_error *err);
void reel_files_sort(reel_files *f, size_t first); /* from that sample on, by path */

/* A source's functions (data/sources/source.h) where self is a reel_files. */
REEL_DECLARE_SAMPLES(reel_files);
int64_t reel_files_hidden(const void *self);

/* All of them, for a source's table. */
#define REEL_SAMPLES_ARE_FILES                                                                     \
    REEL_SAMPLES_OF(reel_files), .destroy = reel_files_destroy, .hidden = reel_files_hidden

#endif
