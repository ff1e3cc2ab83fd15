/* clamp: y = lo where x < lo, hi where x > hi, else x;  dx = dy where lo <= x <= hi, else 0. NaN
 * stays NaN. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = lo where x < lo, hi where x > hi, else x. The gradient is 1 where lo <= x <= hi, else 0, as
 * in PyTorch. REEL_ERR_INVALID unless lo <= hi. */
REEL_API reel_var reel_clamp(reel_var x, double lo, double hi);
#endif

typedef struct clamp_attrs {
    double lo, hi;
} clamp_attrs;

static inline reel_real clamp_value(reel_unary u)
{
    const clamp_attrs *a = u.attrs;
    const reel_real lo = (reel_real)a->lo, hi = (reel_real)a->hi;
    const reel_real from_below = u.x < lo ? lo : u.x; /* lo <= hi: one bound at most is crossed */
    return u.x > hi ? hi : from_below;
}

static inline reel_real clamp_slope(reel_unary u)
{
    const clamp_attrs *a = u.attrs;
    /* & and not &&: without a branch the loop becomes vectors. */
    return ((u.x >= (reel_real)a->lo) & (u.x <= (reel_real)a->hi)) ? u.dy : 0;
}

#define REEL_UNARY clamp
#include "core/ops/unary.h"

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

/* Between the values that are drawn. */
static const clamp_attrs clamp_between = {-0.04, 0.05};
static const reel_op_case clamp_cases[] = {
    REEL_CASE("number", "()", &clamp_between),
    REEL_CASE("vector", "(7)", &clamp_between),
    REEL_CASE("matrix", "(5, 3)", &clamp_between),
    REEL_CASE("images", "(2, 3, 4, 5)", &clamp_between),
};

static void clamp_random(reel_rng *rng, reel_op_sample *s)
{
    clamp_attrs *a = (clamp_attrs *)&s->attrs;
    unary_random(rng, s);
    a->lo = reel_rng_range(rng, -1, 0.5);
    a->hi = a->lo + reel_rng_range(rng, 0, 1);
    snprintf(s->label, sizeof s->label, "lo %.17g, hi %.17g", a->lo, a->hi);
}

const reel_op reel_op_clamp =
    REEL_OP(clamp, 1, 1,
            .flags = REEL_OP_ROWS | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS | REEL_OP_GRAD_OVER_DOUT,
            .attrs_bytes = sizeof(clamp_attrs), .infer = clamp_infer, .draw = REEL_DRAW_DISTINCT,
            REEL_CHECKS(clamp_cases, clamp_random));
#endif
