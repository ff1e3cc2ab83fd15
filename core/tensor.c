/* Tensor descriptions: shapes, strides, views, and the one strided copy that everything unhurried
 * goes through. */
#include "core/tensor.h"

#include "core/bf16.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a call that makes no sense gets: no rank, no memory. Nothing takes it as an input. */
static const reel_tensor no_tensor = {.ndim = -1};

size_t reel_dtype_size(reel_dtype dtype)
{
    if (dtype == REEL_BF16)
        return sizeof(reel_bf16);
    return dtype == REEL_F64 ? sizeof(double) : sizeof(float);
}

const char *reel_dtype_name(reel_dtype dtype)
{
    if (dtype == REEL_BF16)
        return "bf16";
    return dtype == REEL_F64 ? "float64" : "float32";
}

int64_t reel_shape_numel(int ndim, const int64_t *shape)
{
    if (ndim > 0 && !shape)
        return -1;
    int64_t numel = 1;
    for (int d = 0; d < ndim; d++)
        if (shape[d] < 0 || __builtin_mul_overflow(numel, shape[d], &numel))
            return -1;
    return numel <= INT64_MAX / (int64_t)sizeof(double) ? numel : -1;
}

int64_t reel_tensor_numel(const reel_tensor *t)
{
    return t ? reel_shape_numel(t->ndim, t->shape) : 0;
}

size_t reel_tensor_bytes(const reel_tensor *t)
{
    const int64_t numel = reel_tensor_numel(t);
    return numel > 0 ? (size_t)numel * reel_dtype_size(t->dtype) : 0;
}

reel_layout reel_canonical_layout(int ndim)
{
    return ndim == 4 ? REEL_CHANNELS_LAST : REEL_ROW_MAJOR;
}

reel_tensor reel_tensor_with_layout(void *data, reel_dtype dtype, reel_layout layout, int ndim,
                                    const int64_t *shape)
{
    const bool possible = layout == REEL_ROW_MAJOR || (layout == REEL_CHANNELS_LAST && ndim == 4);
    if (ndim < 0 || ndim > REEL_MAX_DIMS || !possible || (ndim > 0 && !shape) ||
        reel_shape_numel(ndim, shape) < 0)
        return no_tensor;
    reel_tensor t = {.data = data, .dtype = dtype, .layout = layout, .ndim = ndim};
    for (int d = 0; d < REEL_MAX_DIMS; d++)
        t.shape[d] = d < ndim ? shape[d] : 1;

    /* (n, c, h, w) in memory order n, h, w, c */
    if (layout == REEL_CHANNELS_LAST) {
        t.stride[1] = 1;
        t.stride[3] = shape[1];
        t.stride[2] = shape[1] * shape[3];
        t.stride[0] = shape[1] * shape[3] * shape[2];
        return t;
    }

    int64_t step = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        t.stride[d] = step;
        step *= shape[d];
    }
    return t;
}

reel_tensor reel_tensor_of(void *data, reel_dtype dtype, int ndim, const int64_t *shape)
{
    return reel_tensor_with_layout(data, dtype, reel_canonical_layout(ndim), ndim, shape);
}

