/* An open hash table of names. */
#include "core/name_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reel_name_table_slot {
    const char *name; /* NULL = free */
    int number;
};

/* FNV-1a (Fowler, Noll, Vo). */
static uint32_t hash_table_name(const char *name)
{
    uint32_t hash = 2166136261u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return hash;
}

/* The name's slot, or the free one where it belongs. */
static struct reel_name_table_slot *name_slot(const reel_name_table *table, const char *name)
{
    const uint32_t mask = (uint32_t)table->room - 1;
    uint32_t at = hash_table_name(name) & mask;
    while (table->slot[at].name && strcmp(table->slot[at].name, name) != 0)
        at = (at + 1) & mask;
    return &table->slot[at];
}

static bool grow_name_table(reel_name_table *table)
{
    reel_name_table wider = {.room = table->room ? table->room * 2 : 64, .count = table->count};
    wider.slot = calloc((size_t)wider.room, sizeof *wider.slot);
    if (!wider.slot)
        return false;
    for (int i = 0; i < table->room; i++)
        if (table->slot[i].name)
            *name_slot(&wider, table->slot[i].name) = table->slot[i];
    free(table->slot);
    *table = wider;
    return true;
}

bool reel_name_table_add(reel_name_table *table, const char *name, int number)
{
    if (table->count >= table->room / 2 && !grow_name_table(table))
        return false;
    *name_slot(table, name) = (struct reel_name_table_slot){name, number};
    table->count++;
    return true;
}

int reel_name_table_find(const reel_name_table *table, const char *name)
{
    const struct reel_name_table_slot *slot = table->room ? name_slot(table, name) : NULL;
    return slot && slot->name ? slot->number : -1;
}

void reel_name_table_free(reel_name_table *table)
{
    free(table->slot);
    *table = (reel_name_table){0};
}
