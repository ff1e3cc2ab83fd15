/* clamp: y = lo where x < lo, hi where x > hi, else x;  dx = dy where lo <= x <= hi, else 0. NaN
 * stays NaN. */
#include "core/ops/unary.h"

typedef struct clamp_attrs {
    double lo, hi;
} clamp_attrs;

#define LIMITS                                                                                     \
    const clamp_attrs *attrs = c->attrs;                                                           \
    const reel_real lo = (reel_real)attrs->lo;                                                     \
    const reel_real hi = (reel_real)attrs->hi;

static inline reel_real clamped(reel_real x, reel_real lo, reel_real hi)
{
    return x < lo ? lo : (x > hi ? hi : x);
}

REEL_UNARY_PASSES(clamp, REEL_OP_NEEDS_INPUTS, LIMITS, clamped(x, lo, hi),
                  x >= lo && x <= hi ? dy : 0)

#ifdef REEL_ONCE
static reel_status clamp_infer(reel_infer *q, reel_error *err)
{
    const clamp_attrs *attrs = q->attrs;
    if (attrs->lo <= attrs->hi)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "expected lo <= hi, got lo %g and hi %g", attrs->lo,
                     attrs->hi);
}

reel_var reel_clamp(reel_var x, double lo, double hi)
{
    const clamp_attrs attrs = {lo, hi};
    return reel_apply(&reel_op_clamp, &attrs, sizeof attrs, &x, 1);
}

static reel_var build_case(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_clamp(in[0], -0.04, 0.05); /* between the values that are drawn */
}

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    const clamp_attrs *a = attrs;
    (void)tape;
    return reel_clamp(in[0], a->lo, a->hi);
}

static void random_attrs(reel_rng *rng, reel_op_sample *s)
{
    clamp_attrs *a = (clamp_attrs *)&s->attrs;
    a->lo = reel_rng_range(rng, -1, 0.5);
    a->hi = a->lo + reel_rng_range(rng, 0, 1);
    snprintf(s->label, sizeof s->label, "lo %.17g, hi %.17g", a->lo, a->hi);
}

REEL_UNARY_OP(clamp, REEL_OP_NEEDS_INPUTS, clamp_infer, REEL_DRAW_DISTINCT)
#endif
