/* dropout (inverted): y = x m / (1 - p) with m = 0 where the element's random word is under p 2^32,
 * else 1;  dx = dy m / (1 - p).
 *
 * Element e, in memory order from the first row of the whole batch on, takes word e % 1024 of the
 * draw (core/kernels/philox.h) at (seed, REEL_STREAM_DROPOUT + layer, step, e / 1024): a pure
 * function, so that the mask is the same for any number of threads, for any division of the batch,
 * and when a step is replayed. Forward leaves one byte an element: reading it
 * back is cheaper than drawing again. */
#include "core/kernels/philox.h"
#include "core/op_impl.h"
#include "core/rng.h"

#ifdef REEL_PUBLIC
/* Inverted dropout: each element is 0 with probability p, else scaled by 1 / (1 - p); 0 <= p < 1.
 * The mask is a function of (the context's seed, layer, reel_tape_step, reel_tape_first_row,
 * element). Call it in training only. */
REEL_API reel_var reel_dropout(reel_var x, double p, uint32_t layer);
#endif

REEL_DECLARE_OP(dropout);

enum { DRAW = REEL_PHILOX_DRAW };

typedef struct dropout_attrs {
    double p;
    uint32_t layer, step;
    int64_t before; /* elements of the whole batch before the first one here */
} dropout_attrs;

void REEL_FN(reel_dropout_forward)(const reel_call *c)
{
    const dropout_attrs *a = c->attrs;
    const int64_t n = reel_tensor_numel(&c->out);
    const reel_real scale = (reel_real)(1.0 / (1.0 - a->p));
    const double cut = a->p * 0x1p32 + 0.5;
    const uint32_t threshold = cut >= 0x1p32 ? UINT32_MAX : (uint32_t)cut;
    const uint64_t seed = reel_ctx_seed(c->ctx);
    const reel_isa isa = reel_ctx_isa(c->ctx);

    /* Draws begin at multiples of DRAW in the whole batch: the first and the last one may lie here
     * in part. */
    const int64_t first = a->before / DRAW, skip = a->before % DRAW;
    const int64_t draws = (skip + n + DRAW - 1) / DRAW;

#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(c->ctx)) if (n > 4 * DRAW)
    for (int64_t d = 0; d < draws; d++) {
        const int64_t begin = d > 0 ? d * DRAW - skip : 0, end = (d + 1) * DRAW - skip;
        const int64_t count = (end < n ? end : n) - begin;
        uint32_t words[DRAW];
        reel_philox_draw(isa, words, seed, REEL_STREAM_DROPOUT + a->layer, a->step,
                         (uint32_t)(first + d));
        const uint32_t *restrict word = words + (d > 0 ? 0 : skip);
        const reel_real *restrict x = (const reel_real *)c->in[0].data + begin;
        reel_real *restrict y = (reel_real *)c->out.data + begin;
#pragma omp simd
        for (int64_t i = 0; i < count; i++) {
            const reel_real scaled =
                x[i] * scale; /* read before the choice, which then needs no branch */
            y[i] = word[i] >= threshold ? scaled : 0;
        }

        if (!c->saved)
            continue;
        uint8_t *restrict kept = (uint8_t *)c->saved + begin;
#pragma omp simd
        for (int64_t i = 0; i < count; i++)
            kept[i] = word[i] >= threshold;
    }
}

void REEL_FN(reel_dropout_backward)(const reel_call *c)
{
    const int64_t n = reel_tensor_numel(&c->out);
    const reel_real scale = (reel_real)(1.0 / (1.0 - ((const dropout_attrs *)c->attrs)->p));
    const bool fresh = c->fresh[0];

#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(c->ctx)) if (n > 4 * DRAW)
    for (int64_t begin = 0; begin < n; begin += DRAW) {
        const int64_t count = n - begin < DRAW ? n - begin : DRAW;
        const reel_real *restrict dy = (const reel_real *)c->dout.data + begin;
        reel_real *restrict dx = (reel_real *)c->din[0].data + begin;
        const uint8_t *restrict kept = (const uint8_t *)c->saved + begin;

        /* As above: a branch on a random mask would be mispredicted every other time. */
        if (fresh)
#pragma omp simd
            for (int64_t i = 0; i < count; i++) {
                const reel_real scaled = dy[i] * scale;
                dx[i] = kept[i] ? scaled : 0;
            }
        else
#pragma omp simd
            for (int64_t i = 0; i < count; i++) {
                const reel_real scaled = dy[i] * scale;
                dx[i] += kept[i] ? scaled : 0;
            }
    }
}

#ifdef REEL_ONCE
static reel_status dropout_infer(reel_infer *q, reel_error *err)
{
    const dropout_attrs *a = q->attrs;
    if (!(a->p >= 0 && a->p < 1))
        return reel_fail(err, REEL_ERR_INVALID, "probability %g must be at least 0 and under 1",
                         a->p);
    q->saved_bytes = (size_t)reel_tensor_numel(&q->in[0]);
    return REEL_OK;
}

reel_var reel_dropout(reel_var x, double p, uint32_t layer)
{
    const reel_tensor value = reel_value(x);
    const int64_t rows = value.ndim > 0 && value.shape[0] > 0 ? value.shape[0] : 1;
    const dropout_attrs a = {.p = p,
                             .layer = layer,
                             .step = (uint32_t)reel_tape_step(x.tape),
                             .before =
                                 reel_tape_first_row(x.tape) * (reel_tensor_numel(&value) / rows)};
    return reel_apply(&reel_op_dropout, &a, sizeof a, &x, 1);
}

static reel_var dropout_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_add(reel_dropout(in[0], 0.5, 0), reel_dropout(in[0], 0.3, 1));
}

#define DROP(...) (&(const dropout_attrs){__VA_ARGS__})
static const reel_op_case dropout_cases[] = {
    REEL_CASE("p 0.5", "(5, 7)", DROP(.p = 0.5, .layer = 3)),
    REEL_CASE("p 0.1, image", "(2, 3, 4, 5)", DROP(.p = 0.1, .layer = 0)),
    REEL_CASE("p 0", "(9)", DROP(.p = 0, .layer = 1)),
    REEL_CASE("more than one draw", "(3, 700)", DROP(.p = 0.5, .layer = 3)),
    {.label = "input used twice, two layers", .in = "(4, 5)", .build = dropout_twice},
};

static void dropout_random(reel_rng *rng, reel_op_sample *s)
{
    dropout_attrs *a = (dropout_attrs *)&s->attrs;
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    a->p = reel_rng_range(rng, 0, 0.95);
    a->layer = (uint32_t)reel_random_int(rng, 0, 1000);
    snprintf(s->label, sizeof s->label, "p %.17g, layer %u", a->p, a->layer);
}

const reel_op reel_op_dropout = REEL_OP(
    dropout, 1, 1, .flags = REEL_OP_ROWS | REEL_OP_ASSIGNS, .attrs_bytes = sizeof(dropout_attrs),
    .infer = dropout_infer, REEL_CHECKS(dropout_cases, dropout_random));
#endif
