/* One page of HTML that tells what a run did: curves, time, classes, mistakes, filters, saliency,
 * configuration. It holds all it shows and loads nothing. The same data as JSON. */
#ifndef REEL_TRAIN_REPORT_REPORT_H
#define REEL_TRAIN_REPORT_REPORT_H

#include "core/base.h"

#include <jansson.h>

typedef struct reel_report_request {
    const char *folder; /* of the run */
    const char *data;   /* where the images are now; NULL = where the run says */
    bool quiet;         /* on stderr only warnings */
} reel_report_request;

/* Writes `path`, whole or not at all. Pictures that cannot be had are left out, and the page says
 * why. */
reel_status reel_report_write(const reel_report_request *request, const char *path,
                              reel_error *err);
/* All that the page says, pictures apart: train/report/README.md tells the keys. */
reel_status reel_report_json(json_t **out, const reel_report_request *request, reel_error *err);

#endif
