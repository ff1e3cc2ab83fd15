/* From the row of public weights to a file on this disk: in Reel's cache, in torch hub's folder, or
 * downloaded. */
#ifndef REEL_TRAIN_WEIGHTS_CACHE_H
#define REEL_TRAIN_WEIGHTS_CACHE_H

#include "layers/models.h"

typedef struct reel_weights_request {
    bool quiet;         /* no progress, no lines about where the file is */
    bool (*stop)(void); /* asked while downloading; true ends with REEL_ERR_STOPPED */
} reel_weights_request;

/* Finds the file, or downloads it, and stores its path. The SHA-256 of the file begins with the
 * digits in its name: this is compared in each call. Looks, in this order:
 *
 * 1. Reel's cache, ${XDG_CACHE_HOME:-~/.cache}/reel/weights
 * 2. torch hub's, ${TORCH_HOME:-${XDG_CACHE_HOME:-~/.cache}/torch}/hub/checkpoints
 * 3. the row's address, or the file of the same name below REEL_WEIGHTS_URL; into Reel's cache
 *
 * Environment: REEL_WEIGHTS_URL (the only address that may be plain http), REEL_WEIGHTS_TIMEOUT
 * (seconds without data, 30). */
reel_status reel_weights_fetch(const reel_public_weights *weights,
                               const reel_weights_request *request, char *path, size_t size,
                               reel_error *err);

/* The digits of the file's SHA-256, which stand between the last '-' of its name and the dot that
 * follows: "7be5be79" of ".../alexnet-owt-7be5be79.pth". False: there are fewer than eight. */
bool reel_weights_digits(const char *url, char digits[72]);

#endif
