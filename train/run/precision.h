/* What activations are stored in, as a word of the command line. */
#ifndef REEL_TRAIN_PRECISION_H
#define REEL_TRAIN_PRECISION_H

#include "core/ctx.h"

/* "bf16"; any other word is float32. */
reel_precision reel_precision_of(const char *word);
/* Says so where float32 would be faster: in bf16, without instructions for it. */
void reel_precision_say(const reel_ctx *ctx);

#endif
