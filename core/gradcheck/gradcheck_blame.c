/* Gradient check: which operator of an expression is at fault.
 *
 * The recording tape still holds every operator's attributes and inputs. Each is checked on its
 * own, on copies of those inputs: backward of a right operator passes there whatever its neighbours
 * do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck_internal.h"
#include "core/tape_internal.h"

static reel_var replay_node(reel_tape *tape, const reel_var *in, void *user)
{
    const reel_node *node = user;
    reel_var all[REEL_MAX_INPUTS];
    int given = 0;
    (void)tape;
    for (int i = 0; i < node->n_in; i++)
        all[i] = node->in[i] < 0 ? REEL_NONE : in[given++];
    return reel_apply(node->op, node->attrs, node->attrs_size, all, node->n_in);
}

/* Whether the operator alone fails its check; then *report says how. An error: that could not be
 * tried. */
static reel_status try_alone(const reel_check_state *k, reel_node *node, bool *guilty,
                             reel_gradcheck_report *report, reel_error *err)
{
    reel_tensor inputs[REEL_MAX_INPUTS];
    reel_gradcheck_config config = *k->config;
    *guilty = false;
    if (config.max_elements <= 0 || config.max_elements > 40)
        config.max_elements = 40;
    config.names = NULL;
    reel_check_state *own = calloc(1, sizeof *own);
    if (!own)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    *own = (reel_check_state){
        .ctx = k->ctx, .fn = replay_node, .user = node, .config = &config, .report = report};

    reel_status status = REEL_OK;
    int copies = 0;
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i] < 0)
            continue;
        const reel_tensor *value = &k->tape->nodes[node->in[i]].value;
        reel_tensor *copy = &inputs[copies];
        *copy = *value;
        copy->data = malloc(reel_tensor_bytes(value) + 1);
        own->in[copies++].x = copy;
        if (!copy->data)
            status = reel_fail(err, REEL_ERR_MEMORY, "out of memory");
        else if (!value->data)
            status = reel_fail(err, REEL_ERR_INVALID, "%s: its input was not kept", node->op->name);
        else
            memcpy(copy->data, value->data, reel_tensor_bytes(value));
    }

    own->n_in = copies;
    if (status == REEL_OK)
        status = reel_check_run(own, err);
    *guilty = status == REEL_OK && own->wrong;
    reel_check_free(own);
    for (int i = 0; i < copies; i++)
        free(inputs[i].data);
    free(own);
    return status;
}

/* The projection that ends the tape is the check's own. */
void reel_check_blame(reel_check_state *k)
{
    reel_gradcheck_report *report = k->report;
    char text[sizeof report->message];
    const int count = k->tape->count - 1;
    int operators = 0;
    reel_error why = {0};
    for (int i = 0; i < count; i++)
        operators += k->tape->nodes[i].op != NULL;

    for (int i = 0; i < count; i++) {
        reel_node *node = &k->tape->nodes[i];
        reel_gradcheck_report alone;
        bool guilty = operators == 1;
        if (node->op && !guilty)
            try_alone(k, node, &guilty, &alone, &why);
        if (!node->op || !guilty)
            continue;

        snprintf(report->op, sizeof report->op, "%s", node->op->name);
        if (operators == 1)
            snprintf(text, sizeof text, "%s: %.900s", report->op, report->message);
        else
            snprintf(text, sizeof text,
                     "%.400s. At fault is %s, value %d of %d of the expression: %.400s",
                     report->message, report->op, i, count, alone.message);
        memcpy(report->message, text, sizeof text);
        return;
    }

    const size_t used = strlen(report->message), room = sizeof report->message - used;
    if (why.status != REEL_OK)
        snprintf(report->message + used, room,
                 ". Not every operator could be tried by itself: %.300s", why.message);
    else if (operators > 1)
        snprintf(report->message + used, room,
                 ". Each operator of the expression is right by itself: does it use a value from "
                 "outside the tape?");
}
