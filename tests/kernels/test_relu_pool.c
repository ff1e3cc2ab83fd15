/* Max pooling with ReLU and without, against the formula, for every instruction set, channel counts
 * with every tail, misaligned data. */
#include "tests/kernels/kernel_test.h"

#include "core/kernels/relu_pool.h"

#define IMAGES(n_, h_, w_) .n = n_, .h = h_, .w = w_
#define POOLED(h_, w_) .oh = h_, .ow = w_
#define KERNEL(h_, w_) .kh = h_, .kw = w_
#define STRIDE(h_, w_) .sh = h_, .sw = w_
#define PADDING(h_, w_) .ph = h_, .pw = w_

static const reel_relu_pool_shape shapes[] = {
    {IMAGES(2, 7, 9), POOLED(3, 4), KERNEL(3, 3), STRIDE(2, 2)},
    {IMAGES(1, 6, 5), POOLED(3, 3), KERNEL(3, 3), STRIDE(2, 2), PADDING(1, 1)},
    {IMAGES(1, 5, 7), POOLED(2, 2), KERNEL(2, 1), STRIDE(3, 5)}, /* gaps between windows */
    {IMAGES(2, 4, 4), POOLED(4, 4), KERNEL(3, 3), STRIDE(1, 1), PADDING(1, 1)},
    {IMAGES(1, 6, 6), POOLED(3, 3), KERNEL(3, 3), STRIDE(2, 2)}, /* the last one hangs over */
    {IMAGES(1, 17, 16), POOLED(1, 2), KERNEL(17, 15), STRIDE(1, 1)},
    {IMAGES(1, 1, 1), POOLED(1, 1), KERNEL(1, 1), STRIDE(1, 1)},
};

typedef struct expectation {
    double *y, *dx;
    uint8_t *cell;
} expectation;

/* By the formula, one window at a time. */
static expectation by_formula(const reel_relu_pool_shape *s, const buffer *x, const buffer *dy)
{
    expectation e = {calloc((size_t)(s->n * s->oh * s->ow * s->c), sizeof *e.y),
                     calloc(x->count, sizeof *e.dx),
                     calloc((size_t)(s->n * s->oh * s->ow * s->c), 1)};
    for (int64_t at = 0; at < s->n * s->oh * s->ow * s->c; at++) {
        const int64_t k = at % s->c, j = at / s->c % s->ow, i = at / s->c / s->ow % s->oh,
                      n = at / s->c / s->ow / s->oh;
        int64_t winner = -1;
        e.cell[at] = REEL_RELU_POOL_NONE;
        e.y[at] = s->plain ? -INFINITY : 0;
        for (int64_t u = 0; u < s->kh; u++)
            for (int64_t v = 0; v < s->kw; v++) {
                const int64_t p = i * s->sh - s->ph + u, q = j * s->sw - s->pw + v;
                if (p < 0 || p >= s->h || q < 0 || q >= s->w)
                    continue;
                const int64_t from = ((n * s->h + p) * s->w + q) * s->c + k;
                const double value = buffer_at(x, (size_t)from);
                const bool first = s->plain && winner < 0;
                if (!(value > e.y[at]) && !isnan(value) && !first)
                    continue;
                e.y[at] = value;
                e.cell[at] = (uint8_t)(u * s->kw + v);
                winner = from;
            }
        if (winner >= 0)
            e.dx[winner] += buffer_at(dy, (size_t)at);
    }
    return e;
}

static void run(const reel_ctx *ctx, const reel_relu_pool_shape *s, const buffer *x,
                const buffer *dy, buffer *y, uint8_t *cell, buffer *dx)
{
    const reel_dtype dtype = x->size == sizeof(float) ? REEL_F32 : REEL_F64;
    reel_relu_pool(ctx, dtype, s, x->data, y->data, cell);
    if (cell)
        reel_relu_pool_backward(ctx, dtype, s, dy->data, cell, dx->data);
}

