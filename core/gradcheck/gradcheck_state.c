/* Gradient check: the ground that its parts stand on: memory, the inputs' elements, names, and
 * building the expression. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "core/gradcheck/gradcheck_internal.h"

void reel_check_unravel(const reel_tensor *t, int64_t flat, int64_t *index)
{
    for (int d = t->ndim - 1; d >= 0; d--) {
        index[d] = flat % t->shape[d];
        flat /= t->shape[d];
    }
}

const char *reel_check_name(const reel_check_state *k, int input, char *text, size_t size)
{
    if (k->config->names)
        snprintf(text, size, "%s", k->config->names[input]);
    else
        snprintf(text, size, "input %d", input);
    return text;
}

unsigned char *reel_check_element(const reel_tensor *x, int64_t e)
{
    int64_t index[REEL_MAX_DIMS];
    if (x->layout != REEL_STRIDED)
        return (unsigned char *)x->data + e * (int64_t)sizeof(double);
    reel_check_unravel(x, e, index);
    return (unsigned char *)x->data + reel_tensor_offset(x, index) * (int64_t)sizeof(double);
}

uint32_t reel_check_crc_of(const double *values, int64_t n)
{
    return (uint32_t)crc32_z(0, (const Bytef *)values, (size_t)n * sizeof *values);
}

uint32_t reel_check_crc(const reel_check_input *in)
{
    uLong crc = 0;
    if (in->x->layout != REEL_STRIDED)
        return (uint32_t)crc32_z(0, in->x->data, reel_tensor_bytes(in->x));
    for (int64_t e = 0; e < in->n; e++)
        crc = crc32_z(crc, reel_check_element(in->x, e), sizeof(double));
    return (uint32_t)crc;
}

/* Of views only the first element is looked at: two of them may lie in each other's gaps. */
static bool inputs_overlap(const reel_tensor *a, const reel_tensor *b)
{
    const char *p = a->data, *q = b->data;
    const size_t na = a->layout == REEL_STRIDED ? sizeof(double) : reel_tensor_bytes(a),
                 nb = b->layout == REEL_STRIDED ? sizeof(double) : reel_tensor_bytes(b);
    return p < q + nb && q < p + na;
}

reel_status reel_check_allocate(reel_check_state *k, reel_error *err)
{
    const reel_tape_config recording = {.dtype = REEL_F64, .retain = true, .poison = true},
                           quiet = {.dtype = REEL_F64, .no_grad = true, .poison = true};
    REEL_TRY(reel_tape_create(&k->tape, k->ctx, &recording, err));
    REEL_TRY(reel_tape_create(&k->quiet, k->ctx, &quiet, err));

    int64_t longest = 1;
    for (int i = 0; i < k->n_in; i++) {
        reel_check_input *in = &k->in[i];
        if (in->x->dtype != REEL_F64)
            return reel_fail(err, REEL_ERR_INVALID,
                             "gradient check: input %d: expected float64, got %s", i,
                             reel_dtype_name(in->x->dtype));
        in->n = reel_tensor_numel(in->x);

        /* Of two inputs in the same memory one would move with the other. */
        for (int j = 0; j < i; j++)
            if (in->n && k->in[j].n && inputs_overlap(in->x, k->in[j].x))
                return reel_fail(err, REEL_ERR_INVALID,
                                 "gradient check: inputs %d and %d share memory", j, i);
        if (in->n > longest)
            longest = in->n;

        in->analytic = calloc((size_t)in->n + 1, sizeof(double));
        in->numeric = calloc((size_t)in->n + 1, sizeof(double));
        if (!in->analytic || !in->numeric)
            return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
        for (int64_t e = 0; e < in->n; e++)
            in->numeric[e] = NAN;
        in->crc = reel_check_crc(in);
    }

    k->again = calloc((size_t)longest, sizeof(double));
    return k->again ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
}

void reel_check_free(reel_check_state *k)
{
    for (int i = 0; i < k->n_in; i++) {
        free(k->in[i].analytic);
        free(k->in[i].numeric);
    }
    free(k->again);
    free(k->weights);
    free(k->y);
    free(k->slopes);
    reel_tape_destroy(k->quiet);
    reel_tape_destroy(k->tape);
}

reel_var reel_check_build(reel_check_state *k, reel_tape *tape, int wanted, reel_var *leaves)
{
    reel_tape_reset(tape);
    for (int i = 0; i < k->n_in; i++)
        leaves[i] = wanted == REEL_CHECK_ALL || wanted == i ? reel_input_grad(tape, k->in[i].x)
                                                            : reel_input(tape, k->in[i].x);
    return k->fn(tape, leaves, k->user);
}
