/* From stored values to tensors. Numbers are read by memcpy: in a file of another's making a tensor
 * may begin anywhere. */
#include <math.h>
#include <string.h>

#include "core/files/weights_internal.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weight files are little-endian, and so must be the machine"
#endif

static float from_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31,
                   fraction = h & 1023;
    if (exponent == 0) { /* zero or subnormal: fraction x 2^-24, exact in float */
        const float small = (float)fraction * 0x1p-24f;
        return sign ? -small : small;
    }
    const uint32_t bits = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

enum { CHUNK = 1024 };
typedef union chunk {
    float f[CHUNK];
    double d[CHUNK];
} chunk;

/* Decodes n <= CHUNK values into float or double, whichever holds them: returns which. */
static reel_dtype decode_chunk(chunk *into, reel_stored_dtype dtype, const char *from, int64_t n)
{
    switch (dtype) {
    case REEL_STORED_F32:
        memcpy(into->f, from, (size_t)n * 4);
        return REEL_F32;
    case REEL_STORED_F64:
        memcpy(into->d, from, (size_t)n * 8);
        return REEL_F64;
    case REEL_STORED_F16:
    case REEL_STORED_BF16:
        for (int64_t i = 0; i < n; i++) {
            uint16_t half;
            memcpy(&half, from + 2 * i, 2);
            into->f[i] = dtype == REEL_STORED_F16 ? from_half(half) : reel_bf16_to_float(half);
        }
        return REEL_F32;
    case REEL_STORED_I64:
        for (int64_t i = 0; i < n; i++) {
            int64_t whole;
            memcpy(&whole, from + 8 * i, 8);
            into->d[i] = (double)whole;
        }
        return REEL_F64;
    }
    return REEL_F32;
}

bool reel_weight_round(const reel_weight *w, int64_t begin, int64_t count, reel_bf16 *to)
{
    const size_t element = reel_stored_size(w->dtype);
    chunk values;
    bool fits = true;
    for (int64_t done = 0; done < count; done += CHUNK) {
        const int64_t length = count - done < CHUNK ? count - done : CHUNK;
        const char *from = (const char *)w->data + (size_t)(begin + done) * element;
        const bool wide = decode_chunk(&values, w->dtype, from, length) == REEL_F64;
        for (int64_t i = 0; i < length; i++) {
            const double value = wide ? values.d[i] : (double)values.f[i];
            to[done + i] = reel_bf16_from_float((float)value);
            fits &= !isfinite(value) || isfinite(reel_bf16_to_float(to[done + i]));
        }
    }
    return fits;
}

/* Floats whose exponent is all ones are NaN or infinity: one more then carries into the sign. In
 * whole numbers this is three instructions a vector. */
static bool floats_are_finite(const char *bytes, int64_t n)
{
    uint32_t carry = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, bytes + 4 * i, 4);
        carry |= (bits & 0x7f800000) + 0x00800000;
    }
    return carry >> 31 == 0;
}

bool reel_stored_is_finite(reel_stored_dtype stored, const void *bytes, int64_t n, reel_dtype dtype)
{
    const size_t element = reel_stored_size(stored);
    chunk values;
    if (stored == REEL_STORED_F32)
        return floats_are_finite(bytes, n);
    for (int64_t begin = 0; begin < n; begin += CHUNK) {
        const int64_t length = n - begin < CHUNK ? n - begin : CHUNK;
        bool finite = true;

        if (decode_chunk(&values, stored, (const char *)bytes + (size_t)begin * element, length) ==
            REEL_F32)
            for (int64_t i = 0; i < length; i++)
                finite &= fabsf(values.f[i]) <= __FLT_MAX__;
        else if (dtype == REEL_F64)
            for (int64_t i = 0; i < length; i++)
                finite &= fabs(values.d[i]) <= __DBL_MAX__;
        else
            for (int64_t i = 0; i < length; i++)
                finite &= fabsf((float)values.d[i]) <= __FLT_MAX__;

        if (!finite)
            return false;
    }
    return true;
}

bool reel_weight_is_finite(const reel_weight *w, reel_dtype dtype)
{
    return reel_stored_is_finite(w->dtype, w->data,
                                 (int64_t)(w->bytes / reel_stored_size(w->dtype)), dtype);
}

