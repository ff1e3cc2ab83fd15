/* How much memory a run may take, and whether it does. */
#ifndef REEL_TRAIN_MEMORY_LIMIT_H
#define REEL_TRAIN_MEMORY_LIMIT_H

#include "train/run/trainer.h"

/* Bytes that this process may still take: what the system has available, or what its control group
 * (v1 or v2) or its limit of address space leaves where that is less; infinity where none tells.
 * root: "" (another folder in tests); *whose: words for a message. */
double reel_memory_available(const char *root, const char **whose);

/* REEL_ERR_MEMORY where steps of t's batch size, images loaded ahead included, would not fit, with
 * the largest batch that does; nor would fitting the initial weights. Before any of the memory is
 * touched. */
reel_status reel_memory_check(reel_trainer *t, bool fits_to_data, reel_error *err);

#endif
