/* LARS against the paper's formula, written here element by element in a form of its own. */
#include "tests/unit/optim/store.h"

enum { WEIGHT, BIAS, SCALE, PARAMS, MOST = 6, STEPS = 12 };
static const char *const names[PARAMS] = {"conv.weight", "conv.bias", "norm.weight"};
static const int64_t lengths[PARAMS] = {MOST, 3, 2};

typedef struct lars_settings {
    const char *options[3][2]; /* trust coefficient, momentum, decay */
    double eta, momentum, decay;
} lars_settings;

/* You, Gitman and Ginsburg 2017, algorithm 1:
 * gamma = lr;  lambda = eta |w| / (|g| + beta |w|);  v = m v + gamma lambda (g + beta w);  w -= v
 */
static void paper_step(const lars_settings *s, double lr, int64_t n, bool adapts, double *w,
                       double *v, const double *g)
{
    double ww = 0, gg = 0;
    for (int64_t i = 0; i < n; i++) {
        ww += w[i] * w[i];
        gg += g[i] * g[i];
    }
    const double beta = adapts ? s->decay : 0, length = sqrt(ww), slope = sqrt(gg);
    const double lambda =
        adapts && length > 0 && slope > 0 ? s->eta * length / (slope + beta * length) : 1;
    for (int64_t i = 0; i < n; i++) {
        v[i] = s->momentum * v[i] + lr * lambda * (g[i] + beta * w[i]);
        w[i] -= v[i];
    }
}

static optim_case open_lars(const lars_settings *s, reel_dtype dtype)
{
    optim_case c = {.ctx = make_ctx(1), .params = make_store(dtype, PARAMS, names, lengths)};
    reel_params_at(c.params, BIAS)->flags |= REEL_PARAM_BIAS;
    reel_params_at(c.params, SCALE)->flags |= REEL_PARAM_NORM;
    c.opt = make_optimizer("lars", c.params, c.ctx, s->options, 3);
    return c;
}

/* The largest difference from the paper over all steps and parameters. */
static double follow_paper(const lars_settings *s, reel_dtype dtype)
{
    const optim_case c = open_lars(s, dtype);
    double w[PARAMS][MOST], v[PARAMS][MOST] = {{0}}, worst = 0;
    for (int p = 0; p < PARAMS; p++)
        for (int64_t i = 0; i < lengths[p]; i++)
            w[p][i] = noise(i, 100 + p);

    for (int p = 0; p < PARAMS; p++)
        set_param(c, p, w[p], NULL);
    for (int step = 0; step < STEPS; step++) {
        const double lr = 0.5 * (1 + step % 4);
        for (int p = 0; p < PARAMS; p++) {
            double g[MOST];
            for (int64_t i = 0; i < lengths[p]; i++)
                g[i] = noise(i, step * PARAMS + p);
            set_param(c, p, NULL, g);
            paper_step(s, lr, lengths[p], p == WEIGHT, w[p], v[p], g);
        }
        cr_assert_eq(reel_optimizer_step(c.opt, lr, NULL), REEL_OK);
        for (int p = 0; p < PARAMS; p++)
            for (int64_t i = 0; i < lengths[p]; i++) {
                const double got = reel_tensor_get(&reel_params_at(c.params, p)->value, &i);
                worst = fmax(worst, fabs(got - w[p][i]) / fmax(1, fabs(w[p][i])));
            }
    }
    close_case(c);
    return worst;
}

Test(lars, equals_the_paper_over_twelve_steps)
{
    static const lars_settings cases[] = {
        {{{"eta", "0.001"}, {"momentum", "0.9"}, {"wd", "0.0005"}}, 0.001, 0.9, 0.0005},
        {{{"eta", "0.02"}, {"momentum", "0.5"}, {"wd", "0.3"}}, 0.02, 0.5, 0.3},
        {{{"trust-coefficient", "0.02"}, {"momentum", "0"}, {"wd", "0.3"}}, 0.02, 0, 0.3},
        {{{"eta", "0.02"}, {"momentum", "0.9"}, {"wd", "0"}}, 0.02, 0.9, 0},
        {{{"eta", "0.02"}, {"momentum", "0"}, {"wd", "0"}}, 0.02, 0, 0}};
    for (int c = 0; c < REEL_COUNT(cases); c++) {
        const double f64 = follow_paper(&cases[c], REEL_F64),
                     f32 = follow_paper(&cases[c], REEL_F32);
        cr_log_info("case %d: float64 %.2g, float32 %.2g", c, f64, f32);
        cr_expect(f64 < 1e-13, "case %d: float64 differs by %g", c, f64);
        cr_expect(f32 < 1e-5, "case %d: float32 differs by %g", c, f32);
    }
}

