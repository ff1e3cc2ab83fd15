/* Copies into class folders: see sorted_copy.h. */
#include "train/cli/sorted_copy.h"

#include "core/files/text.h"
#include "train/run/say.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_PATH = REEL_COPY_PATH, LONGEST_FOLDER = 200, MOST_NAMES = 1000000 };

/* ---- names ---- */
static void folder_name(const reel_model_card *card, int64_t class, char *text, size_t size)
{
    char name[1100], bytes[1100];
    const size_t most = size - 1 < LONGEST_FOLDER ? size - 1 : LONGEST_FOLDER;

    /* A class whose folder's name was not UTF-8 gets that name again. */
    const char *from = reel_model_card_class(card, class, name, sizeof name);
    from = reel_restore_text(from, bytes, sizeof bytes);
    size_t n = 0;
    for (; n < most && from[n]; n++)
        text[n] = (unsigned char)from[n] < 32 || strchr("/\\\177", from[n]) ? '_' : from[n];

    /* A character of several bytes is not cut. */
    while (from[n] && n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
        n--;
    text[n] = '\0';

    /* No hidden folder, and none that leads elsewhere: ".." becomes "_.". */
    if (text[0] == '.')
        text[0] = '_';
    else if (!text[0])
        snprintf(text, size, "_");
}

/* Has another class the same cleaned name? */
static bool is_taken(const reel_model_card *card, int64_t class, const char *text)
{
    for (int64_t c = 0; card->class_names && c < card->classes; c++) {
        char other[LONGEST_FOLDER + 50];
        if (c == class)
            continue;
        folder_name(card, c, other, sizeof other);
        if (strcmp(other, text) == 0)
            return true;
    }
    return false;
}

/* "a-7" is what class 7 gets if its name is "a" and others have it, too. */
static bool is_numbered_name(const reel_model_card *card, int64_t class, const char *text)
{
    char other[LONGEST_FOLDER + 50];
    const char *dash = strrchr(text, '-');
    if (!dash || !dash[1] || dash[1 + strspn(dash + 1, "0123456789")])
        return false;
    const long long number = strtoll(dash + 1, NULL, 10);
    if (number == class || number >= card->classes)
        return false;
    folder_name(card, number, other, sizeof other);
    return strlen(other) == (size_t)(dash - text) && strncmp(other, text, strlen(other)) == 0;
}

/* No two classes get the same folder: a name that others have, or may get, is followed by the
 * class's number. */
void reel_class_folder(const reel_model_card *card, int64_t class, char *text, size_t size)
{
    folder_name(card, class, text, size);
    if (!is_taken(card, class, text) && !is_numbered_name(card, class, text))
        return;
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "-%lld", (long long)class);
}

/* ---- folders ---- */
reel_status reel_sorted_copy_open(reel_sorted_copy *c, const char *folder, int64_t classes,
                                  reel_error *err)
{
    *c = (reel_sorted_copy){
        .folder = folder, .classes = classes, .files = {.what = "the copy", .root = folder}};
    c->class_folders = calloc((size_t)classes, sizeof *c->class_folders);
    if (!c->class_folders)
        return reel_fail(err, REEL_ERR_MEMORY, "--copy-into: out of memory");
    return reel_new_folder(folder, err);
}

void reel_sorted_copy_free(reel_sorted_copy *c)
{
    for (int64_t i = 0; c->class_folders && i < c->classes; i++)
        free(c->class_folders[i]);
    free(c->class_folders);
    reel_new_files_free(&c->files);
    *c = (reel_sorted_copy){0};
}

static reel_status class_folder(reel_sorted_copy *c, const reel_model_card *card, int64_t class,
                                reel_error *err)
{
    char name[LONGEST_FOLDER + 50], path[COPY_PATH];
    if (c->class_folders[class])
        return REEL_OK;
    reel_class_folder(card, class, name, sizeof name);
    if (snprintf(path, sizeof path, "%s/%s", c->folder, name) >= (int)sizeof path - 400)
        return reel_fail(err, REEL_ERR_INVALID, "--copy-into: the path is too long");
    REEL_TRY(reel_new_folder(path, err));
    c->class_folders[class] = strdup(path);
    c->folders++;
    return c->class_folders[class] ? REEL_OK
                                   : reel_fail(err, REEL_ERR_MEMORY, "--copy-into: out of memory");
}

/* ---- one copy ---- */
static bool holds_bytes(int fd, const reel_bytes *bytes)
{
    uint8_t part[1 << 14];
    size_t at = 0;
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) > 0) {
        if ((size_t)n > bytes->size - at || memcmp(part, bytes->data + at, (size_t)n) != 0)
            return false;
        at += (size_t)n;
    }
    return n == 0 && at == bytes->size;
}

/* Is the file a copy of the same picture, made by an earlier call? Two pictures of one call that
 * share a name are both kept, equal or not. */
static bool copied_before(const reel_sorted_copy *c, const char *to, const reel_bytes *bytes)
{
    struct stat st;
    const int fd = open(to, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return false;
    bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes->size;
    same = same && !reel_new_files_hold(&c->files, (uint64_t)st.st_ino) && holds_bytes(fd, bytes);
    close(fd);
    return same;
}

static void copy_time(const char *from, const char *to)
{
    struct stat st;
    if (stat(from, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    utimensat(AT_FDCWD, to, times, 0);
}

/* The first name that is free, or under which an earlier call copied the same picture. */
static reel_status place_copy(reel_sorted_copy *c, const char *folder, const char *temporary,
                              const char *path, const reel_bytes *bytes, reel_error *err)
{
    bool taken = true;
    for (int number = 1; taken && number < MOST_NAMES; number++) {
        reel_numbered_path(c->last, sizeof c->last, folder, path, number);
        if (copied_before(c, c->last, bytes)) {
            c->already_there++;
            return REEL_OK;
        }
        REEL_TRY(reel_new_file_link(&c->files, temporary, c->last, bytes, &taken, err));
    }
    if (taken)
        return reel_fail(err, REEL_ERR_IO, "%s: too many pictures of this name", c->last);
    copy_time(path, c->last);
    return reel_new_files_add(&c->files, c->last, err);
}

reel_status reel_sorted_copy_add(reel_sorted_copy *c, const reel_model_card *card, int64_t class,
                                 const char *path, const reel_bytes *bytes, reel_error *err)
{
    char temporary[COPY_PATH];
    REEL_TRY(class_folder(c, card, class, err));
    const char *folder = c->class_folders[class];

    /* Written first, so that a picture that is there under its name is whole. */
    snprintf(temporary, sizeof temporary, "%s/.reel-%ld.tmp", folder, (long)getpid());
    unlink(temporary);
    REEL_TRY(reel_new_file_write(&c->files, temporary, bytes, err));
    const reel_status status = place_copy(c, folder, temporary, path, bytes, err);
    unlink(temporary);
    return status;
}
