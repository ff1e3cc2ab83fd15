/* A tensor is a description of memory: dtype, shape, strides, pointer. Passed by value; it never
 * owns what it points to.
 *
 * Layout. Shapes read (n, c, h, w) as in PyTorch; memory of every four-dimensional tensor on a tape
 * or in a parameter store is channels-last: (n, h, w, c), and so (oc, kh, kw, c) for convolution
 * weights, because then the c channels that a kernel position needs are contiguous for every kernel
 * here. Tensors of any other rank are row-major. That is the "canonical" layout; it is a function
 * of the rank alone, so no operator negotiates it. Views (slice, permute) have other strides and
 * become canonical through reel_tensor_copy.
 *
 * Sizes, strides, offsets and indices count elements, not bytes. Descriptions may be copied and
 * used by any number of threads; writing the memory they describe is the caller's to order.
 * A rank, shape, dimension or index that cannot be gives a tensor of rank -1 without memory, offset
 * -1 or NaN; nothing is read or written. */
#ifndef REEL_CORE_TENSOR_H
#define REEL_CORE_TENSOR_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REEL_MAX_DIMS = 8 };

/* Nets, parameters, optimizers and tapes compute in float32 or float64, REEL_DTYPES of them. bf16
 * (core/bf16.h) is a way to store: values and gradients on the tapes of a context of that
 * precision, and weights files. */
typedef enum { REEL_F32 = 0, REEL_F64 = 1, REEL_DTYPES = 2, REEL_BF16 = REEL_DTYPES } reel_dtype;

typedef enum {
    REEL_ROW_MAJOR,     /* last dimension contiguous */
    REEL_CHANNELS_LAST, /* rank 4 only: shape (n, c, h, w), memory n, h, w, c */
    REEL_STRIDED        /* a view: look at the strides */
} reel_layout;

typedef struct reel_tensor {
    void *data;
    reel_dtype dtype;
    reel_layout layout;
    int ndim;
    int64_t shape[REEL_MAX_DIMS];  /* elements; unused entries are 1 */
    int64_t stride[REEL_MAX_DIMS]; /* elements; unused entries are 0 */
} reel_tensor;

REEL_API size_t reel_dtype_size(reel_dtype dtype);
REEL_API const char *reel_dtype_name(reel_dtype dtype); /* "float32", "float64", "bf16" */

/* Number of elements; 1 for ndim 0. */
REEL_API int64_t reel_tensor_numel(const reel_tensor *t);
REEL_API size_t reel_tensor_bytes(const reel_tensor *t); /* numel x element size */

/* Describes data as a dense tensor of the given layout; data stays the caller's. reel_tensor_of
 * uses the canonical layout of the rank. REEL_CHANNELS_LAST needs rank 4. */
REEL_API reel_tensor reel_tensor_with_layout(void *data, reel_dtype dtype, reel_layout layout,
                                             int ndim, const int64_t *shape);
REEL_API reel_tensor reel_tensor_of(void *data, reel_dtype dtype, int ndim, const int64_t *shape);
REEL_API reel_layout reel_canonical_layout(int ndim);
REEL_API bool reel_tensor_is_canonical(const reel_tensor *t);
REEL_API bool reel_tensor_same_shape(const reel_tensor *a, const reel_tensor *b);

/* Views share memory with t. slice: elements begin to begin + length - 1 along dim. permute:
 * dimension d of the view is dimension axes[d] of t; axes holds each of 0 .. ndim - 1 once. */
REEL_API reel_tensor reel_tensor_slice(reel_tensor t, int dim, int64_t begin, int64_t length);
REEL_API reel_tensor reel_tensor_permute(reel_tensor t, const int *axes);

/* Element offset of a multi-index (ndim entries); reel_tensor_get reads it as double, _set writes
 * it. For tests and set-up, not for inner loops. */
REEL_API int64_t reel_tensor_offset(const reel_tensor *t, const int64_t *index);
REEL_API double reel_tensor_get(const reel_tensor *t, const int64_t *index);
REEL_API void reel_tensor_set(const reel_tensor *t, const int64_t *index, double value);

/* Copies src's elements to dst. Shapes are equal; dtypes and strides may differ; memory does not
 * overlap. What does not fit rounds to nearest, ties to even; float64 to bf16 by way of float32.
 * REEL_ERR_INVALID: the shapes differ, or one has no memory; nothing is copied. */
REEL_API reel_status reel_tensor_copy(const reel_tensor *dst, const reel_tensor *src);

/* Writes "(2, 3, 5, 5)" into text, cut to size; returns text. */
REEL_API const char *reel_shape_text(char *text, size_t size, int ndim, const int64_t *shape);

/* The number of elements, or -1 where a size is negative or the product is 2^60 or more: such a
 * tensor could not be addressed. */
REEL_API int64_t reel_shape_numel(int ndim, const int64_t *shape);

#ifdef __cplusplus
}
#endif
#endif
