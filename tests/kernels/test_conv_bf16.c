/* Convolutions of maps in bf16 where they are float32 inside: the bits of the same convolution of
 * float32 maps with the same values, rounded once (test_tiles_conv.c has those by tiles). Thrifty
 * plans have the bits of the others. */
#include "tests/kernels/kernel_test.h"

#include "core/bf16.h"
#include "core/kernels/conv.h"
#include "core/kernels/conv_choice.h"

typedef struct map_case {
    const char *name;
    reel_conv_shape s;
} map_case;

/* Winograd with parts of channels in a thrifty plan, with groups, 5x5, dilated; a first layer,
 * depthwise, 1x1 with a stride, strided gradients, and patches. */
static const map_case cases[] = {
    {"winograd", {4, 192, 13, 13, 448, 13, 13, 3, 3, 1, 1, 1, 1, 1, 1, 1, false}},
    {"winograd, groups", {4, 64, 13, 12, 96, 13, 12, 3, 3, 1, 1, 1, 1, 1, 1, 2, false}},
    {"winograd, 5x5", {5, 32, 14, 13, 48, 14, 13, 5, 5, 1, 1, 2, 2, 1, 1, 1, false}},
    {"winograd, dilated", {2, 64, 17, 18, 96, 17, 18, 3, 3, 1, 1, 2, 2, 2, 2, 2, false}},
    {"first layer", {2, 3, 31, 27, 32, 7, 6, 11, 11, 4, 4, 2, 2, 1, 1, 1, false}},
    {"depthwise", {3, 32, 9, 9, 32, 9, 9, 3, 3, 1, 1, 1, 1, 1, 1, 32, false}},
    {"1x1", {3, 40, 9, 12, 24, 9, 6, 1, 1, 1, 2, 0, 0, 1, 1, 1, false}},
    {"strided", {3, 32, 9, 12, 64, 5, 4, 3, 3, 2, 3, 1, 1, 1, 1, 1, false}},
    {"patches", {3, 20, 9, 11, 17, 4, 5, 3, 3, 2, 2, 0, 0, 1, 1, 1, false}},
};

enum { X, W, DY, BIAS, MAPS };

typedef struct map_data {
    float *wide[MAPS];
    reel_bf16 *half[MAPS];
    int64_t n[MAPS];
} map_data;

static map_data map_data_of(const reel_conv_shape *s)
{
    map_data d = {.n = {s->n * s->h * s->w * s->c, s->oc * s->kh * s->kw * (s->c / s->groups),
                        s->n * s->oh * s->ow * s->oc, s->oc}};
    for (int i = 0; i < MAPS; i++) {
        reel_rng rng = reel_rng_at(9, REEL_STREAM_CHECK, 0, (uint32_t)i);
        d.wide[i] = malloc((size_t)d.n[i] * sizeof(float));
        d.half[i] = malloc((size_t)d.n[i] * sizeof(reel_bf16));
        for (int64_t k = 0; k < d.n[i]; k++) {
            d.half[i][k] = reel_bf16_from_float((float)reel_rng_normal(&rng));
            d.wide[i][k] = reel_bf16_to_float(d.half[i][k]);
        }
    }
    return d;
}

static void map_data_free(map_data *d)
{
    for (int i = 0; i < MAPS; i++) {
        free(d->wide[i]);
        free(d->half[i]);
    }
}

/* Which map a pass writes has the size of this one. */
static int written_like(reel_conv_pass pass)
{
    static const int like[] = {DY, X, W};
    return like[pass];
}

/* One pass from float32 or bf16 maps; what is added to is what the map of this size holds. */
static void run_pass(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                     const map_data *d, bool bf16, bool accumulate, void *out)
{
    const bool narrow = bf16 && pass != REEL_CONV_WEIGHT_GRAD;
    const int like = written_like(pass);
    memcpy(out, narrow ? (const void *)d->half[like] : d->wide[like],
           (size_t)d->n[like] * (narrow ? sizeof(reel_bf16) : sizeof(float)));
    const reel_dtype dtype = bf16 ? REEL_BF16 : REEL_F32;
    scratch_block scratch = scratch_new(reel_conv_scratch(ctx, dtype, pass, s));
    /* What a pass does not read is NULL. */
    const bool forward = pass == REEL_CONV_FORWARD, weights = pass == REEL_CONV_WEIGHT_GRAD;
    const void *x = bf16 ? (const void *)d->half[X] : d->wide[X],
               *dy = bf16 ? (const void *)d->half[DY] : d->wide[DY];
    const reel_conv_job job = {.s = s,
                               .x = forward || weights ? x : NULL,
                               .w = weights ? NULL : d->wide[W],
                               .bias = forward ? d->wide[BIAS] : NULL,
                               .dy = forward ? NULL : dy,
                               .accumulate = accumulate,
                               .relu = forward,
                               .out = out,
                               .scratch = scratch.data,
                               .x_bf16 = bf16,
                               .dy_bf16 = bf16,
                               .out_bf16 = narrow};
    reel_conv_run(ctx, REEL_F32, pass, &job);
    scratch_free(&scratch, "convolution");
}

