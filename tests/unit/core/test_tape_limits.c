/* A tape with a limit on its memory: whatever piece of a step is the first that does not fit, the
 * step ends with an error that says so, or with the gradient that it has without a limit. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/op.h"
#include "core/ops.h"

enum { COUNT = 50, SAVED = 300, SCRATCH = 900 };

static reel_ctx *ctx;
static reel_error err;

static void setup(void)
{
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK, "%s",
                 err.message);
}

static void teardown(void)
{
    reel_ctx_destroy(ctx);
}

TestSuite(tape_limits, .init = setup, .fini = teardown);

/* ---- y = 2 x, by an operator that wants every kind of memory ---- */

static reel_status double_infer(reel_infer *q, reel_error *why)
{
    (void)why;
    q->saved_bytes = SAVED;
    q->forward_scratch = q->backward_scratch = SCRATCH;
    return REEL_OK;
}

static void double_forward(const reel_call *c)
{
    memset(c->scratch, 1, SCRATCH);
    if (c->saved)
        memset(c->saved, 2, SAVED);
    for (int i = 0; i < COUNT; i++)
        ((double *)c->out.data)[i] = 2 * ((const double *)c->in[0].data)[i];
}

/* Spends dout: nothing of it is left. */
static void double_backward(const reel_call *c)
{
    memset(c->scratch, 3, SCRATCH);
    memset(c->saved, 4, SAVED);
    for (int i = 0; i < COUNT; i++)
        ((double *)c->din[0].data)[i] += 2 * ((double *)c->dout.data)[i];
    memset(c->dout.data, 0xff, COUNT * sizeof(double));
}

static const reel_op doubles = {.name = "doubles",
                                .min_in = 1,
                                .max_in = 1,
                                .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_SPENDS_DOUT,
                                .attrs_bytes = sizeof(int64_t),
                                .infer = double_infer,
                                .forward = {[REEL_F64] = double_forward},
                                .backward = {[REEL_F64] = double_backward}};

/* ---- a step ---- */

/* The loss sum 2 x^2 over float32 numbers, which a tape of float64 copies; its gradient is 4 x. */
static reel_status run_step(reel_tape *tape, double gradient[COUNT])
{
    float numbers[COUNT];
    for (int i = 0; i < COUNT; i++)
        numbers[i] = (float)(i - 20);
    const reel_tensor t = reel_tensor_of(numbers, REEL_F32, 1, (const int64_t[]){COUNT});

    const reel_var x = reel_input_grad(tape, &t), two = reel_scalar(tape, 2);
    const reel_var twice = reel_apply(&doubles, &(int64_t){0}, sizeof(int64_t), &x, 1);
    const reel_var half = reel_div(twice, two);
    const reel_var loss = reel_sum(reel_mul(half, twice), 0, false);
    REEL_TRY(reel_backward(loss, &err));
    memcpy(gradient, reel_grad(x).data, COUNT * sizeof(double));
    return REEL_OK;
}

/* How a step ends where the limit is too small, from its first piece to the last. */
static const char *const endings[] = {
    "input: 400 bytes more than the tape's memory limit allows (0 in use)",
    "scalar: 8 bytes more than the tape's memory limit allows",
    "doubles: 8 bytes more than the tape's memory limit allows",   /* its attributes */
    "doubles: 400 bytes more than the tape's memory limit allows", /* its result */
    "doubles: 300 bytes more than the tape's memory limit allows", /* for backward */
    "doubles: 900 bytes more than the tape's memory limit allows", /* its scratch */
    "backward of sum: gradient of 8 bytes is over the tape's memory limit",
    "backward of mul: gradient of 400 bytes is over the tape's memory limit",
    "backward of input: gradient of 400 bytes is over the tape's memory limit",
    "backward of doubles: 900 bytes of scratch are over the tape's memory limit",
    "backward of doubles: 400 bytes are over the tape's memory limit", /* the copy of dout */
};

/* One step within a limit that is too small: notes how it ended. */
static void expect_over(reel_tape *tape, size_t limit, bool seen[REEL_COUNT(endings)])
{
    double gradient[COUNT];
    const reel_status status = run_step(tape, gradient);
    cr_assert_eq(status, REEL_ERR_MEMORY, "limit %zu: status %d", limit, (int)status);
    cr_assert(strstr(err.message, "memory limit"), "limit %zu: %s", limit, err.message);
    for (int i = 0; i < REEL_COUNT(endings); i++)
        seen[i] |= strncmp(err.message, endings[i], strlen(endings[i])) == 0;

    /* The tape is as new after a reset: what fits is computed. */
    reel_tape_reset(tape);
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK);
    const reel_tensor one = reel_value(reel_scalar(tape, 1));
    cr_assert(one.data && *(double *)one.data == 1, "limit %zu: no number afterwards", limit);
}

static void expect_right(reel_tape *tape, size_t limit)
{
    double gradient[COUNT];
    cr_assert_eq(run_step(tape, gradient), REEL_OK, "limit %zu: %s", limit, err.message);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(gradient[i], 4.0 * (i - 20), "limit %zu: gradient %d: %g, expected %g", limit,
                     i, gradient[i], 4.0 * (i - 20));
}

static reel_tape *tape_of(bool retain, size_t limit)
{
    reel_tape *tape;
    const reel_tape_config config = {.dtype = REEL_F64, .retain = retain, .limit_bytes = limit};
    cr_assert_eq(reel_tape_create(&tape, ctx, &config, &err), REEL_OK, "%s", err.message);
    return tape;
}

/* Every limit up to what the step needs: a tape hands memory out in units of REEL_ALIGNMENT. A tape
 * that retains its gradients copies those that an operator would spend. */
Test(tape_limits, a_step_that_does_not_fit_says_which_piece_and_one_that_fits_is_right)
{
    bool seen[REEL_COUNT(endings)] = {false};
    for (int retain = 0; retain < 2; retain++) {
        reel_tape *tape = tape_of(retain, 0);
        expect_right(tape, 0);
        const size_t enough = reel_tape_peak_bytes(tape);
        reel_tape_destroy(tape);

        for (size_t limit = REEL_ALIGNMENT; limit <= enough; limit += REEL_ALIGNMENT) {
            tape = tape_of(retain, limit);
            if (limit < enough)
                expect_over(tape, limit, seen);
            else
                expect_right(tape, limit);
            reel_tape_destroy(tape);
        }
    }
    for (int i = 0; i < REEL_COUNT(endings); i++)
        cr_expect(seen[i], "no limit was too small for \"%s\"", endings[i]);
}