/* Decodes n values into a run of t that begins at index, by way of a one-dimensional view. */
static void decode_run(const reel_weight *w, const char *from, const reel_tensor *t,
                       const int64_t *index, int64_t n)
{
    const int inner = t->ndim - 1;
    chunk values;
    const reel_tensor source =
        reel_tensor_of(&values, decode_chunk(&values, w->dtype, from, n), 1, &n);
    reel_tensor view = reel_tensor_of(NULL, t->dtype, 1, &n);
    view.data = (char *)t->data + (size_t)reel_tensor_offset(t, index) * reel_dtype_size(t->dtype);
    view.stride[0] = inner >= 0 ? t->stride[inner] : 1;
    view.layout = REEL_STRIDED;
    reel_tensor_copy(&view, &source);
}

bool reel_weight_lies_as(const reel_weight *w, const reel_tensor *t)
{
    const bool same_dtype = w->dtype == (t->dtype == REEL_F64 ? REEL_STORED_F64 : REEL_STORED_F32);
    const bool same_order = t->ndim != 4 || t->shape[1] == 1 || t->shape[2] * t->shape[3] == 1;
    return same_dtype && same_order && reel_tensor_is_canonical(t);
}

/* float32 convolution weights: (oc, c, taps) in the file, (oc, taps, c) in t. */
static void decode_taps(const char *from, const reel_tensor *t, int64_t first, int64_t n)
{
    const int64_t channels = t->shape[1], taps = t->shape[2] * t->shape[3];
    while (n > 0) {
        const int64_t run = first / taps, begin = first % taps,
                      length = taps - begin < n ? taps - begin : n;
        float *to = (float *)t->data + run / channels * channels * taps + run % channels;
        for (int64_t i = 0; i < length; i++)
            memcpy(to + (begin + i) * channels, from + 4 * i, 4);
        from += 4 * length;
        first += length;
        n -= length;
    }
}

/* Run by run along the last dimension: no layout needs memory of its own, and nothing can fail. */
void reel_weight_decode(const reel_weight *w, const char *from, const reel_tensor *t, int64_t first,
                        int64_t n)
{
    const size_t element = reel_stored_size(w->dtype);
    if (w->dtype == REEL_STORED_F32 && t->dtype == REEL_F32 && t->ndim == 4 &&
        reel_tensor_is_canonical(t)) {
        decode_taps(from, t, first, n);
        return;
    }

    int64_t index[REEL_MAX_DIMS] = {0};
    for (int d = t->ndim - 1; d >= 0; d--) {
        index[d] = first % t->shape[d];
        first /= t->shape[d];
    }
    const int inner = t->ndim - 1;
    while (n > 0) {
        const int64_t rest = inner >= 0 ? t->shape[inner] - index[inner] : 1;
        int64_t length = rest < n ? rest : n;
        length = length < CHUNK ? length : CHUNK;
        decode_run(w, from, t, index, length);
        from += (size_t)length * element;
        n -= length;

        /* The dimensions count like an odometer, the last by the length. */
        int d = inner;
        if (d >= 0 && (index[d] += length) == t->shape[d])
            for (index[d--] = 0; d >= 0 && ++index[d] == t->shape[d];)
                index[d--] = 0;
    }
}

reel_status reel_weight_to_tensor(const reel_weight *w, const reel_tensor *t, reel_error *err)
{
    REEL_NEED(w, err);
    REEL_NEED(t, err);

    if (w->ndim != t->ndim || memcmp(w->shape, t->shape, (size_t)w->ndim * sizeof *w->shape) != 0) {
        char want[128], got[128];
        reel_printable room;
        return reel_fail(err, REEL_ERR_FORMAT, "tensor %s: expected shape %s, got %s",
                         reel_printable_name(&room, w->name ? w->name : ""),
                         reel_shape_text(want, sizeof want, t->ndim, t->shape),
                         reel_shape_text(got, sizeof got, w->ndim, w->shape));
    }
    if (w->bytes == 0)
        return REEL_OK;
    REEL_NEED(w->data, err);
    REEL_NEED(t->data, err);

    /* Aligned floats and doubles are copied as they lie. */
    const bool plain = w->dtype == REEL_STORED_F32 || w->dtype == REEL_STORED_F64;
    if (!plain || (uintptr_t)w->data % reel_stored_size(w->dtype) != 0) {
        reel_weight_decode(w, w->data, t, 0, reel_tensor_numel(t));
        return REEL_OK;
    }
    const reel_tensor source =
        reel_tensor_with_layout((void *)w->data, w->dtype == REEL_STORED_F64 ? REEL_F64 : REEL_F32,
                                REEL_ROW_MAJOR, w->ndim, w->shape);
    reel_tensor_copy(t, &source);
    return REEL_OK;
}
