/* What tests of layers and nets share: a context for each test, and an empty net. */
#ifndef REEL_TESTS_UNIT_LAYERS_NET_TEST_H
#define REEL_TESTS_UNIT_LAYERS_NET_TEST_H

#include <criterion/criterion.h>

#include "layers/net.h"

static reel_ctx *ctx;
static reel_error err;

static void setup(void)
{
    const reel_ctx_config config = {.seed = 3, .threads = 2};
    cr_assert_eq(reel_ctx_create(&ctx, &config, &err), REEL_OK, "%s", err.message);
}

static void teardown(void)
{
    reel_ctx_destroy(ctx);
}

static inline reel_net *new_net(reel_dtype dtype)
{
    reel_net *net;
    cr_assert_eq(reel_net_create(&net, ctx, dtype, &err), REEL_OK, "%s", err.message);
    return net;
}

#endif
