/* Telling others when a parameter is read, and when its gradient is final; handing out factors.
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

/* ---- factors ---- */

/* The weight of a node whose gradient is a product; NULL: there is none. */
static const reel_node *node_product_weight(const reel_tape *tape, const reel_node *node)
{
    if (!node->op || !(node->op->flags & REEL_OP_FACTORS) || node->in[1] < 0)
        return NULL;
    const reel_node *weight = &tape->nodes[node->in[1]];
    return weight->params ? weight : NULL;
}

static reel_weight_product node_product(const reel_tape *tape, const reel_node *node)
{
    const reel_node *weight = node_product_weight(tape, node);
    return (reel_weight_product){.param = weight->param,
                                 .rows = node->value.shape[0],
                                 .in = weight->value.shape[1],
                                 .out = weight->value.shape[0],
                                 .dtype = node->pass};
}

/* Inputs of the step that are a parameter. */
static int count_param_uses(const reel_tape *tape, const reel_params *params, int param)
{
    int uses = 0;
    for (int id = 0; id < tape->count; id++)
        for (int i = 0; i < tape->nodes[id].n_in; i++) {
            const int in = tape->nodes[id].in[i];
            uses += in >= 0 && tape->nodes[in].params == params && tape->nodes[in].param == param;
        }
    return uses;
}

int reel_tape_weight_products(const reel_tape *tape, const reel_params *params,
                              reel_weight_product *list)
{
    int n = 0;
    for (int id = 0; tape && list && id < tape->count; id++) {
        const reel_node *weight = node_product_weight(tape, &tape->nodes[id]);
        if (weight && weight->params == params &&
            count_param_uses(tape, params, weight->param) == 1)
            list[n++] = node_product(tape, &tape->nodes[id]);
    }
    return n;
}

bool reel_hooks_ask_factors(reel_tape *tape, reel_node *node)
{
    const reel_param_hooks *h = &tape->hooks;
    const reel_node *weight = node_product_weight(tape, node);
    node->factored = false;
    if (!weight || !weight->needs_grad || (!h->factors && !tape->plan) ||
        !reel_params_at(weight->params, weight->param)->by_factors)
        return true;
    if (!tape->plan) {
        reel_error why;
        const reel_weight_product product = node_product(tape, node);
        const reel_status status = h->factors(h->user, &product, &node->factors, &why);
        if (status != REEL_OK) {
            reel_tape_fail(tape, status, "%s", why.message);
            return false;
        }
    }
    node->factored = true;
    return true;
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
