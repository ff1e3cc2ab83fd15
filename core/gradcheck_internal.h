/* What gradcheck.c (the comparison) and gradcheck_hint.c (the wording of a failure) share. Private. */
#ifndef REEL_CORE_GRADCHECK_INTERNAL_H
#define REEL_CORE_GRADCHECK_INTERNAL_H

#include "core/gradcheck.h"

/* One input and its two gradients; both arrays are in row-major order of the shape. */
typedef struct reel_check_input {
    reel_tensor *x;
    int64_t n;
    double *analytic;
    double *numeric; /* NaN where the element was not sampled or sits on a kink */
    double largest;  /* of |analytic| */
} reel_check_input;

/* Writes what is wrong with element index of inputs[i], and what its pattern suggests, into report->message. */
void reel_gradcheck_explain(reel_gradcheck_report *report, const reel_check_input *in, double tolerance, int64_t wrong);

/* The multi-index of a row-major index. */
void reel_check_unravel(const reel_tensor *t, int64_t flat, int64_t *index);

#endif
