/* The precision of a context, and what a user should know of it. */
#include "train/run/precision.h"

#include "train/run/say.h"

#include <stdlib.h>
#include <string.h>

reel_precision reel_precision_of(const char *word)
{
    return word && strcmp(word, "bf16") == 0 ? REEL_PRECISION_BF16 : REEL_PRECISION_FLOAT32;
}

const char *reel_precision_way(const reel_ctx *ctx)
{
    if (reel_ctx_precision(ctx) != REEL_PRECISION_BF16)
        return NULL;
    return reel_ctx_multiplies_bf16(ctx) ? "native" : "widen";
}

void reel_precision_say(const reel_ctx *ctx)
{
    if (reel_ctx_precision(ctx) != REEL_PRECISION_BF16 || reel_ctx_multiplies_bf16(ctx))
        return;
    const char *wish = getenv("REEL_BF16");
    if (wish && strcmp(wish, "widen") == 0)
        reel_say(
            "--precision bf16: REEL_BF16=widen: layers compute in float32, and bf16 saves memory");
    else
        reel_say("--precision bf16: this CPU multiplies bf16 no faster than float32: linear layers "
                 "compute in float32, and bf16 saves memory");
}
