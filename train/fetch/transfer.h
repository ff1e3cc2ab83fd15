/* One request to a server: bytes of a file from a place on, handed on as they come.
 *
 * This is the only file that knows libcurl. A build without it has reel_transfer_available() false,
 * and every request ends with REEL_TRANSFER_REFUSED. */
#ifndef REEL_TRAIN_TRANSFER_H
#define REEL_TRAIN_TRANSFER_H

#include "core/base.h"

typedef struct reel_transfer {
    const char *url;
    bool plain_http; /* the address may begin with http://; a redirect never may */
    int64_t from;    /* the first byte to ask for */
    double patience; /* seconds; fewer than 1,000 bytes for each of them end the transfer */

    /* Called once before the first byte. from: its place, 0 where the server sends all; total: the
     * size of the whole file, -1 where the server does not say. */
    reel_status (*begin)(void *user, int64_t from, int64_t total, reel_error *err);
    reel_status (*bytes)(void *user, const void *bytes, size_t size, reel_error *err);
    bool (*stop)(void *user); /* asked at least once a second; true ends the transfer */
    void *user;
} reel_transfer;

/* How a transfer ended. */
typedef enum {
    REEL_TRANSFER_COMPLETE,  /* as many bytes came as the server had announced */
    REEL_TRANSFER_ENDED,     /* the server closed the connection, having announced no length */
    REEL_TRANSFER_CUT,       /* the connection broke or stood still */
    REEL_TRANSFER_BUSY,      /* the server cannot answer now: 408, 429, 500 to 599 */
    REEL_TRANSFER_BAD_RANGE, /* the server has no such bytes (416), or offers others */
    REEL_TRANSFER_REFUSED,   /* another try would give the same */
    REEL_TRANSFER_OFFLINE,   /* no such server, or it cannot be reached */
    REEL_TRANSFER_FAILED,    /* `begin` or `bytes` failed; err is theirs */
    REEL_TRANSFER_STOPPED    /* `stop` said so */
} reel_transfer_end;

bool reel_transfer_available(void);

/* err->message says why the transfer ended, unless it is complete. */
reel_transfer_end reel_transfer_run(const reel_transfer *t, reel_error *err);

#endif
