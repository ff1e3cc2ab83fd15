/* A tape that stores values and gradients in bf16, and operators that compute in float32.
 *
 * Such an operator gets float32 copies of what is stored in bf16, in scratch for the duration of
 * the call; what it writes is rounded to nearest, ties to even. An operator that says so in infer
 * takes bf16 itself (REEL_BF16 of its passes).
 *
 * Which values are bf16: those of operators, as far as they are made of a batch. In float32 stay
 * leaves and what is made of parameters and numbers alone; the results of operators that compute
 * losses and probabilities (REEL_OP_WIDE), logits (reel_tape_set_wide), and what is made of them;
 * numbers. */
#include "core/kernels/bf16.h"
#include "core/tape_internal.h"

void reel_show_inputs(const reel_op *op, reel_tensor *in, int n_in)
{
    for (int i = 0; i < n_in && !op->forward[REEL_BF16]; i++)
        if (in[i].dtype == REEL_BF16)
            in[i].dtype = REEL_F32;
}

bool reel_result_is_narrow(const reel_tape *tape, const reel_node *node)
{
    bool narrow = false;
    for (int i = 0; i < node->n_in; i++)
        narrow |= node->in[i] >= 0 && tape->nodes[node->in[i]].narrow;
    return narrow && tape->bf16 && !(node->op->flags & REEL_OP_WIDE);
}

void *reel_shared_block(reel_tape *tape, size_t bytes)
{
    enum { SMALL = 1 << 10, BLOCK = 1 << 14 };
    if (bytes > SMALL)
        return reel_tape_alloc(tape, bytes);
    if (tape->attrs_left < SMALL) {
        tape->attrs_at = reel_tape_alloc(tape, BLOCK);
        tape->attrs_left = tape->attrs_at ? BLOCK : 0;
    }
    char *at = tape->attrs_at;
    if (at) {
        tape->attrs_at = at + reel_whole_lines(bytes);
        tape->attrs_left -= reel_whole_lines(bytes);
    }
    return at;
}

/* ---- float32 copies ---- */

/* Where copies go; `at` NULL: they are only counted. */
typedef struct copy_room {
    const reel_ctx *ctx;
    char *at;
    size_t bytes;
} copy_room;

static bool is_stored_bf16(const reel_tensor *t)
{
    return t->ndim >= 0 && t->dtype == REEL_BF16;
}

/* A float32 tensor of t's shape with t's values, or with anything where they are not needed;
 * without memory where t has none. */
static reel_tensor widened_copy(copy_room *room, const reel_tensor *t, bool values)
{
    const int64_t n = reel_tensor_numel(t);
    reel_tensor copy = reel_tensor_of(NULL, REEL_F32, t->ndim, t->shape);
    if (!t->data)
        return copy;
    if (room->at) {
        copy.data = room->at + room->bytes;
        if (values)
            reel_bf16_widen(room->ctx, t->data, copy.data, n);
    }
    room->bytes += reel_whole_lines((size_t)n * sizeof(float));
    return copy;
}

static void round_back(const reel_ctx *ctx, const reel_tensor *copy, const reel_tensor *t)
{
    reel_bf16_round(ctx, copy->data, t->data, reel_tensor_numel(t));
}

/* A call with copies in place of what is stored in bf16. */
typedef struct widened_call {
    reel_call call;
    reel_tensor in[REEL_MAX_INPUTS], din[REEL_MAX_INPUTS];
} widened_call;

static void widen_inputs(copy_room *room, const reel_call *c, widened_call *w)
{
    w->call = *c;
    for (int i = 0; i < c->n_in; i++)
        w->in[i] = is_stored_bf16(&c->in[i]) ? widened_copy(room, &c->in[i], true) : c->in[i];
    w->call.in = w->in;
}

/* Which earlier gradient lies in the same memory, or i: an input that is used twice. */
static int first_with_memory(const reel_call *c, int i)
{
    for (int j = 0; j < i; j++)
        if (c->din[j].data == c->din[i].data)
            return j;
    return i;
}

/* Copies for backward. over_dout: the operator may write din[0] over dout, where it assigns. */
static void widen_gradients(copy_room *room, const reel_call *c, bool over_dout, widened_call *w)
{
    if (is_stored_bf16(&c->out))
        w->call.out = widened_copy(room, &c->out, true);
    if (is_stored_bf16(&c->dout))
        w->call.dout = widened_copy(room, &c->dout, true);
    for (int i = 0; i < c->n_in; i++) {
        const int first = first_with_memory(c, i);
        w->din[i] = c->din[i];
        if (!is_stored_bf16(&c->din[i]))
            continue;
        if (first < i && c->din[i].data)
            w->din[i] = w->din[first];
        else if (i == 0 && over_dout && c->din[0].data && c->fresh[0] && is_stored_bf16(&c->dout))
            w->din[i].data = w->call.dout.data;
        else
            w->din[i] = widened_copy(room, &c->din[i], !c->fresh[i]);
        w->din[i].dtype = REEL_F32;
    }
    w->call.din = w->din;
}

static bool writes_over_dout(const reel_tape *tape, const reel_node *node)
{
    return node->op->flags & REEL_OP_GRAD_OVER_DOUT && !tape->poison;
}

static bool needs_copies(const reel_tape *tape, const reel_node *node)
{
    return tape->bf16 && node->pass != REEL_BF16;
}

/* ---- a call in parts ---- */

enum { PART_NUMBERS = 1 << 18 }; /* of a tensor at a time: its copy stays in a core's caches */

