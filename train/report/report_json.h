/* A run's record as JSON: the data of the page's sections. */
#ifndef REEL_TRAIN_REPORT_REPORT_JSON_H
#define REEL_TRAIN_REPORT_REPORT_JSON_H

#include "train/report/state.h"

/* NULL = no memory. */
json_t *reel_record_json(const reel_record *r, const reel_record_state *state, const char *folder);

#endif
