/* Recording: leaves, operators, and when a value's memory may go. */
#include "core/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ctx_internal.h"
#include "core/tape_internal.h"

reel_status reel_tape_create(reel_tape **out, const reel_ctx *ctx, const reel_tape_config *config,
                             reel_error *err)
{
    static const reel_tape_config defaults;
    REEL_NEED(out, err);
    *out = NULL;
    if (!config)
        config = &defaults;
    if (!ctx || config->dtype < 0 || config->dtype >= REEL_DTYPES)
        return reel_fail(err, REEL_ERR_INVALID, "tape: expected a context and float32 or float64");
    reel_tape *tape = calloc(1, sizeof *tape);
    if (!tape)
        return reel_fail(err, REEL_ERR_MEMORY, "tape: out of memory");

    *tape = (reel_tape){.ctx = ctx,
                        .dtype = config->dtype,
                        .bf16 = config->dtype == REEL_F32 &&
                                reel_ctx_precision(ctx) == REEL_PRECISION_BF16,
                        .pieces = 1,
                        .recording = !config->no_grad,
                        .retain = config->retain,
                        .plan = config->plan,
                        .poison = config->poison,
                        .timed = config->timed};
    tape->tracing = reel_ctx_traces(ctx, REEL_TRACE_TIME);

    const reel_status status = reel_arena_create(&tape->arena, config->limit_bytes, err);
    if (status != REEL_OK) {
        free(tape);
        return status;
    }
    *out = tape;
    return REEL_OK;
}

void reel_tape_destroy(reel_tape *tape)
{
    if (!tape)
        return;
    reel_arena_destroy(tape->arena);
    free(tape->nodes);
    free(tape);
}