static void check_pass(const reel_ctx *ctx, const map_case *t, reel_conv_pass pass,
                       const map_data *d, bool accumulate)
{
    const int64_t n = d->n[written_like(pass)];
    const bool weights = pass == REEL_CONV_WEIGHT_GRAD;
    float *wide = malloc((size_t)n * sizeof *wide), *other = malloc((size_t)n * sizeof *other);
    reel_bf16 *half = malloc((size_t)n * sizeof *half);
    run_pass(ctx, &t->s, pass, d, false, accumulate, wide);
    for (int thrifty = 0; thrifty < 2; thrifty++) {
        reel_conv_shape s = t->s;
        s.thrifty = thrifty;
        run_pass(ctx, &s, pass, d, true, accumulate, weights ? (void *)other : half);
        for (int64_t i = 0; i < n; i++) {
            const reel_bf16 expected = reel_bf16_from_float(wide[i]);
            const bool same =
                weights ? memcmp(&other[i], &wide[i], sizeof *wide) == 0 : half[i] == expected;
            cr_assert(same, "%s, %s, pass %d, %d threads, thrifty %d: element %lld", t->name,
                      reel_isa_name(reel_ctx_isa(ctx)), (int)pass, reel_ctx_threads(ctx), thrifty,
                      (long long)i);
        }
    }
    free(wide);
    free(other);
    free(half);
}

static void check_float32_inside(const reel_ctx *ctx, const map_case *t, reel_conv_pass pass,
                                 const map_data *d)
{
    if (reel_conv_choose(ctx, &t->s, pass, REEL_BF16) == &reel_conv_tiles)
        return;
    check_pass(ctx, t, pass, d, false);
    if (pass != REEL_CONV_FORWARD)
        check_pass(ctx, t, pass, d, true);
}

Test(conv_bf16, maps_in_bf16_give_the_rounded_bits_of_float32)
{
    for (int k = 0; k < REEL_COUNT(cases); k++) {
        map_data d = map_data_of(&cases[k].s);
        for (int isa = 0; isa < reel_isa_count(); isa++)
            for (int threads = 1; threads <= 3; threads++) {
                reel_ctx *ctx = context_with(reel_isa_name(isa), threads);
                for (int pass = 0; ctx && pass < REEL_CONV_PASSES; pass++)
                    check_float32_inside(ctx, &cases[k], (reel_conv_pass)pass, &d);
                reel_ctx_destroy(ctx);
            }
        map_data_free(&d);
    }
}

/* Copies of a batch that is too large to go at once: the pieces of it have the bits that each piece
 * has alone. */
Test(conv_bf16, pieces_have_the_bits_of_pieces_alone)
{
    enum { PIECES = 3, IMAGES = 7 };
    const reel_conv_shape
        whole = {PIECES * IMAGES, 20, 33, 33, 40, 31, 31, 3, 3, 1, 1, 0, 0, 1, 1, 1, false},
        piece = {IMAGES, 20, 33, 33, 40, 31, 31, 3, 3, 1, 1, 0, 0, 1, 1, 1, false};
    map_data d = map_data_of(&whole);
    reel_ctx *ctx = context_with(NULL, 2);
    const int64_t y = whole.oh * whole.ow * whole.oc, x = whole.h * whole.w * whole.c;
    reel_bf16 *together = malloc((size_t)(whole.n * y) * sizeof *together),
              *alone = malloc((size_t)(whole.n * y) * sizeof *alone);
    reel_conv_job job = {.s = &whole,
                         .x = d.half[X],
                         .w = d.wide[W],
                         .out = together,
                         .x_bf16 = true,
                         .out_bf16 = true};
    scratch_block scratch =
        scratch_new(reel_conv_pieces_scratch(ctx, REEL_BF16, REEL_CONV_FORWARD, &whole, PIECES));
    job.scratch = scratch.data;
    reel_conv_pieces_run(ctx, REEL_F32, REEL_CONV_FORWARD, &job, PIECES);
    scratch_free(&scratch, "pieces");

    scratch = scratch_new(reel_conv_scratch(ctx, REEL_BF16, REEL_CONV_FORWARD, &piece));
    for (int p = 0; p < PIECES; p++) {
        reel_conv_job one = job;
        one.s = &piece;
        one.x = d.half[X] + p * IMAGES * x;
        one.out = alone + p * IMAGES * y;
        one.scratch = scratch.data;
        reel_conv_run(ctx, REEL_F32, REEL_CONV_FORWARD, &one);
    }
    cr_expect(memcmp(together, alone, (size_t)(whole.n * y) * sizeof *alone) == 0);
    scratch_free(&scratch, "a piece");
    free(together);
    free(alone);
    map_data_free(&d);
    reel_ctx_destroy(ctx);
}

/* Copies are made of as many images at a time as a batch has room for: they do not agree. */
Test(conv_bf16, images_agree_where_there_are_no_copies)
{
    const reel_conv_shape winograd = {8, 32, 13, 13, 48, 13, 13, 3, 3, 1, 1, 1, 1, 1, 1, 1, false},
                          product = {8, 20, 13, 13, 40, 13, 13, 3, 3, 1, 1, 1, 1, 1, 1, 1, false};
    reel_ctx *ctx = context_with(NULL, 1);
    for (int pass = REEL_CONV_FORWARD; pass <= REEL_CONV_INPUT_GRAD; pass++) {
        const reel_conv_pass p = (reel_conv_pass)pass;
        cr_expect(reel_conv_images_agree(ctx, REEL_F32, p, &product, 4));
        cr_expect(reel_conv_images_agree(ctx, REEL_F32, p, &winograd, 4));
        cr_expect(reel_conv_images_agree(ctx, REEL_BF16, p, &winograd, 4));
        cr_expect_not(reel_conv_images_agree(ctx, REEL_BF16, p, &product, 4));
        cr_expect(reel_conv_images_agree(ctx, REEL_BF16, p, &product, 8));
    }
    reel_ctx_destroy(ctx);
}
