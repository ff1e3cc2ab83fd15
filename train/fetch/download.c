/* Attempts until the file is whole. The digits in the file's name decide that, not what the server
 * says: the SHA-256 of all bytes so far is known at any time. */
#include "train/fetch/download.h"

#include "train/fetch/part_file.h"
#include "train/fetch/transfer.h"
#include "train/run/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

/* Attempts in a row that bring fewer than ENOUGH bytes. */
enum { MOST_ATTEMPTS = 4, ENOUGH = 1 << 16 };

typedef struct download {
    const reel_download *d;
    reel_part part;
    reel_progress progress;
    int64_t total, most; /* as the server says, -1 = it does not; more bytes are refused */
    int64_t begun_at;    /* the part's size when this attempt began, for the speed */
    double began;        /* when it did */
    bool restarted;      /* once begun again from the first byte */
    bool disk_failed;    /* the last failure is the disk's, not the server's */
    bool hopeless;       /* what was received is not worth keeping, or fills the disk up */
} download;

static double in_megabytes(int64_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* ---- bytes as they come ---- */
static void show_progress(download *w)
{
    const double seconds = reel_seconds_now() - w->began;
    const double speed = seconds > 0 ? (double)(w->part.size - w->begun_at) / seconds : 0;
    const int64_t total = w->total > 0 ? w->total : w->d->bytes;
    char figures[100];
    snprintf(figures, sizeof figures, "%.0f of %.0f MB  %.1f MB/s  ", in_megabytes(w->part.size),
             in_megabytes(total), speed / (1 << 20));
    reel_progress_show(
        &w->progress, &(reel_progress_line){
                          .label = w->d->name,
                          .done = w->part.size < total ? w->part.size : total,
                          .total = total,
                          .figures = figures,
                          .top1 = -1,
                          .wait = -1,
                          .seconds_left = speed > 0 ? (double)(total - w->part.size) / speed : -1});
}

/* Before the first byte: a disk that cannot hold the file is not filled up first. */
static reel_status check_room(const download *w, int64_t from, reel_error *err)
{
    struct statvfs disk;
    if (w->total < 0 || fstatvfs(w->part.fd, &disk) != 0)
        return REEL_OK;
    const double room = (double)disk.f_bavail * (double)disk.f_frsize;
    if ((double)(w->total - from) <= room)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_IO, "%s: No space left on device: %.1f MB are needed, %.1f free",
                     w->part.path, in_megabytes(w->total - from), room / (1 << 20));
}

static reel_status begin_bytes(void *user, int64_t from, int64_t total, reel_error *err)
{
    download *w = user;
    w->total = total;
    w->hopeless = total > w->most;
    if (w->hopeless)
        return reel_fail(err, REEL_ERR_FORMAT, "the server offers %.0f MB, expected about %.0f",
                         in_megabytes(total), in_megabytes(w->d->bytes));

    /* A server that ignores the wanted range sends all. */
    if (from != w->part.size)
        REEL_TRY(reel_part_empty(&w->part, err));
    w->begun_at = w->part.size;
    w->disk_failed = true;
    REEL_TRY(check_room(w, from, err));
    w->disk_failed = false;
    return REEL_OK;
}

static reel_status keep_bytes(void *user, const void *bytes, size_t size, reel_error *err)
{
    download *w = user;
    w->hopeless = w->part.size + (int64_t)size > w->most;
    if (w->hopeless)
        return reel_fail(err, REEL_ERR_FORMAT, "the server sends more than %.0f MB, expected %.0f",
                         in_megabytes(w->most), in_megabytes(w->d->bytes));

    w->disk_failed = true;
    REEL_TRY(reel_part_append(&w->part, bytes, size, err));
    w->disk_failed = false;
    show_progress(w);
    return REEL_OK;
}

static bool stop_bytes(void *user)
{
    const download *w = user;
    return w->d->stop();
}

static void say_waiting(void *user)
{
    download *w = user;
    reel_progress_note(&w->progress, false, "%s: waiting for another process that downloads it",
                       w->d->name);
}

/* ---- attempts ---- */
/* Waits before the next attempt, longer each time. False: interrupted. */
static bool pause_before(const download *w, int attempt)
{
    const struct timespec slice = {.tv_nsec = 50000000};
    for (int i = 0; i < 10 << (attempt - 1) && !w->d->stop(); i++)
        nanosleep(&slice, NULL);
    return !w->d->stop();
}

static reel_status wrong_bytes(download *w, reel_error *err)
{
    char hex[REEL_SHA256_HEX];
    reel_sha256_hex(&w->part.sum, hex);
    w->hopeless = true;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "the server sent other bytes: SHA-256 %.16s..., expected %s..., after %" PRId64
                     " bytes",
                     hex, w->d->digits, w->part.size);
}

/* Bytes of an earlier download may be wrong: once, all of them are asked for again. */
static reel_status start_over(download *w, reel_error *err)
{
    w->restarted = true;
    reel_progress_note(&w->progress, false, "%s: what was there does not fit; starting over",
                       w->d->name);
    return reel_part_empty(&w->part, err);
}

