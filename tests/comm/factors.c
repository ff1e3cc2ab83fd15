/* Gradients that the ranks make of factors: the bits of one process, and little to send. */
#include <stdlib.h>
#include <string.h>

#include "tests/comm/ranks.h"

/* Layers x -> 0 -> ReLU -> 1 -> 2 -> mean of squares. The weights of 0 and 1 are large for the rows
 * of the batch; that of 2 is not. */
enum { IN = 60, WIDE = 700, HIDDEN = 130, OUT = 5, LAYERS = 3, FACTORED = 2, STEPS = 3 };
static const int64_t widths[LAYERS + 1] = {IN, WIDE, HIDDEN, OUT};

/* How a case divides its batch. */
typedef struct factor_case {
    reel_dtype dtype;
    reel_precision precision;
    int64_t rows, pieces; /* of a piece; of the batch */
    bool overlap;
} factor_case;

static reel_params *layered_store(reel_dtype dtype)
{
    static const char *const names[LAYERS][2] = {
        {"0.weight", "0.bias"}, {"1.weight", "1.bias"}, {"2.weight", "2.bias"}};
    reel_error err;
    reel_params *params;
    must(reel_params_create(&params, dtype, &err), &err);
    for (int l = 0; l < LAYERS; l++) {
        const int64_t shape[] = {widths[l + 1], widths[l]};
        must(reel_params_add(params, names[l][0], 2, shape, 0, NULL, &err), &err);
        must(reel_params_add(params, names[l][1], 1, shape, REEL_PARAM_BIAS, NULL, &err), &err);
    }
    must(reel_params_commit(params, &err), &err);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_tensor *t = &reel_params_at(params, i)->value;
        for (int64_t e = 0; e < reel_tensor_numel(t); e++) {
            const double x = (double)((e * 7919 + i * 104729) % 2001 - 1000) * 1e-4;
            if (dtype == REEL_F32)
                ((float *)t->data)[e] = (float)x;
            else
                ((double *)t->data)[e] = x;
        }
    }
    return params;
}

/* Rows [first, first + n) of the batch of a step. */
static void draw_rows(void *to, reel_dtype dtype, int64_t first, int64_t n, int step)
{
    for (int64_t e = 0; e < n * IN; e++) {
        const double x = (double)(((first * IN + e) * 65537 + step * 977) % 4001 - 2000) * 1e-3;
        if (dtype == REEL_F32)
            ((float *)to)[e] = (float)x;
        else
            ((double *)to)[e] = x;
    }
}

static reel_var layered_net(reel_tape *tape, reel_params *params, reel_var x)
{
    for (int l = 0; l < LAYERS; l++) {
        const reel_var w = reel_param_var(tape, params, 2 * l);
        const reel_var b = reel_param_var(tape, params, 2 * l + 1);
        x = l == 0 ? reel_linear_relu(x, w, b) : reel_linear(x, w, b);
    }
    return x;
}

/* Forward and backward of some pieces. */
static void sweep_part(reel_tape *tape, reel_params *params, const factor_case *c, reel_pieces part,
                       int step)
{
    reel_error err;
    const int64_t rows = part.count * c->rows;
    void *x = malloc((size_t)(rows * IN) * reel_dtype_size(c->dtype));
    expect(x, "out of memory");
    draw_rows(x, c->dtype, part.first * c->rows, rows, step);
    const reel_tensor t = reel_tensor_of(x, c->dtype, 2, (const int64_t[]){rows, IN});
    reel_tape_set_pieces(tape, part.count);
    const reel_var y = layered_net(tape, params, reel_input(tape, &t));
    reel_tape_set_pieces(tape, 1);
    const reel_var wide = reel_widen(y);
    must(reel_backward_scaled(reel_sum(reel_mul(wide, wide), 0, false), 0.01, &err), &err);
    reel_tape_reset(tape);
    free(x);
}

