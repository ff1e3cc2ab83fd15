/* For a program that fail_alloc.c is linked into instead of preloaded: it says itself which
 * allocation fails. */
#ifndef REEL_TESTS_FAULTS_FAIL_ALLOC_H
#define REEL_TESTS_FAULTS_FAIL_ALLOC_H

void fail_alloc_begin(
    long at); /* counts from 1 again; the at-th allocation from here fails, 0: none */
long fail_alloc_calls(void);  /* allocations since then */
long fail_alloc_live(void);   /* blocks that live */
void *fail_alloc_place(void); /* who asked for one of them, NULL: none lives */
int fail_alloc_write_places(
    const char *path); /* offsets into the program of all who ever asked; 0: not written */

#endif
