/* Two-dimensional convolution (cross-correlation), its input gradient and its weight gradient.
 *
 *   y[n, oh, ow, o] = bias[o] + sum_{i, j, c} w[o, i, j, c]
 *                     x[n, oh sh - ph + i dh, ow sw - pw + j dw, g(o) c/groups + c]
 *
 * All channels-last: x (n, h, w, c), w (oc, kh, kw, c / groups), y (n, oh, ow, oc). Which
 * implementation runs is a pure function of shape, pass and ISA. Sums run in an order that depends
 * on the shape only, never on the number of threads. accumulate: add to what dx / dw hold instead
 * of overwriting. bias may be NULL. relu: y is max(y, 0), NaN stays NaN. The bias's own gradient is
 * a column sum of dy and no affair of these kernels. */
#ifndef REEL_CORE_KERNELS_CONV_H
#define REEL_CORE_KERNELS_CONV_H

#include "core/kernels/conv_shape.h"
#include "core/tensor.h"

/* Bytes of scratch that the pass needs, aligned to REEL_ALIGNMENT. maps: the dtype of the call, or
 * REEL_BF16 where the job will store at least one of its maps so. */
size_t reel_conv_scratch(const reel_ctx *ctx, reel_dtype maps, reel_conv_pass pass,
                         const reel_conv_shape *s);
void reel_conv_run(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass,
                   const reel_conv_job *job);

/* ---- a batch of `pieces` equal pieces: forward and input gradient only ---- */

/* Whether an image gets the same bits in a batch of s->n images as in one of n. With copies of bf16
 * maps it does not: how a batch is divided into parts depends on its size. */
bool reel_conv_images_agree(const reel_ctx *ctx, reel_dtype maps, reel_conv_pass pass,
                            const reel_conv_shape *s, int64_t n);

/* As reel_conv_scratch and reel_conv_run for the whole batch, with the bits that each piece gets
 * alone: one call where the images agree, else one for each piece. */
size_t reel_conv_pieces_scratch(const reel_ctx *ctx, reel_dtype maps, reel_conv_pass pass,
                                const reel_conv_shape *s, int64_t pieces);
void reel_conv_pieces_run(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass,
                          const reel_conv_job *job, int64_t pieces);

#endif
