/* The precision of a context, and what a user should know of it. */
#include "train/run/precision.h"

#include "train/run/say.h"

#include <string.h>

reel_precision reel_precision_of(const char *word)
{
    return word && strcmp(word, "bf16") == 0 ? REEL_PRECISION_BF16 : REEL_PRECISION_FLOAT32;
}

void reel_precision_say(const reel_ctx *ctx)
{
    if (reel_ctx_precision(ctx) == REEL_PRECISION_BF16 && !reel_ctx_multiplies_bf16(ctx))
        reel_say(
            "--precision bf16: this CPU has no instructions for bf16 (AVX512_BF16), or they are "
            "not in use: float32 is faster, bf16 takes less memory");
}
