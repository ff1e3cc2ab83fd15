/* One page of HTML that tells what a run did: curves, time, classes, mistakes, filters, saliency,
 * configuration. It holds all it shows and loads nothing. */
#ifndef REEL_TRAIN_REPORT_REPORT_H
#define REEL_TRAIN_REPORT_REPORT_H

#include "core/base.h"

/* Writes `path` from the run in `folder`, whole or not at all. data: where the images are now; NULL
 * = where the run says. Pictures that cannot be had are left out, and the page says why. */
reel_status reel_report_write(const char *folder, const char *data, const char *path,
                              reel_error *err);

#endif
