/* Counting what is left out; telling images from other files by their bytes. */
#include "data/left_out.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/system_error.h"
#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/codecs/common/content.h"

void reel_left_out_add(reel_left_out *l, const char *kind, const char *why, int64_t n)
{
    int i = 0;
    if (n == 0)
        return;
    while (i < l->n && (strcmp(l->kinds[i].kind, kind) != 0 || l->kinds[i].why != why))
        i++;
    if (i == l->n && i == REEL_COUNT(l->kinds)) {
        i--; /* the table is full */
        snprintf(l->kinds[i].kind, sizeof l->kinds[i].kind, "other");
        l->kinds[i].why = NULL;
    } else if (i == l->n) {
        l->n++;
        snprintf(l->kinds[i].kind, sizeof l->kinds[i].kind, "%s", kind);
        l->kinds[i].why = why;
    }
    l->kinds[i].n += n;
}

void reel_left_out_file(reel_left_out *l, const char *name, const char *why)
{
    char kind[12];
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name,
               *dot = strrchr(base, '.');
    if (!dot || dot == base || strlen(dot) >= sizeof kind) {
        reel_left_out_add(l, "without extension", why, 1);
        return;
    }
    reel_escape(kind, sizeof kind, dot);
    for (char *c = kind; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    reel_left_out_add(l, kind, why, 1);
}

void reel_left_out_merge(reel_left_out *l, const reel_left_out *with)
{
    for (int i = 0; i < with->n; i++)
        reel_left_out_add(l, with->kinds[i].kind, with->kinds[i].why, with->kinds[i].n);
}

const char *reel_left_out_text(const reel_left_out *l, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < l->n && used < size; i++) {
        const char *why = l->kinds[i].why;
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64 " %s%s%s%s", i ? ", " : "",
                                 l->kinds[i].n, l->kinds[i].kind, why ? " (" : "", why ? why : "",
                                 why ? ")" : "");
    }
    return text;
}

const char *reel_left_out_clause(const reel_left_out *l, char *text, size_t size)
{
    static const char begin[] = "; left out: ";
    text[0] = 0;
    if (l->n && size > sizeof begin) {
        memcpy(text, begin, sizeof begin);
        reel_left_out_text(l, text + sizeof begin - 1, size - sizeof begin + 1);
    }
    return text;
}

/* Pictures and films that no codec decodes, by the end of their names. */
static bool has_undecoded_extension(const char *name)
{
    static const char *const ends[] = {
        ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".svg",  ".cr2", ".cr3",
        ".crw",  ".nef",  ".nrw", ".arw",  ".dng", ".orf", ".raf", ".rw2",  ".pef", ".srw",
        ".x3f",  ".psd",  ".xcf", ".exr",  ".hdr", ".dds", ".ico", ".pdf",  ".eps", ".mp4",
        ".m4v",  ".mov",  ".avi", ".mkv",  ".mpg", ".wmv", ".flv", ".mpeg", ".3gp", ".webm"};
    const char *dot = strrchr(name, '.');
    for (int64_t i = 0; dot && i < REEL_COUNT(ends); i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

/* The extensions that told images in 0.1.0. */
static bool had_image_name(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".ppm", ".pgm"};
    const char *dot = strrchr(name, '.');
    for (int64_t i = 0; dot && i < REEL_COUNT(ends); i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

/* A picture that is not decoded counts by its extension, or by its content where it has none. */
void reel_left_out_content(reel_left_out *l, const char *path, const uint8_t *head, size_t n)
{
    static const char cannot[] = "cannot be decoded";
    const reel_content content = reel_content_of(head, n);
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash + 1 : path, '.');
    if (content.advice && !dot)
        reel_left_out_add(l, reel_content_bare(content.name), cannot, 1);
    else
        reel_left_out_file(l, path,
                           content.advice || has_undecoded_extension(path) ? cannot : NULL);
}

bool reel_is_image_file(int folder, const char *path, bool names_only, reel_left_out *l)
{
    static const char unread[] = "cannot be read", special[] = "not a regular file",
                      empty[] = "empty";
    uint8_t head[4096]; /* reaches behind the first directory of most TIFF files */
    struct stat info;
    if (names_only ? had_image_name(path) : reel_is_image_name(path))
        return true;

    /* Without O_NONBLOCK a named pipe would wait for a writer for ever. */
    const int file =
        reel_open_patiently(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0 && (errno == EMFILE || errno == ENFILE))
        return true; /* nothing is known of it: the reader that asks again names the reason */
    const bool regular = file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode);
    const ssize_t n = regular ? pread(file, head, sizeof head, 0) : -1;
    if (file >= 0)
        close(file);

    if (n > 0 && !names_only && reel_codec_of(head, (size_t)n))
        return true;
    if (file >= 0 && !regular)
        reel_left_out_file(l, path, special);
    else if (n < 0)
        reel_left_out_file(l, path, unread);
    else if (n == 0)
        reel_left_out_file(l, path, empty);
    else
        reel_left_out_content(l, path, head, (size_t)n);
    return false;
}
