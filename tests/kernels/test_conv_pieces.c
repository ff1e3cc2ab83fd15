/* Forward and input gradient of a batch in pieces: the bits of each piece alone, for every
 * implementation and instruction set, in one call where the rule says so. */
#include "tests/kernels/conv_shape.h"
#include "tests/kernels/kernel_test.h"

#include "core/kernels/conv_choice.h"
#include "core/kernels/kernels.h"

typedef struct batch_case {
    reel_conv_shape s; /* of the whole batch */
    int64_t pieces;
    const reel_conv_kind *kind; /* of a piece, in float */
    /* Forward, input gradient: one call does for all. APART_IN_LIMBS: not where products run by
     * tiles of bf16, which a piece has too few rows for. */
    enum { EACH, TOGETHER, APART_IN_LIMBS } together[2];
} batch_case;

/* What a pass reads, and what it gives: whole, and piece by piece. */
typedef struct batch_data {
    buffer in, w, bias, old;
    int64_t in_reals, out_reals; /* of a piece */
} batch_data;

/* Random numbers that recur: drawing millions would take longer than the passes. */
static void fill_recurring(buffer *b, uint32_t stream)
{
    enum { PERIOD = 4099 }; /* prime, so that no two images are alike */
    buffer drawn = buffer_new(PERIOD, b->size, false);
    buffer_random(&drawn, stream);
    for (size_t i = 0; i < b->count; i += PERIOD) {
        const size_t count = b->count - i < PERIOD ? b->count - i : PERIOD;
        memcpy(b->data + i * b->size, drawn.data, count * b->size);
    }
    buffer_free(&drawn);
}

static batch_data batch_data_new(const batch_case *t, reel_conv_pass pass, size_t size)
{
    const reel_conv_shape *s = &t->s;
    const int64_t n = s->n / t->pieces, x = n * s->h * s->w * s->c, y = n * s->oh * s->ow * s->oc;
    const bool forward = pass == REEL_CONV_FORWARD;
    batch_data d = {.in_reals = forward ? x : y, .out_reals = forward ? y : x};
    d.in = buffer_new((size_t)(d.in_reals * t->pieces), size, false);
    d.w = buffer_new((size_t)(s->oc * s->kh * s->kw * s->c / s->groups), size, false);
    d.bias = buffer_new((size_t)s->oc, size, false);
    d.old = buffer_new((size_t)(d.out_reals * t->pieces), size, false);
    fill_recurring(&d.in, 1);
    fill_recurring(&d.w, 2);
    fill_recurring(&d.bias, 3);
    fill_recurring(&d.old, 4);
    return d;
}

static void batch_data_free(batch_data *d)
{
    buffer_free(&d->in);
    buffer_free(&d->w);
    buffer_free(&d->bias);
    buffer_free(&d->old);
}

/* Forward has a bias or a ReLU, the input gradient assigns or adds. */
static reel_conv_job batch_job(const batch_data *d, reel_conv_pass pass, bool second,
                               const reel_conv_shape *s, int64_t piece)
{
    const char *in = d->in.data + (size_t)(piece * d->in_reals) * d->in.size;
    if (pass == REEL_CONV_FORWARD)
        return (reel_conv_job){
            .s = s, .x = in, .w = d->w.data, .bias = second ? NULL : d->bias.data, .relu = second};
    return (reel_conv_job){.s = s, .dy = in, .w = d->w.data, .accumulate = second};
}

static void check_pass(const batch_case *t, const reel_ctx *ctx, reel_conv_pass pass,
                       reel_dtype dtype, const char *what)
{
    batch_data d = batch_data_new(t, pass, reel_dtype_size(dtype));
    reel_conv_shape piece = t->s;
    piece.n /= t->pieces;
    for (int second = 0; second < 2; second++) {
        buffer got = buffer_new(d.old.count, d.old.size, false),
               want = buffer_new(d.old.count, d.old.size, false);
        memcpy(got.data, d.old.data, d.old.count * d.old.size);
        memcpy(want.data, d.old.data, d.old.count * d.old.size);

        scratch_block scratch =
            scratch_new(reel_conv_pieces_scratch(ctx, dtype, pass, &t->s, t->pieces));
        reel_conv_job job = batch_job(&d, pass, second, &t->s, 0);
        job.out = got.data;
        job.scratch = scratch.data;
        reel_conv_pieces_run(ctx, dtype, pass, &job, t->pieces);
        scratch_free(&scratch, what);
        expect_guards_untouched(&got, what);

        scratch = scratch_new(reel_conv_scratch(ctx, dtype, pass, &piece));
        for (int64_t p = 0; p < t->pieces; p++) {
            job = batch_job(&d, pass, second, &piece, p);
            job.out = want.data + (size_t)(p * d.out_reals) * want.size;
            job.scratch = scratch.data;
            reel_conv_run(ctx, dtype, pass, &job);
        }
        scratch_free(&scratch, what);

        cr_expect(memcmp(got.data, want.data, got.count * got.size) == 0,
                  "%s, variant %d: other bits than piece by piece", what, second);
        buffer_free(&got);
        buffer_free(&want);
    }
    batch_data_free(&d);
}

