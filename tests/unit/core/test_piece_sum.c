/* Gradients that come piece after piece, added up along the tree; and batch statistics that are put
 * down first. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "core/piece_sum.h"
#include "core/statistics.h"

static reel_ctx *ctx;
static reel_params *params;
static reel_error err;

enum { N = 5, MOST = 12 };

static void make_store(void)
{
    const int64_t shape = N;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, &err), REEL_OK);
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "w", 1, &shape, 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "frozen", 1, &shape, 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "mean", 1, &shape, REEL_PARAM_BUFFER, NULL, &err),
                 REEL_OK);
    cr_assert_eq(reel_params_add(params, "var", 1, &shape, REEL_PARAM_BUFFER, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
}

static void free_store(void)
{
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}

TestSuite(piece_sum, .init = make_store, .fini = free_store);

/* Numbers whose sum depends on the order. */
static float piece_number(int64_t piece, int i)
{
    static const float sizes[] = {1e8F, 1.25F, -1e8F, 3e-3F, 7e4F};
    return sizes[(piece * 3 + i) % 5] * (float)(1 + piece);
}

static float tree_number(reel_pieces part, int i)
{
    if (part.count == 1)
        return piece_number(part.first, i);
    const int64_t left = reel_pieces_left(part.count);
    return tree_number((reel_pieces){part.first, left}, i) +
           tree_number((reel_pieces){part.first + left, part.count - left}, i);
}

typedef struct asked {
    int64_t next; /* piece that must come next */
    int calls, fail_at;
} asked;

static reel_status compute_pieces(void *user, reel_pieces part, reel_error *why)
{
    asked *a = user;
    reel_param *w = reel_params_find(params, "w");
    cr_expect_eq(part.first, a->next);
    cr_expect(!w->has_grad);
    a->next += part.count;
    if (a->calls++ == a->fail_at)
        return reel_fail(why, REEL_ERR_IO, "piece %lld", (long long)part.first);
    for (int i = 0; i < N; i++)
        ((float *)w->grad.data)[i] = tree_number(part, i);
    w->has_grad = true;
    return REEL_OK;
}

Test(piece_sum, is_that_of_the_tree)
{
    reel_piece_sum *sum;
    cr_assert_eq(reel_piece_sum_create(&sum, params, ctx, &err), REEL_OK);
    for (int64_t count = 1; count <= MOST; count++)
        for (int64_t most = 1; most <= 4; most *= 2) {
            asked a = {.next = 3, .fail_at = -1};
            const reel_pieces part = {3, count};
            cr_assert_eq(reel_piece_sum_run(sum, part, most, NULL, compute_pieces, &a, &err),
                         REEL_OK, "%s", err.message);
            const reel_param *w = reel_params_find(params, "w");
            cr_expect_eq(a.next, 3 + count);
            cr_expect(w->has_grad && !reel_params_find(params, "frozen")->has_grad);
            for (int i = 0; i < N; i++)
                cr_expect_eq(((const float *)w->grad.data)[i], tree_number(part, i),
                             "%d pieces, %d at a time", (int)count, (int)most);
        }
    reel_piece_sum_destroy(sum);
}

Test(piece_sum, ends_with_the_first_error)
{
    reel_piece_sum *sum;
    asked a = {.next = 0, .fail_at = 2};
    cr_assert_eq(reel_piece_sum_create(&sum, params, ctx, &err), REEL_OK);
    cr_expect_eq(reel_piece_sum_run(sum, (reel_pieces){0, 8}, 1, NULL, compute_pieces, &a, &err),
                 REEL_ERR_IO);
    cr_expect_str_eq(err.message, "piece 2");
    cr_expect_eq(a.calls, 3);
    cr_expect_eq(reel_piece_sum_run(sum, (reel_pieces){0, 0}, 1, NULL, compute_pieces, &a, &err),
                 REEL_ERR_INVALID);
    reel_piece_sum_destroy(sum);
}

Test(piece_sum, takes_an_array_for_each_level_that_is_left)
{
    cr_expect_eq(reel_piece_sum_arrays(1, 1), 0);
    cr_expect_eq(reel_piece_sum_arrays(2, 1), 1);
    cr_expect_eq(reel_piece_sum_arrays(8, 1), 3);
    cr_expect_eq(reel_piece_sum_arrays(9, 1), 4);
    cr_expect_eq(reel_piece_sum_arrays(8, 2), 2);
    cr_expect_eq(reel_piece_sum_arrays(8, 8), 0);
}

/* Statistics of three pieces, put down in another order than theirs, move the running averages as
 * three batches one after the other would. */
Test(piece_sum, statistics_move_in_order)
{
    enum { PIECES = 3 };
    const int64_t shape[4] = {2, N, 1, 3}, n = 2 * N * 3;
    float pixels[PIECES][2 * N * 3], ones[N], zeros[N] = {0}, mean[N] = {0}, var[N] = {0};
    const int order[PIECES] = {2, 0, 1};
    for (int p = 0; p < PIECES; p++)
        for (int i = 0; i < n; i++)
            pixels[p][i] = (float)((i * 37 + p * 11) % 17) - 5.0F * (float)p;
    for (int i = 0; i < N; i++)
        ones[i] = 1;

    reel_statistics *record;
    reel_tape *tape;
    cr_assert_eq(reel_statistics_create(&record, params, PIECES, &err), REEL_OK);
    cr_expect_eq(reel_statistics_row_bytes(record), 2 * N * sizeof(float));
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    const reel_tensor gamma = reel_tensor_of(ones, REEL_F32, 1, shape + 1),
                      beta = reel_tensor_of(zeros, REEL_F32, 1, shape + 1);
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < PIECES; k++) {
            const int p = pass == 0 ? order[k] : k; /* recorded; then at once, in order */
            const reel_tensor x = reel_tensor_of(pixels[p], REEL_F32, 4, shape);
            reel_batch_norm2d_attrs a = {.momentum = 0.1, .training = true};
            a.running_mean = pass == 0 ? reel_params_find(params, "mean")->value
                                       : reel_tensor_of(mean, REEL_F32, 1, shape + 1);
            a.running_var = pass == 0 ? reel_params_find(params, "var")->value
                                      : reel_tensor_of(var, REEL_F32, 1, shape + 1);
            reel_tape_set_statistics(tape, pass == 0 ? record : NULL, p);
            reel_batch_norm2d(reel_input(tape, &x), reel_input(tape, &gamma),
                              reel_input(tape, &beta), &a);
            cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
            reel_tape_reset(tape);
        }

    const float *running = reel_params_find(params, "mean")->value.data;
    cr_expect_eq(running[0], 0, "nothing moves before apply");
    reel_statistics_apply(record);
    for (int i = 0; i < N; i++) {
        cr_expect_float_eq(running[i], mean[i], 1e-6F);
        cr_expect_float_eq(((const float *)reel_params_find(params, "var")->value.data)[i], var[i],
                           1e-5F);
    }
    cr_expect_null(reel_statistics_row(record, PIECES));
    reel_tape_destroy(tape);
    reel_statistics_destroy(record);
}
