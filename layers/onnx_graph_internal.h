/* The graph while it is written. Private to onnx_graph.c and onnx.c. */
#ifndef REEL_LAYERS_ONNX_GRAPH_INTERNAL_H
#define REEL_LAYERS_ONNX_GRAPH_INTERNAL_H

#include "core/files/protobuf.h"
#include "core/name_table.h"
#include "layers/onnx_graph.h"

/* Field numbers of GraphProto (onnx.proto). */
enum {
    REEL_ONNX_GRAPH_NODE = 1,
    REEL_ONNX_GRAPH_NAME = 2,
    REEL_ONNX_GRAPH_INITIALIZER = 5,
    REEL_ONNX_GRAPH_INPUT = 11,
    REEL_ONNX_GRAPH_OUTPUT = 12
};

typedef struct reel_onnx_initializer {
    char *name;
    reel_tensor tensor;
    void *own;     /* a constant's values; NULL for a parameter */
    bool integers; /* a constant of int64 */
} reel_onnx_initializer;

struct reel_onnx {
    reel_message nodes;   /* of the graph, finished ones */
    reel_message node;    /* the open node without its output */
    reel_message scratch; /* for attributes */

    bool open;         /* a node is open */
    char op_type[32];  /* of the open node */
    char name[300];    /* of the open node */
    char current[300]; /* the value before the open node */

    const reel_module *module; /* that is being written */
    const reel_tensor *in, *out;
    char input[300]; /* the module's own */
    int nodes_of_module;

    char **value; /* [values] names of the tape's values, by their ids; NULL = not named yet */
    int32_t values;

    reel_onnx_initializer *list;
    int count, room;

    reel_name_table taken; /* names of values; those of parameters are taken, too */
    char **own_name;       /* [own_names] those of `taken` */
    int own_names;
    bool failed; /* out of memory */
};

/* The newest value is the tape's value id. */
reel_status reel_onnx_name_value(reel_onnx *g, int32_t id, reel_error *err);
/* The next node reads value id, which has a name. */
void reel_onnx_read_value(reel_onnx *g, int32_t id);
/* A further input of the open node: value id. */
void reel_onnx_value(reel_onnx *g, int32_t id);

/* The nodes that follow belong to this module. */
void reel_onnx_begin_module(reel_onnx *g, const reel_module *m, const reel_tensor *in,
                            const reel_tensor *out);
/* Ends the open node, if any, and names its output. */
void reel_onnx_end_node(reel_onnx *g, const char *output);
/* Before the first node: no value of the graph gets the name. */
void reel_onnx_reserve(reel_onnx *g, const char *name);
void reel_onnx_free(reel_onnx *g);

#endif
