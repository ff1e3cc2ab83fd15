/* leaky_relu: y = x where x > 0, else slope x;  dx = dy where x > 0, else slope dy (so at 0, as in
 * PyTorch). Backward reads x, not y: a negative slope would hide the sign. */
#include "core/ops/unary.h"

#define SLOPE const reel_real slope = (reel_real) * (const double *)c->attrs;

REEL_UNARY_PASSES(leaky_relu, REEL_OP_NEEDS_INPUTS, SLOPE, x > 0 ? x : slope * x,
                  x > 0 ? dy : slope * dy)

#ifdef REEL_ONCE
reel_var reel_leaky_relu(reel_var x, double slope)
{
    return reel_apply(&reel_op_leaky_relu, &slope, sizeof slope, &x, 1);
}

static reel_var build_case(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_leaky_relu(in[0], 0.1);
}

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    return reel_leaky_relu(in[0], *(const double *)attrs);
}

static void random_attrs(reel_rng *rng, reel_op_sample *s)
{
    s->attrs.reals[0] = reel_rng_range(rng, -1, 2);
    snprintf(s->label, sizeof s->label, "slope %.17g", s->attrs.reals[0]);
}

REEL_UNARY_OP(leaky_relu, REEL_OP_NEEDS_INPUTS, NULL, REEL_DRAW_DISTINCT)
#endif
