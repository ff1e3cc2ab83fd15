/* Folders of so many files, as ImageNet's: what an index of them costs, and its order. */
#ifndef REEL_TESTS_UNIT_DATA_MANY_FILES_H
#define REEL_TESTS_UNIT_DATA_MANY_FILES_H

#include <fcntl.h>
#include <malloc.h>
#include <sys/statvfs.h>

#include "data/dataset.h"
#include "tests/support/built_as.h"
#include "tests/unit/data/data_test.h"

/* Empty files with names of ordinary length. Numbers are not padded, so that their order as numbers
 * is not that of bytes, and are made out of order. False: the file system has no room for so many.
 */
__attribute__((unused)) static bool make_many(const char *root, int classes, int each)
{
    struct statvfs fs;
    if (statvfs(root, &fs) != 0 ||
        (fs.f_files && fs.f_favail < (fsfilcnt_t)classes * (fsfilcnt_t)(each + 1)))
        return false;
    for (int c = 0; c < classes; c++) {
        char name[64];
        snprintf(name, sizeof name, "n%08d", 1440764 + (c * 7919) % classes * 31);
        make_folder(join(root, name));
        const int folder = open(join(root, name), O_RDONLY | O_DIRECTORY);
        cr_assert(folder >= 0, "%s: %s", name, strerror(errno));
        for (int i = 0; i < each; i++) {
            char file[100];
            snprintf(file, sizeof file, "%s_%d.JPEG", name, (int)((int64_t)i * 7919 % each) + 1);
            const int fd = openat(folder, file, O_WRONLY | O_CREAT | O_EXCL, 0666);
            cr_assert(fd >= 0, "%s: %s", file, strerror(errno));
            close(fd);
        }
        close(folder);
    }
    return true;
}

static size_t heap_in_use(void)
{
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Opens it twice; the second time, warm, within `seconds` and `bytes` a file. */
__attribute__((unused)) static void expect_quick_index(const char *root, int64_t files,
                                                       double seconds, double bytes)
{
    reel_error err;
    reel_dataset *data;
    MUST(reel_dataset_folder(&data, root, &err), err);
    reel_dataset_destroy(data);
    const size_t before = heap_in_use();
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    MUST(reel_dataset_folder(&data, root, &err), err);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double spent =
        (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    const double each = (double)(heap_in_use() - before) / (double)files;
    printf("%" PRId64 " files: %.2f s, %.1f bytes a file\n", files, spent, each);
    cr_expect_eq(reel_dataset_count(data), files, "%" PRId64 " files, expected %" PRId64,
                 reel_dataset_count(data), files);
#if !BUILT_WITH_SANITIZER && BUILT_OPTIMISED
    cr_expect_lt(spent, seconds, "%" PRId64 " files took %.2f s, expected less than %g", files,
                 spent, seconds);
    cr_expect_lt(each, bytes, "%.1f bytes a file, expected less than %g", each, bytes);
#else
    (void)seconds, (void)bytes;
#endif
    char last[300] = "", name[300];
    for (int64_t i = 0; i < reel_dataset_count(data); i++) {
        reel_dataset_sample_name(data, i, name, sizeof name);
        cr_assert(strcmp(last, name) < 0,
                  "sample %" PRId64 ": %s after %s, expected the order of bytes", i, name, last);
        memcpy(last, name, sizeof last);
    }
    reel_dataset_destroy(data);
}

#endif
