/* A batch in pieces on one tape: each operator gives every piece what it would get alone.
 *
 * An operator whose rows do not depend on each other is called once. Others are called piece by
 * piece, on slices along dimension 0, which lie one behind the other in memory. What the pieces
 * give to the gradient of a parameter is added up along the tree of core/pieces.h, on the way: as
 * many partial sums are held as the tree is deep. */
#include <string.h>

#include "core/piece_tree.h"
#include "core/tape_internal.h"

void reel_tape_set_pieces(reel_tape *tape, int64_t pieces)
{
    if (tape)
        tape->pieces = pieces > 1 ? pieces : 1;
}

void reel_tape_set_first_row(reel_tape *tape, int64_t row)
{
    if (tape)
        tape->first_row = row;
}

int64_t reel_tape_first_row(const reel_tape *tape)
{
    return tape ? tape->first_row : 0;
}

static bool is_batch(const reel_tape *tape, const reel_node *node, int i)
{
    return node->in[i] >= 0 && tape->nodes[node->in[i]].batch > 0;
}

bool reel_pieces_sums(const reel_tape *tape, const reel_node *node, int i)
{
    return node->batch && node->in[i] >= 0 && !is_batch(tape, node, i);
}

/* Piece p of a tensor of `pieces`, or its description where it has no memory. */
static reel_tensor piece_of(reel_tensor t, int64_t pieces, int64_t p)
{
    t.shape[0] /= pieces;
    if (t.data)
        t.data = (char *)t.data + (size_t)p * reel_tensor_bytes(&t);
    return t;
}

/* ---- recording ---- */

/* Rows of the node's batches; 0 = none of its inputs is one, -1 = they differ. */
static int64_t rows_of(const reel_tape *tape, const reel_node *node, const reel_tensor *values)
{
    int64_t rows = 0;
    for (int i = 0; i < node->n_in; i++) {
        if (!is_batch(tape, node, i))
            continue;
        if ((rows != 0 && values[i].shape[0] != rows) ||
            tape->nodes[node->in[i]].batch != tape->pieces)
            return -1;
        rows = values[i].shape[0];
    }
    return rows;
}

static bool sums_any(const reel_tape *tape, const reel_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        if (reel_pieces_sums(tape, node, i) && tape->nodes[node->in[i]].needs_grad)
            return true;
    return false;
}

/* REEL_OP_PIECES: the first input is the batch, and the only one. */
static bool is_one_batch(const reel_tape *tape, const reel_node *node)
{
    for (int i = 1; i < node->n_in; i++)
        if (is_batch(tape, node, i))
            return false;
    return is_batch(tape, node, 0);
}

int64_t reel_pieces_of_call(const reel_node *node)
{
    return node->op->flags & REEL_OP_PIECES && node->batch ? node->batch : 1;
}

bool reel_pieces_begin(reel_tape *tape, reel_node *node, reel_infer *q, reel_tensor *asked)
{
    const unsigned flags = node->op->flags, known = REEL_OP_ROWS | REEL_OP_SLICES | REEL_OP_PIECES;
    node->calls = q->pieces = 1;
    if (tape->pieces == 1)
        return true;
    const int64_t rows = rows_of(tape, node, asked);
    if (rows == 0)
        return true;

    if (rows < 0 || !(flags & known)) {
        reel_tape_fail(tape, REEL_ERR_INVALID, "%s: expected an operator that takes a batch in %s",
                       node->op->name, rows < 0 ? "pieces, and batches of one size" : "pieces");
        return false;
    }
    if (flags & REEL_OP_PIECES && !is_one_batch(tape, node)) {
        reel_tape_fail(tape, REEL_ERR_INVALID,
                       "%s: expected a batch in pieces as the first input, and as no other",
                       node->op->name);
        return false;
    }
    node->batch = tape->pieces;
    if (flags & REEL_OP_PIECES) {
        q->pieces = tape->pieces;
        return true;
    }
    if (flags & REEL_OP_ROWS && !sums_any(tape, node))
        return true;

    node->calls = tape->pieces;
    for (int i = 0; i < node->n_in; i++)
        if (is_batch(tape, node, i))
            asked[i] = piece_of(asked[i], node->calls, 0);
    return true;
}

bool reel_pieces_finish(reel_tape *tape, reel_node *node, reel_infer *q)
{
    int64_t rows = 0;
    if (!node->batch)
        return true;
    for (int i = 0; i < node->n_in; i++)
        if (is_batch(tape, node, i))
            rows = q->in[i].shape[0];
    if (q->ndim < 1 || q->shape[0] != rows) {
        reel_tape_fail(tape, REEL_ERR_INVALID,
                       "%s: expected a result with a row for each of the %lld of its input, for a "
                       "batch in pieces",
                       node->op->name, (long long)rows);
        return false;
    }

    q->shape[0] *= node->calls;
    node->piece_saved = reel_whole_lines(q->saved_bytes);
    if (node->calls > 1)
        q->saved_bytes = node->piece_saved * (size_t)node->calls;
    return true;
}

