/* From a net to an ONNX file. Field numbers are those of onnx.proto (github.com/onnx/onnx,
 * onnx/onnx.proto; IR version 7 is that of opset 13).
 *
 * A protobuf message needs its length in front, so the sizes are added up first. */
#include "layers/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/atomic_file.h"
#include "layers/net_internal.h"
#include "layers/onnx_graph_internal.h"

enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14
};
enum { OPSET_VERSION = 2, ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum {
    TENSOR_DIMS = 1,
    TENSOR_DATA_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW_DATA = 9,
    DATA_TYPE_FLOAT = 1,
    DATA_TYPE_INT64 = 7
};
enum {
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSOR_TYPE_ELEMENT = 1,
    TENSOR_TYPE_SHAPE = 2,
    SHAPE_DIM = 1
};
enum { DIM_VALUE = 1, DIM_PARAM = 2 };
#define MOST_BYTES ((uint64_t)INT32_MAX) /* of a protobuf message */

/* ---- the walk: zeros of one image go through the net, and every layer writes its nodes knowing
 * its shapes ---- */
static reel_status write_layer(reel_onnx *g, const reel_module *m, const reel_tensor *in,
                               const reel_tensor *out, reel_error *err)
{
    const reel_layer *layer = m->layer;
    reel_error why = {0};
    if (!layer->onnx && !layer->onnx_node)
        return reel_fail(err, REEL_ERR_INVALID, "%s: a %s layer has no form in ONNX here", m->name,
                         reel_layer_kind_of(layer));

    reel_onnx_begin_module(g, m, in, out);
    if (!layer->onnx) {
        reel_onnx_node(g, layer->onnx_node);
        reel_onnx_input(g);
        return REEL_OK;
    }
    const reel_status status = layer->onnx(m, g, &why);
    if (status == REEL_OK)
        return REEL_OK;
    return reel_fail(err, status, "%s: not to be expressed in ONNX: %s", m->name, why.message);
}

typedef struct onnx_walk {
    reel_onnx *graph;
    reel_tensor last; /* the shape of the newest value */
    reel_status status;
    reel_error error;
} onnx_walk;

static reel_var onnx_done(onnx_walk *w, reel_var x, reel_var y)
{
    if (w->status == REEL_OK) {
        w->last = reel_value(y);
        w->status = reel_onnx_name_value(w->graph, y.id, &w->error);
    }
    return w->status == REEL_OK ? y : reel_tape_fail(x.tape, w->status, "%s", w->error.message);
}

static reel_var onnx_layer(void *user, const reel_module *const *layer, int n, reel_var x,
                           int *taken)
{
    onnx_walk *w = user;
    const reel_module *m = layer[0];
    const reel_tensor in = reel_value(x);
    (void)n, (void)taken;
    const reel_var y = reel_module_forward(m, x);
    if (y.id < 0)
        return y;

    const reel_tensor out = reel_value(y);
    reel_onnx_read_value(w->graph, x.id);
    w->status = write_layer(w->graph, m, &in, &out, &w->error);
    return onnx_done(w, x, y);
}

static reel_var onnx_join(void *user, const reel_module *join, const reel_var *branch, int n)
{
    onnx_walk *w = user;
    const reel_var y = reel_join_values(join, branch, n);
    if (y.id < 0)
        return y;

    if (n > 1) {
        static const char *const nodes[] = {
            [REEL_JOIN_ADD] = "Sum", [REEL_JOIN_CONCAT] = "Concat", [REEL_JOIN_SCALE] = "Mul"};
        reel_onnx_read_value(w->graph, branch[0].id);
        reel_onnx_begin_module(w->graph, join, NULL, NULL);
        reel_onnx_node(w->graph, nodes[join->join]);
        for (int i = 0; i < n; i++)
            reel_onnx_value(w->graph, branch[i].id);
        if (join->join == REEL_JOIN_CONCAT)
            reel_onnx_int(w->graph, "axis", 1);
    }
    return onnx_done(w, branch[0], y);
}

static reel_status write_layers(reel_net *net, reel_onnx *g, reel_var x, reel_tensor *last,
                                reel_error *err)
{
    onnx_walk w = {.graph = g};
    REEL_TRY(reel_tape_status(x.tape, err));
    REEL_TRY(reel_onnx_name_value(g, x.id, err));
    const reel_net_visitor visitor = {.layer = onnx_layer, .join = onnx_join, .user = &w};
    reel_net_walk(net, x, &visitor);
    if (w.status != REEL_OK && err)
        *err = w.error;
    REEL_TRY(w.status);
    REEL_TRY(reel_tape_status(x.tape, err));
    if (!g->open)
        return reel_fail(err, REEL_ERR_INVALID, "a net without layers");
    *last = w.last;
    return REEL_OK;
}

static reel_status write_net(reel_net *net, reel_onnx *g, const int64_t input[4], reel_tensor *last,
                             reel_error *err)
{
    static const int64_t none[4] = {0}, pixel[4] = {1, 1, 1, 1};
    const int64_t after[4] = {0, input[1] - 1, input[2] - 1, input[3] - 1};
    const bool training = net->scope.training;
    const reel_tape_config config = {.dtype = reel_net_dtype(net), .no_grad = true};
    reel_tape *tape;
    REEL_TRY(reel_tape_create(&tape, net->scope.ctx, &config, err));

    net->scope.training = false;
    const reel_var x = reel_pad(reel_reshape(reel_scalar(tape, 0), 4, pixel), none, after, 0);
    const reel_status status = write_layers(net, g, x, last, err);
    net->scope.training = training;
    reel_tape_destroy(tape);
    return status;
}

/* ---- the file ---- */
/* A value's name, element type and shape; the first dimension is the batch. */
static void put_value(reel_message *graph, int field, const char *name, const reel_tensor *t)
{
    reel_message dim = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    for (int d = 0; d < t->ndim; d++) {
        if (d == 0)
            reel_message_text(&dim, DIM_PARAM, "batch");
        else
            reel_message_varint(&dim, DIM_VALUE, (uint64_t)t->shape[d]);
        reel_message_nest(&shape, SHAPE_DIM, &dim);
    }

    /* A message is copied into the one around it, so the innermost is completed first. */
    reel_message_varint(&tensor, TENSOR_TYPE_ELEMENT, DATA_TYPE_FLOAT);
    reel_message_nest(&tensor, TENSOR_TYPE_SHAPE, &shape);
    reel_message_nest(&type, TYPE_TENSOR, &tensor);
    reel_message_text(&value, VALUE_NAME, name);
    reel_message_nest(&value, VALUE_TYPE, &type);
    reel_message_nest(graph, field, &value);

    reel_message_free(&dim);
    reel_message_free(&shape);
    reel_message_free(&tensor);
    reel_message_free(&type);
    reel_message_free(&value);
}

static uint64_t raw_bytes(const reel_onnx_initializer *i)
{
    return (uint64_t)reel_tensor_numel(&i->tensor) *
           (i->integers ? sizeof(int64_t) : sizeof(float));
}

/* An initializer as far as its raw data, which end it. */
static void put_initializer_head(reel_message *to, const reel_onnx_initializer *i)
{
    reel_message head = {0};
    for (int d = 0; d < i->tensor.ndim; d++)
        reel_message_varint(&head, TENSOR_DIMS, (uint64_t)i->tensor.shape[d]);
    reel_message_varint(&head, TENSOR_DATA_TYPE, i->integers ? DATA_TYPE_INT64 : DATA_TYPE_FLOAT);
    reel_message_text(&head, TENSOR_NAME, i->name);
    reel_message_length(&head, TENSOR_RAW_DATA, raw_bytes(i));
    reel_message_length(to, REEL_ONNX_GRAPH_INITIALIZER, head.size + raw_bytes(i));
    reel_message_raw(to, head.bytes, head.size);
    to->failed |= head.failed;
    reel_message_free(&head);
}

static reel_status put_initializer(reel_atomic_file *f, const reel_onnx_initializer *i,
                                   reel_message *scratch, reel_error *err)
{
    scratch->size = 0;
    put_initializer_head(scratch, i);
    void *values = malloc(raw_bytes(i) + 1);
    if (!values || scratch->failed) {
        free(values);
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", f->path);
    }

    const reel_tensor row_major =
        reel_tensor_with_layout(values, REEL_F32, REEL_ROW_MAJOR, i->tensor.ndim, i->tensor.shape);
    if (i->integers)
        memcpy(values, i->own, raw_bytes(i)); /* of a vector, in this machine's byte order */
    else
        reel_tensor_copy(&row_major, &i->tensor);

    reel_status status = reel_atomic_put(f, scratch->bytes, scratch->size, err);
    if (status == REEL_OK)
        status = reel_atomic_put(f, values, raw_bytes(i), err);
    free(values);
    return status;
}

/* Everything of the model that stands before the graph; its length is graph. */
static void put_model(reel_message *m, const reel_onnx_config *config, uint64_t graph)
{
    reel_message inner = {0};
    reel_message_varint(m, MODEL_IR_VERSION, 7);
    reel_message_text(m, MODEL_PRODUCER, "reel");
    reel_message_text(m, MODEL_PRODUCER_VERSION, reel_version());
    reel_message_varint(&inner, OPSET_VERSION, 13); /* of the default domain */
    reel_message_nest(m, MODEL_OPSET, &inner);
    for (int i = 0; i < config->n_metadata; i++) {
        reel_message_text(&inner, ENTRY_KEY, config->keys[i]);
        reel_message_text(&inner, ENTRY_VALUE, config->values[i]);
        reel_message_nest(m, MODEL_METADATA, &inner);
    }
    reel_message_length(m, MODEL_GRAPH, graph);
    reel_message_free(&inner);
}

static reel_status put_all(reel_atomic_file *f, const reel_onnx *g, const reel_message *model,
                           const reel_message *rest, reel_error *err)
{
    reel_message scratch = {0};
    reel_status status = reel_atomic_put(f, model->bytes, model->size, err);
    if (status == REEL_OK)
        status = reel_atomic_put(f, g->nodes.bytes, g->nodes.size, err);
    for (int i = 0; i < g->count && status == REEL_OK; i++)
        status = put_initializer(f, &g->list[i], &scratch, err);
    if (status == REEL_OK)
        status = reel_atomic_put(f, rest->bytes, rest->size, err);
    reel_message_free(&scratch);
    return status;
}

static reel_status save_onnx(reel_onnx *g, const reel_onnx_config *config, const reel_tensor *in,
                             const reel_tensor *out, const char *path, reel_error *err)
{
    reel_message model = {0}, rest = {0}, head = {0};
    const char *output = strcmp(g->op_type, "Softmax") == 0 ? "probabilities" : "logits";
    reel_onnx_end_node(g, output);
    reel_message_text(&rest, REEL_ONNX_GRAPH_NAME, config->name ? config->name : "net");
    put_value(&rest, REEL_ONNX_GRAPH_INPUT, "images", in);
    put_value(&rest, REEL_ONNX_GRAPH_OUTPUT, output, out);

    /* The graph's length stands before the graph. */
    uint64_t graph = g->nodes.size + rest.size;
    for (int i = 0; i < g->count && !g->failed; i++) {
        head.size = 0;
        put_initializer_head(&head, &g->list[i]);
        graph += head.size + raw_bytes(&g->list[i]);
    }
    put_model(&model, config, graph);

    reel_status status = REEL_OK;
    if (g->failed || g->nodes.failed || g->node.failed || g->scratch.failed || model.failed ||
        rest.failed || head.failed)
        status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    else if (graph + model.size > MOST_BYTES)
        status =
            reel_fail(err, REEL_ERR_INVALID,
                      "%s: expected at most %llu bytes, the limit of an ONNX file, got %llu", path,
                      (unsigned long long)MOST_BYTES, (unsigned long long)(graph + model.size));

    reel_atomic_file f;
    if (status == REEL_OK && (status = reel_atomic_open(&f, path, err)) == REEL_OK)
        status = reel_atomic_close(&f, put_all(&f, g, &model, &rest, err), err);
    reel_message_free(&model);
    reel_message_free(&rest);
    reel_message_free(&head);
    return status;
}

reel_status reel_net_save_onnx(reel_net *net, const reel_onnx_config *config, const char *path,
                               reel_error *err)
{
    REEL_NEED(net, err);
    REEL_NEED(config, err);
    REEL_NEED(path, err);

    REEL_TRY(reel_net_check_built(net, err));
    const int64_t input[4] = {1, config->channels ? config->channels : 3, config->height,
                              config->width ? config->width : config->height};
    if (input[1] < 1 || input[2] < 1 || input[3] < 1)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected a positive input size, got %lld x %lld x %lld", path,
                         (long long)input[1], (long long)input[2], (long long)input[3]);

    /* The graph's ends take their names before any layer can. */
    static const char *const ends[] = {"images", "logits", "probabilities"};
    reel_onnx g = {.current = "images"};
    for (int i = 0; i < REEL_COUNT(ends); i++)
        reel_onnx_reserve(&g, ends[i]);
    const reel_tensor in = reel_tensor_of(NULL, REEL_F32, 4, input);
    reel_tensor out = in;
    reel_status status = write_net(net, &g, input, &out, err);
    if (status == REEL_OK)
        status = save_onnx(&g, config, &in, &out, path, err);
    reel_onnx_free(&g);
    return status;
}
