/* For tests of weight files: a folder for each test, writing, reading back, numbered tensors. */
#ifndef REEL_TESTS_UNIT_CORE_WEIGHTS_UTIL_H
#define REEL_TESTS_UNIT_CORE_WEIGHTS_UTIL_H

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files/weights.h"

static char folder[64];

static inline void make_folder(void)
{
    strcpy(folder, "/tmp/reel-weights-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static inline void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

static const char *in_folder(char room[128], const char *name)
{
    snprintf(room, 128, "%s/%s", folder, name);
    return room;
}

static inline int entries_in_folder(void)
{
    char command[128];
    int count = -1;
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *pipe = popen(command, "r");
    cr_assert_eq(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    return count;
}

static inline reel_weights_writer *new_writer(void)
{
    reel_weights_writer *writer = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_writer_create(&writer, &err), REEL_OK, "%s", err.message);
    return writer;
}

static inline void add(reel_weights_writer *writer, const char *name, const reel_tensor *t)
{
    reel_error err = {0};
    cr_assert_eq(reel_weights_writer_tensor(writer, name, t, &err), REEL_OK, "%s", err.message);
}

static inline void save(reel_weights_writer *writer, const char *path)
{
    reel_error err = {0};
    cr_assert_eq(reel_weights_writer_save(writer, path, &err), REEL_OK, "%s", err.message);
}

static inline reel_weights *read_back(const char *path)
{
    reel_weights *weights = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_weights_read(&weights, path, &err), REEL_OK, "%s", err.message);
    return weights;
}

static const int64_t sizes[] = {3, 5, 2, 7, 4};

/* Element i in row-major order gets the value f(i). */
static inline void number(const reel_tensor *t, double scale)
{
    const int64_t n = reel_tensor_numel(t);
    for (int64_t i = 0; i < n; i++) {
        int64_t index[REEL_MAX_DIMS] = {0}, rest = i;
        for (int d = t->ndim - 1; d >= 0; d--) {
            index[d] = rest % t->shape[d];
            rest /= t->shape[d];
        }
        reel_tensor_set(t, index, (double)i * scale);
    }
}

#endif