/* ---- the passes ---- */

static void *saved_of(const reel_node *node, int64_t p)
{
    return node->saved ? (char *)node->saved + (size_t)p * node->piece_saved : NULL;
}

reel_call reel_pieces_first(const reel_tape *tape, const reel_node *node, const reel_call *whole,
                            reel_tensor *in, reel_tensor *din)
{
    reel_call call = *whole;
    call.in = in;
    call.out = piece_of(whole->out, node->calls, 0);
    for (int i = 0; i < node->n_in; i++)
        in[i] = is_batch(tape, node, i) ? piece_of(whole->in[i], node->calls, 0) : whole->in[i];
    if (!whole->din)
        return call;

    call.din = din;
    call.dout = piece_of(whole->dout, node->calls, 0);
    for (int i = 0; i < node->n_in; i++)
        din[i] = is_batch(tape, node, i) ? piece_of(whole->din[i], node->calls, 0) : whole->din[i];
    return call;
}

void reel_pieces_forward(const reel_tape *tape, const reel_node *node, const reel_call *whole)
{
    reel_tensor in[REEL_MAX_INPUTS];
    for (int64_t p = 0; p < node->calls; p++) {
        for (int i = 0; i < node->n_in; i++)
            in[i] = is_batch(tape, node, i) ? piece_of(whole->in[i], node->calls, p) : whole->in[i];
        reel_call call = *whole;
        call.piece = p;
        call.in = in;
        call.out = piece_of(whole->out, node->calls, p);
        call.saved = saved_of(node, p);
        reel_node_forward(tape, node, &call);
    }
}

/* One backward call that is made once for each piece. */
typedef struct pieces_sweep {
    const reel_tape *tape;
    const reel_node *node;
    const reel_call *whole;
} pieces_sweep;

/* Backward of piece p; gradients of what is no batch are assigned to `sums`, which is [n_in]. */
static void sweep_piece(const void *user, int64_t p, const reel_tensor *sums)
{
    const pieces_sweep *s = user;
    const reel_node *node = s->node;
    const bool assigns = node->op->flags & REEL_OP_ASSIGNS;
    reel_tensor in[REEL_MAX_INPUTS], din[REEL_MAX_INPUTS];
    bool fresh[REEL_MAX_INPUTS];
    for (int i = 0; i < node->n_in; i++) {
        const bool batch = is_batch(s->tape, node, i), summed = sums[i].data;
        in[i] = batch ? piece_of(s->whole->in[i], node->calls, p) : s->whole->in[i];
        din[i] = batch ? piece_of(s->whole->din[i], node->calls, p) : s->whole->din[i];
        fresh[i] = summed ? assigns : s->whole->fresh[i];
        if (!summed)
            continue;
        din[i] = sums[i];
        if (!assigns)
            memset(din[i].data, 0, reel_tensor_bytes(&din[i]));
    }

    reel_call call = *s->whole;
    call.piece = p;
    call.in = in;
    call.din = din;
    call.fresh = fresh;
    call.out = piece_of(s->whole->out, node->calls, p);
    call.dout = piece_of(s->whole->dout, node->calls, p);
    call.saved = saved_of(node, p);
    reel_node_backward(s->tape, node, &call);
}

bool reel_pieces_backward(reel_tape *tape, const reel_node *node, const reel_call *whole)
{
    const pieces_sweep sweep = {.tape = tape, .node = node, .whole = whole};
    reel_tensor sums[REEL_MAX_INPUTS];
    for (int i = 0; i < node->n_in; i++) {
        const bool summed = whole->din[i].data && reel_pieces_sums(tape, node, i);
        sums[i] = summed ? whole->din[i] : (reel_tensor){.ndim = 1}; /* empty, without data */
    }
    reel_piece_tree tree = {.ctx = tape->ctx,
                            .pieces = node->calls,
                            .n = node->n_in,
                            .to = sums,
                            .give = sweep_piece,
                            .user = &sweep};

    const size_t bytes = reel_piece_tree_bytes(tree.n, sums, node->calls);
    if (bytes) {
        tree.partial = reel_tape_scratch(tape, bytes);
        if (!tree.partial) {
            reel_tape_fail(tape, REEL_ERR_MEMORY,
                           "backward of %s: %zu bytes of partial sums are over the tape's memory "
                           "limit",
                           node->op->name, bytes);
            return false;
        }
    }

    if (!tape->plan)
        reel_piece_tree_run(&tree);
    reel_arena_free(tape->arena, tree.partial);
    return true;
}
