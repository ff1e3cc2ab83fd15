/* From an opened .pth file to tensors. Private to the readers of weight files. */
#ifndef REEL_CORE_WEIGHTS_PTH_H
#define REEL_CORE_WEIGHTS_PTH_H

#include "core/files/pth_container.h"
#include "core/files/weights.h"

/* Reads the tensors of an opened file into w, which has its path only. */
reel_status reel_weights_from_pth(reel_weights *w, reel_pth *pth, reel_error *err);

#endif
