/* The sections of a report that come from what the run has written down; no net and no pictures are
 * needed for them. */
#ifndef REEL_TRAIN_REPORT_PAGE_H
#define REEL_TRAIN_REPORT_PAGE_H

#include "train/report/record.h"
#include "train/report/state.h"

#include <stdio.h>

void reel_page_head(FILE *to, const reel_record *r, const reel_record_state *s, const char *folder);
void reel_page_curves(FILE *to, const reel_record *r);
void reel_page_time(FILE *to, const reel_record *r);
void reel_page_settings(FILE *to, const reel_record *r);

#endif
