/* What the parts of the gradient check share. Private. Floors from the top; a part calls only those
 * below it:
 *
 * gradcheck_case.c       checks an operator's cases and random uses, and expressions on drawn
 * inputs gradcheck.c            the public call gradcheck_blame.c      which operator of an
 * expression is at fault gradcheck_run.c        one check from beginning to end gradcheck_explain.c
 * the message of a failure gradcheck_hint.c       from the numbers of a failure to the likely
 * mistake gradcheck_analytic.c   gradients by backward, and whether backward behaves
 * gradcheck_numeric.c    differences, kinks, comparison
 * gradcheck_state.c      memory, elements, names, building the expression */
#ifndef REEL_CORE_GRADCHECK_INTERNAL_H
#define REEL_CORE_GRADCHECK_INTERNAL_H

#include "core/gradcheck/gradcheck.h"
#include "core/tape.h"

/* One input and its two gradients; both arrays are in row-major order of the shape. */
typedef struct reel_check_input {
    reel_tensor *x;
    int64_t n;
    uint32_t crc; /* of its values as they came */
    double *analytic;
    double *numeric;         /* NaN where the element was not sampled or sits on a kink */
    double largest;          /* of |analytic| */
    int64_t compared, wrong; /* elements and directions */
} reel_check_input;

typedef struct reel_check_state {
    const reel_ctx *ctx;
    reel_gradcheck_fn *fn;
    void *user;
    int n_in;
    reel_check_input in[REEL_GRADCHECK_MAX_INPUTS];
    reel_tape *tape, *quiet; /* recording with everything retained; not recording */
    reel_tensor out;         /* describes y; no memory */
    int64_t n_out;           /* elements of y */
    double *weights, *y;     /* r and y at the unperturbed inputs, in memory order of y */
    double *slopes;          /* [n_out] of the comparison */
    double *again;           /* a second analytic gradient: as long as the longest input */
    double step, tolerance;
    const reel_gradcheck_config *config;
    reel_gradcheck_report *report;
    bool wrong; /* answer: something is wrong, not just nothing compared */
} reel_check_state;

/* One check: k has ctx, fn, user, n_in, in[].x, config and report. reel_check_free is called after
 * it in any case. */
reel_status reel_check_run(reel_check_state *k, reel_error *err);
/* The check of bf16 against float64, likewise (gradcheck_bf16.c). */
reel_status reel_check_bf16(reel_check_state *k, reel_error *err);
reel_status reel_check_allocate(reel_check_state *k, reel_error *err);
void reel_check_free(reel_check_state *k);

enum { REEL_CHECK_ALL = -1, REEL_CHECK_NONE = -2 };
/* Builds the expression anew; gradients are wanted for all inputs, none, or the one given. */
reel_var reel_check_build(reel_check_state *k, reel_tape *tape, int wanted, reel_var *leaves);

/* The memory of element e. The order is that of the memory itself, but row-major for strided views,
 * which have gaps. */
unsigned char *reel_check_element(const reel_tensor *x, int64_t e);
uint32_t reel_check_crc_of(const double *values, int64_t n);
/* Of an input's values. */
uint32_t reel_check_crc(const reel_check_input *in);
/* Analytic gradients of all inputs into in[].analytic, and the behaviour of backward itself.
 * *sound: whether that is right. */
reel_status reel_check_analytic(reel_check_state *k, bool *sound, reel_error *err);
/* Whether the expression still gives what it gave: nobody wrote an input, and it is a pure
 * function. */
reel_status reel_check_unchanged(reel_check_state *k, bool *sound, reel_error *err);
/* Compares with differences; *wrong: elements and directions that disagree. */
reel_status reel_check_compare(reel_check_state *k, int64_t *wrong, reel_error *err);

/* contributions[i] = r_i dy_i / dx_e of one element of an input, for every output i in memory
 * order: what its gradient is the sum of. */
reel_status reel_check_contributions(reel_check_state *k, int input, int64_t e,
                                     double *contributions, reel_error *err);

/* The gradient of an input, into k->again, after a sweep from df = 1 and one from df = 2: three
 * times the analytic one. False where it cannot be had. */
bool reel_check_thrice(reel_check_state *k, int input);

/* What a suggestion is made from: the worst element, where the wrong ones are, and room for text.
 */
typedef struct reel_check_evidence {
    reel_check_state *k;
    const reel_check_input *in;
    int input;
    double a, n; /* analytic and numeric */
    const char *extent;
    char *text;
    size_t size;
} reel_check_evidence;
void reel_check_suggest(const reel_check_evidence *e);

/* Writes what is wrong with the element in the report, and what its pattern suggests, into
 * report->message. */
void reel_check_explain(reel_check_state *k, int64_t wrong_in_all);

/* Checks each operator that the expression recorded on its own; puts the first wrong one into the
 * report. */
void reel_check_blame(reel_check_state *k);

/* The multi-index of a row-major index. */
void reel_check_unravel(const reel_tensor *t, int64_t flat, int64_t *index);

/* "input 1", or its name. */
const char *reel_check_name(const reel_check_state *k, int input, char *text, size_t size);

#endif
