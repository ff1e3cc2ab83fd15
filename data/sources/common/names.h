/* Growing lists, pools of strings, and lists of names. */
#ifndef REEL_DATA_SOURCES_COMMON_NAMES_H
#define REEL_DATA_SOURCES_COMMON_NAMES_H

#include "core/base.h"

/* Items of any plain type. Zero-initialise; free(items) at the end. */
typedef struct reel_list {
    void *items;
    size_t n, capacity;
} reel_list;
/* The place of a new item of `item` bytes; NULL when there is no memory. Grows by doubling. */
void *reel_list_add(reel_list *l, size_t item);
/* The highest label and one more; each item of `item` bytes has an int64_t label at `offset`. */
int64_t reel_list_classes(const reel_list *l, size_t item, size_t offset);

/* Strings one behind the other; a string is an offset. Zero-initialise; free(text) at the end. */
typedef struct reel_pool {
    char *text;
    size_t used, capacity;
} reel_pool;
reel_status reel_pool_add(reel_pool *pool, const char *text, size_t length, size_t *at,
                          reel_error *err);

/* A list of names; items are char*, owned. Zero-initialise. */
typedef struct reel_names {
    reel_list list;
} reel_names;
reel_status reel_names_add(reel_names *names, const char *text, size_t length, reel_error *err);
const char *reel_names_at(const reel_names *names, int64_t i);
int64_t reel_names_count(const reel_names *names);
void reel_names_sort(reel_names *names); /* bytewise, each once */
/* The place in a sorted list; -1 = not there. */
int64_t reel_names_find(const reel_names *sorted, const char *text, size_t length);
void reel_names_free(reel_names *names);

#endif
