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

size_t reel_tape_peak_bytes(const reel_tape *tape)
{
    return tape ? reel_arena_peak(tape->arena) : 0;
}

reel_tape_memory reel_tape_usage(const reel_tape *tape)
{
    if (!tape)
        return (reel_tape_memory){0};
    return (reel_tape_memory){tape->most_held, tape->most_scratch, reel_arena_peak(tape->arena)};
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