static reel_transfer_end attempt_once(download *w, reel_error *err)
{
    const reel_transfer t = {.url = w->d->url,
                             .plain_http = w->d->plain_http,
                             .from = w->part.size,
                             .patience = w->d->patience,
                             .begin = begin_bytes,
                             .bytes = keep_bytes,
                             .stop = stop_bytes,
                             .user = w};
    w->total = -1;
    w->begun_at = w->part.size;
    w->began = reel_seconds_now();
    return reel_transfer_run(&t, err);
}

/* Until the part fits. */
static reel_status fill_part(download *w, reel_error *err)
{
    int attempts = 0;
    while (!reel_sha256_begins(&w->part.sum, w->d->digits)) {
        const int64_t before = w->part.size;
        reel_error why = {0};
        const reel_transfer_end end = attempt_once(w, &why);
        if (reel_sha256_begins(&w->part.sum, w->d->digits))
            break;

        switch (end) {
        /* The bytes are wrong. Those of an earlier process may be; those of one whole download are
         * what the server has. */
        case REEL_TRANSFER_COMPLETE:
        case REEL_TRANSFER_BAD_RANGE:
            if (before == 0 || w->restarted)
                return end == REEL_TRANSFER_COMPLETE
                           ? wrong_bytes(w, err)
                           : reel_fail(err, why.status, "%s", why.message);
            REEL_TRY(start_over(w, err));
            break;

        case REEL_TRANSFER_ENDED:
        case REEL_TRANSFER_CUT:
        case REEL_TRANSFER_BUSY:
            /* A connection that brings much before it breaks is worth any number of attempts. */
            attempts = w->part.size - before >= ENOUGH ? 1 : attempts + 1;
            if (attempts >= MOST_ATTEMPTS)
                return reel_fail(err, why.status, "%s, %d times in a row", why.message, attempts);
            reel_progress_note(&w->progress, false, "%s: %s at %.1f MB; trying again", w->d->name,
                               why.message, in_megabytes(w->part.size));
            if (!pause_before(w, attempts))
                return reel_fail(err, REEL_ERR_STOPPED, "interrupted");
            break;

        case REEL_TRANSFER_OFFLINE:
        case REEL_TRANSFER_REFUSED:
        case REEL_TRANSFER_FAILED:
        case REEL_TRANSFER_STOPPED:
            return reel_fail(err, why.status, "%s", why.message);
        }
    }
    return REEL_OK;
}

/* Another process may have put it in place while this one waited for the lock. */
static bool already_there(const reel_download *d)
{
    reel_sha256 sum;
    return reel_sha256_of_path(&sum, d->path, NULL) == REEL_OK &&
           reel_sha256_begins(&sum, d->digits);
}

/* The whole message of a failure: what, why, and what to do. */
static reel_status explain(const download *w, reel_status status, const char *why, reel_error *err)
{
    const reel_download *d = w->d;
    char kept[200] = "";
    if (w->part.size > 0 && !w->hopeless && !w->disk_failed && !w->part.own)
        snprintf(kept, sizeof kept, " (%.1f MB are kept; the next start continues)",
                 in_megabytes(w->part.size));

    if (status == REEL_ERR_STOPPED)
        return reel_fail(err, status, "%s: interrupted%s", d->name, kept);
    if (status == REEL_ERR_MEMORY)
        return reel_fail(err, status, "%s: %s", d->name, why);
    if (w->disk_failed)
        return reel_fail(err, status, "%s: %s; XDG_CACHE_HOME chooses another folder", d->name,
                         why);
    return reel_fail(err, status, "%s: cannot be downloaded from %s: %s%s; or put that file at %s",
                     d->name, d->shown_url, why, kept, d->path);
}

static reel_status fill_and_finish(download *w, reel_error *err)
{
    reel_error why = {0};
    const int64_t before = w->part.size;
    reel_status status = fill_part(w, &why);
    reel_progress_clear(&w->progress);
    if (status == REEL_OK) {
        w->disk_failed = true;
        status = reel_part_finish(&w->part, w->d->path, &why);
    }
    if (status != REEL_OK)
        return explain(w, status, why.message, err);

    reel_progress_note(&w->progress, false, "%s: %.1f MB from %s%s, kept in %s", w->d->name,
                       in_megabytes(w->part.size), w->d->shown_url,
                       before > 0 ? " (continued)" : "", w->d->path);
    return REEL_OK;
}

reel_status reel_download_file(const reel_download *d, reel_error *err)
{
    reel_error why = {0};
    download w = {.d = d, .total = -1, .most = d->bytes + d->bytes / 8};
    if (!reel_transfer_available())
        return reel_fail(
            err, REEL_ERR_INVALID,
            "%s: this program was built without libcurl and cannot download; put %s at "
            "%s",
            d->name, d->shown_url, d->path);
    reel_progress_open(&w.progress, d->quiet);

    const reel_part_wait wait = {.waiting = say_waiting, .stop = stop_bytes, .user = &w};
    w.disk_failed = true;
    reel_status status = reel_part_open(&w.part, d->path, w.most, &wait, &why);
    if (status != REEL_OK)
        return explain(&w, status, why.message, err);

    w.disk_failed = false;
    const bool there = already_there(d);
    if (!there)
        status = fill_and_finish(&w, err);
    reel_part_close(&w.part, !there && !w.hopeless && !w.disk_failed);
    return status;
}
