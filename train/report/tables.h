/* The sections that are tables: each class, confusion, most confused pairs. They lay themselves out
 * at every width of the page. */
#ifndef REEL_TRAIN_REPORT_TABLES_H
#define REEL_TRAIN_REPORT_TABLES_H

#include "train/report/record.h"

#include <stdio.h>

void reel_page_classes(FILE *to, const reel_record *r);

#endif
