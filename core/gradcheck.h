/* Gradient check: the analytic gradient of a tape expression against central differences, in float64.
 *
 * error = |a - n| / max(|a|, |n|, 1e-3 x the largest gradient in the tensor); a right gradient stays under 1e-6. (A floor of
 * 1e-5 times the outputs' size under the maximum keeps gradients that are zero by nature from being compared with rounding
 * noise.) Backward must also give the same bits twice, add where it is told to add, and leave inputs alone. */
#ifndef REEL_CORE_GRADCHECK_H
#define REEL_CORE_GRADCHECK_H

#include "core/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The expression under test: builds it from n_in inputs on the given float64 tape. Any output shape: the check reduces it with
 * fixed random weights. It must be a pure function of its inputs. */
typedef reel_var reel_gradcheck_fn(reel_tape *tape, const reel_var *in, void *user);

typedef struct reel_gradcheck_config {
    double step;          /* first difference step, scaled by max(1, |x|); 0 = 1e-4. Smaller ones are tried near kinks */
    double tolerance;     /* 0 = 1e-6 */
    uint64_t seed;        /* of the random output weights and of the sampled elements */
    int64_t max_elements; /* check at most this many elements of each input, drawn at random; 0 = 400 */
} reel_gradcheck_config;

typedef struct reel_gradcheck_report {
    bool passed;
    double worst_error;
    int input;     /* where the worst error is */
    int64_t index; /* row-major index within that input */
    double analytic, numeric;
    int64_t checked;    /* elements compared */
    int64_t kinks;      /* elements skipped because one-sided differences disagree (ReLU corner, pooling tie) */
    char message[1000]; /* on failure: names input, index, both values, their ratio and what that suggests */
} reel_gradcheck_report;

/* inputs are float64 and are perturbed in place, then restored. REEL_ERR_INVALID: the expression cannot be built. A wrong
 * gradient is no error status: look at report->passed. */
REEL_API reel_status reel_gradcheck(const reel_ctx *ctx, reel_gradcheck_fn *fn, void *user, reel_tensor *inputs, int n_in,
                                    const reel_gradcheck_config *config, reel_gradcheck_report *report, reel_error *err);

/* Draws the inputs of an operator's case and checks it. */
REEL_API reel_status reel_gradcheck_case(const reel_ctx *ctx, const reel_op_case *c, const reel_gradcheck_config *config,
                                         reel_gradcheck_report *report, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
