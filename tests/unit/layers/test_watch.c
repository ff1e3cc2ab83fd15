/* A net that is watched shows each layer's value once, in order, and computes the same. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "layers/net.h"

typedef struct {
    char seen[200];
} log_of;

static void see(void *user, const char *layer, const char *kind, reel_var y)
{
    log_of *l = user;
    cr_assert(reel_value(y).data, "%s has no value while it is shown", layer);
    snprintf(l->seen + strlen(l->seen), sizeof l->seen - strlen(l->seen), "%s:%s ", layer, kind);
}

Test(watch, every_layer_is_shown_once_without_fusion_and_the_last_of_a_fused_group_with_it)
{
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    float x[2 * 3 * 6 * 6];
    for (int i = 0; i < REEL_COUNT(x); i++)
        x[i] = (float)(i % 7) - 3;
    const reel_tensor images = reel_tensor_of(x, REEL_F32, 4, (const int64_t[]){2, 3, 6, 6});
    cr_assert_eq(reel_ctx_create(&ctx, NULL, NULL), REEL_OK);
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, NULL), REEL_OK);
    reel_net_conv2d(net, .in = 3, .out = 4, .kernel = 3);
    reel_net_relu(net);
    reel_net_flatten(net);
    reel_net_linear(net, .name = "last", .in = 64, .out = 2);
    cr_assert_eq(reel_net_build(net, NULL), REEL_OK);
    reel_net_init(net);
    cr_assert_eq(reel_tape_create(&tape, ctx, &(reel_tape_config){.no_grad = true}, NULL), REEL_OK);
    log_of unfused = {""}, fused = {""};
    reel_net_watch(net, see, &fused);
    reel_net_forward(net, tape, reel_input(tape, &images));
    cr_expect_str_eq(fused.seen, "1:ReLU 2:Flatten last:Linear ");
    reel_tape_reset(tape);
    reel_net_set_fusion(net, false);
    reel_net_watch(net, see, &unfused);
    reel_net_forward(net, tape, reel_input(tape, &images));
    cr_expect_str_eq(unfused.seen, "0:Conv2d 1:ReLU 2:Flatten last:Linear ");
    reel_net_watch(net, NULL, NULL);
    reel_tape_reset(tape);
    reel_net_forward(net, tape, reel_input(tape, &images));
    cr_expect_eq(strlen(unfused.seen), strlen("0:Conv2d 1:ReLU 2:Flatten last:Linear "),
                 "shown after the watch had ended");
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}
