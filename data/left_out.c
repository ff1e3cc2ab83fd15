/* Counting what is left out; telling images from other files by their bytes. */
#include "data/left_out.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/number.h"
#include "core/system_error.h"
#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/codecs/common/content.h"

void reel_left_out_add(reel_left_out *l, const char *kind, const char *why, int64_t n)
{
    int i = 0;
    if (!l || !kind || n == 0)
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
    if (!name)
        return;

    char kind[24]; /* an extension, such as ".safetensors" */
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

/* Notes the name once, while there is room. */
static void name_folder(reel_left_out *l, const char *shown, int64_t images)
{
    for (int i = 0; i < l->named_folders; i++) {
        const bool same = strcmp(l->folders[i].name, shown) == 0;
        if (same && (l->folders[i].images > 0) == (images > 0)) {
            l->folders[i].images += images;
            return;
        }
    }
    if (l->named_folders == REEL_COUNT(l->folders))
        return;
    snprintf(l->folders[l->named_folders].name, sizeof l->folders->name, "%s", shown);
    l->folders[l->named_folders++].images = images;
}

void reel_left_out_folder(reel_left_out *l, const char *name, int64_t images)
{
    char shown[sizeof l->folders->name];
    if (!l || !name)
        return;
    reel_escape(shown, sizeof shown, name);
    name_folder(l, shown, images);
    l->full_folders += images > 0;
    l->full_images += images;
    l->empty_folders += images == 0;
}

void reel_left_out_merge(reel_left_out *l, const reel_left_out *with)
{
    if (!l || !with)
        return;
    for (int i = 0; i < with->n; i++)
        reel_left_out_add(l, with->kinds[i].kind, with->kinds[i].why, with->kinds[i].n);
    for (int i = 0; i < with->named_folders; i++)
        name_folder(l, with->folders[i].name, with->folders[i].images);
    l->full_folders += with->full_folders;
    l->full_images += with->full_images;
    l->empty_folders += with->empty_folders;
    if (with->undecoded == 0)
        return;
    l->undecoded_differ |=
        with->undecoded_differ || (l->undecoded > 0 && l->undecoded_name != with->undecoded_name);
    l->undecoded += with->undecoded;
    l->undecoded_name = with->undecoded_name;
    l->undecoded_advice = with->undecoded_advice;
}

/* A line that is written piece by piece, with a comma before each piece but the first. */
struct left_out_line {
    char *text;
    size_t used, size;
};

__attribute__((format(printf, 3, 4))) static void
add_piece(struct left_out_line *line, const char *before, const char *format, ...)
{
    va_list arguments;
    if (line->used < line->size)
        line->used += (size_t)snprintf(line->text + line->used, line->size - line->used, "%s",
                                       line->used ? before : "");
    if (line->used >= line->size)
        return;
    va_start(arguments, format);
    line->used +=
        (size_t)vsnprintf(line->text + line->used, line->size - line->used, format, arguments);
    va_end(arguments);
}

/* "holdout/ (40 images), dev/ (1 image)" */
static void add_full_folders(struct left_out_line *line, const reel_left_out *l)
{
    int64_t folders = l->full_folders, images = l->full_images;
    for (int i = 0; i < l->named_folders; i++) {
        if (l->folders[i].images == 0)
            continue;
        add_piece(line, ", ", "%s/ (%s)", l->folders[i].name,
                  reel_count_of(l->folders[i].images, "image").text);
        folders--;
        images -= l->folders[i].images;
    }
    if (images > 0 && folders > 0)
        add_piece(line, ", ", "%s (%s)", reel_count_of(folders, "other folder").text,
                  reel_count_of(images, "image").text);
}

/* "2 folders without images: __MACOSX, Unsorted" */
static void add_empty_folders(struct left_out_line *line, const reel_left_out *l)
{
    int64_t named = 0;
    if (l->empty_folders == 0)
        return;
    add_piece(line, ", ", "%s without images", reel_count_of(l->empty_folders, "folder").text);
    for (int i = 0; i < l->named_folders; i++)
        if (l->folders[i].images == 0)
            add_piece(line, named++ ? ", " : ": ", "%s", l->folders[i].name);
    if (l->named_folders == REEL_COUNT(l->folders))
        add_piece(line, ", ", "...");
}

const char *reel_left_out_text(const reel_left_out *l, char *text, size_t size)
{
    if (!text || size == 0)
        return "";
    text[0] = 0;
    if (!l)
        return text;

    struct left_out_line line = {.text = text, .size = size};
    for (int i = 0; i < l->n; i++) {
        const char *why = l->kinds[i].why, *kind = l->kinds[i].kind;
        const bool folders = l->kinds[i].n != 1 && !strncmp(kind, "folder ", 7);
        add_piece(&line, ", ", "%" PRId64 " %s%s%s%s%s", l->kinds[i].n, folders ? "folders " : "",
                  folders ? kind + 7 : kind, why ? " (" : "", why ? why : "", why ? ")" : "");
    }
    add_full_folders(&line, l);
    add_empty_folders(&line, l);
    return text;
}

const char *reel_left_out_clause(const reel_left_out *l, char *text, size_t size)
{
    if (!text || size == 0)
        return "";
    static const char begin[] = "; left out: ";
    text[0] = 0;
    if (size <= sizeof begin)
        return text;
    char *rest = text + sizeof begin - 1;
    reel_left_out_text(l, rest, size - sizeof begin + 1);
    if (*rest)
        memcpy(text, begin, sizeof begin - 1);
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
    if (!path || (n > 0 && !head))
        return;

    static const char cannot[] = "cannot be decoded";
    const reel_content content = reel_content_of(head, n);
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash + 1 : path, '.');
    if (content.advice) {
        l->undecoded_differ |= l->undecoded > 0 && l->undecoded_name != content.name;
        l->undecoded_name = content.name;
        l->undecoded_advice = content.advice;
        l->undecoded++;
    }
    if (content.advice && !dot)
        reel_left_out_add(l, reel_content_bare(content.name), cannot, 1);
    else
        reel_left_out_file(l, path,
                           content.advice || has_undecoded_extension(path) ? cannot : NULL);
}

const char *reel_left_out_undecoded(const reel_left_out *l, char *text, size_t size)
{
    if (!text || size == 0)
        return "";
    text[0] = 0;
    if (!l || l->undecoded == 0 || !l->undecoded_name || !l->undecoded_advice)
        return text;

    /* "camera RAW photograph (RAF)" without its end, which has no plural. */
    char name[40];
    const char *bare = reel_content_bare(l->undecoded_name), *end = strstr(bare, " (");
    const bool convert = l->undecoded > 1 && !strncmp(l->undecoded_advice, "convert it", 10);
    if (l->undecoded_differ)
        bare = "picture or film";
    snprintf(name, sizeof name, "%.*s", end && !l->undecoded_differ ? (int)(end - bare) : 39, bare);
    snprintf(text, size, "%s, which Reel cannot read: %s%s", reel_count_of(l->undecoded, name).text,
             convert ? "convert them" : l->undecoded_advice,
             convert ? l->undecoded_advice + 10 : "");
    return text;
}

bool reel_is_image_file(int folder, const char *path, bool names_only, reel_left_out *l)
{
    if (!path)
        return false;

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