/* Polyphase has no input gradient, strided has no forward pass. */
static const reel_conv_kind *kind_of_pass(const batch_case *t, reel_conv_pass pass)
{
    if (pass == REEL_CONV_FORWARD && t->kind == &reel_conv_strided)
        return &reel_conv_product;
    const bool other = pass == REEL_CONV_INPUT_GRAD && t->kind == &reel_conv_polyphase;
    return other ? &reel_conv_first_layer : t->kind;
}

/* forced: the value of REEL_CONV. */
static void check_batch(const batch_case *t, const char *forced)
{
    setenv("REEL_CONV", forced, 1);
    reel_conv_shape piece = t->s;
    piece.n /= t->pieces;
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        reel_ctx *ctx = context_with(reel_isa_name(isa), 1 + isa % 2);
        const int last = t->kind == &reel_conv_few_tiles ? REEL_CONV_FORWARD : REEL_CONV_INPUT_GRAD;
        for (int pass = REEL_CONV_FORWARD; ctx && pass <= last; pass++) {
            char what[200];
            snprintf(what, sizeof what, "%s, %s, %s: %lldx%lldx%lldx%lld -> %lld in %lld pieces",
                     reel_isa_name(isa), *forced ? forced : "own choice",
                     pass ? "input gradient" : "forward", (long long)t->s.n, (long long)t->s.c,
                     (long long)t->s.h, (long long)t->s.w, (long long)t->s.oc,
                     (long long)t->pieces);
            cr_expect_eq(reel_conv_choose(ctx, &piece, pass, REEL_F32), kind_of_pass(t, pass),
                         "%s: runs as %s", what,
                         reel_conv_choose(ctx, &piece, pass, REEL_F32)->name);
            cr_expect_eq(reel_conv_images_agree(ctx, REEL_F32, pass, &t->s, piece.n),
                         t->together[pass] == TOGETHER ||
                             (t->together[pass] == APART_IN_LIMBS && !reel_ctx_kernels(ctx)->tiles),
                         "%s: another number of calls", what);
            check_pass(t, ctx, pass, REEL_F32, what);
            if (t->kind->f64) /* else it is another kind's case */
                check_pass(t, ctx, pass, REEL_F64, what);
        }
        reel_ctx_destroy(ctx);
    }
    unsetenv("REEL_CONV");
}

static void check_batches(const batch_case *cases, int64_t count, const char *forced)
{
    for (int64_t i = 0; i < count; i++)
        check_batch(&cases[i], forced);
}

