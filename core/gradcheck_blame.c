/* Gradient check: which operator of an expression is at fault.
 *
 * The recording tape still holds every operator's attributes and inputs. Each is checked on its own, on copies of those inputs:
 * backward of a right operator passes there whatever its neighbours do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck_internal.h"
#include "core/ops.h"
#include "core/tape_internal.h"

static reel_var replay(reel_tape *tape, const reel_var *in, void *user)
{
    const reel_node *node = user;
    reel_var all[REEL_MAX_INPUTS];
    int given = 0;
    (void)tape;
    for (int i = 0; i < node->n_in; i++) all[i] = node->in[i] < 0 ? REEL_NONE : in[given++];
    return reel_apply(node->op, node->attrs, node->attrs_size, all, node->n_in);
}

/* Whether the operator alone fails its check; then *report says how. */
static bool guilty(const reel_check *k, reel_node *node, reel_gradcheck_report *report)
{
    reel_tensor inputs[REEL_MAX_INPUTS];
    reel_gradcheck_config config = *k->config;
    reel_error none;
    if (config.max_elements <= 0 || config.max_elements > 40) config.max_elements = 40;
    config.names = NULL;
    reel_check *own = calloc(1, sizeof *own);
    if (!own) return false;
    *own = (reel_check){.ctx = k->ctx, .fn = replay, .user = node, .config = &config, .report = report};
    bool possible = true;
    int copies = 0;
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i] < 0) continue;
        const reel_tensor *value = &k->tape->nodes[node->in[i]].value;
        reel_tensor *copy = &inputs[copies];
        *copy = *value;
        copy->data = malloc(reel_tensor_bytes(value) + 1);
        own->in[copies++].x = copy;
        possible = possible && copy->data && value->data;
        if (possible) memcpy(copy->data, value->data, reel_tensor_bytes(value));
    }
    own->n_in = copies;
    const bool wrong = possible && reel_check_run(own, &none) == REEL_OK && own->wrong;
    for (int i = 0; i < copies; i++) free(inputs[i].data);
    free(own);
    return wrong;
}

/* The projection that ends the tape is the check's own. */
void reel_check_blame(reel_check *k)
{
    reel_gradcheck_report *report = k->report;
    char text[sizeof report->message];
    const int count = k->tape->count - 1;
    int operators = 0;
    for (int i = 0; i < count; i++) operators += k->tape->nodes[i].op != NULL;
    for (int i = 0; i < count; i++) {
        reel_node *node = &k->tape->nodes[i];
        reel_gradcheck_report alone;
        if (!node->op || (operators > 1 && !guilty(k, node, &alone))) continue;
        snprintf(report->op, sizeof report->op, "%s", node->op->name);
        if (operators == 1)
            snprintf(text, sizeof text, "%s: %.900s", report->op, report->message);
        else
            snprintf(text, sizeof text, "%.400s. At fault is %s, value %d of %d of the expression: %.400s", report->message,
                     report->op, i, count, alone.message);
        memcpy(report->message, text, sizeof text);
        return;
    }
    if (operators > 1) {
        const size_t used = strlen(report->message);
        snprintf(report->message + used, sizeof report->message - used,
                 ". Each operator of the expression is right by itself: does it use a value from outside the tape?");
    }
}
