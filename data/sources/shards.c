/* Tar and tar.gz shards in WebDataset's convention: neighbouring members with the same name up to
 * the first dot of the last part form a sample; its image ends like any that can be decoded, its
 * label a number in .cls; other fields are passed over.
 *
 * An index pass over the headers notes where images lie; reading is then random access. gzip allows
 * none: such a shard is unpacked into an unnamed temporary file, once. Indices go by the order of
 * the shards' names, and within by that of members.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "data/codecs/codec.h"
#include "data/sources/sources.h"

enum { MOST_CLASSES = 1 << 24 };

static size_t key_length(const char *name)
{
    const char *base = reel_base_name(name), *dot = strchr(base, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

/* ".jpg", not ".mask.jpg": other fields of the key are passed over. */
static bool is_image_field(const char *field)
{
    return strrchr(field, '.') == field && reel_is_image_name(field);
}

struct sample { /* that is being put together */
    char key[REEL_TAR_NAME + 1];
    char image[REEL_TAR_NAME + 1];
    reel_piece piece;
    bool has_image, has_label;
};

static reel_status finish(reel_pieces *p, struct sample *s, reel_error *err)
{
    if (!s->has_image)
        return REEL_OK;
    if (!s->has_label) {
        char shown[300];
        reel_escape(shown, sizeof shown, s->image);
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s has no label: expected a .cls of the same name beside it", shown);
    }
    return reel_pieces_add(p, &s->piece, s->image, err);
}

static reel_status read_label(reel_tar *tar, const reel_tar_entry *e, uint32_t *label,
                              reel_error *err)
{
    char text[33], shown[300];
    uint64_t number = 0;
    size_t n = e->size < 32 ? (size_t)e->size : 32;
    REEL_TRY(reel_tar_read(tar, e->offset, text, n, err));
    while (n && strchr(" \r\n\t", text[n - 1]))
        n--;
    if (e->size > 32 || !reel_parse_number(text, n, MOST_CLASSES - 1, &number)) {
        reel_escape(shown, sizeof shown, e->name);
        return reel_fail(err, REEL_ERR_FORMAT, "%s: expected a class number from 0 to %d", shown,
                         MOST_CLASSES - 1);
    }
    *label = (uint32_t)number;
    return REEL_OK;
}

static reel_status add_field(reel_tar *tar, const reel_tar_entry *e, uint32_t file,
                             struct sample *s, reel_error *err)
{
    const char *field = e->name + key_length(e->name);
    if (strcasecmp(field, ".cls") == 0) {
        REEL_TRY(read_label(tar, e, &s->piece.label, err));
        s->has_label = true;
    } else if (is_image_field(field) && !s->has_image) {
        if (e->size > REEL_MAX_FILE) {
            char shown[300];
            reel_escape(shown, sizeof shown, e->name);
            return reel_fail(err, REEL_ERR_FORMAT, "%s: %" PRIu64 " bytes, expected at most %zu",
                             shown, e->size, REEL_MAX_FILE);
        }
        s->piece.offset = e->offset;
        s->piece.size = (uint32_t)e->size;
        s->piece.file = file;
        snprintf(s->image, sizeof s->image, "%s", e->name);
        s->has_image = true;
    }
    return REEL_OK;
}

struct indexing {
    reel_tar tar;
    reel_tar_entry entry;
    struct sample sample;
};

reel_status reel_shard_index(reel_pieces *p, const reel_span *span, uint32_t file, reel_error *err)
{
    struct indexing *x = calloc(1, sizeof *x);
    if (!x)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to index a tar");
    reel_tar_begin(&x->tar, span, 0, span->size);
    struct sample *s = &x->sample;
    reel_status status;
    for (;;) {
        bool more;
        status = reel_tar_next(&x->tar, &x->entry, &more, err);
        if (status != REEL_OK || !more)
            break;
        if (!x->entry.regular || reel_base_name(x->entry.name)[0] == '.')
            continue;
        const size_t n = key_length(x->entry.name);
        if (strncmp(s->key, x->entry.name, n) != 0 || s->key[n]) {
            if ((status = finish(p, s, err)) != REEL_OK)
                break;
            s->has_image = s->has_label = false;
            s->piece = (reel_piece){0};
            memcpy(s->key, x->entry.name, n);
            s->key[n] = 0;
        }
        if ((status = add_field(&x->tar, &x->entry, file, s, err)) != REEL_OK)
            break;
    }
    if (status == REEL_OK)
        status = finish(p, s, err);
    free(x);
    return status;
}

/* ---- which files ---- */
static bool is_shard_name(const char *name)
{
    static const char *const ends[] = {".tar", ".tar.gz", ".tgz"};
    const size_t n = strlen(name);
    for (int i = 0; i < 3; i++) {
        const size_t length = strlen(ends[i]);
        if (n > length && strcasecmp(name + n - length, ends[i]) == 0)
            return name[0] != '.';
    }
    return false;
}

