/* The reverse sweep: from a scalar down the ids, each node hands its gradient on to its inputs and
 * is then freed. */
#include <string.h>

#include "core/tape_internal.h"

/* The gradient memory of a node, made on first use. *fresh tells that it holds nothing yet. */
static bool grad_of(reel_tape *tape, reel_node *node, reel_tensor *grad, bool *fresh)
{
    if (node->params) {
        const reel_param *p = reel_params_at(node->params, node->param);
        *grad = p->grad;
        *fresh = !p->has_grad;
        return true;
    }

    *fresh = !node->grad.data;
    if (*fresh) {
        node->grad = reel_tensor_of(NULL, node->value.dtype, node->value.ndim, node->value.shape);
        node->grad.data = reel_tape_hold(tape, reel_tensor_bytes(&node->grad));
        if (!node->grad.data) {
            reel_tape_fail(tape, REEL_ERR_MEMORY,
                           "backward of %s: gradient of %zu bytes is over the tape's memory limit",
                           node->op ? node->op->name : "input", reel_tensor_bytes(&node->grad));
            return false;
        }
    }
    *grad = node->grad;
    return true;
}

/* Two inputs with one gradient: the same value, or two handles of the same parameter. */
static bool same_gradient(const reel_tape *tape, int a, int b)
{
    if (a < 0 || b < 0)
        return false;
    const reel_node *x = &tape->nodes[a], *y = &tape->nodes[b];
    return a == b || (x->params && x->params == y->params && x->param == y->param);
}

static bool used_before(const reel_tape *tape, const reel_node *node, int i)
{
    for (int j = 0; j < i; j++)
        if (same_gradient(tape, node->in[j], node->in[i]))
            return true;
    return false;
}

static bool used_again(const reel_tape *tape, const reel_node *node, int i)
{
    for (int j = i + 1; j < node->n_in; j++)
        if (same_gradient(tape, node->in[j], node->in[i]))
            return true;
    return false;
}

/* What an operator's backward may read and write: entries for its inputs. */
typedef struct backward_inputs {
    reel_tensor in[REEL_MAX_INPUTS], din[REEL_MAX_INPUTS];
    bool fresh[REEL_MAX_INPUTS];
} backward_inputs;

/* Input 0 takes over dout's memory, where it has none yet and the operator allows it. A tape that
 * retains gradients or checks operators gives each its own. */
static void share_dout(const reel_tape *tape, const reel_node *node)
{
    if (!(node->op->flags & REEL_OP_GRAD_OVER_DOUT) || tape->retain || tape->poison)
        return;
    reel_node *input = &tape->nodes[node->in[0]];
    if (!input->needs_grad || input->params || input->grad.data || used_again(tape, node, 0) ||
        input->value.dtype != node->grad.dtype)
        return;
    input->grad =
        reel_tensor_of(node->grad.data, node->grad.dtype, input->value.ndim, input->value.shape);
}

/* Whether input 0 has taken over dout's memory. */
static bool shares_dout(const reel_tape *tape, const reel_node *node)
{
    return node->in[0] >= 0 && tape->nodes[node->in[0]].grad.data == node->grad.data;
}

/* Which gradients a call of backward computes. */
typedef enum { GRADS_ALL, GRADS_EARLY, GRADS_LATE } grads_part;

bool reel_grad_is_late(const reel_tape *tape, const reel_node *node, int i)
{
    if (!tape->late_bytes || tape->retain || !(node->op->flags & REEL_OP_PARTS) || node->in[i] < 0)
        return false;
    const reel_node *input = &tape->nodes[node->in[i]];
    return input->params && input->needs_grad &&
           reel_tensor_bytes(&input->value) >= tape->late_bytes;
}

static bool has_late(const reel_tape *tape, const reel_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        if (reel_grad_is_late(tape, node, i))
            return true;
    return false;
}

/* A plan and a report of memory count each gradient when it is written first. */
static void note_gradient(reel_tape *tape, reel_node *leaf)
{
    if (!leaf->params || leaf->filled)
        return;
    leaf->filled = true;
    tape->gradients += reel_tensor_bytes(&leaf->value);
    reel_tape_note_memory(tape);
}

/* A sum over the pieces of a batch must be the only one that makes this gradient: another
 * operator's would be added up in another order than that of the pieces. */
static bool is_first_sum(reel_tape *tape, const reel_node *node, int i, bool fresh)
{
    const reel_node *input = &tape->nodes[node->in[i]];
    if (fresh && !used_before(tape, node, i) && !used_again(tape, node, i))
        return true;
    reel_tape_fail(tape, REEL_ERR_INVALID,
                   "backward of %s: expected %s without a gradient, for a batch in pieces: it is "
                   "used more than once, or has the gradient of another batch",
                   node->op->name,
                   input->params ? reel_params_at(input->params, input->param)->name : "an input");
    return false;
}

/* Gradient memory for input i. It is zeroed if it holds nothing and the operator adds: because it
 * does not assign, or because another input has the same gradient. */
