/* Collects the nodes and the weights of an ONNX graph. Field numbers are those of onnx.proto
 * (github.com/onnx/onnx); docs/Operators.md there defines the operators.
 *
 * Nodes are small and are collected in memory. Weights are large: only references to the store are
 * collected, and onnx.c writes them out from there. */
#include "layers/onnx_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers/module_internal.h"
#include "layers/onnx_graph_internal.h"

enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP_TYPE = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_TYPE = 20 };
enum { ATTRIBUTE_F = 2, ATTRIBUTE_I = 3, ATTRIBUTE_INTS = 8 }; /* the value, by its type */
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_INTS = 7 };

/* ---- values ---- */

/* Of the value that the next node reads; the name of an open node's output is its own. */
static const char *newest_name(const reel_onnx *g)
{
    return g->open ? g->name : g->current;
}

reel_status reel_onnx_name_value(reel_onnx *g, int32_t id, reel_error *err)
{
    if (id >= g->values) {
        char **more = realloc(g->value, ((size_t)id + 1) * sizeof *more);
        if (!more)
            return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
        for (int32_t i = g->values; i <= id; i++)
            more[i] = NULL;
        g->value = more;
        g->values = id + 1;
    }
    free(g->value[id]);
    g->value[id] = strdup(newest_name(g));
    return g->value[id] ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "out of memory");
}

void reel_onnx_read_value(reel_onnx *g, int32_t id)
{
    if (!strcmp(g->value[id], newest_name(g)))
        return;
    reel_onnx_end_node(g, g->name);
    snprintf(g->current, sizeof g->current, "%s", g->value[id]);
}

void reel_onnx_value(reel_onnx *g, int32_t id)
{
    reel_message_text(&g->node, NODE_INPUT, g->value[id]);
}

/* ---- names ---- */

void reel_onnx_reserve(reel_onnx *g, const char *name)
{
    char **more = realloc(g->own_name, ((size_t)g->own_names + 1) * sizeof *more);
    char *copy = strdup(name);
    if (more)
        g->own_name = more;
    if (!more || !copy || !reel_name_table_add(&g->taken, copy, g->own_names)) {
        free(copy);
        g->failed = true;
        return;
    }
    more[g->own_names++] = copy;
}

/* The name of a new value of the module: `name` with the first number behind it, from *number on,
 * that leaves it free. 0 is no number. */
static void choose_name(reel_onnx *g, const char *name, int *number, char *text, size_t size)
{
    const reel_params *params = g->module->scope->params;
    do {
        snprintf(text, size, "%s", name);
        if (*number > 0)
            snprintf(text, size, "%s_%d", name, *number);
        ++*number;
    } while (reel_name_table_find(&g->taken, text) >= 0 || reel_params_find(params, text));
    reel_onnx_reserve(g, text);
}

/* ---- modules ---- */
void reel_onnx_begin_module(reel_onnx *g, const reel_module *m, const reel_tensor *in,
                            const reel_tensor *out)
{
    g->module = m;
    g->in = in;
    g->out = out;
    g->nodes_of_module = 0;
    snprintf(g->input, sizeof g->input, "%s", newest_name(g));
}

const reel_tensor *reel_onnx_shape_in(const reel_onnx *g)
{
    return g ? g->in : NULL;
}

const reel_tensor *reel_onnx_shape_out(const reel_onnx *g)
{
    return g ? g->out : NULL;
}

/* ---- nodes ---- */
void reel_onnx_end_node(reel_onnx *g, const char *output)
{
    if (!g->open)
        return;
    reel_message_text(&g->node, NODE_OUTPUT, output);
    reel_message_text(&g->node, NODE_NAME, g->name);
    reel_message_text(&g->node, NODE_OP_TYPE, g->op_type);
    reel_message_nest(&g->nodes, REEL_ONNX_GRAPH_NODE, &g->node);
    snprintf(g->current, sizeof g->current, "%s", output);
    g->open = false;
}

/* A node stays open until the next one begins: only the end of the graph knows the name of the last
 * node's output. */
void reel_onnx_node(reel_onnx *g, const char *op_type)
{
    if (!g || !op_type)
        return;

    if (g->open)
        reel_onnx_end_node(g, g->name);

    choose_name(g, g->module->name, &g->nodes_of_module, g->name, sizeof g->name);
    snprintf(g->op_type, sizeof g->op_type, "%s", op_type);
    g->open = true;
}

void reel_onnx_input(reel_onnx *g)
{
    if (!g)
        return;
    reel_message_text(&g->node, NODE_INPUT, g->current);
}

void reel_onnx_layer_input(reel_onnx *g)
{
    if (!g)
        return;
    reel_message_text(&g->node, NODE_INPUT, g->input);
}