/* The shards of a folder, with the split's name in theirs where split is given. */
static reel_status find_shards(reel_names *names, const char *folder, const char *split,
                               reel_error *err)
{
    DIR *stream = opendir(folder);
    if (!stream)
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", folder, strerror(errno));
    reel_status status = REEL_OK;
    for (const struct dirent *e; status == REEL_OK && (e = readdir(stream));)
        if (is_shard_name(e->d_name) && reel_names_split(e->d_name, split))
            status = reel_names_add(names, e->d_name, strlen(e->d_name), err);
    closedir(stream);
    reel_names_sort(names);
    return status;
}

static int64_t count_shards(const char *folder, const char *split)
{
    reel_names names = {0};
    reel_error err;
    const int64_t n =
        find_shards(&names, folder, split, &err) == REEL_OK ? reel_names_count(&names) : 0;
    reel_names_free(&names);
    return n;
}

/* DATA/SPLIT/ *.tar, DATA/ *SPLIT*.tar, DATA/ *.tar (all there is), one shard. */
static reel_look look(const char *data, const char *split, char *path)
{
    const char *const folders[] = {split ? split : "train",
                                   reel_is_val(split) ? "validation" : "train", "valid"};
    if (reel_is_file(data)) {
        uint8_t head[512];
        const bool tar = reel_tar_sniff(head, reel_read_head(data, head, sizeof head));
        return tar ? reel_look_file(data, split, path) : REEL_LOOK_OTHER;
    }
    if (!reel_is_folder(data))
        return REEL_LOOK_OTHER;
    for (int i = 0; i < (reel_is_val(split) ? 3 : 1); i++)
        if (snprintf(path, REEL_DATA_PATH, "%s/%s", data, folders[i]) < REEL_DATA_PATH &&
            reel_is_folder(path) && count_shards(path, NULL))
            return REEL_LOOK_FOUND;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    if (count_shards(data, NULL) == 0)
        return REEL_LOOK_OTHER;
    if (!split)
        return REEL_LOOK_FOUND;
    return count_shards(data, split) ? REEL_LOOK_FOUND : REEL_LOOK_NO_SPLIT;
}

/* ---- opening ---- */
static reel_status add_shard(reel_pieces *p, const char *path, reel_error *err)
{
    reel_error why = {0};
    int file;
    uint64_t size;
    REEL_TRY(reel_open_plain(&file, &size, path, err));
    const reel_span span = {.file = file, .size = size};
    const uint32_t number = (uint32_t)p->files.n;
    const reel_status status = reel_shard_index(p, &span, number, &why);
    if (status != REEL_OK) {
        close(file);
        return reel_fail(err, status, "%.400s: %.500s", path, why.message);
    }
    return reel_pieces_add_file(p, path, file, err);
}

static reel_status add_all(reel_pieces *p, const char *path, const char *split, reel_error *err)
{
    reel_names names = {0};
    char shard[REEL_DATA_PATH];
    if (reel_is_file(path))
        return add_shard(p, path, err);
    reel_status status = find_shards(&names, path, split, err);
    if (status == REEL_OK && reel_names_count(&names) == 0)
        status = find_shards(&names, path, NULL, err); /* its own folder */
    for (int64_t i = 0; status == REEL_OK && i < reel_names_count(&names); i++) {
        if (snprintf(shard, sizeof shard, "%s/%s", path, reel_names_at(&names, i)) >=
            (int)sizeof shard)
            continue;
        status = add_shard(p, shard, err);
    }
    reel_names_free(&names);
    return status;
}

static reel_status open_shards(reel_dataset **out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    reel_pieces *p;
    reel_names names = {0};
    REEL_TRY(reel_pieces_new(&p, err));
    reel_status status = add_all(p, path, split, err);
    int64_t classes = 0;
    for (size_t i = 0; i < p->pieces.n; i++) {
        const int64_t label = ((const reel_piece *)p->pieces.items)[i].label;
        if (label >= classes)
            classes = label + 1;
    }
    if (status == REEL_OK && p->pieces.n == 0)
        status = reel_fail(err, REEL_ERR_INVALID,
                           "%s: no samples; expected pairs such as 0001.jpg and 0001.cls", path);
    char folder[REEL_DATA_PATH];
    reel_folder_of(data, folder);
    if (status == REEL_OK)
        status = reel_number_names(&names, folder, classes, err);
    if (status == REEL_OK)
        return reel_create_named(out, &reel_pieces_source, p, &names, err);
    reel_names_free(&names);
    reel_pieces_destroy(p);
    return status;
}

const reel_kind reel_kind_shards = {.name = "tar shards", .look = look, .open = open_shards};