/*                n   c   h   w  oc kh kw sh sw ph pw dh dw g */
Test(conv_pieces, winograd)
{
    const batch_case cases[] = {
        {shape(12, 32, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1), 3, &reel_conv_winograd, {1, 1}},
        {shape(8, 32, 7, 7, 32, 5, 5, 1, 1, 2, 2, 1, 1, 2), 2, &reel_conv_winograd, {1, 1}},
        /* threads share groups of tiles: one group of a piece's, two of the batch's */
        {shape(16, 160, 13, 13, 160, 3, 3, 1, 1, 1, 1, 1, 1, 1),
         4,
         &reel_conv_winograd,
         {APART_IN_LIMBS, APART_IN_LIMBS}},
        /* with tiles of bf16 in limbs, two groups of the batch's and one of a piece's */
        {shape(30, 128, 13, 13, 144, 3, 3, 1, 1, 1, 1, 1, 1, 1), 2, &reel_conv_winograd, {1, 1}},
        {shape(6, 32, 17, 18, 48, 3, 3, 1, 1, 2, 2, 2, 2, 1), 3, &reel_conv_winograd, {1, 1}},
        {shape(8, 160, 13, 15, 160, 3, 3, 1, 1, 3, 2, 2, 3, 2), 2, &reel_conv_winograd, {1, 1}},
        /* too few tiles in a piece */
        {shape(6, 32, 7, 13, 48, 5, 5, 1, 1, 2, 2, 1, 1, 1), 3, &reel_conv_product, {0, 0}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

Test(conv_pieces, few_tiles)
{
    const batch_case cases[] = {
        {shape(3, 32, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1), 3, &reel_conv_few_tiles, {1}},
        {shape(2, 160, 14, 10, 32, 3, 3, 1, 1, 1, 1, 1, 1, 2), 2, &reel_conv_few_tiles, {1}},
        /* the batch has too many tiles */
        {shape(6, 32, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1), 3, &reel_conv_few_tiles, {0}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

/* Only forward: the input gradient runs as another kind. */
Test(conv_pieces, polyphase)
{
    const batch_case cases[] = {
        {shape(6, 3, 71, 95, 64, 11, 11, 4, 4, 2, 2, 1, 1, 1), 3, &reel_conv_polyphase, {1, 1}},
        {shape(8, 3, 50, 47, 48, 7, 7, 2, 2, 3, 3, 1, 1, 1), 8, &reel_conv_polyphase, {1, 1}},
        /* the batch's map is written past the caches, a piece's is not */
        {shape(24, 3, 227, 227, 64, 11, 11, 4, 4, 0, 0, 1, 1, 1), 2, &reel_conv_polyphase, {1, 1}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

Test(conv_pieces, first_layers)
{
    const batch_case cases[] = {
        /* bands of fewer rows below 8 images */
        {shape(9, 3, 43, 39, 32, 11, 11, 4, 4, 2, 2, 1, 1, 1), 3, &reel_conv_first_layer, {1, 1}},
        {shape(8, 1, 28, 26, 16, 5, 5, 1, 1, 2, 2, 1, 1, 1), 8, &reel_conv_first_layer, {1, 1}},
        {shape(20, 3, 50, 11, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1), 2, &reel_conv_first_layer, {1, 1}},
        /* the batch's map is written past the caches, a piece's is not */
        {shape(4, 3, 150, 130, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1), 2, &reel_conv_first_layer, {1, 1}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

Test(conv_pieces, depthwise)
{
    const batch_case cases[] = {
        {shape(6, 35, 7, 9, 35, 3, 3, 1, 1, 1, 1, 1, 1, 35), 3, &reel_conv_depthwise, {1, 1}},
        {shape(5, 17, 9, 23, 17, 5, 5, 2, 2, 2, 2, 1, 1, 17), 5, &reel_conv_depthwise, {1, 1}},
        /* the batch's map is written past the caches, a piece's is not */
        {shape(66, 64, 64, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 64), 3, &reel_conv_depthwise, {1, 1}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

Test(conv_pieces, pointwise)
{
    const batch_case cases[] = {
        /* a block of pixels spans pieces */
        {shape(6, 24, 5, 7, 40, 1, 1, 1, 1, 0, 0, 1, 1, 1), 3, &reel_conv_pointwise, {1, 1}},
        {shape(4, 32, 9, 10, 20, 1, 1, 2, 2, 0, 0, 1, 1, 1), 4, &reel_conv_pointwise, {1, 1}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

Test(conv_pieces, strided_gradients)
{
    const batch_case cases[] = {
        /* a tile spans pieces */
        {shape(12, 32, 7, 8, 64, 3, 3, 2, 2, 1, 1, 1, 1, 1), 4, &reel_conv_strided, {1, 1}},
        {shape(4, 64, 40, 33, 32, 3, 3, 2, 2, 1, 1, 1, 1, 1), 2, &reel_conv_strided, {1, 1}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

Test(conv_pieces, products)
{
    const batch_case cases[] = {
        /* more columns than rows in a piece, fewer in the batch; two blocks of the sum */
        {shape(40, 96, 2, 2, 70, 3, 3, 1, 1, 1, 1, 1, 1, 1), 10, &reel_conv_product, {1, 1}},
        {shape(6, 33, 9, 9, 35, 3, 3, 2, 2, 1, 1, 1, 1, 1), 3, &reel_conv_product, {1, 1}},
        {shape(6, 20, 8, 7, 30, 3, 2, 1, 1, 1, 0, 2, 1, 5), 2, &reel_conv_product, {1, 1}},
        {shape(2, 700, 2, 2, 3100, 1, 1, 2, 2, 0, 0, 1, 1, 1), 2, &reel_conv_product, {1, 1}},
        /* one tap: few columns; written past the caches; few rows in a piece, and in the batch */
        {shape(6, 64, 3, 3, 5, 1, 1, 1, 1, 0, 0, 1, 1, 1), 3, &reel_conv_product, {1, 1}},
        {shape(16, 8, 64, 64, 64, 1, 1, 1, 1, 0, 0, 1, 1, 1), 4, &reel_conv_product, {1, 1}},
        {shape(12, 20, 1, 1, 600, 1, 1, 1, 1, 0, 0, 1, 1, 1), 4, &reel_conv_product, {1, 0}},
        {shape(8, 20, 1, 1, 600, 1, 1, 1, 1, 0, 0, 1, 1, 1), 4, &reel_conv_product, {1, 1}},
    };
    check_batches(cases, REEL_COUNT(cases), "");
}

Test(conv_pieces, forced_implementations)
{
    const batch_case direct[] = {
        {shape(6, 10, 7, 6, 20, 3, 3, 2, 2, 2, 1, 2, 2, 5), 3, &reel_conv_direct, {1, 1}},
    };
    const batch_case gemm[] = {
        {shape(8, 32, 7, 7, 32, 5, 5, 1, 1, 2, 2, 1, 1, 2), 2, &reel_conv_product, {1, 1}},
        {shape(9, 3, 23, 19, 32, 5, 5, 2, 2, 2, 2, 1, 1, 1), 3, &reel_conv_product, {1, 1}},
        {shape(6, 35, 7, 9, 35, 3, 3, 1, 1, 1, 1, 1, 1, 35), 3, &reel_conv_product, {1, 1}},
    };
    check_batches(direct, REEL_COUNT(direct), "direct");
    check_batches(gemm, REEL_COUNT(gemm), "gemm");
}
