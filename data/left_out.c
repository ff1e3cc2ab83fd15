/* Counting what is left out; telling images from other files by their bytes. */
#include "data/left_out.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/bytes_internal.h"
#include "data/codecs/codec.h"

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

/* Pictures and films that no codec decodes, by the end of the name or by their first bytes. */
static bool is_undecoded_picture(const char *name, const uint8_t *head, size_t n)
{
    static const char *const ends[] = {".heic", ".heif", ".avif", ".jxl", ".jp2", ".webp", ".bmp",
                                       ".gif",  ".tif",  ".tiff", ".svg", ".cr2", ".cr3",  ".nef",
                                       ".arw",  ".dng",  ".raf",  ".rw2", ".psd", ".mp4",  ".mov"};
    const char *content = reel_content_name(head, n), *dot = strrchr(name, '.');
    if (content && (strstr(content, "image") || strstr(content, "drawing")))
        return true;
    for (int64_t i = 0; dot && i < REEL_COUNT(ends); i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

bool reel_is_image_file(int folder, const char *path, bool names_only, reel_left_out *l)
{
    static const char cannot[] = "cannot be decoded", unread[] = "cannot be read",
                      special[] = "not a regular file", empty[] = "empty";
    uint8_t head[512];
    struct stat info;
    if (reel_is_image_name(path))
        return true;

    /* Without O_NONBLOCK a named pipe would wait for a writer for ever. */
    const int file = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const bool regular = file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode);
    const ssize_t n = regular ? pread(file, head, sizeof head, 0) : -1;
    if (file >= 0)
        close(file);

    if (n > 0 && !names_only && reel_codec_of(head, (size_t)n))
        return true;
    const char *why = NULL;
    if (file >= 0 && !regular)
        why = special;
    else if (n < 0)
        why = unread;
    else if (n == 0)
        why = empty;
    else if (is_undecoded_picture(path, head, (size_t)n))
        why = cannot;
    reel_left_out_file(l, path, why);
    return false;
}