static bool prepare_input(reel_tape *tape, const reel_node *node, int i, grads_part part,
                          backward_inputs *b)
{
    const unsigned flags = node->op->flags;
    b->in[i] = b->din[i] = (reel_tensor){.ndim = -1};
    b->fresh[i] = false;
    if (node->in[i] < 0)
        return true;

    reel_node *input = &tape->nodes[node->in[i]];
    b->in[i] = b->din[i] = input->value;
    b->din[i].data = NULL;
    if (!(flags & REEL_OP_NEEDS_INPUTS))
        b->in[i].data = NULL;
    if (!input->needs_grad ||
        (part != GRADS_ALL && reel_grad_is_late(tape, node, i) != (part == GRADS_LATE)))
        return true;

    if (!grad_of(tape, input, &b->din[i], &b->fresh[i]))
        return false;
    note_gradient(tape, input);
    if (i < 2) /* of products: those of a bias are sums */
        tape->work.backward += reel_node_multiply_adds(tape, node);
    if (reel_pieces_sums(tape, node, i))
        return is_first_sum(tape, node, i, b->fresh[i]);
    if (i == 0 && shares_dout(tape, node)) {
        b->fresh[i] = true;
    } else if (used_before(tape, node, i)) {
        b->fresh[i] = false;
    } else if (b->fresh[i] && (!(flags & REEL_OP_ASSIGNS) || used_again(tape, node, i))) {
        if (!tape->plan) /* a plan gets its memory as a step does, but leaves it untouched */
            memset(b->din[i].data, 0, reel_tensor_bytes(&b->din[i]));
        b->fresh[i] = false;
    }
    return true;
}

/* Memory for the duration of the call; NULL for 0 bytes. */
static bool backward_scratch(reel_tape *tape, const reel_node *node, const reel_call *call,
                             void **scratch)
{
    const size_t bytes = reel_call_scratch(tape, node, call);
    *scratch = bytes ? reel_tape_scratch(tape, bytes) : NULL;
    if (!bytes || *scratch)
        return true;
    reel_tape_fail(tape, REEL_ERR_MEMORY,
                   "backward of %s: %zu bytes of scratch are over the tape's memory limit",
                   node->op->name, bytes);
    return false;
}

/* On a tape that retains gradients, an operator that spends dout gets a copy; else *copy is NULL.
 */
static bool copy_dout(reel_tape *tape, const reel_node *node, void **copy)
{
    *copy = NULL;
    if (!tape->retain || !(node->op->flags & REEL_OP_SPENDS_DOUT))
        return true;
    const size_t bytes = reel_tensor_bytes(&node->grad);
    *copy = reel_arena_alloc(tape->arena, bytes);
    if (!*copy) {
        reel_tape_fail(tape, REEL_ERR_MEMORY,
                       "backward of %s: %zu bytes are over the tape's memory limit", node->op->name,
                       bytes);
        return false;
    }
    if (!tape->plan)
        memcpy(*copy, node->grad.data, bytes);
    return true;
}

/* Parameters that have received a gradient are no longer fresh. */
static void mark_params(const reel_tape *tape, const reel_node *node, const backward_inputs *b)
{
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i] < 0 || !b->din[i].data)
            continue;
        const reel_node *input = &tape->nodes[node->in[i]];
        if (input->params && input->needs_grad && !tape->plan)
            reel_params_at(input->params, input->param)->has_grad = true;
    }
}

/* Calls the operator's backward with everything it may read and write; what it has not declared is
 * NULL. After a failure, reset of the tape frees what was allocated here. */
static bool run_backward(reel_tape *tape, reel_node *node, grads_part part)
{
    if (!node->op->backward[node->pass]) {
        reel_tape_fail(tape, REEL_ERR_INVALID, "backward: %s has none in %s", node->op->name,
                       reel_dtype_name(node->pass));
        return false;
    }

    backward_inputs b;
    void *scratch, *copy;
    share_dout(tape, node);
    for (int i = 0; i < node->n_in; i++)
        if (!prepare_input(tape, node, i, part, &b))
            return false;
    reel_call call = {.ctx = tape->ctx,
                      .attrs = node->attrs,
                      .pieces = reel_pieces_of_call(node),
                      .n_in = node->n_in,
                      .in = b.in,
                      .out = node->value,
                      .saved = node->saved,
                      .dout = node->grad,
                      .din = b.din,
                      .fresh = b.fresh};
    /* The value may be freed by now: an operator that did not ask for it must not see it. */
    if (!node->needs_output)
        call.out.data = NULL;

    if (!backward_scratch(tape, node, &call, &scratch) || !copy_dout(tape, node, &copy))
        return false;
    call.scratch = scratch;
    if (copy)
        call.dout.data = copy;
    const double start = reel_tape_clock(tape);
    if (node->calls > 1 && !reel_pieces_backward(tape, node, &call))
        return false;
    if (node->calls == 1 && !tape->plan)
        reel_node_backward(tape, node, &call);
    node->backward_ms += reel_tape_clock(tape) - start;

    reel_arena_free(tape->arena, copy);
    reel_arena_free(tape->arena, scratch);
    mark_params(tape, node, &b);
    return true;
}

