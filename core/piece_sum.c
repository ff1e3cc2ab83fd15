/* Going through pieces, and adding up what waits. */
#include "core/piece_sum.h"

#include <stdlib.h>

#include "core/kernels/add_into.h"
#include "core/memory.h"

enum { MOST_LEVELS = 62 };

struct reel_piece_sum {
    reel_params *params;
    const reel_ctx *ctx;
    void *level[MOST_LEVELS]; /* flat arrays, made when they are needed first */
};

reel_status reel_piece_sum_create(reel_piece_sum **out, reel_params *params, const reel_ctx *ctx,
                                  reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(params, err);
    REEL_NEED(ctx, err);
    reel_piece_sum *sum = calloc(1, sizeof *sum);
    if (!sum)
        return reel_fail(err, REEL_ERR_MEMORY, "sums of pieces: out of memory");
    sum->params = params;
    sum->ctx = ctx;
    *out = sum;
    return REEL_OK;
}

void reel_piece_sum_destroy(reel_piece_sum *sum)
{
    if (!sum)
        return;
    for (int i = 0; i < MOST_LEVELS; i++)
        reel_pages_free(sum->level[i], reel_params_bytes(sum->params));
    free(sum);
}

int reel_piece_sum_arrays(int64_t count, int64_t most)
{
    int arrays = 0;
    for (; count > most && count > 1; count = reel_pieces_left(count))
        arrays++;
    return arrays;
}

/* A run on its way down the tree. */
typedef struct piece_run {
    reel_piece_sum *sum;
    int64_t most;
    reel_piece_compute *compute;
    void *user;
    reel_error *err;
} piece_run;

/* Adds the gradients at `rest` to those at `to`, of the parameters that have one. */
static void add_gradients(const reel_piece_sum *sum, char *to, char *rest)
{
    const size_t element = reel_dtype_size(reel_params_dtype(sum->params));
    for (int i = 0; i < reel_params_count(sum->params); i++) {
        const reel_param *p = reel_params_at(sum->params, i);
        if (!p->has_grad)
            continue;
        reel_tensor a = p->grad, b = p->grad;
        a.data = to + (size_t)p->offset * element;
        b.data = rest + (size_t)p->offset * element;
        reel_add_tensor(sum->ctx, &a, &b);
    }
}

/* The sum over `part`, at `to`; the store is bound there in the end. */
static reel_status run_part(const piece_run *run, reel_pieces part, void *to, int level)
{
    reel_piece_sum *sum = run->sum;
    if (part.count <= run->most || part.count == 1) {
        reel_params_bind_grads(sum->params, to);
        reel_params_zero_grad(sum->params);
        return run->compute(run->user, part, run->err);
    }

    if (!sum->level[level])
        sum->level[level] = reel_pages_alloc(reel_params_bytes(sum->params), run->err);
    void *rest = sum->level[level];
    if (!rest)
        return REEL_ERR_MEMORY;

    const int64_t left = reel_pieces_left(part.count), right = part.count - left;
    REEL_TRY(run_part(run, (reel_pieces){part.first, left}, to, level + 1));
    REEL_TRY(run_part(run, (reel_pieces){part.first + left, right}, rest, level + 1));
    add_gradients(sum, to, rest);
    reel_params_bind_grads(sum->params, to);
    return REEL_OK;
}

reel_status reel_piece_sum_run(reel_piece_sum *sum, reel_pieces part, int64_t most, void *grads,
                               reel_piece_compute *compute, void *user, reel_error *err)
{
    REEL_NEED(sum, err);
    REEL_NEED(compute, err);
    if (part.count < 1 || most < 1 || reel_params_count(sum->params) == 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "sums of pieces: expected parameters and 1 piece or more, got %lld pieces",
                         (long long)part.count);
    if (!grads)
        grads = reel_params_own_grads(sum->params);
    const piece_run run = {sum, most, compute, user, err};
    return run_part(&run, part, grads, 0);
}
