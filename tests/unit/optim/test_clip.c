/* Gradient norms and clipping. */
#include "tests/unit/optim/store.h"

static const char *const names[] = {"a", "b"};

/* Two vectors in float32 with these gradients. */
static optim_case open_clip(int64_t a, const double *grad_a, const double *grad_b)
{
    optim_case c = {.ctx = make_ctx(1)};
    c.params = make_store(REEL_F32, 2, names, (const int64_t[]){a, 1});
    set_grad(reel_params_at(c.params, 0), grad_a);
    set_grad(reel_params_at(c.params, 1), grad_b);
    return c;
}

/* 3, -4 and 12: the norm is 13. PyTorch 1.13, float64: torch.nn.utils.clip_grad_norm_([a, b], 2.0)
 * leaves the numbers below. */
Test(clip, the_norm_is_clipped_as_pytorch_does)
{
    static const double want[] = {0.46153842603550577, -0.61538456804734099, 1.8461537041420231};
    reel_ctx *ctx = make_ctx(1);
    const int64_t lengths[2] = {2, 1};
    for (int d = 0; d < REEL_DTYPES; d++) {
        reel_params *params = make_store((reel_dtype)d, 2, names, lengths);
        set_grad(reel_params_at(params, 0), (double[]){3, -4});
        set_grad(reel_params_at(params, 1), (double[]){12});
        cr_assert_eq(reel_grad_norm(params, ctx), 13.0);
        cr_assert_eq(reel_clip_grad_norm(params, ctx, 20), 13.0, "a norm under the limit");
        expect_values(&reel_params_at(params, 1)->grad, (double[]){12}, 0,
                      "a norm under the limit");
        cr_assert_eq(reel_clip_grad_norm(params, ctx, 2), 13.0);
        expect_values(&reel_params_at(params, 0)->grad, want, d == REEL_F64 ? 1e-15 : 2e-7, "a");
        expect_values(&reel_params_at(params, 1)->grad, want + 2, d == REEL_F64 ? 1e-15 : 2e-7,
                      "b");
        reel_params_destroy(params);
    }
    reel_ctx_destroy(ctx);
}

Test(clip, values_are_clamped_and_nan_stays)
{
    const optim_case c = open_clip(4, (double[]){-2, 0.25, INFINITY, 0.5}, (double[]){NAN});
    reel_clip_grad_value(c.params, c.ctx, 0.5);
    expect_values(&reel_params_at(c.params, 0)->grad, (double[]){-0.5, 0.25, 0.5, 0.5}, 0, "a");
    cr_assert(isnan(*(float *)reel_params_at(c.params, 1)->grad.data));
    close_case(c);
}

Test(clip, a_norm_that_is_not_finite_changes_nothing)
{
    const optim_case c = open_clip(1, (double[]){5}, (double[]){INFINITY});
    cr_assert(isinf(reel_clip_grad_norm(c.params, c.ctx, 1)));
    expect_values(&reel_params_at(c.params, 0)->grad, (double[]){5}, 0, "a");
    set_grad(reel_params_at(c.params, 1), (double[]){NAN});
    cr_assert(isnan(reel_clip_grad_norm(c.params, c.ctx, 1)));
    expect_values(&reel_params_at(c.params, 0)->grad, (double[]){5}, 0, "a");
    close_case(c);
}

Test(clip, frozen_parameters_buffers_and_missing_gradients_do_not_count)
{
    const optim_case c = open_clip(1, (double[]){3}, (double[]){4});
    cr_assert_eq(reel_grad_norm(c.params, c.ctx), 5.0);
    reel_params_at(c.params, 1)->flags = REEL_PARAM_FROZEN;
    cr_assert_eq(reel_grad_norm(c.params, c.ctx), 3.0);
    reel_params_at(c.params, 1)->flags = REEL_PARAM_BUFFER;
    cr_assert_eq(reel_grad_norm(c.params, c.ctx), 3.0);
    reel_params_at(c.params, 1)->flags = 0;
    reel_params_at(c.params, 1)->has_grad = false;
    cr_assert_eq(reel_grad_norm(c.params, c.ctx), 3.0);
    close_case(c);
}

Test(clip, large_floats_do_not_overflow_the_norm_and_threads_do_not_change_it)
{
    const int64_t lengths[2] = {300007, 3};
    double norms[3];
    for (int t = 0; t < 3; t++) {
        reel_ctx *ctx = make_ctx(t == 2 ? 7 : t + 1);
        reel_params *params = make_store(REEL_F32, 2, names, lengths);
        reel_param *p = reel_params_at(params, 0);
        for (int64_t i = 0; i < lengths[0]; i++)
            ((float *)p->grad.data)[i] = 1e30f / (float)(i + 1);
        p->has_grad = true;
        norms[t] = reel_grad_norm(params, ctx);
        reel_params_destroy(params);
        reel_ctx_destroy(ctx);
    }
    const double want =
        1e30 * sqrt(M_PI * M_PI / 6 -
                    1.0 / 300007.5); /* sum of 1/i^2, with the tail's integral taken off */
    cr_assert(fabs(norms[0] / want - 1) < 1e-7, "%.17g, expected %.17g", norms[0], want);
    for (int t = 1; t < 3; t++)
        cr_assert_eq(norms[t], norms[0], "run %d: %.17g, run 0: %.17g", t, norms[t], norms[0]);
}
