/* The section about calibration: a reliability diagram and how often each probability comes. */
#ifndef REEL_TRAIN_REPORT_RELIABILITY_H
#define REEL_TRAIN_REPORT_RELIABILITY_H

#include "train/report/record.h"

#include <stdio.h>

/* Nothing for runs without "calibration" in evaluation.json (of earlier versions). */
void reel_page_calibration(FILE *to, const reel_record *r);

#endif
