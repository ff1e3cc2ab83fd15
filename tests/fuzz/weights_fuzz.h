/* What every fuzzer of weight files does with one file: read it, and if it is accepted, all that a
 * caller may do with it. */
#ifndef REEL_TESTS_FUZZ_WEIGHTS_FUZZ_H
#define REEL_TESTS_FUZZ_WEIGHTS_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "core/files/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* A float64 channels-last or row-major tensor of the same shape. */
static void convert(const reel_weight *w)
{
    int64_t n = 1;
    for (int d = 0; d < w->ndim; d++)
        n *= w->shape[d]; /* was checked: cannot wrap */
    for (size_t i = 0; i < w->bytes; i++)
        ((void)((const volatile char *)w->data)[i]);
    double *memory = malloc(((size_t)n + 1) * sizeof *memory);
    if (!memory)
        return;
    for (int d = 0; d < REEL_DTYPES; d++) {
        const reel_tensor t = reel_tensor_of(memory, (reel_dtype)d, w->ndim, w->shape);
        check(reel_weight_to_tensor(w, &t, NULL) == REEL_OK);
    }
    free(memory);
}

/* A store made from the file's own names and shapes, where that is possible, loads it unless a
 * value is not finite. */
static void load(const reel_weights *weights)
{
    reel_params *params = NULL;
    reel_error err = {0};
    check(reel_params_create(&params, REEL_F32, &err) == REEL_OK);
    bool whole = true;
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        whole &= reel_params_add(params, w->name, w->ndim, w->shape, 0, NULL, &err) == REEL_OK;
    }
    check(reel_params_commit(params, &err) == REEL_OK);
    const reel_status status = reel_params_load(params, weights, &err);
    check(!whole || status == REEL_OK || status == REEL_ERR_NONFINITE);
    reel_params_destroy(params);
}

/* most: bytes that the tensors of an accepted file may have. */
static void try_file(const uint8_t *bytes, size_t size, size_t most)
{
    reel_weights *weights = NULL;
    reel_error err = {0};
    const reel_status status = reel_weights_read_memory(&weights, bytes, size, "fuzz", &err);
    if (status != REEL_OK) {
        check(weights == NULL && err.status == status && strncmp(err.message, "fuzz: ", 6) == 0);
        for (const char *c = err.message; *c; c++)
            check((unsigned char)*c >= 32);
        return;
    }
    size_t total = 0;
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        check(reel_weights_find(weights, w->name) == w);
        total += w->bytes;
    }
    check(total <= most);
    if (total <= 1 << 16) {
        for (int i = 0; i < reel_weights_count(weights); i++)
            convert(reel_weights_at(weights, i));
        load(weights);
    }
    reel_weights_verify(weights, &err);
    reel_weights_metadata(weights, "k");
    reel_weights_destroy(weights);
}

#endif