/* |w| 5, |g| 13, no decay: the step has the length lr eta |w|, whatever the length of g. */
Test(lars, a_step_is_a_share_of_the_weights_length)
{
    static const lars_settings s = {{{"eta", "0.01"}, {"momentum", "0"}, {"wd", "0"}}, 0.01, 0, 0};
    for (int size = 0; size < 3; size++) {
        const double by = size == 0 ? 1 : size == 1 ? 1e-6 : 1e6;
        const optim_case c = open_lars(&s, REEL_F64);
        reel_param *p = set_param(c, WEIGHT, (double[]){3, 4, 0, 0, 0, 0},
                                  (double[]){5 * by, 12 * by, 0, 0, 0, 0});
        cr_assert_eq(reel_optimizer_step(c.opt, 2, NULL), REEL_OK);
        const double length = 2 * 0.01 * 5;
        expect_values(&p->value, (double[]){3 - length * 5 / 13, 4 - length * 12 / 13, 0, 0, 0, 0},
                      1e-15, "w");
        close_case(c);
    }
}

/* A layer of zeros has no length to scale by: it takes a plain step. */
Test(lars, a_layer_that_begins_as_zero_can_leave_it)
{
    static const lars_settings s = {{{"eta", "0.01"}, {"momentum", "0"}, {"wd", "0.1"}}, 0, 0, 0};
    const optim_case c = open_lars(&s, REEL_F64);
    reel_param *p = set_param(c, WEIGHT, (double[MOST]){0}, (double[]){1, 2, 0, 0, 0, 0});
    cr_assert_eq(reel_optimizer_step(c.opt, 0.5, NULL), REEL_OK);
    expect_values(&p->value, (double[]){-0.5, -1, 0, 0, 0, 0}, 1e-15, "w");

    /* Without a gradient nothing but the decay acts, at the plain rate: w -= 0.5 0.1 w. */
    set_param(c, WEIGHT, (double[]){1, 2, 0, 0, 0, 0}, (double[MOST]){0});
    cr_assert_eq(reel_optimizer_step(c.opt, 0.5, NULL), REEL_OK);
    expect_values(&p->value, (double[]){0.95, 1.9, 0, 0, 0, 0}, 1e-15, "w");
    close_case(c);
}

/* Eight steps at the rate 2 (1 - k / 8)^2, with the recipe's eta, momentum and decay. The numbers
 * come from a Python script: the paper's formula in decimals of 50 digits (module decimal),
 * printed with 17. Weight 0.3, -0.2, 0.5, 0.1 with gradients ((7 i + 5 k) mod 11 - 5) / 10; bias
 * 0.05, -0.1 with ((3 i + 5 k) mod 11 - 5) / 10. Norms are over the weight; the bias takes plain
 * steps, v = 0.9 v + lr g, without decay. */
Test(lars, follows_a_stored_trajectory)
{
    enum { WEIGHTS = 4, BIASES = 2, ROWS = 8 };
    static const double want[ROWS][WEIGHTS + BIASES] = {
        {0.3008194264395766, -0.20032770500204333, 0.50032745910034093, 0.099180245691486882, 1.05,
         0.29999999999999999},
        {0.30155662804645916, -0.19987199809074571, 0.50005886283077083, 0.098629987149211465, 1.95,
         0.200625},
        {0.30172786089195214, -0.19956018355445126, 0.50011214023186268, 0.097741025761628395,
         2.1974999999999998, 0.44868750000000002},
        {0.30196552865851256, -0.19886104469498433, 0.49999251172423498, 0.097108288526331396,
         2.4983749999999998, 0.51569374999999995},
        {0.30198435232440052, -0.19823177124816013, 0.50007972791038646, 0.096392548555081004,
         2.5691625, 0.77599937500000005},
        {0.30205746310628934, -0.19780592708952327, 0.50013004624162294, 0.095832686915515775,
         2.6891212499999999, 0.98214943750000006},
        {0.30208577806819381, -0.1974101663683345, 0.50023774464401616, 0.095303828202226562,
         2.7595841249999999, 1.2301844937499999},
        {0.30212039065727447, -0.19706615701008753, 0.50033466559111606, 0.094840032205440683,
         2.8323757125000002, 1.4534160443749999},
    };
    static const char *const options[][2] = {
        {"eta", "0.001"}, {"momentum", "0.9"}, {"wd", "0.0005"}};
    optim_case c = {.ctx = make_ctx(1),
                    .params = make_store(REEL_F64, 2, names, (const int64_t[]){WEIGHTS, BIASES})};
    reel_params_at(c.params, 1)->flags |= REEL_PARAM_BIAS;
    c.opt = make_optimizer("lars", c.params, c.ctx, options, REEL_COUNT(options));
    set_param(c, 0, (double[]){0.3, -0.2, 0.5, 0.1}, NULL);
    set_param(c, 1, (double[]){0.05, -0.1}, NULL);

    for (int k = 0; k < ROWS; k++) {
        double weight[WEIGHTS], bias[BIASES];
        for (int i = 0; i < WEIGHTS; i++)
            weight[i] = (double)((7 * i + 5 * k) % 11 - 5) / 10;
        for (int i = 0; i < BIASES; i++)
            bias[i] = (double)((3 * i + 5 * k) % 11 - 5) / 10;
        const reel_param *w = set_param(c, 0, NULL, weight), *b = set_param(c, 1, NULL, bias);

        const double left = 1 - k / 8.0;
        cr_assert_eq(reel_optimizer_step(c.opt, 2 * left * left, NULL), REEL_OK);
        expect_values(&w->value, want[k], 1e-15, "weight");
        expect_values(&b->value, want[k] + WEIGHTS, 2e-15, "bias");
    }
    close_case(c);
}
