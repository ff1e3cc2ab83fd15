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

/* Uneven lengths, large enough for a parallel region; a value that depends on the place. */
static inline double noise(int64_t i, int step_number)
{
    uint64_t x =
        ((uint64_t)i + 1) * 0x9e3779b97f4a7c15u + (uint64_t)step_number * 0xd1b54a32d192ed03u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    return (double)(x >> 40) / 8388608.0 - 1;
}

static inline void fill_noise(const reel_tensor *t, int step_number)
{
    for (int64_t i = 0; i < t->shape[0]; i++)
        reel_tensor_set(t, &i, noise(i, step_number));
}

/* An optimizer of the library by name, with n options such as {"weight-decay", "0.05"}. */
static inline reel_optimizer *make_optimizer(const char *kind, reel_params *params,
                                             const reel_ctx *ctx, const char *const options[][2],
                                             int n)
{
    reel_error err = {0};
    reel_optimizer *opt = NULL;
    reel_optimizer_config config = reel_optimizer_config_default(reel_optimizer_find(kind));
    for (int i = 0; i < n; i++)
        cr_assert_eq(reel_optimizer_config_set(&config, options[i][0], options[i][1], &err),
                     REEL_OK, "%s", err.message);
    cr_assert_eq(reel_optimizer_create(&opt, params, ctx, &config, &err), REEL_OK, "%s",
                 err.message);
    return opt;
}

/* A context, a store and its optimizer, made and destroyed together. */
typedef struct optim_case {
    reel_ctx *ctx;
    reel_params *params;
    reel_optimizer *opt;
} optim_case;

static inline void close_case(optim_case c)
{
    reel_optimizer_destroy(c.opt);
    reel_params_destroy(c.params);
    reel_ctx_destroy(c.ctx);
}

/* Parameter i of a case gets this value, gradient; both may be NULL. */
static inline reel_param *set_param(optim_case c, int i, const double *value, const double *grad)
{
    reel_param *p = reel_params_at(c.params, i);
    if (value)
        fill(&p->value, value);
    if (grad)
        set_grad(p, grad);
    return p;
}

enum { LONG = 4 };
#define LONG_LENGTHS ((const int64_t[LONG]){70001, 17, 100003, 1})

static inline void run_steps(reel_params *params, reel_optimizer *opt, int first, int last)
{
    for (int s = first; s < last; s++) {
        for (int i = 0; i < LONG; i++) {
            reel_param *p = reel_params_at(params, i);
            fill_noise(&p->grad, s);
            p->has_grad = true;
        }
        reel_error err = {0};
        cr_assert_eq(reel_optimizer_step(opt, 0.01 * (s + 1), &err), REEL_OK, "%s", err.message);
    }
}

static inline void expect_same_bits(const reel_params *a, const reel_params *b)
{
    for (int i = 0; i < LONG; i++) {
        const reel_tensor x = reel_params_at(a, i)->value, y = reel_params_at(b, i)->value;
        for (int64_t k = 0; k < x.shape[0]; k++) {
            const float p = ((float *)x.data)[k], q = ((float *)y.data)[k];
            cr_assert(memcmp(&p, &q, sizeof p) == 0, "%s[%lld]: %.9g and %.9g",
                      reel_params_at(a, i)->name, (long long)k, (double)p, (double)q);
        }
    }
}

static const char *const long_names[LONG] = {"features.0.weight", "features.0.bias",
                                             "classifier.6.weight", "classifier.6.bias"};

static inline reel_params *make_long_store(void)
{
    reel_params *params = make_store(REEL_F32, LONG, long_names, LONG_LENGTHS);
    for (int i = 0; i < LONG; i++)
        fill_noise(&reel_params_at(params, i)->value, 99);
    return params;
}

/* Three steps give the same bits with 1, 2 and 5 threads. */
static inline void expect_thread_invariance(reel_optimizer *(*make)(reel_params *params,
                                                                    const reel_ctx *ctx,
                                                                    const void *config),
                                            const void *config)
{
    static const int threads[] = {1, 2, 5};
    reel_params *params[3];
    for (int t = 0; t < 3; t++) {
        reel_ctx *ctx = make_ctx(threads[t]);
        params[t] = make_long_store();
        reel_optimizer *opt = make(params[t], ctx, config);
        run_steps(params[t], opt, 0, 3);
        reel_optimizer_destroy(opt);
        reel_ctx_destroy(ctx);
    }
    expect_same_bits(params[0], params[1]);
    expect_same_bits(params[0], params[2]);
    for (int t = 0; t < 3; t++)
        reel_params_destroy(params[t]);
}

#endif