/* What a plan would list. */
static int list_products(const reel_ctx *ctx, reel_params *params, const factor_case *c,
                         reel_weight_product *list)
{
    reel_error err;
    reel_tape *tape;
    double unread;
    const reel_tape_config config = {.dtype = c->dtype, .plan = true};
    const reel_tensor x = reel_tensor_of(&unread, c->dtype, 2, (const int64_t[]){c->rows, IN});
    must(reel_tape_create(&tape, ctx, &config, &err), &err);
    layered_net(tape, params, reel_input(tape, &x));
    must(reel_tape_status(tape, &err), &err);
    const int n = reel_tape_weight_products(tape, params, list);
    reel_tape_destroy(tape);
    expect(n == LAYERS, "%d products of %d layers", n, LAYERS);
    return n;
}

static reel_status hand_out(void *user, const reel_weight_product *product, reel_factors *to,
                            reel_error *err)
{
    return reel_parallel_factors(user, product, to, err);
}

static void tell_final(void *user, reel_params *params, int index)
{
    (void)params;
    reel_parallel_ready(user, index);
}

/* w -= g / 64 for elements [begin, end) of the store. */
static void move_elements(reel_params *params, reel_range share)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        expect(p->has_grad, "%s has no gradient", p->name);
        for (int64_t e = 0; e < reel_tensor_numel(&p->value); e++) {
            if (p->offset + e < share.begin || p->offset + e >= share.end)
                continue;
            if (p->value.dtype == REEL_F32)
                ((float *)p->value.data)[e] -= ((const float *)p->grad.data)[e] / 64;
            else
                ((double *)p->value.data)[e] -= ((const double *)p->grad.data)[e] / 64;
        }
    }
}

/* What the ranks of the run make, and the same by one process. */
typedef struct factor_run {
    reel_comm *comm;
    reel_parallel *parallel;
    reel_params *params, *alone;
    reel_tape *tape, *tape_alone;
    uint64_t sent; /* for the sum of the last step */
} factor_run;

static void step_of_ranks(factor_run *run, const factor_case *c, int step)
{
    reel_error err;
    const reel_pieces *trees;
    const int n = reel_parallel_subtrees(run->parallel, &trees);
    const uint64_t before = reel_comm_sent_bytes(run->comm);
    for (int k = 0; k < n; k++) {
        const reel_param_hooks hooks = {
            .ready = k == n - 1 ? tell_final : NULL, .factors = hand_out, .user = run->parallel};
        reel_parallel_subtree(run->parallel, k);
        reel_tape_set_param_hooks(run->tape, &hooks);
        sweep_part(run->tape, run->params, c, trees[k], step);
    }
    must(reel_parallel_sum(run->parallel, &err), &err);
    run->sent = reel_comm_sent_bytes(run->comm) - before;
}

static void compare_stores(const factor_run *run, reel_range share, const char *what)
{
    const size_t element = reel_dtype_size(reel_params_dtype(run->params));
    for (int i = 0; i < reel_params_count(run->params); i++) {
        const reel_param *p = reel_params_at(run->params, i), *q = reel_params_at(run->alone, i);
        const bool gradients = what[0] == 'g';
        const char *got = gradients ? p->grad.data : p->value.data;
        const char *want = gradients ? q->grad.data : q->value.data;
        for (int64_t e = 0; e < reel_tensor_numel(&p->value); e++)
            expect(p->offset + e < share.begin || p->offset + e >= share.end ||
                       !memcmp(got + (size_t)e * element, want + (size_t)e * element, element),
                   "%s: element %lld of %s differs", what, (long long)e, p->name);
    }
}

/* Bytes that this rank sends for a sum: its factors to each other host, sums of what is none, and
 * small messages. Gradients would be many times as much. */
static void check_traffic(const factor_run *run, const factor_case *c,
                          const reel_weight_product *list)
{
    double least = 0;
    const int ranks = reel_comm_ranks(run->comm), hosts = reel_comm_hosts(run->comm);
    const reel_pieces own = reel_comm_pieces(run->comm, c->pieces, reel_comm_rank(run->comm));
    for (int k = 0; k < FACTORED && hosts > 1; k++)
        least += reel_factors_bytes(&list[k], own.count) * (hosts - 1);
    double most = least + (1 << 15);
    for (int i = 0; i < reel_params_count(run->params) && hosts > 1; i++)
        if (!reel_params_at(run->params, i)->by_factors)
            most += 2.0 * ranks * (double)reel_tensor_bytes(&reel_params_at(run->params, i)->value);
    expect((double)run->sent >= least && (double)run->sent <= most,
           "%llu bytes were sent for a sum, expected %.0f to %.0f", (unsigned long long)run->sent,
           least, most);
}

