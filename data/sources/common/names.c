/* Growing lists, pools of strings, and lists of names. */
#include "data/sources/common/names.h"

#include <stdlib.h>
#include <string.h>

void *reel_list_add(reel_list *l, size_t item)
{
    if (l->n == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 16;
        void *items = realloc(l->items, capacity * item);
        if (!items)
            return NULL;
        l->items = items;
        l->capacity = capacity;
    }
    return (char *)l->items + item * l->n++;
}

int64_t reel_list_classes(const reel_list *l, size_t item, size_t offset)
{
    int64_t classes = 0;
    for (size_t i = 0; i < l->n; i++) {
        const int64_t *label = (const void *)((const char *)l->items + i * item + offset);
        classes = *label < classes ? classes : *label + 1;
    }
    return classes;
}

reel_status reel_pool_add(reel_pool *pool, const char *text, size_t length, size_t *at,
                          reel_error *err)
{
    if (pool->used + length + 1 > pool->capacity) {
        const size_t capacity = pool->capacity + pool->capacity / 2 + length + 4096;
        char *grown = realloc(pool->text, capacity);
        if (!grown)
            return reel_fail(err, REEL_ERR_MEMORY, "no memory for the names of samples");
        pool->text = grown;
        pool->capacity = capacity;
    }
    *at = pool->used;
    memcpy(pool->text + pool->used, text, length);
    pool->text[pool->used + length] = 0;
    pool->used += length + 1;
    return REEL_OK;
}

reel_status reel_names_add(reel_names *names, const char *text, size_t length, reel_error *err)
{
    char *copy = malloc(length + 1);
    char **place = copy ? reel_list_add(&names->list, sizeof *place) : NULL;
    if (!place) {
        free(copy);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the names of classes");
    }
    memcpy(copy, text, length);
    copy[length] = 0;
    *place = copy;
    return REEL_OK;
}

const char *reel_names_at(const reel_names *names, int64_t i)
{
    return ((char *const *)names->list.items)[i];
}

int64_t reel_names_count(const reel_names *names)
{
    return (int64_t)names->list.n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void reel_names_sort(reel_names *names)
{
    char **items = names->list.items;
    if (names->list.n == 0)
        return;
    qsort(items, names->list.n, sizeof *items, by_name);
    size_t n = 1;
    for (size_t i = 1; i < names->list.n; i++)
        if (strcmp(items[i], items[n - 1]) != 0)
            items[n++] = items[i];
        else
            free(items[i]);
    names->list.n = n;
}

/* The order of a name and a text of that length, which may hold a zero byte. */
static int compare_name(const char *name, const char *text, size_t length)
{
    const int order = strncmp(name, text, length);
    if (order)
        return order;
    const size_t own = strlen(name);
    if (own == length)
        return 0;
    return own < length ? -1 : 1;
}

int64_t reel_names_find(const reel_names *sorted, const char *text, size_t length)
{
    size_t low = 0, high = sorted->list.n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = compare_name(reel_names_at(sorted, (int64_t)middle), text, length);
        if (order == 0)
            return (int64_t)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

void reel_names_free(reel_names *names)
{
    for (size_t i = 0; i < names->list.n; i++)
        free(((char **)names->list.items)[i]);
    free(names->list.items);
    *names = (reel_names){0};
}
