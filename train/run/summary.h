/* summary.csv: a row for each evaluation, for a spreadsheet. */
#ifndef REEL_TRAIN_SUMMARY_H
#define REEL_TRAIN_SUMMARY_H

#include "core/base.h"

#include <jansson.h>
#include <stdio.h>

void reel_summary_header(FILE *to);
/* The row of a line of metrics.jsonl; nothing for lines that are no evaluation. */
void reel_summary_row(FILE *to, const json_t *line);
/* Appends the row to the file, with the header where it is new. */
reel_status reel_summary_append(const char *path, const json_t *line, reel_error *err);

#endif
