/* A table of names: finds the number that was stored under a name, in one step for any count. */
#ifndef REEL_CORE_NAME_TABLE_H
#define REEL_CORE_NAME_TABLE_H

#include <stdbool.h>

/* A zeroed struct is an empty table. The names stay the caller's and must outlive it. */
typedef struct reel_name_table {
    struct reel_name_table_slot *slot; /* [room], a power of 2; at most half of them are in use */
    int room, count;
} reel_name_table;

/* Stores number, 0 or more, under a name that is not in the table. False: no memory. */
bool reel_name_table_add(reel_name_table *table, const char *name, int number);
/* The number, or -1: the name is not in the table. */
int reel_name_table_find(const reel_name_table *table, const char *name);
void reel_name_table_free(reel_name_table *table);

#endif
