/* Good values for the calls that calls.py writes, and the table of the calls.
 *
 * calls.py reads this file: a member of `struct misuse_good` gives the good value of every argument
 * of its type. A member's name is its type's name. */
#ifndef REEL_TESTS_MISUSE_H
#define REEL_TESTS_MISUSE_H

#include <limits.h>
#include <math.h>
#include <string.h>

#include "core/install/reel.h"

struct misuse_good {
    reel_ctx *reel_ctx;
    reel_tape *reel_tape;
    reel_arena *reel_arena;
    reel_params *reel_params;
    reel_comm *reel_comm; /* without a launcher */
    reel_parallel *reel_parallel;
    reel_data_parallel *reel_data_parallel;
    reel_piece_sum *reel_piece_sum;
    reel_statistics *reel_statistics;
    reel_parallel_config *reel_parallel_config;
    reel_weights *reel_weights;
    reel_weights_writer *reel_weights_writer;
    reel_dataset *reel_dataset;
    reel_loader *reel_loader; /* NULL but for the calls of a loader: it has threads */
    reel_optimizer *reel_optimizer;
    reel_ema *reel_ema;
    reel_net *reel_net;
    const reel_module *reel_module;

    reel_tensor *reel_tensor;
    reel_var *reel_var; /* [16], images on the tape */
    reel_image *reel_image;
    reel_transform *reel_transform;
    reel_loader_config *reel_loader_config;
    reel_model_config *reel_model_config;
    reel_schedule *reel_schedule;
    reel_optimizer_config *reel_optimizer_config;
    reel_conv2d_attrs *reel_conv2d_attrs;
    reel_pool2d_attrs *reel_pool2d_attrs;
    reel_onnx_config *reel_onnx_config;
    reel_pack_config *reel_pack_config;

    const reel_op *reel_op;
    const reel_op_case *reel_op_case;
    const reel_layer *reel_layer;
    const reel_model *reel_model;
    reel_text *reel_text;
    const reel_codec *reel_codec;
    const reel_source *reel_source;
    const reel_optimizer_kind *reel_optimizer_kind;
    const reel_schedule_kind *reel_schedule_kind;
    const reel_weight *reel_weight;

    reel_gradcheck_fn *reel_gradcheck_fn;
    reel_model_card_put *reel_model_card_put;

    const char *const *names; /* [3] class names */
    const char *const *holes; /* [3] the same with a NULL among them: a wrong value */
};
extern struct misuse_good good;

/* Handles that are tried as wrong values: nothing is ready in them. */
struct misuse_unfinished {
    reel_tape *reel_tape;                     /* keeps an error */
    reel_params *reel_params;                 /* not committed */
    reel_net *reel_net;                       /* not built */
    reel_weights_writer *reel_weights_writer; /* empty */
};
extern struct misuse_unfinished unfinished;

/* An invalid value of the tape. */
reel_var a_var(int id);
/* Zeroed pointers: where a function puts what it makes. */
void *slots(void);
/* 1 MiB of zeros. */
void *memory(void);
reel_error *fresh_error(void);
/* Ends the process unless a failure has left its one line in fresh_error(). */
void check_status(reel_status status);
/* Reads the whole text, which may be NULL. */
void check_text(const char *text);

typedef struct misuse_call {
    const char *label;
    void (*run)(void);
} misuse_call;
extern const misuse_call misuse_calls[];
extern const int misuse_call_count, misuse_function_count;

#endif
