/* Choosing what a net drops and computes again.
 *
 * A choice is judged by the allocator that runs a step: a tape that computes nothing records the
 * step and sweeps back. First choices, from dropping what is cheap to dropping nearly all, are
 * improved: values are kept again, the dearest for each byte first, as long as the step still fits.
 * The choice of the fewest multiply-adds wins. */
#include "layers/recompute.h"

#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "layers/net_internal.h"
#include "layers/recompute_internal.h"

enum { LATE_BYTES = 1 << 20 }; /* gradients that are worth computing last */

/* What a choice takes. */
typedef struct recompute_verdict {
    size_t bytes;
    reel_tape_work work;
} recompute_verdict;

typedef struct recompute_search {
    reel_net *net;
    const int64_t *input;
    size_t limit, gradients; /* gradients: that stay in memory; 0 = they come with backward */
    reel_droppables values;
    bool *drop, *best;             /* [values.nodes] */
    reel_droppable *dear;          /* a copy of the list, the dearest first */
    recompute_verdict at, best_at; /* of drop and of best */
    bool found;                    /* best is a choice that fits */
    size_t least;
} recompute_search;

/* Bytes of the gradients that a step writes. */
static size_t gradient_bytes(const reel_net *net)
{
    size_t bytes = 0;
    for (int i = 0; i < reel_params_count(net->scope.params); i++) {
        const reel_param *p = reel_params_at(net->scope.params, i);
        if (!(p->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN)) && !p->by_factors)
            bytes += reel_tensor_bytes(&p->value);
    }
    return bytes;
}

/* ---- judging a choice ---- */

/* Plans a step with the net's choice as it stands. find: also lists what may be dropped. */
static reel_status judge(recompute_search *s, bool find, reel_error *err)
{
    reel_tape *tape;
    const reel_dtype dtype = reel_net_dtype(s->net);
    const int first = 1; /* the images come before the net's nodes */
    REEL_TRY(reel_dry_tape_create(&tape, s->net->scope.ctx, dtype, true, err));

    const reel_var y = reel_plan_forward(s->net, tape, s->input, true);
    reel_status status = reel_tape_status(tape, err);
    if (status == REEL_OK && find)
        status = reel_droppables_find(&s->values, y, first, err);
    if (status == REEL_OK)
        status = reel_plan_backward(y, err);

    const reel_tape_memory used = reel_tape_usage(tape);
    s->at.bytes = s->gradients ? used.peak + s->gradients : used.with_gradients;
    s->at.work = reel_tape_work_done(tape);
    if (status == REEL_OK && s->at.bytes < s->least)
        s->least = s->at.bytes;
    reel_tape_destroy(tape);
    return status;
}

/* Copies the choice at hand to the best, if it fits and costs less. */
static void keep_if_better(recompute_search *s)
{
    const int64_t again = s->at.work.again, elements = s->at.work.elements;
    const recompute_verdict *b = &s->best_at;
    const bool less = again != b->work.again ? again < b->work.again : elements < b->work.elements;
    if (s->at.bytes > s->limit || (s->found && !less))
        return;
    memcpy(s->best, s->drop, (size_t)s->values.nodes * sizeof *s->drop);
    s->best_at = s->at;
    s->found = true;
}

/* ---- improving it ---- */

static int by_cost(const void *a, const void *b)
{
    const reel_droppable *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost > y->cost ? -1 : 1;
    return y->id - x->id;
}

/* Drops or keeps `count` values from the i-th dearest on; only those that were dropped (was). */
static void set_drops(recompute_search *s, const bool *was, int i, int count, bool drop)
{
    for (int k = i; k < i + count && k < s->values.count; k++)
        if (was[s->dear[k].id])
            s->drop[s->dear[k].id] = drop;
}

/* Keeps again what the choice at hand, which fits, need not drop: in strides that double while they
 * succeed and halve where they fail. */
static reel_status keep_again(recompute_search *s, bool *was, reel_error *err)
{
    memcpy(was, s->drop, (size_t)s->values.nodes * sizeof *was);
    int stride = s->values.count;

    for (int i = 0; i < s->values.count;) {
        set_drops(s, was, i, stride, false);
        REEL_TRY(judge(s, false, err));
        const bool fits = s->at.bytes <= s->limit;
        if (fits) {
            keep_if_better(s);
            i += stride;
            stride *= 2;
            continue;
        }

        set_drops(s, was, i, stride, true);
        if (stride == 1)
            i++;
        else
            stride /= 2;
    }
    return REEL_OK;
}

/* Changes the choice at hand, which takes `bytes`, one value after the other, wherever that takes
 * less: twice over all values. */
static reel_status lower_peak(recompute_search *s, size_t bytes, reel_error *err)
{
    for (int i = 0; i < 2 * s->values.count; i++) {
        bool *drop = &s->drop[s->values.list[i % s->values.count].id];
        *drop = !*drop;
        REEL_TRY(judge(s, false, err));
        if (s->at.bytes >= bytes) {
            *drop = !*drop;
            continue;
        }
        bytes = s->at.bytes;
        keep_if_better(s);
    }
    return REEL_OK;
}