double reel_tape_clock(const reel_tape *tape)
{
    struct timespec now;
    if (!tape->tracing && !tape->timed)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static void log_times(const reel_tape *tape)
{
    char shape[128];
    for (int id = 0; id < tape->count; id++) {
        const reel_node *node = &tape->nodes[id];
        if (!node->op)
            continue;
        reel_ctx_log(tape->ctx, REEL_LOG_DEBUG,
                     "time %-24s %-22s forward %8.3f ms  backward %8.3f ms", node->op->name,
                     reel_shape_text(shape, sizeof shape, node->value.ndim, node->value.shape),
                     node->forward_ms, node->backward_ms);
    }
}

void reel_tape_reset(reel_tape *tape)
{
    if (!tape)
        return;
    if (tape->tracing)
        log_times(tape);
    reel_arena_reset(tape->arena);
    tape->count = 0;
    tape->gradients = 0;
    tape->attrs_left = 0;
    tape->work = (reel_tape_work){0};
    tape->error.status = REEL_OK;
}

/* A fresh node at the end of the tape, or NULL with the sticky error set. */
static reel_node *new_node(reel_tape *tape)
{
    if (tape->error.status != REEL_OK)
        return NULL;
    if (tape->count == tape->capacity) {
        const int capacity = tape->capacity ? tape->capacity * 2 : 64;
        reel_node *nodes = realloc(tape->nodes, (size_t)capacity * sizeof *nodes);
        if (!nodes) {
            reel_tape_fail(tape, REEL_ERR_MEMORY, "tape: out of memory for %d nodes", capacity);
            return NULL;
        }
        tape->nodes = nodes;
        tape->capacity = capacity;
    }
    reel_node *node = &tape->nodes[tape->count];
    memset(node, 0, sizeof *node);
    node->recorded = tape->recording;
    return node;
}

static void *hand_out(reel_tape *tape, size_t bytes)
{
    void *block = reel_arena_alloc(tape->arena, bytes);
    if (block && tape->poison)
        memset(block, 0xff, bytes); /* NaN, -1, true */
    return block;
}

void reel_tape_note_memory(reel_tape *tape)
{
    const size_t all = reel_arena_touched(tape->arena) + tape->gradients;
    if (all > tape->most_with_gradients)
        tape->most_with_gradients = all;
}

void *reel_tape_hold(reel_tape *tape, size_t bytes)
{
    void *block = hand_out(tape, bytes);
    const size_t held = reel_arena_used(tape->arena);
    if (held > tape->most_held)
        tape->most_held = held;
    reel_tape_note_memory(tape);
    return block;
}

void *reel_tape_scratch(reel_tape *tape, size_t bytes)
{
    void *block = hand_out(tape, bytes);
    if (bytes > tape->most_scratch)
        tape->most_scratch = bytes;
    reel_tape_note_memory(tape);
    return block;
}

static void *need_memory(reel_tape *tape, void *block, size_t bytes, const char *what)
{
    if (!block)
        reel_tape_fail(tape, REEL_ERR_MEMORY,
                       "%s: %zu bytes more than the tape's memory limit allows (%zu in use)", what,
                       bytes, reel_arena_used(tape->arena));
    return block;
}

static void *step_memory(reel_tape *tape, size_t bytes, const char *what)
{
    return need_memory(tape, reel_tape_hold(tape, bytes), bytes, what);
}

void *reel_tape_alloc(reel_tape *tape, size_t bytes)
{
    return tape ? step_memory(tape, bytes, "attributes") : NULL;
}

static reel_var add_leaf(reel_tape *tape, const reel_tensor *value, bool wants_grad)
{
    reel_node *node = tape ? new_node(tape) : NULL;
    if (!node)
        return (reel_var){tape, -1};
    if (!value || value->ndim < 0 || value->ndim > REEL_MAX_DIMS || reel_tensor_numel(value) < 0)
        return reel_tape_fail(tape, REEL_ERR_INVALID, "input: no tensor, or one that cannot be");
    node->value = *value;

    if (!value->data && reel_tensor_numel(value) != 0) {
        char text[128];
        return reel_tape_fail(tape, REEL_ERR_INVALID,
                              "input: a tensor of shape %s has no memory (its data is NULL)",
                              reel_shape_text(text, sizeof text, value->ndim, value->shape));
    }

    /* A number is no batch. */
    if (tape->pieces > 1 && value->ndim > 0) {
        if (value->shape[0] % tape->pieces)
            return reel_tape_fail(tape, REEL_ERR_INVALID,
                                  "input: expected rows for %lld pieces of one size, got %lld",
                                  (long long)tape->pieces, (long long)value->shape[0]);
        node->batch = tape->pieces;
    }

    /* What operators can read in place is borrowed. */
    if (!value->data || value->dtype != tape->dtype || !reel_tensor_is_canonical(value)) {
        node->value = reel_tensor_of(NULL, tape->dtype, value->ndim, value->shape);
        node->value.data = step_memory(tape, reel_tensor_bytes(&node->value), "input");
        if (!node->value.data)
            return (reel_var){tape, -1};
        if (!tape->plan)
            reel_tensor_copy(&node->value, value);
        node->owns_value = true;
    } else {
        node->value.layout = reel_canonical_layout(value->ndim);
    }

    node->narrow = value->ndim > 0;
    node->needs_grad = node->wants_grad = wants_grad && tape->recording;
    return (reel_var){tape, tape->count++};
}

reel_var reel_input(reel_tape *tape, const reel_tensor *value)
{
    return add_leaf(tape, value, false);
}

reel_var reel_input_grad(reel_tape *tape, const reel_tensor *value)
{
    return add_leaf(tape, value, true);
}

reel_var reel_scalar(reel_tape *tape, double value)
{
    if (!tape)
        return (reel_var){NULL, -1};
    const reel_tensor t = {.data = &value, .dtype = REEL_F64};
    reel_tensor scalar =
        reel_tensor_of(step_memory(tape, sizeof(double), "scalar"), tape->dtype, 0, NULL);
    if (!scalar.data)
        return (reel_var){tape, -1};
    reel_tensor_copy(&scalar, &t);
    const reel_var v = add_leaf(tape, &scalar, false);
    if (v.id >= 0)
        tape->nodes[v.id].owns_value = true;
    return v;
}

reel_var reel_param_var(reel_tape *tape, reel_params *params, int index)
{
    const reel_param *p = reel_params_at(params, index);
    if (!tape || !p)
        return reel_tape_fail(tape, REEL_ERR_INVALID, "parameter %d: there is no such parameter",
                              index);
    const bool narrow = p->value.dtype == REEL_BF16 && tape->bf16 && !tape->recording;
    if (tape->error.status == REEL_OK && p->value.dtype != tape->dtype && !narrow)
        return reel_tape_fail(tape, REEL_ERR_INVALID, "parameter %s is %s, the tape %s", p->name,
                              reel_dtype_name(p->value.dtype), reel_dtype_name(tape->dtype));
    if (!reel_hooks_need(tape, params, index))
        return (reel_var){tape, -1};
    reel_node *node = new_node(tape);
    if (!node)
        return (reel_var){tape, -1};
    node->value = p->value;
    node->params = params;
    node->param = index;
    node->needs_grad = tape->recording && !(p->flags & (REEL_PARAM_FROZEN | REEL_PARAM_BUFFER));
    return (reel_var){tape, tape->count++};
}

/* "conv2d (2, 3, 5, 5) (4, 2, 3, 3)": the operator and the shapes it was given. */
static void name_call(char *text, size_t size, const reel_op *op, const reel_tensor *in, int n_in)
{
    size_t used = (size_t)snprintf(text, size, "%s", op->name);
    for (int i = 0; i < n_in && used < size; i++) {
        char shape[128];
        if (in[i].ndim < 0)
            continue;
        used += (size_t)snprintf(text + used, size - used, " %s",
                                 reel_shape_text(shape, sizeof shape, in[i].ndim, in[i].shape));
    }
}

static bool take_value(reel_tape *tape, reel_node *node)
{
    node->value.data = step_memory(tape, reel_tensor_bytes(&node->value), node->op->name);
    node->owns_value = node->value.data != NULL;
    return node->owns_value;
}

/* The array of nodes may not grow in here. */
static bool call_forward(reel_tape *tape, reel_node *node, const reel_tensor *in, bool again)
{
    reel_call call = {.ctx = tape->ctx,
                      .attrs = node->attrs,
                      .pieces = reel_pieces_of_call(node),
                      .n_in = node->n_in,
                      .in = in,
                      .out = node->value,
                      .saved = node->saved,
                      .again = again};
    const size_t bytes = reel_call_scratch(tape, node, &call);
    call.scratch = bytes ? reel_tape_scratch(tape, bytes) : NULL;
    if (bytes && !need_memory(tape, call.scratch, bytes, node->op->name))
        return false;

    const double start = reel_tape_clock(tape);
    if (!tape->plan && node->calls > 1)
        reel_pieces_forward(tape, node, &call);
    else if (!tape->plan)
        reel_node_forward(tape, node, &call);
    node->forward_ms += reel_tape_clock(tape) - start;
    reel_arena_free(tape->arena, call.scratch);
    return true;
}

/* Runs forward for a node whose inputs are in place. */
static bool run_forward(reel_tape *tape, reel_node *node, const reel_infer *q,
                        const reel_tensor *in)
{
    node->narrow = q->bf16 && q->ndim > 0 && !q->gives_wide;
    node->value = reel_tensor_of(NULL, node->narrow ? REEL_BF16 : tape->dtype, q->ndim, q->shape);
    node->pass = q->takes_bf16 && node->op->forward[REEL_BF16] ? REEL_BF16 : tape->dtype;
    node->needs_output =
        node->op->flags & REEL_OP_NEEDS_OUTPUT && !(node->pass == REEL_BF16 && q->drops_output);
    node->forward_scratch = q->forward_scratch;
    node->backward_scratch = q->backward_scratch;

    /* Where a value may go before what is saved beside it, it lies behind: the gap that it leaves
     * then joins the next ones. */
    const bool value_first = !q->drops_output;
    if (value_first && !take_value(tape, node))
        return false;
    /* What backward will read besides the inputs, such as the places of the maxima. */
    if (node->needs_grad && q->saved_bytes &&
        !(node->saved = step_memory(tape, q->saved_bytes, node->op->name)))
        return false;
    if (!value_first && !take_value(tape, node))
        return false;
    tape->work.forward += reel_node_multiply_adds(tape, node);
    return call_forward(tape, node, in, false);
}

bool reel_node_forward_again(reel_tape *tape, reel_node *node)
{
    reel_tensor in[REEL_MAX_INPUTS];
    for (int i = 0; i < node->n_in; i++)
        in[i] = node->in[i] < 0 ? (reel_tensor){.ndim = -1} : tape->nodes[node->in[i]].value;
    tape->work.again += reel_node_multiply_adds(tape, node);
    tape->work.elements += reel_tensor_numel(&node->value);
    return take_value(tape, node) && call_forward(tape, node, in, true);
}

/* Connects the node with its inputs and copies their descriptions to values; false with the sticky
 * error set. */
static bool take_inputs(reel_tape *tape, reel_node *node, const reel_var *in, reel_tensor *values)
{
    const char *name = node->op->name;
    for (int i = 0; i < node->n_in; i++) {
        node->in[i] = in[i].tape ? in[i].id : -1;
        if (!in[i].tape) { /* an input that was left out, such as a bias */
            if (i < node->op->min_in) {
                reel_tape_fail(tape, REEL_ERR_INVALID, "%s: input %d is missing", name, i);
                return false;
            }
            values[i] = (reel_tensor){.ndim = -1};
            continue;
        }

        if (in[i].tape != tape || in[i].id < 0 || in[i].id >= tape->count) {
            reel_tape_fail(tape, REEL_ERR_INVALID, "%s: input %d %s", name, i,
                           in[i].tape != tape ? "is a value of another tape"
                                              : "is no value: its tape was reset since");
            return false;
        }
        reel_node *input = &tape->nodes[in[i].id];
        if (!input->value.data) {
            reel_tape_fail(tape, REEL_ERR_INVALID, "%s: input %d was released or freed by backward",
                           name, i);
            return false;
        }
        values[i] = input->value;
        input->anchor |= node->recorded && !input->recorded;
        node->needs_grad |= input->needs_grad && tape->recording;
    }
    return true;
}

static bool copy_attrs(reel_tape *tape, reel_node *node, const void *attrs, size_t size)
{
    if (size == 0)
        return true;
    node->attrs =
        tape->bf16 ? reel_shared_block(tape, size) : step_memory(tape, size, node->op->name);
    if (!node->attrs)
        return false;
    memcpy(node->attrs, attrs, size);
    node->attrs_size = size;
    return true;
}

/* Asks the operator for the result's shape and memory; false with the sticky error set. */
static bool ask_infer(reel_tape *tape, reel_node *node, reel_infer *q)
{
    reel_error why;
    /* One input at least: it told the tape.
     * NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
    q->ndim = q->in[0].ndim;
    memcpy(q->shape, q->in[0].shape, sizeof q->shape);
    reel_status status = node->op->infer ? node->op->infer(q, &why) : REEL_OK;
    if (status == REEL_OK && !reel_pieces_finish(tape, node, q))
        return false;
    if (status == REEL_OK)
        status = reel_infer_check_size(q, &why);
    if (status == REEL_OK)
        return true;

    char text[600];
    name_call(text, sizeof text, node->op, q->in, node->n_in);
    reel_tape_fail(tape, status, "%s: %s", text, why.message);
    return false;
}

/* Counts the backward calls that will read a value: while there are any, it is kept. */
static void count_uses(reel_tape *tape, reel_node *node)
{
    if (!node->needs_grad)
        return;
    if (node->needs_output)
        node->uses++;
    for (int i = 0; i < node->n_in && node->op->flags & REEL_OP_NEEDS_INPUTS; i++)
        if (node->in[i] >= 0)
            tape->nodes[node->in[i]].uses++;
}

reel_var reel_apply(const reel_op *op, const void *attrs, size_t attrs_size, const reel_var *in,
                    int n_in)
{
    reel_tape *tape = NULL;
    for (int i = n_in < REEL_MAX_INPUTS ? n_in - 1 : REEL_MAX_INPUTS - 1; in && i >= 0; i--)
        if (in[i].tape)
            tape = in[i].tape; /* the first input's, where it has one */
    const reel_var failed = {tape, -1};
    if (!tape)
        return failed;
    if (!op || n_in < op->min_in || n_in > op->max_in || n_in > REEL_MAX_INPUTS)
        return reel_tape_fail(tape, REEL_ERR_INVALID, "%s: %d inputs, expected %d to %d",
                              op ? op->name : "no operator", n_in, op ? op->min_in : 0,
                              op ? op->max_in : 0);
    if (tape->error.status != REEL_OK)
        return failed;
    while (n_in > op->min_in && !in[n_in - 1].tape)
        n_in--; /* REEL_NONE at the end */
    if (attrs_size > 0 && !attrs)
        return reel_tape_fail(tape, REEL_ERR_INVALID, "%s: attrs is NULL", op->name);
    if (!op->forward[tape->dtype])
        return reel_tape_fail(tape, REEL_ERR_INVALID, "%s: not available in %s", op->name,
                              reel_dtype_name(tape->dtype));

    reel_tensor values[REEL_MAX_INPUTS];
    reel_node *node = new_node(tape);
    if (!node)
        return failed;
    node->op = op;
    node->n_in = n_in;
    if (!take_inputs(tape, node, in, values) || !copy_attrs(tape, node, attrs, attrs_size))
        return failed;

    reel_tensor asked[REEL_MAX_INPUTS];
    memcpy(asked, values, (size_t)n_in * sizeof *values);
    reel_show_inputs(op, asked, n_in);
    reel_infer q = {.ctx = tape->ctx,
                    .dtype = tape->dtype,
                    .attrs = node->attrs,
                    .n_in = n_in,
                    .in = asked,
                    .bf16 = reel_result_is_narrow(tape, node),
                    .wide = tape->wide,
                    .recording = node->needs_grad};
    if (!reel_pieces_begin(tape, node, &q, asked) || !ask_infer(tape, node, &q) ||
        !run_forward(tape, node, &q, values))
        return failed;

    count_uses(tape, node);
    return (reel_var){tape, tape->count++};
}

/* Recorded leaves and anchors stay: recorded values may be computed again from them. */
void reel_node_drop(reel_tape *tape, reel_node *node)
{
    const bool stays = node->anchor || (!node->op && node->recorded);
    if (!node->owns_value || node->uses > 0 || tape->retain || stays)
        return;
    reel_arena_free(tape->arena, node->value.data);
    node->value.data = NULL;
    node->owns_value = false;
}

void reel_release(reel_var v)
{
    if (!reel_is_value(v))
        return;
    reel_node *node = &v.tape->nodes[v.id];
    node->released = true;
    reel_node_drop(v.tape, node);
}
