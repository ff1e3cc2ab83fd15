/* What linear and linear_relu share. */
#ifndef REEL_CORE_OPS_LINEAR_H
#define REEL_CORE_OPS_LINEAR_H

#include "core/op_impl.h"

/* Products of a forward pass: n in out. */
int64_t reel_linear_multiply_adds(const void *attrs, const reel_tensor *in, const reel_tensor *out);

#endif
