/* Which dictionary of a pickled object holds the weights. Private to the readers of .pth files. */
#ifndef REEL_CORE_PTH_STATE_H
#define REEL_CORE_PTH_STATE_H

#include "core/files/pth_container.h"
#include "core/files/weights_internal.h"

/* The dictionary of names and tensors. w gets a note about where it was found and what else the
 * file holds. REEL_ERR_FORMAT: there is none, there are several that could be it, or the file holds
 * a whole model. */
reel_status reel_pth_find_state(const reel_pth *pth, reel_weights *w,
                                const reel_pickle_value **state, reel_error *err);

#endif
