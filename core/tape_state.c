/* What a tape says of itself: its settings, its memory, its first error. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/tape_internal.h"

const reel_ctx *reel_tape_ctx(const reel_tape *tape)
{
    return tape ? tape->ctx : NULL;
}

reel_dtype reel_tape_dtype(const reel_tape *tape)
{
    return tape ? tape->dtype : REEL_F32;
}

bool reel_tape_recording(const reel_tape *tape)
{
    return tape && tape->recording;
}

void reel_tape_set_recording(reel_tape *tape, bool recording)
{
    if (tape)
        tape->recording = recording;
}

void reel_tape_set_step(reel_tape *tape, int64_t step)
{
    if (tape)
        tape->step = step;
}

int64_t reel_tape_step(const reel_tape *tape)
{
    return tape ? tape->step : 0;
}

bool reel_is_value(reel_var v)
{
    return v.tape && v.id >= 0 && v.id < v.tape->count;
}

reel_tensor reel_value(reel_var v)
{
    return reel_is_value(v) ? v.tape->nodes[v.id].value : (reel_tensor){0};
}

reel_tensor reel_grad(reel_var v)
{
    return reel_is_value(v) ? v.tape->nodes[v.id].grad : (reel_tensor){0};
}

size_t reel_tape_peak_bytes(const reel_tape *tape)
{
    return tape ? reel_arena_peak(tape->arena) : 0;
}

reel_tape_memory reel_tape_usage(const reel_tape *tape)
{
    if (!tape)
        return (reel_tape_memory){0};
    return (reel_tape_memory){.activations = tape->most_held,
                              .scratch = tape->most_scratch,
                              .peak = reel_arena_peak(tape->arena),
                              .with_gradients = tape->most_with_gradients};
}

int64_t reel_node_multiply_adds(const reel_tape *tape, const reel_node *node)
{
    reel_tensor in[REEL_MAX_INPUTS];
    if (!node->op || !node->op->multiply_adds)
        return 0;
    for (int i = 0; i < node->n_in; i++)
        in[i] = node->in[i] < 0 ? (reel_tensor){.ndim = -1} : tape->nodes[node->in[i]].value;
    return node->op->multiply_adds(node->attrs, in, &node->value);
}

reel_tape_work reel_tape_work_done(const reel_tape *tape)
{
    return tape ? tape->work : (reel_tape_work){0};
}

int reel_tape_count(const reel_tape *tape)
{
    return tape ? tape->count : 0;
}

reel_tape_node reel_tape_node_at(const reel_tape *tape, int id)
{
    if (!tape || id < 0 || id >= tape->count)
        return (reel_tape_node){.id = -1, .param = -1};
    const reel_node *node = &tape->nodes[id];
    reel_tape_node seen = {.id = id,
                           .computed = node->op != NULL,
                           .kept = node->uses > 0,
                           .bytes = reel_tensor_bytes(&node->value),
                           .multiply_adds = reel_node_multiply_adds(tape, node),
                           .n_in = node->n_in,
                           .param = node->params ? node->param : -1,
                           .forward = 1e-3 * node->forward_ms,
                           .backward = 1e-3 * node->backward_ms};
    memcpy(seen.in, node->in, sizeof seen.in);
    return seen;
}

void reel_tape_set_late_gradients(reel_tape *tape, size_t bytes)
{
    if (tape)
        tape->late_bytes = bytes;
}

void reel_tape_set_wide(reel_tape *tape, bool wide)
{
    if (tape)
        tape->wide = wide;
}

reel_status reel_tape_status(const reel_tape *tape, reel_error *err)
{
    if (!tape)
        return reel_fail(err, REEL_ERR_INVALID, "no tape");
    if (tape->error.status != REEL_OK && err)
        *err = tape->error;
    return tape->error.status;
}

reel_var reel_tape_fail(reel_tape *tape, reel_status status, const char *format, ...)
{
    if (tape && tape->error.status == REEL_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(tape->error.message, sizeof tape->error.message, format, args);
        va_end(args);
        tape->error.status = status;
    }
    return (reel_var){tape, -1};
}

void reel_tape_prefix_error(reel_tape *tape, const char *prefix)
{
    char text[sizeof tape->error.message];
    if (!tape || !prefix)
        return;
    memcpy(text, tape->error.message, sizeof text);
    const int used = snprintf(tape->error.message, sizeof text, "%s: ", prefix);
    if (used > 0 && (size_t)used < sizeof text)
        memccpy(tape->error.message + used, text, 0, sizeof text - (size_t)used);
    tape->error.message[sizeof text - 1] = 0;
}
