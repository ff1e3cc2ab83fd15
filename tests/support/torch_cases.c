/* See torch_cases.h. */
#include "tests/support/torch_cases.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    char *bytes;
    size_t data; /* where the tensors begin */
    json_t *header;
} file;

static void open_cases(void)
{
    if (file.bytes)
        return;
    const char *root = getenv("REEL_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/support/torch_cases.safetensors", root ? root : ".");
    FILE *in = fopen(path, "rb");
    cr_assert(in, "cannot open %s (REEL_SOURCE names the source tree)", path);
    static char bytes[1 << 19];
    const size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    uint64_t length;
    cr_assert(size > 8 && size < sizeof bytes, "%s: %zu bytes", path, size);
    memcpy(&length, bytes, 8);
    cr_assert(length < size - 8, "%s: damaged", path);
    file.header = json_loadb(bytes + 8, length, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(file.header, "%s: damaged header", path);
    file.data = 8 + length;
    file.bytes = bytes;
}

static json_t *find(const char *format, va_list args, char *name, size_t size)
{
    open_cases();
    vsnprintf(name, size, format, args);
    return json_object_get(file.header, name);
}

reel_tensor torch_tensor(const char *format, ...)
{
    char name[256];
    va_list args;
    va_start(args, format);
    const json_t *entry = find(format, args, name, sizeof name);
    va_end(args);
    cr_assert(entry, "no stored tensor %s", name);
    const json_t *shape = json_object_get(entry, "shape");
    int64_t sizes[REEL_MAX_DIMS];
    const int ndim = (int)json_array_size(shape);
    for (int d = 0; d < ndim; d++)
        sizes[d] = json_integer_value(json_array_get(shape, (size_t)d));
    const json_int_t begin =
        json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0));
    return reel_tensor_with_layout(file.bytes + file.data + begin, REEL_F64, REEL_ROW_MAJOR, ndim,
                                   sizes);
}

void torch_compare(const char *what, const reel_tensor *got, const reel_tensor *want,
                   double tolerance)
{
    char a[128], b[128];
    cr_assert(got->data, "%s: no value", what);
    cr_assert(reel_tensor_same_shape(got, want), "%s: shape %s, PyTorch's is %s", what,
              reel_shape_text(a, sizeof a, got->ndim, got->shape),
              reel_shape_text(b, sizeof b, want->ndim, want->shape));
    const int64_t n = reel_tensor_numel(want);
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(((const double *)want->data)[i]));
    for (int64_t i = 0; i < n; i++) {
        int64_t index[REEL_MAX_DIMS] = {0}, rest = i;
        for (int d = want->ndim - 1; d >= 0; d--) {
            index[d] = rest % want->shape[d];
            rest /= want->shape[d];
        }
        const double x = reel_tensor_get(got, index), y = ((const double *)want->data)[i];
        cr_assert(fabs(x - y) <= tolerance * fmax(fabs(y), 1e-3 * largest),
                  "%s at %s: %.17g, PyTorch has %.17g", what,
                  reel_shape_text(a, sizeof a, want->ndim, index), x, y);
    }
}
