/* A loop on several processes, here with one: the steps are those of the calls that it joins. With
 * several ranks tests/integration/train_on_many.sh runs it. */
#include "optim/data_parallel.h"
#include "tests/unit/optim/store.h"

enum { PIECES = 5, STEPS = 3 };

typedef struct loop_case {
    reel_params *params;
    int step, calls, fails_at;
} loop_case;

/* Gradients that depend on step and piece. */
static reel_status noise_of_piece(void *user, reel_pieces piece, reel_error *err)
{
    loop_case *c = user;
    if (++c->calls == c->fails_at)
        return reel_fail(err, REEL_ERR_FORMAT, "piece %d cannot be read", (int)piece.first);
    for (int i = 0; i < LONG; i++) {
        reel_param *p = reel_params_at(c->params, i);
        fill_noise(&p->grad, c->step * PIECES + (int)piece.first);
        p->has_grad = true;
    }
    return REEL_OK;
}

static reel_optimizer *momentum_of(reel_params *params, const reel_ctx *ctx)
{
    static const char *const options[][2] = {{"momentum", "0.9"}};
    return make_optimizer("sgd", params, ctx, options, 1);
}

static void must(reel_status status, const reel_error *err)
{
    cr_assert_eq(status, REEL_OK, "%s", err->message);
}

Test(data_parallel, one_process_steps_as_the_calls_beneath)
{
    reel_error err = {0};
    reel_ctx *ctx = make_ctx(2);
    loop_case a = {.params = make_long_store()}, b = {.params = make_long_store()};
    reel_optimizer *opt_a = momentum_of(a.params, ctx), *opt_b = momentum_of(b.params, ctx);
    reel_comm *comm;
    reel_data_parallel *parallel;
    reel_piece_sum *sum;
    must(reel_comm_open(&comm, NULL, &err), &err);
    must(reel_data_parallel_create(&parallel, comm, opt_a, PIECES, &err), &err);
    must(reel_piece_sum_create(&sum, b.params, ctx, &err), &err);

    for (a.step = b.step = 0; a.step < STEPS; a.step++, b.step++) {
        double norm_a, norm_b;
        must(reel_data_parallel_backward(parallel, noise_of_piece, &a, &err), &err);
        must(reel_clip_grad_norm_shared(a.params, ctx, 100, reel_data_parallel_share(parallel),
                                        &norm_a, &err),
             &err);
        must(reel_data_parallel_step(parallel, 0.1, &err), &err);

        must(reel_piece_sum_run(sum, (reel_pieces){0, PIECES}, 1, NULL, noise_of_piece, &b, &err),
             &err);
        norm_b = reel_clip_grad_norm(b.params, ctx, 100);
        must(reel_optimizer_step(opt_b, 0.1, &err), &err);
        cr_assert_eq(norm_a, norm_b);
        cr_assert_gt(norm_a, 100, "the clip does something: %g", norm_a);
    }
    cr_assert_eq(a.calls, PIECES * STEPS);
    expect_same_bits(a.params, b.params);

    reel_data_parallel_destroy(parallel);
    run_steps(a.params, opt_a, STEPS, STEPS + 1);
    run_steps(b.params, opt_b, STEPS, STEPS + 1);
    expect_same_bits(a.params, b.params);
    reel_piece_sum_destroy(sum);
    reel_comm_close(comm);
    close_case((optim_case){ctx, a.params, opt_a});
    close_case((optim_case){NULL, b.params, opt_b});
}

Test(data_parallel, failures_say_why)
{
    reel_error err = {0};
    reel_ctx *ctx = make_ctx(1);
    loop_case c = {.params = make_long_store(), .fails_at = 2};
    reel_optimizer *opt = momentum_of(c.params, ctx);
    reel_comm *comm;
    reel_data_parallel *parallel;
    must(reel_comm_open(&comm, NULL, &err), &err);
    cr_assert_eq(reel_data_parallel_create(&parallel, comm, opt, 0, &err), REEL_ERR_INVALID);
    cr_assert_null(parallel);

    must(reel_data_parallel_create(&parallel, comm, opt, PIECES, &err), &err);
    cr_assert_eq(reel_data_parallel_backward(parallel, noise_of_piece, &c, &err), REEL_ERR_FORMAT);
    cr_assert_str_eq(err.message, "piece 1 cannot be read");
    cr_assert_null(reel_data_parallel_share(NULL));

    reel_data_parallel_destroy(parallel);
    reel_comm_close(comm);
    close_case((optim_case){ctx, c.params, opt});
}