static void drop_factors(factor_run *run, const factor_case *c)
{
    reel_error err;
    const reel_pieces *trees;
    if (reel_parallel_subtrees(run->parallel, &trees) > 0 && reel_comm_rank(run->comm) != 1) {
        const reel_param_hooks hooks = {.factors = hand_out, .user = run->parallel};
        reel_parallel_subtree(run->parallel, 0);
        reel_tape_set_param_hooks(run->tape, &hooks);
        sweep_part(run->tape, run->params, c, trees[0], STEPS);
    }
    must(reel_parallel_drop(run->parallel, &err), &err);
}

static void try_factor_case(reel_comm *comm, const factor_case *c)
{
    reel_error err;
    reel_ctx *ctx;
    const reel_ctx_config threads = {.threads = 2, .precision = c->precision};
    must(reel_ctx_create(&ctx, &threads, &err), &err);
    factor_run run = {
        .comm = comm, .params = layered_store(c->dtype), .alone = layered_store(c->dtype)};
    const reel_tape_config tape = {.dtype = c->dtype};
    must(reel_tape_create(&run.tape, ctx, &tape, &err), &err);
    must(reel_tape_create(&run.tape_alone, ctx, &tape, &err), &err);

    reel_weight_product list[2 * LAYERS];
    const int n = list_products(ctx, run.params, c, list);
    const reel_parallel_config config = {
        .pieces = c->pieces, .overlap = c->overlap, .products = list, .n_products = n};
    must(reel_parallel_create(&run.parallel, comm, run.params, ctx, &config, &err), &err);
    for (int l = 0; l < LAYERS; l++)
        expect(reel_params_at(run.params, 2 * l)->by_factors ==
                   (l < FACTORED && reel_comm_ranks(comm) > 1),
               "layer %d: by_factors is %d", l, reel_params_at(run.params, 2 * l)->by_factors);

    const reel_range all = {0, reel_params_flat_size(run.params)};
    const reel_range share = reel_parallel_share(run.parallel, reel_comm_rank(comm));
    for (int step = 0; step < STEPS; step++) {
        step_of_ranks(&run, c, step);
        reel_params_zero_grad(run.alone);
        sweep_part(run.tape_alone, run.alone, c, (reel_pieces){0, c->pieces}, step);
        compare_stores(&run, share, "gradients");
        if (step > 0 || !c->overlap) /* the first step does not know yet what travels early */
            check_traffic(&run, c, list);

        move_elements(run.params, share);
        move_elements(run.alone, all);
        must(reel_parallel_publish(run.parallel, &err), &err);
        must(reel_parallel_settle(run.parallel, &err), &err);
        compare_stores(&run, all, "values");
        if (step == 1)
            drop_factors(&run, c);
    }
    reel_tape_destroy(run.tape);
    reel_tape_destroy(run.tape_alone);
    reel_parallel_destroy(run.parallel);
    expect(!reel_params_at(run.params, 0)->by_factors, "by_factors stays");
    reel_params_destroy(run.params);
    reel_params_destroy(run.alone);
    reel_ctx_destroy(ctx);
}

void try_factors(reel_comm *comm)
{
    const int64_t ranks = reel_comm_ranks(comm);
    for (int overlap = 0; overlap < 2; overlap++) {
        const factor_case cases[] = {
            {.dtype = REEL_F32, .rows = 3, .pieces = ranks + 2},
            {.dtype = REEL_F32, .rows = 1, .pieces = 8},
            {.dtype = REEL_F64, .rows = 2, .pieces = 6},
            {.dtype = REEL_F32, .precision = REEL_PRECISION_BF16, .rows = 9, .pieces = 5},
            {.dtype = REEL_F32, .precision = REEL_PRECISION_BF16, .rows = 3, .pieces = ranks},
        };
        for (int i = 0; i < REEL_COUNT(cases); i++) {
            factor_case c = cases[i];
            c.overlap = overlap;
            try_factor_case(comm, &c);
        }
    }
}
