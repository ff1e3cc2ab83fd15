/* library_walk FOLDER [PTH...] [-- SET...]: walks through the library scenario by scenario, in an
 * empty FOLDER, with each of its allocations failing in turn. Each time the scenario must end in an
 * error with a message, or in the very result that it has without a fault; and every block must be
 * given back. Each PTH is a weights file of PyTorch's to be read, each SET a dataset with the
 * splits train and val. At the end FOLDER/reached lists the places that asked for memory, as
 * addresses in this program.
 *
 * fail_alloc.c is linked into this program, so that one process can try thousands of failures. One
 * thread computes and one loads: the n-th allocation is the same one each time, but for the loader,
 * which has two threads that allocate. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/faults/fail_alloc.h"
#include "tests/faults/walk.h"

static const uint64_t NOTHING_YET = 14695981039346656037u;

void walk_note(walk *w, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        w->sum = (w->sum ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

void walk_note_number(walk *w, int64_t number)
{
    walk_note(w, &number, sizeof number);
}

void walk_note_text(walk *w, const char *text)
{
    if (text)
        walk_note(w, text, strlen(text) + 1);
}

void walk_note_file(walk *w, const char *path)
{
    uint8_t bytes[4096];
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n; file >= 0 && (n = read(file, bytes, sizeof bytes)) > 0;)
        walk_note(w, bytes, (size_t)n);
    if (file >= 0)
        close(file);
}

static char where[200] = "before the walk";
static long at_now;

static void crashed(int number)
{
    char text[300];
    const int n =
        snprintf(text, sizeof text, "%s: allocation %ld fails: signal %d\n", where, at_now, number);
    if (write(2, text, (size_t)n) < 0)
        _exit(4);
    _exit(3);
}

bool walk_means_memory;
static int findings;
static void complain(const char *what, long at, long n, const char *more)
{
    printf("%s: allocation %ld of %ld fails: %s%s\n", where, at, n, what, more);
    if (++findings >= 40)
        exit(1);
}

void walk_try(const char *name, walk_scenario *scenario, const char *argument, int number)
{
    reel_error err = {0};
    walk w = {NOTHING_YET, argument, number};
    long errors = 0;
    snprintf(where, sizeof where, "%s %s %d", name, argument ? argument : "", number);
    at_now = 0;
    fail_alloc_begin(0);
    const reel_status status = scenario(&w, &err);
    const long n = fail_alloc_calls(), kept = fail_alloc_live();
    const uint64_t right = w.sum;
    if (status != REEL_OK)
        complain("an error without any fault: ", 0, n, err.message);
    if (kept)
        complain("blocks are not given back, or were not before", 0, n, "");
    for (long at = 1; at <= n; at++) {
        char text[60];
        w.sum = NOTHING_YET;
        err = (reel_error){0};
        at_now = at;
        fail_alloc_begin(at);
        const reel_status ended = scenario(&w, &err);
        fail_alloc_begin(0);
        snprintf(text, sizeof text, "%ld, one from %p", fail_alloc_live() - kept,
                 fail_alloc_place());
        if (fail_alloc_live() != kept)
            complain("blocks are not given back: ", at, n, text);
        if (ended == REEL_OK && w.sum != right)
            complain("no error, and another result", at, n, "");
        if (ended != REEL_OK && (!err.message[0] || err.status != ended))
            complain("an error without a message", at, n, "");
        if (walk_means_memory && ended != REEL_OK && ended != REEL_ERR_MEMORY) {
            snprintf(text, sizeof text, "status %d, not that of memory: ", (int)ended);
            complain(text, at, n, err.message);
        }
        if (fail_alloc_live() != kept)
            return; /* what follows would be counted wrongly */
        errors += ended != REEL_OK;
    }
    printf("%-60s %6ld allocations, %ld errors\n", where, n, errors);
}

int main(int argc, char **argv)
{
    if (argc < 2 || chdir(argv[1]) != 0)
        return fprintf(stderr, "usage: library_walk FOLDER [PTH...] [-- SET...]\n"), 2;
    int pth = 2;
    while (pth < argc && strcmp(argv[pth], "--") != 0)
        pth++;
    for (int number = 0; number < 2; number++)
        signal((const int[]){SIGSEGV, SIGABRT}[number], crashed);
    setvbuf(stdout, NULL, _IOLBF, 0);
    walk_nets(argv + 2, pth - 2);
    walk_ranks();
    walk_data(argv + pth + 1, pth < argc ? argc - pth - 1 : 0);
    if (!fail_alloc_write_places("reached"))
        return perror("reached"), 2;
    if (findings)
        printf("%d findings\n", findings);
    return findings ? 1 : 0;
}
