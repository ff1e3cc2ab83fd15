/* Samples that are parts of a few large files: tar shards, ImageNet's tars, packed shards.
 *
 * 32 bytes a sample and its name. Reading is one pread. The first files stay open; beyond that
 * many, a file is opened for each read, so that a thousand shards do not use up the process's
 * descriptors. */
#include "data/sources/common/pieces.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/bytes_internal.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/tar.h"

enum { MOST_KEPT = 200 };

struct piece_file {
    char *path;
    int file; /* -1: opened for each read */
};

static const reel_piece *piece_at(const void *self, int64_t index)
{
    return (const reel_piece *)((const reel_piece_list *)self)->pieces.items + index;
}

int64_t reel_pieces_size(const void *self)
{
    return (int64_t)((const reel_piece_list *)self)->pieces.n;
}

int64_t reel_pieces_label(const void *self, int64_t index)
{
    return piece_at(self, index)->label;
}

void reel_pieces_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    const reel_piece_list *p = self;
    const reel_piece *piece = piece_at(self, index);
    char name[REEL_TAR_NAME + 300];
    const struct piece_file *from = (const struct piece_file *)p->files.items + piece->file;
    snprintf(name, sizeof name, "%.255s/%s", reel_base_name(from->path),
             p->names.text + piece->name);
    reel_escape(text, size, name);
}

/* Each bit is set by whoever was first; that two do the same check at once is harmless. */
static reel_status check_crc(const reel_piece_list *p, int64_t index, const reel_bytes *bytes,
                             reel_error *err)
{
    uint8_t *byte = &p->checked[index >> 3];
    const uint8_t bit = (uint8_t)(1u << (index & 7));
    if (__atomic_load_n(byte, __ATOMIC_RELAXED) & bit)
        return REEL_OK;
    const uint32_t crc = (uint32_t)crc32_z(0, bytes->data, bytes->size),
                   expected = piece_at(p, index)->crc;
    if (crc != expected)
        return reel_fail(err, REEL_ERR_FORMAT, "the record is damaged: CRC-32 %08x, expected %08x",
                         crc, expected);
    __atomic_fetch_or(byte, bit, __ATOMIC_RELAXED);
    return REEL_OK;
}

reel_status reel_pieces_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    const reel_piece_list *p = self;
    const reel_piece *piece = piece_at(self, index);
    const struct piece_file *from = (const struct piece_file *)p->files.items + piece->file;
    REEL_TRY(reel_bytes_reserve(bytes, (size_t)piece->size + 1, err));
    int file = from->file;
    if (file < 0)
        file = reel_open_patiently(p->folder, from->path,
                                   O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return reel_fail_system(err, errno, "cannot open");
    const reel_span span = {.file = file, .size = INT64_MAX};
    const reel_status status = reel_span_read(&span, piece->offset, bytes->data, piece->size, err);
    if (from->file < 0)
        close(file);
    REEL_TRY(status);
    bytes->size = piece->size;
    return p->checked ? check_crc(p, index, bytes, err) : REEL_OK;
}

void reel_pieces_destroy(void *self)
{
    reel_piece_list *p = self;
    if (!p)
        return;
    for (size_t i = 0; i < p->files.n; i++) {
        struct piece_file *f = (struct piece_file *)p->files.items + i;
        if (f->file >= 0)
            close(f->file);
        free(f->path);
    }
    if (p->folder >= 0)
        close(p->folder);
    free(p->files.items);
    free(p->names.text);
    free(p->pieces.items);
    free(p->checked);
    free(p);
}

reel_status reel_pieces_new(reel_piece_list **out, reel_error *err)
{
    reel_piece_list *p = *out = calloc(1, sizeof *p);
    if (!p)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    p->folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return REEL_OK;
}

reel_status reel_pieces_add_file(reel_piece_list *p, const char *path, int file, reel_error *err)
{
    char *copy = strdup(path);
    struct piece_file *place = copy ? reel_list_add(&p->files, sizeof *place) : NULL;
    if (!place) {
        free(copy);
        close(file);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    }
    struct stat info; /* without a name it cannot be opened again */
    const bool unnamed = fstat(file, &info) == 0 && info.st_nlink == 0;
    if (!unnamed && p->files.n > MOST_KEPT) {
        close(file);
        file = -1;
    }
    place->path = copy;
    place->file = file;
    return REEL_OK;
}

reel_status reel_piece_append(reel_list *pieces, reel_pool *names, const reel_piece *piece,
                              const char *name, reel_error *err)
{
    size_t at;
    REEL_TRY(reel_pool_add(names, name, strlen(name), &at, err));
    reel_piece *place = reel_list_add(pieces, sizeof *place);
    if (!place)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the list of samples");
    *place = *piece;
    place->name = at;
    return REEL_OK;
}

reel_status reel_pieces_add(reel_piece_list *p, const reel_piece *piece, const char *name,
                            reel_error *err)
{
    if (p->pieces.n >= UINT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID, "more than 4294967295 samples");
    return reel_piece_append(&p->pieces, &p->names, piece, name, err);
}

static int by_label_and_name(const void *a, const void *b, void *names)
{
    const reel_piece *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return strcmp((char *)names + x->name, (char *)names + y->name);
}

void reel_pieces_sort(reel_piece_list *p, size_t first)
{
    if (p->pieces.n > first)
        qsort_r((reel_piece *)p->pieces.items + first, p->pieces.n - first, sizeof(reel_piece),
                by_label_and_name, p->names.text);
}

reel_status reel_pieces_check(reel_piece_list *p, reel_error *err)
{
    p->checked = calloc(1, p->pieces.n / 8 + 1);
    return p->checked ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
}

int64_t reel_pieces_classes(const reel_piece_list *p)
{
    return reel_list_classes(&p->pieces, sizeof(reel_piece), offsetof(reel_piece, label));
}