/* An input of the open node: a parameter of the store (copied NULL), or a constant. */
static reel_onnx_initializer *onnx_initializer(reel_onnx *g, const char *name, const reel_tensor *t,
                                               const void *copied, size_t bytes)
{
    reel_message_text(&g->node, NODE_INPUT, name);
    if (g->count == g->room) {
        reel_onnx_initializer *larger =
            realloc(g->list, (size_t)(g->room * 2 + 16) * sizeof *larger);
        if (!larger) {
            g->failed = true;
            return NULL;
        }
        g->list = larger;
        g->room = g->room * 2 + 16;
    }

    reel_onnx_initializer *i = &g->list[g->count];
    *i = (reel_onnx_initializer){.name = strdup(name), .tensor = *t};
    /* One byte more: of 0 bytes malloc may return NULL, which would look like a failure. */
    if (copied && (i->own = malloc(bytes + 1)))
        memcpy(i->own, copied, bytes);
    if (copied)
        i->tensor.data = i->own;
    g->failed |= !i->name || (copied && !i->own);
    g->count++;
    return i;
}

/* The same with the module's name before the constant's own. */
static reel_onnx_initializer *onnx_constant(reel_onnx *g, const char *name, const reel_tensor *t,
                                            const void *values, size_t bytes)
{
    char wanted[320], full[340];
    int number = 0;
    snprintf(wanted, sizeof wanted, "%s.%s", g->module->name, name);
    choose_name(g, wanted, &number, full, sizeof full);
    return onnx_initializer(g, full, t, values, bytes);
}

void reel_onnx_param(reel_onnx *g, const reel_module *m, int k)
{
    if (!g || !m || k < 0 || k >= m->n_params)
        return;
    const reel_param *p = reel_params_at(m->scope->params, m->param[k]);
    onnx_initializer(g, p->name, &p->value, NULL, 0);
}

void reel_onnx_constant(reel_onnx *g, const char *name, int64_t rows, int64_t columns,
                        const float *values)
{
    if (!g || !name || !values)
        return;
    const reel_tensor t = reel_tensor_of(NULL, REEL_F32, 2, (const int64_t[]){rows, columns});
    onnx_constant(g, name, &t, values, (size_t)(rows * columns) * sizeof *values);
}

void reel_onnx_vector(reel_onnx *g, const char *name, int64_t n, float value)
{
    if (!g || !name || n < 0)
        return;
    float *values = malloc(((size_t)n + 1) * sizeof *values);
    if (!values) {
        g->failed = true;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        values[i] = value;
    const reel_tensor t = reel_tensor_of(NULL, REEL_F32, 1, &n);
    onnx_constant(g, name, &t, values, (size_t)n * sizeof *values);
    free(values);
}

void reel_onnx_integers(reel_onnx *g, const char *name, const int64_t *values, int n)
{
    if (!g || !name || !values || n < 0)
        return;
    const int64_t count = n;
    const reel_tensor t = reel_tensor_of(NULL, REEL_F64, 1, &count);
    reel_onnx_initializer *i = onnx_constant(g, name, &t, values, (size_t)n * sizeof *values);
    if (i)
        i->integers = true;
}

static void onnx_attribute(reel_onnx *g, const char *name, int type)
{
    reel_message_text(&g->scratch, ATTRIBUTE_NAME, name);
    reel_message_varint(&g->scratch, ATTRIBUTE_TYPE, (uint64_t)type);
    reel_message_nest(&g->node, NODE_ATTRIBUTE, &g->scratch);
}

void reel_onnx_int(reel_onnx *g, const char *attribute, int64_t value)
{
    if (!g || !attribute)
        return;
    reel_message_varint(&g->scratch, ATTRIBUTE_I, (uint64_t)value);
    onnx_attribute(g, attribute, TYPE_INT);
}

void reel_onnx_ints(reel_onnx *g, const char *attribute, const int64_t *values, int n)
{
    if (!g || !attribute || (n > 0 && !values))
        return;
    for (int i = 0; i < n; i++)
        reel_message_varint(&g->scratch, ATTRIBUTE_INTS, (uint64_t)values[i]);
    onnx_attribute(g, attribute, TYPE_INTS);
}

void reel_onnx_float(reel_onnx *g, const char *attribute, double value)
{
    if (!g || !attribute)
        return;
    reel_message_float(&g->scratch, ATTRIBUTE_F, (float)value);
    onnx_attribute(g, attribute, TYPE_FLOAT);
}

void reel_onnx_free(reel_onnx *g)
{
    for (int i = 0; i < g->count; i++) {
        free(g->list[i].name);
        free(g->list[i].own);
    }
    free(g->list);
    for (int32_t i = 0; i < g->values; i++)
        free(g->value[i]);
    free(g->value);
    for (int i = 0; i < g->own_names; i++)
        free(g->own_name[i]);
    free(g->own_name);
    reel_name_table_free(&g->taken);
    reel_message_free(&g->nodes);
    reel_message_free(&g->node);
    reel_message_free(&g->scratch);
}