static void check(const reel_ctx *ctx, reel_relu_pool_shape s, size_t size, bool misaligned,
                  const char *isa)
{
    const size_t map = (size_t)(s.n * s.h * s.w * s.c), pooled = (size_t)(s.n * s.oh * s.ow * s.c);
    buffer x = buffer_new(map, size, misaligned), dx = buffer_new(map, size, misaligned);
    buffer y = buffer_new(pooled, size, misaligned), dy = buffer_new(pooled, size, misaligned);
    buffer alone = buffer_new(pooled, size, misaligned);
    uint8_t *cell = malloc(pooled);
    char what[200];
    buffer_random(&x, 1);
    buffer_random(&dy, 2);
    buffer_random(&dx, 3);
    for (size_t i = 0; i < map; i++) {
        if (i % 5 == 0)
            buffer_set(&x, i, 0.5); /* ties: the first takes the gradient */
        if (i % 37 == 0)
            buffer_set(&x, i, NAN);
        if (i % 11 == 0)
            buffer_set(&x, i, -0.0);
        if (i % 3 == 0 && s.plain)
            buffer_set(&x, i, -INFINITY); /* some windows hold nothing else */
    }
    snprintf(what, sizeof what, "%s, %zu bits, map %lldx%lldx%lld, window %lldx%lld%s%s%s", isa,
             size * 8, (long long)s.h, (long long)s.w, (long long)s.c, (long long)s.kh,
             (long long)s.kw, misaligned ? ", misaligned" : "", s.plain ? ", no ReLU" : "",
             s.add ? ", added" : "");
    const expectation e = by_formula(&s, &x, &dy);
    for (size_t i = 0; i < map && s.add; i++)
        e.dx[i] += buffer_at(&dx, i);
    run(ctx, &s, &x, &dy, &y, cell, &dx);
    run(ctx, &s, &x, &dy, &alone, NULL, NULL);
    for (size_t i = 0; i < pooled; i++) {
        const double got = buffer_at(&y, i);
        cr_assert(got == e.y[i] || (isnan(got) && isnan(e.y[i])), "%s: y[%zu] is %g, expected %g",
                  what, i, got, e.y[i]);
        cr_assert_eq(cell[i], e.cell[i], "%s: cell[%zu] is %d, expected %d", what, i, cell[i],
                     e.cell[i]);
    }
    cr_assert(memcmp(y.data, alone.data, pooled * size) == 0,
              "%s: other values when nothing is recorded", what);
    for (size_t i = 0; i < map; i++)
        cr_assert(fabs(buffer_at(&dx, i) - e.dx[i]) <= 4 * unit_roundoff(size) * 20,
                  "%s: dx[%zu] is %.9g, expected %.9g", what, i, buffer_at(&dx, i), e.dx[i]);
    expect_guards_untouched(&y, what);
    expect_guards_untouched(&dx, what);
    buffer *all[] = {&x, &dx, &y, &dy, &alone};
    for (int i = 0; i < 5; i++)
        buffer_free(all[i]);
    free(cell);
    free(e.y);
    free(e.dx);
    free(e.cell);
}

Test(relu_pool, equals_the_formula_for_every_tail_and_instruction_set)
{
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        reel_ctx *ctx = context_with(reel_isa_name(isa), 2);
        if (!ctx)
            continue;
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
            for (int64_t c = 1; c <= 70; c += k < 2 ? 1 : 23) {
                reel_relu_pool_shape s = shapes[k];
                s.c = c;
                s.plain = (c / 2 + (int64_t)k) % 2;
                s.add = c % 7 > 3;
                check(ctx, s, c % 2 ? sizeof(float) : sizeof(double), c % 3 == 0,
                      reel_isa_name(isa));
                check(ctx, s, c % 2 ? sizeof(double) : sizeof(float), c % 3 == 1,
                      reel_isa_name(isa));
            }
        reel_ctx_destroy(ctx);
    }
}