/* The sweep is through with a recorded node: frees what only its backward needed. */
static void leave_node(reel_tape *tape, reel_node *node, bool is_loss)
{
    node->passed = true;
    if (tape->retain)
        return;

    for (int i = 0; i < node->n_in && node->op->flags & REEL_OP_NEEDS_INPUTS; i++) {
        if (node->in[i] < 0)
            continue;
        reel_node *input = &tape->nodes[node->in[i]];
        input->uses--;
        if (input->op || input->released)
            reel_node_drop(tape, input);
    }
    if (node->needs_output)
        node->uses--;

    if (!shares_dout(tape, node))
        reel_arena_free(tape->arena, node->grad.data);
    node->grad.data = NULL;
    reel_arena_free(tape->arena, node->saved);
    node->saved = NULL;
    if (!is_loss)
        reel_node_drop(tape, node);
}

/* A tape that retains gradients starts each sweep without those of the sweep before. */
static void drop_gradients(reel_tape *tape)
{
    for (int id = 0; id < tape->count; id++) {
        reel_node *node = &tape->nodes[id];
        if (!node->op || !node->grad.data)
            continue;
        reel_arena_free(tape->arena, node->grad.data);
        node->grad.data = NULL;
    }
}

/* The gradient of the loss with respect to itself. */
static bool seed_gradient(reel_tape *tape, reel_node *root, double scale)
{
    bool fresh;
    reel_tensor seed;
    if (!grad_of(tape, root, &seed, &fresh))
        return false;
    const reel_tensor one = {.data = &scale, .dtype = REEL_F64};
    reel_tensor scalar = seed;
    scalar.ndim = 0;
    reel_tensor_copy(&scalar, &one);
    return true;
}

/* Backward of one node, but for its late gradients. */
static bool sweep_node(reel_tape *tape, int id, bool is_loss, bool *late)
{
    reel_node *node = &tape->nodes[id];
    if (!reel_tape_restore(tape, id))
        return false;
    if (has_late(tape, node)) {
        *late = true;
        return run_backward(tape, node, GRADS_EARLY);
    }
    if (!run_backward(tape, node, GRADS_ALL))
        return false;
    leave_node(tape, node, is_loss);
    return true;
}

/* The gradients that have waited, once all other memory of the step is the system's again. */
static bool sweep_late(reel_tape *tape, int loss)
{
    reel_arena_trim(tape->arena);
    for (int id = loss; id >= 0; id--) {
        reel_node *node = &tape->nodes[id];
        if (!node->op || !node->grad.data || !has_late(tape, node))
            continue;
        if (!run_backward(tape, node, GRADS_LATE))
            return false;
        leave_node(tape, node, id == loss);
        reel_hooks_pass_late(tape, id);
    }
    return true;
}

reel_status reel_backward(reel_var loss, reel_error *err)
{
    return reel_backward_scaled(loss, 1.0, err);
}

reel_status reel_backward_scaled(reel_var loss, double scale, reel_error *err)
{
    reel_tape *tape = loss.tape;
    REEL_TRY(reel_tape_status(tape, err));
    if (loss.id < 0 || loss.id >= tape->count)
        return reel_fail(err, REEL_ERR_INVALID,
                         "backward: the loss is no value: its tape was reset since");
    reel_node *root = &tape->nodes[loss.id];
    char text[128];
    if (reel_tensor_numel(&root->value) != 1)
        return reel_fail(err, REEL_ERR_INVALID, "backward: expected a scalar, got shape %s",
                         reel_shape_text(text, sizeof text, root->value.ndim, root->value.shape));
    if (!root->needs_grad || !root->op)
        return reel_fail(err, REEL_ERR_INVALID,
                         "backward: nothing that wants a gradient was recorded");

    bool late = false;
    if (tape->retain)
        drop_gradients(tape);
    if (!seed_gradient(tape, root, scale))
        return reel_tape_status(tape, err);

    reel_hooks_begin(tape, loss.id);
    for (int id = loss.id; id >= 0; id--) {
        reel_node *node = &tape->nodes[id];
        /* Without a gradient the loss does not depend on it: another backward may still. */
        if (!node->op || !node->grad.data) {
            reel_hooks_pass(tape, id, false);
            continue;
        }
        if (node->passed && !tape->retain) {
            reel_tape_fail(
                tape, REEL_ERR_INVALID,
                "backward: %s was swept before and its values are freed; use a tape with retain",
                node->op->name);
            return reel_tape_status(tape, err);
        }
        if (!sweep_node(tape, id, id == loss.id, &late))
            return reel_tape_status(tape, err);
        reel_hooks_pass(tape, id, true);
    }
    return late && !sweep_late(tape, loss.id) ? reel_tape_status(tape, err) : REEL_OK;
}
