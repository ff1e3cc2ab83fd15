/* What the ranks of a run agree on, and rank 0's files. */
#include "train/run/ranks.h"

#include "core/memory.h"
#include "train/run/json_util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool reel_ranks_leads(const reel_ranks *r)
{
    return !r || reel_comm_rank(r->comm) == 0;
}

int reel_ranks_count(const reel_ranks *r)
{
    return r ? reel_comm_ranks(r->comm) : 1;
}

reel_status reel_rank_agree(reel_comm *comm, reel_status mine, reel_error *err, const char *what)
{
    const reel_error own = mine == REEL_OK ? (reel_error){0} : *err;
    const reel_status status = reel_comm_agree(comm, mine, err, what);
    if (status == mine && mine != REEL_OK && reel_comm_rank(comm) == 0)
        *err = own;
    return status;
}

reel_status reel_ranks_agree(reel_ranks *r, reel_status mine, reel_error *err, const char *what)
{
    if (!r)
        return mine;
    const reel_status status = reel_rank_agree(r->comm, mine, err, what);
    r->agreed = status != REEL_OK;
    return status;
}

reel_status reel_ranks_fail(const reel_ranks *r, reel_status status, reel_error *err)
{
    if (!r || status == REEL_OK)
        return status;
    const int rank = reel_comm_rank(r->comm);
    const reel_error own = *err;
    if (rank > 0)
        reel_fail(err, status, "rank %d (host %s): %.900s", rank,
                  reel_comm_host_name(r->comm, rank), own.message);
    reel_comm_fail(r->comm, err);
    return status;
}

reel_status reel_ranks_lack(const reel_ranks *r, const char *what, reel_error *err)
{
    return reel_ranks_fail(r, reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", what), err);
}

reel_status reel_ranks_tell(reel_ranks *r, void *data, size_t bytes, const char *what,
                            reel_error *err)
{
    return r ? reel_comm_broadcast(r->comm, data, bytes, 0, what, err) : REEL_OK;
}

reel_status reel_ranks_tell_text(reel_ranks *r, char **text, int from, const char *what,
                                 reel_error *err)
{
    if (!r)
        return REEL_OK;
    int64_t length = *text ? (int64_t)strlen(*text) : -1;
    REEL_TRY(reel_comm_broadcast(r->comm, &length, sizeof length, from, what, err));
    char *copy = NULL;
    if (reel_comm_rank(r->comm) != from) {
        copy = length >= 0 ? malloc((size_t)length + 1) : NULL;
        free(*text);
        *text = copy;
    }
    const bool lacks = length >= 0 && !*text;
    if (lacks)
        reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", what);
    REEL_TRY(reel_ranks_agree(r, lacks ? REEL_ERR_MEMORY : REEL_OK, err, what));
    if (length < 0)
        return REEL_OK;
    if (copy)
        copy[length] = '\0';
    return reel_comm_broadcast(r->comm, *text, (size_t)length, from, what, err);
}

/* ---- files ---- */

enum { PART = 16 << 20 }; /* bytes of a file at a time */

/* `size` bytes of a file of this process, mapped: rank 0's for reading, a new one without a name
 * for writing. */
static reel_status map_file(const char *path, size_t size, bool reads, int *handle, char **bytes,
                            reel_error *err)
{
    *bytes = NULL;
    *handle = reads ? open(path, O_RDONLY | O_CLOEXEC) : memfd_create("reel", MFD_CLOEXEC);
    if (*handle < 0 || (!reads && ftruncate(*handle, (off_t)size)))
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));

    /* Missing memory is told here; a page that is touched later would end the process. */
    if (!reads && reel_pages_reserve(*handle, 0, size) != 0)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: no memory for %zu bytes of it", path, size);
    void *map = size > 0 ? mmap(NULL, size, reads ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED,
                                *handle, 0)
                         : NULL;
    if (map == MAP_FAILED)
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
    *bytes = map;
    return REEL_OK;
}

reel_status reel_ranks_tell_file(reel_ranks *r, char *path, size_t size, int *handle,
                                 const char *what, reel_error *err)
{
    *handle = -1;
    if (!r)
        return REEL_OK;
    const bool leads = reel_ranks_leads(r);
    uint64_t length = 0;
    char *bytes = NULL;
    reel_error why;
    reel_status status = REEL_OK;
    if (leads) {
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        const off_t end = file < 0 ? -1 : lseek(file, 0, SEEK_END);
        length = end > 0 ? (uint64_t)end : 0;
        if (file >= 0)
            close(file);
    }
    REEL_TRY(reel_ranks_tell(r, &length, sizeof length, what, err));
    status = map_file(path, (size_t)length, leads, handle, &bytes, &why);
    if (status)
        *err = why;
    status = reel_ranks_agree(r, status, err, what);
    for (size_t at = 0; status == REEL_OK && at < length; at += PART) {
        const size_t count = length - at < PART ? (size_t)length - at : PART;
        status = reel_ranks_tell(r, bytes + at, count, what, err);
    }

    if (bytes)
        munmap(bytes, (size_t)length);
    if (status || leads) {
        reel_ranks_drop_file(*handle);
        *handle = -1;
    } else {
        snprintf(path, size, "/proc/self/fd/%d", *handle);
    }
    return status;
}

void reel_ranks_drop_file(int handle)
{
    if (handle >= 0)
        close(handle);
}

/* ---- comparing ---- */

/* The first value of rank 0 that this rank has otherwise. */
static reel_status compare_values(const json_t *first, const json_t *mine, const char *what,
                                  reel_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)first, key, value)
    {
        const json_t *own = json_object_get(mine, key);
        if (json_equal(value, own))
            continue;
        char *theirs = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        char *ours = own ? json_dumps(own, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
        const reel_status status =
            reel_fail(err, REEL_ERR_INVALID, "%s: %s: expected %.300s, as rank 0 has, got %.300s",
                      what, key, theirs ? theirs : "?", ours ? ours : "none");
        free(theirs);
        free(ours);
        return status;
    }
    return REEL_OK;
}

reel_status reel_ranks_compare(reel_ranks *r, const json_t *told, const char *what, reel_error *err)
{
    if (!r)
        return REEL_OK;
    char *text = json_dumps(told, JSON_COMPACT);
    reel_status status = reel_ranks_tell_text(r, &text, 0, what, err);
    if (status) {
        free(text);
        return status;
    }

    json_t *first = text ? json_loads(text, 0, NULL) : NULL;
    reel_error why;
    status = first ? compare_values(first, told, what, &why)
                   : reel_fail(&why, REEL_ERR_MEMORY, "%s: out of memory", what);
    json_decref(first);
    free(text);
    if (status)
        *err = why;
    return reel_ranks_agree(r, status, err, what);
}
