/* What the parts of library_walk share: a scenario is a use of the library that library_walk.c runs
 * again and again, each time with another allocation failing. It sums up all that it computed,
 * gives everything back, and returns the first error. */
#ifndef REEL_TESTS_FAULTS_WALK_H
#define REEL_TESTS_FAULTS_WALK_H

#include "core/base.h"

#define NEXT(call)                                                                                 \
    do {                                                                                           \
        if (status == REEL_OK)                                                                     \
            status = (call);                                                                       \
    } while (0)

typedef struct walk {
    uint64_t sum; /* FNV-1a of all that it computed */
    const char *argument;
    int number;
} walk;
typedef reel_status walk_scenario(walk *w, reel_error *err);

void walk_note(walk *w, const void *bytes, size_t size);
void walk_note_number(walk *w, int64_t number);
void walk_note_text(walk *w, const char *text);
void walk_note_file(walk *w, const char *path);

/* Whether an error of a scenario must say REEL_ERR_MEMORY: for nets, and for reading
 * datasets. */
extern bool walk_means_memory;

/* Runs it once as it is, then with each of its allocations failing. */
void walk_try(const char *name, walk_scenario *scenario, const char *argument, int number);

void walk_nets(char *const *pth, int count);  /* walk_nets.c */
void walk_data(char *const *sets, int count); /* walk_data.c */
void walk_ranks(void);                        /* walk_ranks.c */

#endif
