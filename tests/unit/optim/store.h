/* A small parameter store with values and gradients, for the tests of this folder. */
#ifndef REEL_TESTS_OPTIM_STORE_H
#define REEL_TESTS_OPTIM_STORE_H

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "optim/optim.h"

static inline reel_ctx *make_ctx(int threads)
{
    reel_ctx *ctx = NULL;
    reel_error err = {0};
    const reel_ctx_config config = {.threads = threads};
    cr_assert_eq(reel_ctx_create(&ctx, &config, &err), REEL_OK, "%s", err.message);
    return ctx;
}

/* n vectors named by names, of the given lengths. */
static inline reel_params *make_store(reel_dtype dtype, int n, const char *const *names,
                                      const int64_t *lengths)
{
    reel_params *params = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_params_create(&params, dtype, &err), REEL_OK, "%s", err.message);
    for (int i = 0; i < n; i++)
        cr_assert_eq(reel_params_add(params, names[i], 1, &lengths[i], 0, NULL, &err), REEL_OK,
                     "%s", err.message);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK, "%s", err.message);
    return params;
}

static inline void fill(const reel_tensor *t, const double *values)
{
    for (int64_t i = 0; i < t->shape[0]; i++)
        reel_tensor_set(t, &i, values[i]);
}

static inline void set_grad(reel_param *p, const double *values)
{
    fill(&p->grad, values);
    p->has_grad = true;
}

static inline void expect_values(const reel_tensor *t, const double *want, double tolerance,
                                 const char *what)
{
    for (int64_t i = 0; i < t->shape[0]; i++) {
        const double got = reel_tensor_get(t, &i);
        cr_assert(fabs(got - want[i]) <= tolerance * fmax(1, fabs(want[i])),
                  "%s: element %lld is %.17g, expected %.17g", what, (long long)i, got, want[i]);
    }
}

#endif
