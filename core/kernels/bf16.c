/* bf16 through the context's kernels, and the plan of a product. */
#include "core/kernels/bf16.h"

#include "core/kernels/kernels.h"
#include "core/memory.h"
#include "core/pieces.h"

void reel_bf16_widen(const reel_ctx *ctx, const reel_bf16 *from, float *to, int64_t n)
{
    reel_ctx_kernels(ctx)->bf16_widen(reel_ctx_threads(ctx), from, to, n);
}

void reel_bf16_round(const reel_ctx *ctx, const float *from, reel_bf16 *to, int64_t n)
{
    reel_ctx_kernels(ctx)->bf16_round(reel_ctx_threads(ctx), from, to, n);
}

bool reel_bf16_is_multiplied(const reel_ctx *ctx, int64_t rows)
{
    return rows > REEL_BF16_FEW && reel_ctx_multiplies_bf16(ctx);
}

void reel_bf16_dots(const reel_ctx *ctx, const reel_bf16_dots_job *job)
{
    reel_ctx_kernels(ctx)->bf16_dots(reel_ctx_threads(ctx), job);
}

reel_bf16_plan reel_bf16_plan_of(const reel_bf16_product *p)
{
    reel_bf16_plan plan = {.pieces = p->pieces > 1 ? p->pieces : 1};
    plan.depth = p->k / plan.pieces;
    plan.piece_words = (plan.depth + 1) / 2;
    plan.tile_words = (plan.piece_words + 15) / 16 * 16;
    plan.columns = (p->n + REEL_BF16_PANEL - 1) / REEL_BF16_PANEL * REEL_BF16_PANEL;
    plan.strip = plan.columns < REEL_BF16_STRIP ? plan.columns : REEL_BF16_STRIP;
    plan.levels = reel_pieces_depth(plan.pieces);
    plan.b_words = (size_t)(plan.pieces * plan.tile_words * plan.columns);

    /* Of one thread: a block of A, either way it lies, and the sums of a chunk of rows. */
    plan.a_words =
        (size_t)((REEL_BF16_ROWS + REEL_BF16_PAD) * (REEL_BF16_DEPTH / 2 + REEL_BF16_PAD));
    plan.sum_words = (size_t)(REEL_BF16_ROWS * plan.strip);
    return plan;
}

size_t reel_bf16_product_scratch(const reel_ctx *ctx, const reel_bf16_product *p)
{
    const reel_bf16_plan plan = reel_bf16_plan_of(p);
    const size_t own = plan.a_words + (size_t)(plan.levels + 1) * plan.sum_words;
    return reel_whole_lines((plan.b_words + (size_t)reel_ctx_threads(ctx) * own) *
                            sizeof(uint32_t));
}

void reel_bf16_multiply(const reel_ctx *ctx, const reel_bf16_product *p)
{
    REEL_ASSERT(p->k > 0); /* an empty sum would leave C unset */
    if (p->m > 0 && p->n > 0)
        reel_ctx_kernels(ctx)->bf16_product(reel_ctx_threads(ctx), p);
}
