/* Gradient checks of layers, nets and losses on them: input and every trainable parameter against
 * central differences, in float64. */
#ifndef REEL_LAYERS_GRADCHECK_H
#define REEL_LAYERS_GRADCHECK_H

#include "core/gradcheck/gradcheck.h"
#include "layers/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks a built float64 net in its present mode, at its present parameters, on N(0, 1) images of
 * the given shape (n, c, h, w). At most REEL_GRADCHECK_MAX_INPUTS - 1 parameters may be trainable
 * (REEL_ERR_INVALID). In the report, input 0 is the image and input i + 1 the store's i-th
 * trainable parameter; messages name the parameter. The check leaves parameters and buffers (the
 * running statistics of batch norm) unchanged. */
REEL_API reel_status reel_net_gradcheck(reel_net *net, const int64_t input[4],
                                        const reel_gradcheck_config *config,
                                        reel_gradcheck_report *report, reel_error *err);

/* The same for an expression of the net's output y, a loss for example. */
typedef reel_var reel_net_loss_fn(reel_tape *tape, reel_var y, void *user);
REEL_API reel_status reel_net_gradcheck_loss(reel_net *net, const int64_t input[4],
                                             reel_net_loss_fn *loss, void *user,
                                             const reel_gradcheck_config *config,
                                             reel_gradcheck_report *report, reel_error *err);

/* Makes a net of what `add` adds, in training mode, initialises and checks it. ctx NULL: one
 * thread, seed 0. */
REEL_API reel_status reel_layer_gradcheck(const reel_ctx *ctx, void (*add)(reel_net *net),
                                          const int64_t input[4],
                                          const reel_gradcheck_config *config,
                                          reel_gradcheck_report *report, reel_error *err);

/* A random use of a layer: settings and an input that the layer's `draw` makes, checked as above.
 * The same number draws the same use. A layer with arguments and without `draw` is
 * REEL_ERR_INVALID. */
REEL_API reel_status reel_layer_gradcheck_random(const reel_ctx *ctx, const reel_layer *layer,
                                                 uint32_t number,
                                                 const reel_gradcheck_config *config,
                                                 reel_gradcheck_report *report, reel_error *err);

/* A Criterion test (#include <criterion/criterion.h> first) of layers on images of shape (n, c, h,
 * w):
 *
 *     static void add(reel_net *net) { my_add_layer(net, 3); }
 *     REEL_GRADCHECK_LAYER_TEST(my_suite, my_layer_has_right_gradients, add, 2, 3, 5, 5);
 */
#define REEL_GRADCHECK_LAYER_TEST(suite, name, add, ...)                                           \
    Test(suite, name)                                                                              \
    {                                                                                              \
        static const int64_t input_[4] = {__VA_ARGS__};                                            \
        reel_gradcheck_report report_;                                                             \
        reel_error err_ = {REEL_OK, ""};                                                           \
        const reel_status status_ =                                                                \
            reel_layer_gradcheck(NULL, add, input_, NULL, &report_, &err_);                        \
        cr_assert(status_ == REEL_OK, "%s", err_.message);                                         \
        cr_assert(report_.passed, "%s", report_.message);                                          \
    }

#ifdef __cplusplus
}
#endif
#endif
