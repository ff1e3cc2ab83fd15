/* The classes of ImageNet's devkit, out of a MATLAB file. */
#ifndef REEL_DATA_SOURCES_COMMON_MATLAB_H
#define REEL_DATA_SOURCES_COMMON_MATLAB_H

#include "data/sources/common/names.h"

/* ILSVRC2012_ID -> WNID out of the devkit's meta.mat (MATLAB level 5). wnids: item i is the name of
 * id i + 1; "" = none has that id. REEL_ERR_FORMAT. */
reel_status reel_matlab_synsets(reel_names *wnids, const uint8_t *bytes, size_t size,
                                reel_error *err);

#endif
