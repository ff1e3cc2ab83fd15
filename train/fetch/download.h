/* From an address to a whole file whose SHA-256 was compared: attempts, resuming, waiting. */
#ifndef REEL_TRAIN_DOWNLOAD_H
#define REEL_TRAIN_DOWNLOAD_H

#include "core/base.h"

typedef struct reel_download {
    const char *name;      /* for messages: "torchvision/alexnet" */
    const char *url;       /* of the file */
    const char *shown_url; /* the same for messages, without a password */
    const char *digits;    /* the first hex digits of its SHA-256 */
    const char *path;      /* where it goes; its folder exists */
    int64_t bytes;         /* its size, about: a download ends when it is an eighth larger */
    bool plain_http;       /* the address may begin with http:// */
    double patience;       /* seconds to wait for data */
    bool quiet;
    bool (*stop)(void); /* asked at least once a second: true ends with REEL_ERR_STOPPED */
} reel_download;

/* Downloads the file, or continues what an earlier download left in PATH.part. Shows progress on
 * stderr. Afterwards PATH holds the whole file, or what it held before.
 *
 * REEL_ERR_IO: the network, the server or the disk; REEL_ERR_FORMAT: other bytes than expected;
 * REEL_ERR_STOPPED. The message is whole: it names the weights, the address and the file, and says
 * what to do. */
reel_status reel_download_file(const reel_download *d, reel_error *err);

#endif
