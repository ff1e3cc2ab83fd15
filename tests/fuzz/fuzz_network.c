/* Arbitrary bytes as a network's text: the net of an accepted one prints as a text that reads back
 * to the same text, and a refusal says why in one line. */
#include <stdlib.h>
#include <string.h>

#include "layers/models.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void network_check(bool good)
{
    if (!good)
        abort();
}

static void check_refusal(const reel_error *err)
{
    network_check(err->message[0] != 0);
    for (const char *c = err->message; *c; c++)
        network_check((unsigned char)*c >= 32);
}

/* The text of the net that the lines describe, without memory for its parameters; NULL: refused. */
static char *printed(const reel_ctx *ctx, const char *lines)
{
    reel_model *model;
    reel_net *net;
    reel_error err = {0};
    char *text = NULL;
    if (reel_model_read_text(&model, "fuzz", lines, &err) != REEL_OK) {
        check_refusal(&err);
        return NULL;
    }

    const reel_model_config c = reel_model_config_default(model);
    const int64_t input[3] = {c.channels, c.image_size, c.image_size};
    if (reel_model_outline(&net, model, &c, ctx, REEL_F32, &err) == REEL_OK) {
        /* Blocks written out may be more levels or bytes than a text may have: then it says so. */
        network_check(reel_net_print(net, input, &text, &err) == REEL_OK ||
                      strstr(err.message, " levels") || strstr(err.message, " bytes of text"));
        reel_net_destroy(net);
    } else {
        check_refusal(&err);
    }
    reel_model_free(model);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { LONGEST = 4096, LARGE = 1 << 14 };
    static reel_ctx *ctx;
    if (size > LONGEST)
        return 0;
    const reel_ctx_config one = {.threads = 1};
    char *lines = malloc(size + 1);
    if (!lines || (!ctx && reel_ctx_create(&ctx, &one, NULL) != REEL_OK))
        abort();
    memcpy(lines, bytes, size);
    lines[size] = '\0';

    char *text = printed(ctx, lines);
    if (text && strlen(text) < LARGE) { /* reel_net_print has read a larger one back, too */
        char *again = printed(ctx, text);
        network_check(again && strcmp(again, text) == 0);
        free(again);
    }
    free(text);
    free(lines);
    return 0;
}
