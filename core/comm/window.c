/* Windows by memfd_create, mapped over reserved pages so that they begin on a huge page. */
#include "core/comm/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/system_error.h"

/* Maps the file; on a failure the window is empty and the file closed. */
static reel_status map_window(reel_window *w, size_t bytes, reel_error *err)
{
    const int file = w->file;
    void *pages = reel_pages_alloc(bytes, err);
    if (!pages) {
        close(file);
        *w = (reel_window){.file = -1};
        return REEL_ERR_MEMORY;
    }
    void *memory = mmap(pages, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    if (memory == MAP_FAILED) {
        const int reason = errno;
        reel_pages_free(pages, bytes);
        close(file);
        *w = (reel_window){.file = -1};
        return reel_fail_system(err, reason, "shared memory: cannot map %zu bytes", bytes);
    }
    madvise(memory, bytes, MADV_HUGEPAGE); /* only advice: failing is fine */
    w->memory = memory;
    w->bytes = bytes;
    return REEL_OK;
}

reel_status reel_window_create(reel_window *w, size_t bytes, reel_error *err)
{
    *w = (reel_window){.file = memfd_create("reel", MFD_CLOEXEC)};
    if (w->file < 0)
        return reel_fail_system(err, errno, "shared memory: memfd_create");
    if (ftruncate(w->file, (off_t)bytes) != 0) {
        const int reason = errno;
        reel_window_seal(w);
        return reel_fail_system(err, reason, "shared memory: cannot make %zu bytes", bytes);
    }
    return map_window(w, bytes, err);
}

reel_status reel_window_reserve(reel_window *w, size_t begin, size_t end, reel_error *err)
{
    if (begin >= end)
        return REEL_OK;
    const int code = reel_pages_reserve(w->file, begin, end - begin);
    if (code == 0)
        return REEL_OK;
    return reel_fail_system(err, code, "shared memory: %zu bytes are not to be had", end - begin);
}

reel_status reel_window_join(reel_window *w, int process, int file, size_t bytes, reel_error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", process, file);
    *w = (reel_window){.file = open(path, O_RDWR | O_CLOEXEC)};
    if (w->file < 0)
        return reel_fail_system(err, errno, "shared memory: cannot open %s", path);
    REEL_TRY(map_window(w, bytes, err));
    reel_window_seal(w);
    return REEL_OK;
}

void reel_window_seal(reel_window *w)
{
    if (w->file >= 0)
        close(w->file);
    w->file = -1;
}

void reel_window_free(reel_window *w)
{
    if (w->memory) {
        reel_window_seal(w);
        reel_pages_free(w->memory, w->bytes);
    }
    *w = (reel_window){.file = -1};
}
