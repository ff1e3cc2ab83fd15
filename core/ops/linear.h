/* What linear and linear_relu share. */
#ifndef REEL_CORE_OPS_LINEAR_H
#define REEL_CORE_OPS_LINEAR_H

#include "core/kernels/gemm.h"
#include "core/op_impl.h"

/* Products of a forward pass: n in out. */
int64_t reel_linear_multiply_adds(const void *attrs, const reel_tensor *in, const reel_tensor *out);

/* Forward, relu after it or not, and backward, where values are stored in bf16. */
void reel_linear_forward_stored(const reel_call *c, bool relu);
void reel_linear_backward_stored(const reel_call *c);

/* A product whose m rows are those of the batch: one product for all pieces where a row's bits do
 * not depend on how many there are, else one for each piece. */
void reel_linear_rows(const reel_call *c, reel_dtype dtype, const reel_gemm_job *job);

#endif