bool reel_tensor_same_shape(const reel_tensor *a, const reel_tensor *b)
{
    return a && b && a->ndim == b->ndim && a->ndim >= 0 && a->ndim <= REEL_MAX_DIMS &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

bool reel_tensor_is_canonical(const reel_tensor *t)
{
    if (!t || t->ndim > REEL_MAX_DIMS)
        return false;
    const reel_tensor dense = reel_tensor_of(t->data, t->dtype, t->ndim, t->shape);
    for (int d = 0; d < t->ndim; d++)
        if (t->shape[d] != 1 && t->stride[d] != dense.stride[d])
            return false;
    return true;
}

reel_tensor reel_tensor_slice(reel_tensor t, int dim, int64_t begin, int64_t length)
{
    if (dim < 0 || dim >= t.ndim || dim >= REEL_MAX_DIMS || begin < 0 || length < 0 ||
        begin > t.shape[dim] || length > t.shape[dim] - begin)
        return no_tensor;
    t.data = (char *)t.data + (size_t)(begin * t.stride[dim]) * reel_dtype_size(t.dtype);
    t.shape[dim] = length;
    t.layout = REEL_STRIDED;
    return t;
}

reel_tensor reel_tensor_permute(reel_tensor t, const int *axes)
{
    if (t.ndim > REEL_MAX_DIMS || (t.ndim > 0 && !axes))
        return no_tensor;
    reel_tensor p = t;
    unsigned seen = 0;
    for (int d = 0; d < t.ndim; d++) {
        if (axes[d] < 0 || axes[d] >= t.ndim || seen & 1u << axes[d])
            return no_tensor;
        seen |= 1u << axes[d];
        p.shape[d] = t.shape[axes[d]];
        p.stride[d] = t.stride[axes[d]];
    }
    p.layout = REEL_STRIDED;
    return p;
}

int64_t reel_tensor_offset(const reel_tensor *t, const int64_t *index)
{
    if (!t || t->ndim > REEL_MAX_DIMS || (t->ndim > 0 && !index))
        return -1;
    int64_t offset = 0;
    for (int d = 0; d < t->ndim; d++) {
        if (index[d] < 0 || index[d] >= t->shape[d])
            return -1;
        offset += index[d] * t->stride[d];
    }
    return offset;
}

/* Element i of memory in a dtype. */
static double element_at(const void *data, reel_dtype dtype, int64_t i)
{
    if (dtype == REEL_F64)
        return ((const double *)data)[i];
    if (dtype == REEL_F32)
        return (double)((const float *)data)[i];
    return (double)reel_bf16_to_float(((const reel_bf16 *)data)[i]);
}

static void set_element(void *data, reel_dtype dtype, int64_t i, double value)
{
    if (dtype == REEL_F64)
        ((double *)data)[i] = value;
    else if (dtype == REEL_F32)
        ((float *)data)[i] = (float)value;
    else
        ((reel_bf16 *)data)[i] = reel_bf16_from_float((float)value);
}

double reel_tensor_get(const reel_tensor *t, const int64_t *index)
{
    const int64_t i = reel_tensor_offset(t, index);
    if (i < 0 || !t->data)
        return NAN;
    return element_at(t->data, t->dtype, i);
}

void reel_tensor_set(const reel_tensor *t, const int64_t *index, double value)
{
    const int64_t i = reel_tensor_offset(t, index);
    if (i < 0 || !t->data)
        return;
    set_element(t->data, t->dtype, i, value);
}

/* A run of elements along one dimension. */
typedef struct tensor_run {
    void *data;
    reel_dtype dtype;
    int64_t stride;
} tensor_run;

/* From or to bf16. */
static void copy_bf16_run(tensor_run dst, tensor_run src, int64_t n)
{
    if (dst.dtype == src.dtype)
        for (int64_t i = 0; i < n; i++) /* bits, NaN's too */
            ((reel_bf16 *)dst.data)[i * dst.stride] = ((const reel_bf16 *)src.data)[i * src.stride];
    else
        for (int64_t i = 0; i < n; i++)
            set_element(dst.data, dst.dtype, i * dst.stride,
                        element_at(src.data, src.dtype, i * src.stride));
}

static void copy_run(tensor_run dst, tensor_run src, int64_t n)
{
    if (dst.dtype == REEL_BF16 || src.dtype == REEL_BF16) {
        copy_bf16_run(dst, src, n);
        return;
    }
    if (dst.dtype == REEL_F32 && src.dtype == REEL_F32)
        for (int64_t i = 0; i < n; i++)
            ((float *)dst.data)[i * dst.stride] = ((const float *)src.data)[i * src.stride];
    else if (dst.dtype == REEL_F64 && src.dtype == REEL_F64)
        for (int64_t i = 0; i < n; i++)
            ((double *)dst.data)[i * dst.stride] = ((const double *)src.data)[i * src.stride];
    else if (dst.dtype == REEL_F64)
        for (int64_t i = 0; i < n; i++)
            ((double *)dst.data)[i * dst.stride] =
                (double)((const float *)src.data)[i * src.stride];
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)dst.data)[i * dst.stride] = (float)((const double *)src.data)[i * src.stride];
}

/* The run along the last dimension that begins at index. */
static tensor_run run_at(const reel_tensor *t, const int64_t *index)
{
    return (tensor_run){.data = (char *)t->data +
                                (size_t)reel_tensor_offset(t, index) * reel_dtype_size(t->dtype),
                        .dtype = t->dtype,
                        .stride = t->ndim > 0 ? t->stride[t->ndim - 1] : 1};
}

reel_status reel_tensor_copy(const reel_tensor *dst, const reel_tensor *src)
{
    if (!reel_tensor_same_shape(dst, src))
        return REEL_ERR_INVALID;
    if (reel_tensor_numel(src) == 0)
        return REEL_OK;
    if (!dst->data || !src->data)
        return REEL_ERR_INVALID;
    if (dst->dtype == src->dtype && reel_tensor_is_canonical(dst) &&
        reel_tensor_is_canonical(src)) {
        memcpy(dst->data, src->data, reel_tensor_bytes(src));
        return REEL_OK;
    }

    /* Run by run; the other dimensions count like an odometer. */
    const int inner = src->ndim - 1;
    const int64_t run = inner >= 0 ? src->shape[inner] : 1;
    int64_t index[REEL_MAX_DIMS] = {0};
    for (;;) {
        copy_run(run_at(dst, index), run_at(src, index), run);
        int d = inner - 1;
        while (d >= 0 && ++index[d] == src->shape[d])
            index[d--] = 0;
        if (d < 0)
            return REEL_OK;
    }
}

const char *reel_shape_text(char *text, size_t size, int ndim, const int64_t *shape)
{
    if (!text || size == 0)
        return "";
    size_t used = (size_t)snprintf(text, size, "(");
    for (int d = 0; shape && d < ndim && used < size; d++)
        used +=
            (size_t)snprintf(text + used, size - used, d ? ", %lld" : "%lld", (long long)shape[d]);
    if (used < size)
        snprintf(text + used, size - used, ")");
    return text;
}
