/* The plan of a convolution over few tiles, and when it pays. The arithmetic is in
 * templates/few_tiles.c, compiled for each instruction set. */
#include "core/kernels/few_tiles.h"

#include "core/kernels/kernels.h"

/* With more, the tiles of winograd.h are as fast, and they come first where there are enough of
 * them. */
enum { MOST_IMAGES = 4, MOST_LANES = 64 };

reel_few_tiles_plan reel_few_tiles_plan_of(const reel_conv_shape *s, int threads)
{
    enum { SIDE = REEL_FEW_TILES_SIDE, BLOCK = REEL_FEW_TILES_BLOCK };
    reel_few_tiles_plan p = {.ic = s->c / s->groups, .oc = s->oc / s->groups};
    p.rows = (s->oh + SIDE - 1) / SIDE;
    p.cols = (s->ow + SIDE - 1) / SIDE;
    p.tiles = s->n * p.rows * p.cols;
    p.lanes = reel_round_up(p.tiles, REEL_FEW_TILES_LANES);
    p.own = reel_round_up((p.oc + threads - 1) / threads, BLOCK);

    const int64_t products = REEL_FEW_TILES_PRODUCTS;
    p.v_step = reel_odd_lines(p.ic * p.lanes);
    p.u_step = reel_odd_lines(BLOCK * REEL_FEW_TILES_DEPTH);
    p.m_step = reel_odd_lines(p.own * p.lanes);
    p.v_floats = (size_t)(products * p.v_step);
    p.private_floats = (size_t)(products * (p.u_step + p.m_step));
    return p;
}

static size_t few_tiles_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                                bool f64)
{
    (void)pass, (void)f64;
    const int threads = reel_ctx_threads(ctx);
    const reel_few_tiles_plan p = reel_few_tiles_plan_of(s, threads);
    return (p.v_floats + (size_t)threads * p.private_floats) * sizeof(float);
}

static void few_tiles_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                          bool f64)
{
    (void)pass, (void)f64;
    reel_ctx_kernels(ctx)->few_tiles(job, reel_ctx_threads(ctx));
}

static bool few_tiles_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    *why_not = NULL;
    if (pass != REEL_CONV_FORWARD)
        *why_not = "wants the forward pass";
    else if (s->kh != 3 || s->kw != 3)
        *why_not = "wants a 3x3 kernel";
    else if (s->sh != 1 || s->sw != 1 || s->dh != 1 || s->dw != 1)
        *why_not = "wants stride 1 and dilation 1";
    else if (s->ph > 2 || s->pw > 2)
        *why_not = "wants padding smaller than the kernel";
    else if (s->c / s->groups % 16 || s->oc / s->groups % 16)
        *why_not = "wants channels of a group in multiples of 16";
    if (*why_not)
        return false;

    const int64_t lanes = reel_few_tiles_plan_of(s, 1).lanes;
    if (s->n > MOST_IMAGES)
        *why_not = "wants 4 images or fewer";
    else if (lanes > MOST_LANES)
        *why_not = "wants 64 tiles or fewer";
    else if (2 * REEL_FEW_TILES_PRODUCTS * lanes > 9 * s->n * s->oh * s->ow)
        *why_not = "wants half the products of the direct sum or fewer";
    return !*why_not;
}

const reel_conv_kind reel_conv_few_tiles = {.name = "few_tiles",
                                            .ends_in_relu = true,
                                            .accepts = few_tiles_accepts,
                                            .scratch = few_tiles_scratch,
                                            .run = few_tiles_run};
