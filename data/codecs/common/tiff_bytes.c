/* Bytes in memory as a file for libtiff. It maps them, so that strips are not copied. */
#ifdef REEL_HAVE_TIFF

#include "data/codecs/common/tiff_bytes.h"

#include <stdio.h>
#include <string.h>

static tmsize_t on_tiff_read(thandle_t handle, void *to, tmsize_t n)
{
    reel_tiff_bytes *f = (reel_tiff_bytes *)handle;
    const int64_t length = (int64_t)f->length;
    const int64_t left = f->at < length ? length - f->at : 0, taken = n < left ? n : left;
    if (taken > 0)
        memcpy(to, f->data + f->at, (size_t)taken);
    f->at += taken;
    return (tmsize_t)taken;
}

static tmsize_t on_tiff_write(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle, (void)from, (void)n;
    return 0;
}

static toff_t on_tiff_seek(thandle_t handle, toff_t offset, int whence)
{
    reel_tiff_bytes *f = (reel_tiff_bytes *)handle;
    const int64_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? f->at : (int64_t)f->length;
    const int64_t to = (int64_t)((uint64_t)from + offset);
    f->at = to < 0 ? (int64_t)f->length : to;
    return (toff_t)f->at;
}

static int on_tiff_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_tiff_size(thandle_t handle)
{
    return ((reel_tiff_bytes *)handle)->length;
}

static int on_tiff_map(thandle_t handle, void **base, toff_t *size)
{
    reel_tiff_bytes *f = (reel_tiff_bytes *)handle;
    *base = (void *)(uintptr_t)f->data; /* only read */
    *size = f->length;
    return 1;
}

static void on_tiff_unmap(thandle_t handle, void *base, toff_t size)
{
    (void)handle, (void)base, (void)size;
}

/* Returns 1: handled, so the handlers of the program that uses this library are not called. */
static int on_tiff_error(TIFF *tiff, void *self, const char *where, const char *format,
                         va_list rest)
{
    reel_tiff_bytes *f = self;
    (void)tiff, (void)where;
    if (!f->reason[0])
        vsnprintf(f->reason, sizeof f->reason, format, rest);
    return 1;
}

static int on_tiff_warning(TIFF *tiff, void *self, const char *where, const char *format,
                           va_list rest)
{
    (void)tiff, (void)self, (void)where, (void)format, (void)rest;
    return 1;
}

reel_status reel_tiff_open(TIFF **tiff, reel_tiff_bytes *bytes, size_t most, reel_error *err)
{
    *tiff = NULL;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the TIFF decoder");
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_tiff_error, bytes);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_tiff_warning, bytes);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)most);
    /* D: places of strips are read when they are needed. */
    *tiff = TIFFClientOpenExt("image", "rD", (thandle_t)bytes, on_tiff_read, on_tiff_write,
                              on_tiff_seek, on_tiff_close, on_tiff_size, on_tiff_map, on_tiff_unmap,
                              options);
    TIFFOpenOptionsFree(options);
    return REEL_OK;
}

#endif
