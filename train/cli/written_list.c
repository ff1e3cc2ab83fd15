/* What Reel wrote into a folder: see written_list.h. */
#include "train/cli/written_list.h"

#include "data/sources/common/outputs.h"
#include "train/cli/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { LIST_PATH = 4700, LIST_LINE = 4800 };

static reel_status list_path(char path[LIST_PATH], const char *folder, reel_error *err)
{
    if (snprintf(path, LIST_PATH, "%s/" REEL_WRITTEN_LIST, folder) < LIST_PATH)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "%.100s...: the path is too long", folder);
}

static unsigned long crc_of(const reel_bytes *bytes)
{
    return crc32_z(crc32_z(0, NULL, 0), bytes->data, bytes->size);
}

void reel_written_list_free(reel_written_list *list)
{
    reel_bytes_free(&list->text);
    free(list->files);
    *list = (reel_written_list){0};
}

/* ---- reading ---- */

static const char *listed_last(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static int compare_written(const void *a, const void *b)
{
    return strcmp(listed_last(((const reel_written *)a)->name),
                  listed_last(((const reel_written *)b)->name));
}

/* "1a2b3c4d 5120 cat/x.jpg"; the end of a line that a full disk has cut is no name of a file. */
static bool parse_written(reel_written *w, char *line)
{
    char *size, *name;
    w->crc = strtoul(line, &size, 16);
    w->size = strtoull(size, &name, 10);
    w->name = name + 1;
    return size == line + 8 && *size == ' ' && name > size + 1 && *name == ' ' && name[1];
}

reel_status reel_written_list_read(reel_written_list *list, const char *folder, reel_error *err)
{
    char path[LIST_PATH];
    struct stat st;
    reel_error why;
    *list = (reel_written_list){0};
    REEL_TRY(list_path(path, folder, err));
    if (lstat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return REEL_OK;
    const reel_status status = reel_image_file_read(&list->text, path, &why);
    if (status != REEL_OK)
        return reel_fail(err, status, "%s: %s", path, why.message);
    REEL_TRY(reel_bytes_reserve(&list->text, list->text.size + 1, err));
    char *text = (char *)list->text.data;
    text[list->text.size] = '\0';

    int64_t lines = 1;
    for (size_t i = 0; i < list->text.size; i++)
        lines += text[i] == '\n';
    list->files = malloc((size_t)lines * sizeof *list->files);
    if (!list->files)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    for (char *end; (end = strchr(text, '\n')); text = end + 1) {
        *end = '\0';
        list->n += parse_written(&list->files[list->n], text);
    }
    qsort(list->files, (size_t)list->n, sizeof *list->files, compare_written);
    return REEL_OK;
}

/* A name as the list has it: without line breaks. */
static void listed_name(char *text, size_t size, const char *name)
{
    snprintf(text, size, "%s", name);
    for (char *p = text; (p = strchr(p, '\n'));)
        *p = '?';
}

/* The first line whose last part is `last`; n = there is none. */
static int64_t find_written(const reel_written_list *list, const char *last)
{
    int64_t from = 0, to = list->n;
    while (from < to) {
        const int64_t middle = from + (to - from) / 2;
        if (strcmp(listed_last(list->files[middle].name), last) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from < list->n && !strcmp(listed_last(list->files[from].name), last) ? from : list->n;
}

bool reel_written_list_names(const reel_written_list *list, const char *name)
{
    char text[LIST_LINE];
    listed_name(text, sizeof text, name);
    return find_written(list, listed_last(text)) < list->n;
}

/* Is one of the lines from `first` on, all of one last part, that of the name and these bytes? */
static bool holds_line(const reel_written_list *list, int64_t first, const char *name,
                       const reel_bytes *bytes)
{
    const unsigned long crc = crc_of(bytes);
    for (int64_t i = first; i < list->n; i++) {
        const reel_written *w = &list->files[i];
        if (strcmp(listed_last(w->name), listed_last(name)) != 0)
            break;
        if (!strcmp(w->name, name) && w->crc == crc && w->size == bytes->size)
            return true;
    }
    return false;
}

reel_status reel_written_list_holds(const reel_written_list *list, const char *folder,
                                    const char *name, bool *held, reel_error *err)
{
    char path[LIST_PATH], text[LIST_LINE];
    reel_bytes bytes = {0};
    reel_error why;
    *held = false;
    listed_name(text, sizeof text, name);
    const int64_t first = find_written(list, listed_last(text));
    if (first == list->n || snprintf(path, sizeof path, "%s/%s", folder, name) >= LIST_PATH ||
        reel_image_file_check(path, &why) != REEL_OK)
        return REEL_OK;

    const reel_status status = reel_image_file_read(&bytes, path, &why);
    *held = status == REEL_OK && holds_line(list, first, text, &bytes);
    reel_bytes_free(&bytes);
    return status == REEL_ERR_MEMORY ? reel_fail(err, status, "%s: %s", path, why.message)
                                     : REEL_OK;
}

/* ---- writing ---- */

reel_status reel_written_list_add(const char *folder, const char *name, const reel_bytes *bytes,
                                  reel_error *err)
{
    char path[LIST_PATH], text[LIST_LINE], line[LIST_LINE + 40];
    REEL_TRY(list_path(path, folder, err));
    listed_name(text, sizeof text, name);
    const int length = snprintf(line, sizeof line, "%08lx %llu %s\n", crc_of(bytes),
                                (unsigned long long)bytes->size, text);

    /* One write of one line: calls that share the folder do not mix their lines. */
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const ssize_t n = fd < 0 ? -1 : write(fd, line, (size_t)length);
    const int failed = n < 0 ? errno : ENOSPC;
    if (fd >= 0 && close(fd) == 0 && n == length)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_IO, "%s: the list of what was written cannot be written: %s",
                     path, strerror(failed));
}
