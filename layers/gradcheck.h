/* Gradient check of a whole net: input and every trainable parameter against central differences, in float64. */
#ifndef REEL_LAYERS_GRADCHECK_H
#define REEL_LAYERS_GRADCHECK_H

#include "core/gradcheck.h"
#include "layers/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* net is float64 and built; it is checked in the mode it is in, on N(0, 1) images of the given shape (n, c, h, w), at its
 * present parameters, of which at most REEL_GRADCHECK_MAX_INPUTS - 1 may be trainable (REEL_ERR_INVALID). In the report, input 0 is the
 * image and input i + 1 the store's i-th trainable parameter. */
REEL_API reel_status reel_net_gradcheck(reel_net *net, const int64_t input[4], const reel_gradcheck_config *config,
                                        reel_gradcheck_report *report, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
