/* The ordered list of convolution implementations and the rule that chooses: a pure function of
 * shape, pass and dtype. Private to core, train's bench and tests. */
#ifndef REEL_CORE_KERNELS_CONV_CHOICE_H
#define REEL_CORE_KERNELS_CONV_CHOICE_H

#include "core/kernels/conv_shape.h"

/* maps: the dtype of the call, or REEL_BF16 where at least one of its maps is stored so.
 * REEL_CONV=NAME in the environment, as it was when the context was created, forces one where the
 * shape allows it. REEL_TRACE=conv logs each choice and the refusals before it. */
const reel_conv_kind *reel_conv_choose(const reel_ctx *ctx, const reel_conv_shape *s,
                                       reel_conv_pass pass, reel_dtype maps);

#endif
