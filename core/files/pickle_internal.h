/* What the pickle reader and its list of names share. */
#ifndef REEL_CORE_PICKLE_INTERNAL_H
#define REEL_CORE_PICKLE_INTERNAL_H

#include "core/files/pickle.h"

/* Index of an accepted global (reel_pickle_global), or -1. */
int reel_pickle_global_find(const char *module, size_t module_length, const char *name,
                            size_t name_length);
/* Of an opcode that is not read here; its number in text where Python knows none either. */
const char *reel_pickle_opcode_name(unsigned char code, char text[8]);

#endif
