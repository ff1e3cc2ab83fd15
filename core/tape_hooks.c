/* Telling others when a parameter is read, and when its gradient is final.
 *
 * A sweep goes down the ids, and an operator has a larger id than its inputs. So a gradient is
 * final once the sweep is past the lowest operator that uses a leaf of the parameter, or past the
 * last of its late gradients. A parameter may have several leaves: the first of them keeps the
 * account (`leaf` of the others points to it). */
#include "core/tape_internal.h"

void reel_tape_set_param_hooks(reel_tape *tape, const reel_param_hooks *hooks)
{
    if (tape)
        tape->hooks = hooks ? *hooks : (reel_param_hooks){0};
}

bool reel_hooks_need(reel_tape *tape, reel_params *params, int index)
{
    const reel_param_hooks *h = &tape->hooks;
    if (!h->need || tape->plan || tape->error.status != REEL_OK)
        return true;
    reel_error why;
    const reel_status status = h->need(h->user, params, index, &why);
    if (status != REEL_OK)
        reel_tape_fail(tape, status, "%s", why.message);
    return status == REEL_OK;
}

/* ---- the account of a sweep ---- */

static bool sweep_is_watched(const reel_tape *tape)
{
    return tape->hooks.ready && !tape->plan;
}

/* The leaf that keeps the account of input i; NULL: no parameter that wants a gradient. */
static reel_node *account_of(const reel_tape *tape, const reel_node *node, int i)
{
    if (node->in[i] < 0)
        return NULL;
    const reel_node *input = &tape->nodes[node->in[i]];
    return input->params && input->needs_grad ? &tape->nodes[input->leaf] : NULL;
}

/* The first leaf of the same parameter. */
static int first_leaf(const reel_tape *tape, int id)
{
    const reel_node *leaf = &tape->nodes[id];
    for (int k = 0; k < id; k++) {
        const reel_node *other = &tape->nodes[k];
        if (other->params == leaf->params && other->param == leaf->param && other->needs_grad)
            return k;
    }
    return id;
}

void reel_hooks_begin(reel_tape *tape, int loss)
{
    if (!sweep_is_watched(tape))
        return;
    for (int id = 0; id <= loss; id++) {
        reel_node *node = &tape->nodes[id];
        if (node->params && node->needs_grad) {
            node->leaf = first_leaf(tape, id);
            node->first_user = node->last_late = -1;
            node->written = false;
        }
        for (int i = 0; i < node->n_in; i++) {
            reel_node *account = account_of(tape, node, i);
            if (account && account->first_user < 0)
                account->first_user = id;
        }
    }
}

static void tell_ready(const reel_tape *tape, reel_node *account)
{
    const reel_param_hooks *h = &tape->hooks;
    if (account->written)
        h->ready(h->user, account->params, account->param);
    account->written = false;
}

void reel_hooks_pass(reel_tape *tape, int id, bool swept)
{
    const reel_node *node = &tape->nodes[id];
    if (!sweep_is_watched(tape))
        return;
    for (int i = 0; i < node->n_in; i++) {
        reel_node *account = account_of(tape, node, i);
        if (!account)
            continue;
        account->written |= swept;
        if (swept && reel_grad_is_late(tape, node, i))
            account->last_late = id;
        if (account->first_user == id && account->last_late < 0)
            tell_ready(tape, account);
    }
}

void reel_hooks_pass_late(reel_tape *tape, int id)
{
    const reel_node *node = &tape->nodes[id];
    if (!sweep_is_watched(tape))
        return;
    for (int i = 0; i < node->n_in; i++) {
        reel_node *account = account_of(tape, node, i);
        if (account && account->last_late == id)
            tell_ready(tape, account);
    }
}
