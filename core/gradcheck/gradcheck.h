/* Gradient check: the analytic gradient of a tape expression against central differences, in
 * float64. core/gradcheck/README.md is the guide.
 *
 *     error = |a - n| / max(|a|, |n|, 1e-3 x the largest gradient in the tensor)
 *
 * A right gradient stays under 1e-6. (The maximum also has floors, 1e-9 times the outputs' size
 * over the step, and 1e-8: they keep a gradient that is zero by nature from being compared with
 * rounding noise.) Of a large tensor a random part is compared element by element, then the whole
 * tensor along random directions v: |<a, v> - n_v| / max(|<a, v>|, |n_v|, |a| |v_i|). A 1 % error
 * in one element of a million is detected; in n elements, an error of tolerance x sqrt n and more.
 * The element is then found by halving the direction. Backward must also give the same bits twice,
 * add where it is told to add, leave its inputs alone, and read nothing that another call has left.
 *
 * Checks are independent of each other: any number of threads may run one, each on inputs and a
 * report of its own. */
#ifndef REEL_CORE_GRADCHECK_H
#define REEL_CORE_GRADCHECK_H

#include "core/op.h"
#include "core/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REEL_GRADCHECK_MAX_INPUTS = 256 };
/* What an operator in bf16 stays under: its inputs, its result and their gradients round once each,
 * by 2^-8 at most. */
#define REEL_GRADCHECK_BF16 0x1p-6

/* The expression under test: builds it from n_in inputs on the given float64 tape. Any output
 * shape: the check reduces it with fixed random weights. It must be a pure function of its inputs.
 */
typedef reel_var reel_gradcheck_fn(reel_tape *tape, const reel_var *in, void *user);

typedef struct reel_gradcheck_config {
    double step;      /* first difference step, scaled by max(1, |x|); 0 = 1e-4 */
    double tolerance; /* largest error that passes; 0 = 1e-6 */
    uint64_t seed;    /* of the random output weights, the sampled elements and the directions */
    int64_t max_elements; /* of each input, drawn at random; 0 = 400 */
    int projections; /* random directions for an input with more elements; 0 = 4, negative = none */
    const char *const *names; /* of the inputs, for messages; NULL = "input 0", "input 1" */
    /* No differences: value and gradients on a tape that stores bf16 against those on a float64
     * tape. `tolerance` 0 is then REEL_GRADCHECK_BF16. Inputs are rounded to bf16, and stay so.
     * worst_error: |a - b| / |b| over the tensor, in the Euclidean norm; input -1: of the value. */
    bool bf16;
} reel_gradcheck_config;

typedef struct reel_gradcheck_report {
    bool passed;
    double worst_error;
    int input;     /* where the worst error is */
    int64_t index; /* row-major index within that input; -1: along a random direction, no single
                      element stands out */
    double analytic, numeric;
    int64_t checked; /* elements compared */
    int64_t kinks; /* elements skipped because one-sided differences disagree (ReLU corner, pooling
                      tie) */
    char message[1000];  /* on failure: names operator, input, index, both values, their ratio and
                            what that suggests */
    int64_t projections; /* random directions compared */
    char op[64]; /* on failure: the operator at fault, found by checking each one of the expression;
                    "" = none alone */
} reel_gradcheck_report;

/* inputs (1 to REEL_GRADCHECK_MAX_INPUTS) are float64 and are perturbed in place, then restored.
 * ctx NULL: one thread, seed 0. REEL_ERR_INVALID: the expression cannot be built, or two inputs
 * share memory (of strided views only the first element is looked at). A wrong gradient is no error
 * status: look at report->passed. */
REEL_API reel_status reel_gradcheck(const reel_ctx *ctx, reel_gradcheck_fn *fn, void *user,
                                    reel_tensor *inputs, int n_in,
                                    const reel_gradcheck_config *config,
                                    reel_gradcheck_report *report, reel_error *err);

/* The same on inputs that are drawn: only shapes are given. */
typedef struct reel_gradcheck_shape {
    int ndim;
    int64_t shape[REEL_MAX_DIMS];
} reel_gradcheck_shape;
REEL_API reel_status reel_gradcheck_drawn(const reel_ctx *ctx, reel_gradcheck_fn *fn, void *user,
                                          reel_draw draw, const reel_gradcheck_shape *shapes,
                                          int n_in, const reel_gradcheck_config *config,
                                          reel_gradcheck_report *report, reel_error *err);

/* Draws the inputs of one of an operator's cases and checks it. REEL_ERR_INVALID: the case's shapes
 * cannot be read, or it lacks attributes. */
REEL_API reel_status reel_gradcheck_case(const reel_ctx *ctx, const reel_op *op,
                                         const reel_op_case *c, const reel_gradcheck_config *config,
                                         reel_gradcheck_report *report, reel_error *err);

/* Draws the number-th random use of an operator under config->seed (its shapes and attributes, then
 * its inputs) and checks it. A failure's message begins with the shapes and attributes.
 * REEL_ERR_INVALID: op->random is NULL, or drew an invalid use. */
REEL_API reel_status reel_gradcheck_random(const reel_ctx *ctx, const reel_op *op, uint32_t number,
                                           const reel_gradcheck_config *config,
                                           reel_gradcheck_report *report, reel_error *err);

/* A Criterion test (#include <criterion/criterion.h> first) that checks an expression on drawn
 * inputs of the given shapes:
 *
 *     REEL_GRADCHECK_TEST(my_suite, swish_has_a_right_gradient, build_swish, NULL,
 * REEL_DRAW_NORMAL, {2, {3, 5}})
 *
 * for one input of shape (3, 5); more shapes follow after commas. */
#define REEL_GRADCHECK_TEST(suite, name, fn, user, draw, ...)                                      \
    Test(suite, name)                                                                              \
    {                                                                                              \
        static const reel_gradcheck_shape shapes_[] = {__VA_ARGS__};                               \
        reel_gradcheck_report report_;                                                             \
        reel_error err_ = {REEL_OK, ""};                                                           \
        const reel_status status_ = reel_gradcheck_drawn(                                          \
            NULL, fn, user, draw, shapes_, (int)REEL_COUNT(shapes_), NULL, &report_, &err_);       \
        cr_assert(status_ == REEL_OK, "%s", err_.message);                                         \
        cr_assert(report_.passed, "%s", report_.message);                                          \
    }

#ifdef __cplusplus
}
#endif
#endif
