/* How much memory a run may take, and whether it does. */
#ifndef REEL_TRAIN_MEMORY_LIMIT_H
#define REEL_TRAIN_MEMORY_LIMIT_H

#include "train/trainer.h"

/* Bytes that this process may still take: what the system has available, or what its control group (v1 or v2) leaves where that
 * is less; infinity where neither tells. root: "" (another folder in tests); *by_group: which of the two it is. */
double reel_memory_available(const char *root, bool *by_group);

/* REEL_ERR_MEMORY where steps of t's batch size, images loaded ahead included, would not fit, with the largest batch that does.
 * Before any of the memory is touched. */
reel_status reel_memory_check(reel_trainer *t, reel_error *err);

#endif
