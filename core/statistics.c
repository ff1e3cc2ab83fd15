/* The record of batch statistics: a row of all buffers for each piece. */
#include "core/statistics.h"

#include <stdlib.h>

#include "core/tape_internal.h"

/* A buffer of the store, and where it stands in a row. */
typedef struct recorded {
    reel_tensor running;
    int64_t at;
    double momentum; /* below 0: no batch_norm2d has been seen with it */
} recorded;

struct reel_statistics {
    recorded *list;
    int count;
    int64_t row, pieces; /* elements of a row; rows */
    reel_dtype dtype;
    char *rows;
};

reel_status reel_statistics_create(reel_statistics **out, reel_params *params, int64_t pieces,
                                   reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(params, err);
    if (pieces < 1)
        return reel_fail(err, REEL_ERR_INVALID, "statistics: expected 1 piece or more, got %lld",
                         (long long)pieces);

    reel_statistics *s = calloc(1, sizeof *s);
    recorded *list = calloc((size_t)reel_params_count(params) + 1, sizeof *list);
    if (!s || !list) {
        free(s);
        free(list);
        return reel_fail(err, REEL_ERR_MEMORY, "statistics: out of memory");
    }
    *s = (reel_statistics){.list = list, .pieces = pieces, .dtype = reel_params_dtype(params)};
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!(p->flags & REEL_PARAM_BUFFER))
            continue;
        list[s->count++] = (recorded){p->value, s->row, -1};
        s->row += reel_tensor_numel(&p->value);
    }

    s->rows = calloc((size_t)pieces, reel_statistics_row_bytes(s) + 1);
    if (!s->rows) {
        reel_statistics_destroy(s);
        return reel_fail(err, REEL_ERR_MEMORY, "statistics of %lld pieces: out of memory",
                         (long long)pieces);
    }
    *out = s;
    return REEL_OK;
}

void reel_statistics_destroy(reel_statistics *s)
{
    if (!s)
        return;
    free(s->list);
    free(s->rows);
    free(s);
}

void reel_tape_set_statistics(reel_tape *tape, reel_statistics *s, int64_t first)
{
    if (!tape)
        return;
    tape->statistics = s;
    tape->first_piece = first;
}

size_t reel_statistics_row_bytes(const reel_statistics *s)
{
    return s ? (size_t)s->row * reel_dtype_size(s->dtype) : 0;
}

void *reel_statistics_row(const reel_statistics *s, int64_t piece)
{
    if (!s || piece < 0 || piece >= s->pieces)
        return NULL;
    return s->rows + (size_t)piece * reel_statistics_row_bytes(s);
}

bool reel_tape_records(reel_tape *tape, reel_tensor *running, double momentum, int64_t *step)
{
    reel_statistics *s = tape ? tape->statistics : NULL;
    if (!s || !running->data || tape->first_piece < 0 ||
        tape->first_piece > s->pieces - tape->pieces)
        return false;
    for (int i = 0; i < s->count; i++) {
        recorded *r = &s->list[i];
        if (r->running.data != running->data)
            continue;
        char *row = reel_statistics_row(s, tape->first_piece);
        r->momentum = momentum;
        running->data = row + (size_t)r->at * reel_dtype_size(s->dtype);
        *step = s->row;
        return true;
    }
    return false;
}

/* running = (1 - momentum) running + momentum own */
static void move_running(const reel_statistics *s, const recorded *r, int64_t piece)
{
    const char *row = (const char *)s->rows + (size_t)piece * reel_statistics_row_bytes(s);
    const double keep = 1 - r->momentum;
    for (int64_t k = 0; k < reel_tensor_numel(&r->running); k++)
        if (s->dtype == REEL_F64) {
            double *to = (double *)r->running.data + k;
            *to = keep * *to + r->momentum * ((const double *)row)[r->at + k];
        } else {
            float *to = (float *)r->running.data + k;
            *to =
                (float)(keep * (double)*to + r->momentum * (double)((const float *)row)[r->at + k]);
        }
}

void reel_statistics_apply(reel_statistics *s)
{
    for (int64_t piece = 0; s && piece < s->pieces; piece++)
        for (int i = 0; i < s->count; i++)
            if (s->list[i].momentum >= 0)
                move_running(s, &s->list[i], piece);
}
