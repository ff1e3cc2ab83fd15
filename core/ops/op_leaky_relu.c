/* leaky_relu: y = x where x > 0, else slope x;  dx = dy where x > 0, else slope dy (so at 0, as in
 * PyTorch). Backward reads x, not y: a negative slope would hide the sign. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = x where x > 0, else slope x. The gradient at 0 is slope, as in PyTorch. */
REEL_API reel_var reel_leaky_relu(reel_var x, double slope);
#endif

static inline reel_real leaky_relu_value(reel_unary u)
{
    const reel_real slope = (reel_real) * (const double *)u.attrs;
    return u.x > 0 ? u.x : slope * u.x;
}

static inline reel_real leaky_relu_slope(reel_unary u)
{
    const reel_real slope = (reel_real) * (const double *)u.attrs;
    return u.x > 0 ? u.dy : slope * u.dy;
}

#define REEL_UNARY leaky_relu
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_leaky_relu(reel_var x, double slope)
{
    return reel_apply(&reel_op_leaky_relu, &slope, sizeof slope, &x, 1);
}

static const reel_op_case leaky_relu_cases[] = {
    REEL_CASE("number", "()", &(const double){0.1}),
    REEL_CASE("vector", "(7)", &(const double){0.1}),
    REEL_CASE("matrix", "(5, 3)", &(const double){0.1}),
    REEL_CASE("images", "(2, 3, 4, 5)", &(const double){0.1}),
};

static void leaky_relu_random(reel_rng *rng, reel_op_sample *s)
{
    unary_random(rng, s);
    s->attrs.reals[0] = reel_rng_range(rng, -1, 2);
    snprintf(s->label, sizeof s->label, "slope %.17g", s->attrs.reals[0]);
}

const reel_op reel_op_leaky_relu =
    REEL_OP(leaky_relu, 1, 1,
            .flags = REEL_OP_ROWS | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS | REEL_OP_GRAD_OVER_DOUT,
            .attrs_bytes = sizeof(double), .draw = REEL_DRAW_DISTINCT,
            REEL_CHECKS(leaky_relu_cases, leaky_relu_random));
#endif