static reel_status try_all(recompute_search *s, reel_error *err)
{
    reel_status status = REEL_OK;
    bool *was = malloc((size_t)s->values.nodes * sizeof *was);
    if (!was)
        return reel_fail(err, REEL_ERR_MEMORY, "plan: out of memory");

    int lowest = 0;
    size_t least = SIZE_MAX;
    for (int k = 0; k < REEL_ATTEMPTS; k++) {
        reel_droppables_attempt(&s->values, k, s->drop);
        REEL_TRY_GOTO(judge(s, false, err), done);
        if (s->at.bytes < least) {
            least = s->at.bytes;
            lowest = k;
        }
        if (s->at.bytes > s->limit)
            continue;
        keep_if_better(s);
        REEL_TRY_GOTO(keep_again(s, was, err), done);
    }

    /* No start fits: the values of the lowest are changed one by one. */
    if (!s->found) {
        reel_droppables_attempt(&s->values, lowest, s->drop);
        REEL_TRY_GOTO(lower_peak(s, least, err), done);
        if (s->found)
            REEL_TRY_GOTO(keep_again(s, was, err), done);
    }

done:
    free(was);
    return status;
}

/* ---- the choice ---- */

static reel_status make_search_room(recompute_search *s, reel_error *err)
{
    const size_t n = (size_t)s->values.nodes;
    s->drop = calloc(n, sizeof *s->drop);
    s->best = calloc(n, sizeof *s->best);
    s->dear = malloc((size_t)(s->values.count + 1) * sizeof *s->dear);
    if (!s->drop || !s->best || !s->dear)
        return reel_fail(err, REEL_ERR_MEMORY, "plan: out of memory");
    memcpy(s->dear, s->values.list, (size_t)s->values.count * sizeof *s->dear);
    qsort(s->dear, (size_t)s->values.count, sizeof *s->dear, by_cost);
    return REEL_OK;
}

/* Without recomputing; large gradients last, where that helps much or nothing else would do. */
static reel_status try_late(recompute_search *s, reel_saving *saving, reel_error *err)
{
    REEL_TRY(judge(s, true, err));
    saving->before = s->at.bytes;
    saving->step_multiply_adds = s->at.work.forward + s->at.work.backward;
    if (s->at.bytes <= s->limit || s->gradients)
        return REEL_OK;
    s->net->late_bytes = LATE_BYTES;
    REEL_TRY(judge(s, false, err));
    saving->late_gradients =
        s->at.bytes <= s->limit || (double)s->at.bytes < 0.99 * (double)saving->before;
    if (!saving->late_gradients)
        s->net->late_bytes = 0;
    return REEL_OK;
}

static reel_status choose(recompute_search *s, reel_saving *saving, reel_error *err)
{
    REEL_TRY(try_late(s, saving, err));
    saving->after = s->at.bytes;
    if (s->at.bytes <= s->limit)
        return REEL_OK;

    REEL_TRY(make_search_room(s, err));
    s->net->recompute = s->drop;
    s->net->n_recompute = s->values.nodes;
    REEL_TRY(try_all(s, err));
    if (!s->found)
        return reel_fail(err, REEL_ERR_MEMORY,
                         "a training step takes %zu bytes at least, more than %zu", s->least,
                         s->limit);

    saving->after = s->best_at.bytes;
    saving->more_multiply_adds = s->best_at.work.again;
    for (int id = 0; id < s->values.nodes; id++)
        saving->dropped += s->best[id];
    return REEL_OK;
}

reel_status reel_net_fit(reel_net *net, const int64_t input[4], size_t limit, bool gradients_stay,
                         reel_saving *saving, reel_error *err)
{
    REEL_NEED(net, err);
    REEL_NEED(input, err);
    REEL_TRY(reel_net_check_built(net, err));
    reel_net_unfit(net);

    recompute_search s = {.net = net,
                          .input = input,
                          .limit = limit,
                          .gradients = gradients_stay ? gradient_bytes(net) : 0,
                          .least = SIZE_MAX};
    reel_saving made = {0};

    /* Training mode: dropout and batch norm keep values that a step of evaluation does not. */
    const bool training = reel_net_training(net);
    reel_net_set_training(net, true);
    const reel_status status = choose(&s, &made, err);
    reel_net_set_training(net, training);
    made.least = s.least;

    /* A choice moves to the net, which frees it; without one the net recomputes nothing. */
    const bool chosen = status == REEL_OK && s.found;
    net->recompute = chosen ? s.best : NULL;
    net->n_recompute = chosen ? s.values.nodes : 0;
    if (status != REEL_OK)
        net->late_bytes = 0;
    if (saving)
        *saving = made;
    free(s.drop);
    free(chosen ? NULL : s.best);
    free(s.dear);
    free(s.values.list);
    return status;
}

void reel_net_unfit(reel_net *net)
{
    if (!net)
        return;
    free(net->recompute);
    net->recompute = NULL;
    net->n_recompute = 0;
    net->late_bytes = 0;
}

void reel_net_forget_gradients(reel_net *net)
{
    if (!net)
        return;
    if (net->late_bytes)
        reel_params_release_grad(net->scope.params);
    else
        reel_params_zero_grad(net->scope.params);
}