/* An elementwise operator: each row of its gradients and its result is made of that row alone. */
static bool is_elementwise(const reel_node *node, const reel_call *c)
{
    const unsigned wanted = REEL_OP_ROWS | REEL_OP_GRAD_OVER_DOUT;
    if ((node->op->flags & wanted) != wanted || c->saved || node->forward_scratch ||
        node->backward_scratch || c->out.ndim < 1)
        return false;
    for (int i = 0; i < c->n_in; i++)
        if (!reel_tensor_same_shape(&c->in[i], &c->out))
            return false;
    return true;
}

/* How many rows get copies at a time: for elementwise operators so many that these stay in the
 * caches, else all. */
static int64_t rows_of_part(const reel_node *node, const reel_call *c)
{
    const int64_t rows = c->out.ndim > 0 ? c->out.shape[0] : 1, n = reel_tensor_numel(&c->out);
    if (n <= PART_NUMBERS || !is_elementwise(node, c))
        return rows > 0 ? rows : 1;
    const int64_t part = PART_NUMBERS / (n / rows);
    return part > 0 ? part : 1;
}

static reel_tensor tensor_rows(reel_tensor t, int64_t first, int64_t rows)
{
    if (t.ndim < 1)
        return t;
    const int64_t row = t.shape[0] > 0 ? reel_tensor_numel(&t) / t.shape[0] : 0;
    if (t.data)
        t.data = (char *)t.data + (size_t)(first * row) * reel_dtype_size(t.dtype);
    t.shape[0] = rows;
    return t;
}

/* Rows [first, first + rows) of a call: `part` with tensors of its own. */
static const reel_call *part_of_call(const reel_call *c, int64_t first, int64_t rows,
                                     widened_call *part)
{
    if (c->out.ndim < 1 || rows >= c->out.shape[0])
        return c;
    part->call = *c;
    part->call.out = tensor_rows(c->out, first, rows);
    for (int i = 0; i < c->n_in; i++)
        part->in[i] = tensor_rows(c->in[i], first, rows);
    part->call.in = part->in;
    if (!c->din)
        return &part->call;
    part->call.dout = tensor_rows(c->dout, first, rows);
    for (int i = 0; i < c->n_in; i++)
        part->din[i] = tensor_rows(c->din[i], first, rows);
    part->call.din = part->din;
    return &part->call;
}

static size_t copies_bytes(const reel_tape *tape, const reel_node *node, const reel_call *whole)
{
    widened_call w, part;
    copy_room room = {.ctx = tape->ctx};
    const reel_call *c = part_of_call(whole, 0, rows_of_part(node, whole), &part);
    widen_inputs(&room, c, &w);
    if (c->din)
        widen_gradients(&room, c, writes_over_dout(tape, node), &w);
    else if (is_stored_bf16(&c->out))
        widened_copy(&room, &c->out, false);
    return room.bytes;
}

size_t reel_call_scratch(const reel_tape *tape, const reel_node *node, const reel_call *call)
{
    const size_t own = call->din ? node->backward_scratch : node->forward_scratch;
    if (!needs_copies(tape, node))
        return own;
    reel_tensor in[REEL_MAX_INPUTS], din[REEL_MAX_INPUTS];
    const reel_call first = node->calls > 1 ? reel_pieces_first(tape, node, call, in, din) : *call;
    const size_t copies = copies_bytes(tape, node, &first);
    return copies ? reel_whole_lines(own) + copies : own;
}

/* ---- the passes ---- */

static void forward_with_copies(const reel_tape *tape, const reel_node *node, const reel_call *c)
{
    widened_call w;
    copy_room room = {tape->ctx, (char *)c->scratch + reel_whole_lines(node->forward_scratch), 0};
    widen_inputs(&room, c, &w);
    if (is_stored_bf16(&c->out))
        w.call.out = widened_copy(&room, &c->out, false);
    node->op->forward[node->pass](&w.call);
    if (is_stored_bf16(&c->out) && c->out.data)
        round_back(tape->ctx, &w.call.out, &c->out);
}

static void backward_with_copies(const reel_tape *tape, const reel_node *node, const reel_call *c)
{
    widened_call w;
    copy_room room = {tape->ctx, (char *)c->scratch + reel_whole_lines(node->backward_scratch), 0};
    widen_inputs(&room, c, &w);
    widen_gradients(&room, c, writes_over_dout(tape, node), &w);
    node->op->backward[node->pass](&w.call);
    for (int i = 0; i < c->n_in; i++)
        if (is_stored_bf16(&c->din[i]) && c->din[i].data && first_with_memory(c, i) == i)
            round_back(tape->ctx, &w.din[i], &c->din[i]);
}

/* Calls `pass` for all parts of a call. */
static void call_parts(const reel_tape *tape, const reel_node *node, const reel_call *c,
                       void (*pass)(const reel_tape *, const reel_node *, const reel_call *))
{
    const int64_t rows = c->out.ndim > 0 ? c->out.shape[0] : 1, step = rows_of_part(node, c);
    widened_call part;
    pass(tape, node, part_of_call(c, 0, step, &part));
    for (int64_t first = step; first < rows; first += step) {
        const int64_t count = rows - first < step ? rows - first : step;
        pass(tape, node, part_of_call(c, first, count, &part));
    }
}

void reel_node_forward(const reel_tape *tape, const reel_node *node, const reel_call *c)
{
    if (needs_copies(tape, node))
        call_parts(tape, node, c, forward_with_copies);
    else
        node->op->forward[node->pass](c);
}

void reel_node_backward(const reel_tape *tape, const reel_node *node, const reel_call *c)
{
    if (needs_copies(tape, node))
        call_parts(tape, node, c, backward_with_copies);
    else
        node->op->backward[node->pass](c);
}
