/* Values that forward frees although backward reads them, and computing them again.
 *
 * Backward of a node asks for its inputs and output. Those that were freed, and what they are made
 * of as far as it was freed, are computed again in the order of the tape. A value that a later
 * backward call reads stays, so it is computed again once; the others are freed behind their last
 * reader.
 *
 * Invariant: what a recorded value is made of is recorded, or in place until reset (a leaf, or an
 * anchor that was made while the tape did not record). So the way down always ends. */
#include "core/tape_internal.h"

void reel_recompute(reel_var v)
{
    reel_release(v);
    if (!v.tape || v.id < 0 || v.id >= v.tape->count || v.tape->retain)
        return;
    reel_node *node = &v.tape->nodes[v.id];
    if (!node->op || !node->owns_value || !node->recorded)
        return;
    reel_arena_free(v.tape->arena, node->value.data);
    node->value.data = NULL;
    node->owns_value = false;
}

/* Whether a value is missing that an operator can give again. */
static bool is_gone(const reel_tape *tape, int id)
{
    return id >= 0 && tape->nodes[id].op && !tape->nodes[id].value.data;
}

/* Marks a value as one to compute; returns 1 if it was not marked before. */
static int want_value(reel_tape *tape, int id)
{
    if (!is_gone(tape, id) || tape->nodes[id].wanted)
        return 0;
    tape->nodes[id].wanted = true;
    return 1;
}

/* Marks what node id reads, and counts the readers of what is gone; returns how many are new. */
static int want_inputs(reel_tape *tape, int id)
{
    const reel_node *node = &tape->nodes[id];
    int more = 0;
    for (int i = 0; i < node->n_in; i++) {
        if (!is_gone(tape, node->in[i]))
            continue;
        more += want_value(tape, node->in[i]);
        tape->nodes[node->in[i]].readers++;
    }
    return more;
}

/* Computes a marked value, and frees those of its inputs that nobody will read any more. */
static bool compute_wanted(reel_tape *tape, int id)
{
    reel_node *node = &tape->nodes[id];
    node->wanted = false;
    if (!reel_node_forward_again(tape, node))
        return false;
    for (int i = 0; i < node->n_in; i++) {
        reel_node *input = node->in[i] < 0 ? NULL : &tape->nodes[node->in[i]];
        if (input && input->readers > 0 && --input->readers == 0)
            reel_node_drop(tape, input);
    }
    return true;
}

bool reel_tape_restore(reel_tape *tape, int id)
{
    const reel_node *node = &tape->nodes[id];
    int open = 0;
    for (int i = 0; i < node->n_in && node->op->flags & REEL_OP_NEEDS_INPUTS; i++)
        open += want_value(tape, node->in[i]);
    if (node->needs_output)
        open += want_value(tape, id);
    if (open == 0)
        return true;

    /* Inputs have smaller ids: one way down marks all, one way up computes them. */
    int first = id;
    for (int k = id; k >= 0 && open > 0; k--) {
        if (!tape->nodes[k].wanted)
            continue;
        open += want_inputs(tape, k) - 1;
        first = k;
    }
    for (int k = first; k <= id; k++)
        if (tape->nodes[k].wanted && !compute_wanted(tape, k))
            return false;
    return true;
}
