/* From an opened source to a dataset. */
#ifndef REEL_DATA_DATASET_INTERNAL_H
#define REEL_DATA_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "data/sources/common/opened.h"

/* Takes over what was opened, also on failure. */
reel_status reel_dataset_of(reel_dataset **out, reel_opened *opened, reel_error *err);

#endif
