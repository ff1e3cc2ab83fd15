/* Reading weight files: the first bytes decide which kind of file this is. Then
 * weights_safetensors.c or weights_pth.c reads it. */
#include <stdlib.h>
#include <string.h>

#include "core/files/byte_source.h"
#include "core/files/weights_internal.h"
#include "core/files/weights_load.h"
#include "core/files/weights_pth.h"

/* The first bytes decide whether this can be safetensors at all, before anything is allocated. */
static reel_status check_start(const unsigned char *start, size_t have, uint64_t size,
                               const char *path, uint64_t *header, reel_error *err)
{
    *header = 0;
    for (int i = 7; i >= 0 && have >= 8; i--)
        *header = *header << 8 | start[i];

    const bool plausible = have > 8 && start[8] == '{';
    if (plausible && *header >= 2 && *header <= size - 8)
        return REEL_OK;
    if (plausible)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: header length: expected 2 to %llu, got %llu%s",
                         path, (unsigned long long)size - 8, (unsigned long long)*header,
                         *header > size - 8 ? ": the file is cut short" : "");
    return reel_fail(err, REEL_ERR_FORMAT, "%s: expected a safetensors or .pth file, found %s",
                     path, reel_weights_sniff(start, have));
}

/* A zip archive without data.pkl is named for what it is; one that cannot be opened too, unless it
 * looks like ours. */
static reel_status read_zip(reel_weights *w, const reel_byte_source *s, const unsigned char *start,
                            size_t have, reel_error *err)
{
    reel_pth pth = {.source = s};
    w->format = "pth";
    reel_status status = reel_zip_open(&pth.zip, s, err);

    bool ours = memmem(start, have, "data.pkl", 8) != NULL;
    for (int i = 0; i < pth.zip.count && !ours; i++)
        ours = memmem(pth.zip.list[i].name, pth.zip.list[i].name_length, "data.pkl", 8) != NULL;
    if (!ours && status != REEL_ERR_IO && status != REEL_ERR_MEMORY)
        status =
            reel_fail(err, REEL_ERR_FORMAT, "%s: expected a safetensors or .pth file, found %s",
                      w->path, reel_weights_sniff(start, have));

    if (status == REEL_OK)
        status = reel_pth_open_zip(&pth, err);
    if (status == REEL_OK)
        status = reel_weights_from_pth(w, &pth, err);
    reel_pth_close(&pth);
    return status;
}

static reel_status read_legacy(reel_weights *w, const reel_byte_source *s, reel_error *err)
{
    reel_pth pth = {.source = s};
    w->format = "pth, legacy";
    reel_status status = reel_pth_open_legacy(&pth, err);
    if (status == REEL_OK)
        status = reel_weights_from_pth(w, &pth, err);
    reel_pth_close(&pth);
    return status;
}

/* A pickle of the number 0x1950a86a20f9469cfc6c, of protocol 2 to 5; from 4 on in a frame. */
static bool is_legacy(const unsigned char *start, size_t have)
{
    static const char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    const size_t frame = 9, length = sizeof magic - 1;
    if (have < 2 + length || start[0] != 0x80 || start[1] < 2 || start[1] > 5)
        return false;
    const size_t at = start[2] == 0x95 ? 2 + frame : 2;
    return have >= at + length && memcmp(start + at, magic, length) == 0;
}

/* header_only: as in reel_weights_from_safetensors; of any other kind of file all is read. */
static reel_status read_source(reel_weights *w, const reel_byte_source *s, bool header_only,
                               reel_error *err)
{
    unsigned char start[512];
    const size_t have = s->size < sizeof start ? (size_t)s->size : sizeof start;
    uint64_t header;
    REEL_TRY(reel_byte_source_read(s, 0, start, have, err));
    if (have >= 4 && memcmp(start, "PK\3\4", 4) == 0)
        return read_zip(w, s, start, have, err);
    if (is_legacy(start, have))
        return read_legacy(w, s, err);
    REEL_TRY(check_start(start, have, s->size, w->path, &header, err));
    return reel_weights_from_safetensors(w, s, header, header_only, err);
}

static reel_status read_named(reel_weights **out, const reel_byte_source *s, bool header_only,
                              reel_error *err)
{
    *out = NULL;
    reel_weights *w = calloc(1, sizeof *w);
    if (w)
        w->path = strdup(s->path);
    const reel_status status = w && w->path
                                   ? read_source(w, s, header_only, err)
                                   : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", s->path);
    if (status == REEL_OK)
        *out = w;
    else
        reel_weights_destroy(w);
    return status;
}

reel_status reel_weights_read_memory(reel_weights **out, const void *bytes, size_t size,
                                     const char *name, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(bytes, err);
    if (!name)
        name = "weights";
    const reel_byte_source s = {.fd = -1, .bytes = bytes, .size = size, .path = name};
    return read_named(out, &s, false, err);
}

/* Of weights that were opened: they keep the source they came from, if their data is still there.
 */
static void keep_source(reel_weights *w, reel_byte_source *s)
{
    if (!w || !w->places) {
        reel_byte_source_close(s);
        return;
    }
    w->source = *s;
    w->source.path = w->path;
}

reel_status reel_weights_open(reel_weights **out, const char *path, reel_error *err)
{
    reel_byte_source s;
    *out = NULL;
    REEL_TRY(reel_byte_source_open(&s, path, err));
    const reel_status status = read_named(out, &s, true, err);
    keep_source(*out, &s);
    return status;
}

reel_status reel_weights_open_memory(reel_weights **out, const void *bytes, size_t size,
                                     const char *name, reel_error *err)
{
    reel_byte_source s = {.fd = -1, .bytes = bytes, .size = size, .path = name};
    const reel_status status = read_named(out, &s, true, err);
    keep_source(*out, &s);
    return status;
}

reel_status reel_weights_read(reel_weights **out, const char *path, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (!path)
        return reel_fail(err, REEL_ERR_INVALID, "weights: expected a path, got NULL");
    reel_byte_source s;
    REEL_TRY(reel_byte_source_open(&s, path, err));
    const reel_status status = read_named(out, &s, false, err);
    reel_byte_source_close(&s);
    return status;
}
