/* The parts of the time of `reel predict`. */
#include "train/cli/predict_time.h"

#include "train/run/progress.h"
#include "train/run/say.h"

#include <time.h>

static const char *const part_names[REEL_PREDICT_PARTS] = {"start", "weights", "decode", "network"};

void reel_predict_time_begin(reel_predict_time *t)
{
    struct timespec used;
    *t = (reel_predict_time){.mark = reel_seconds_now()};
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
        t->seconds[REEL_PREDICT_START] = (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

void reel_predict_time_mark(reel_predict_time *t)
{
    t->mark = reel_seconds_now();
}

void reel_predict_time_add(reel_predict_time *t, reel_predict_part part)
{
    const double now = reel_seconds_now();
    t->seconds[part] += now - t->mark;
    t->mark = now;
}

void reel_predict_time_say(const reel_predict_time *t)
{
    const double *s = t->seconds;
    reel_say("time: start %.1f ms, weights %.1f ms, decode %.1f ms, network %.1f ms",
             1e3 * s[REEL_PREDICT_START], 1e3 * s[REEL_PREDICT_WEIGHTS],
             1e3 * s[REEL_PREDICT_DECODE], 1e3 * s[REEL_PREDICT_NETWORK]);
}

json_t *reel_predict_time_json(const reel_predict_time *t)
{
    json_t *parts = t ? json_object() : NULL;
    for (int i = 0; parts && i < REEL_PREDICT_PARTS; i++)
        json_object_set_new(parts, part_names[i], json_real(t->seconds[i]));
    return parts;
}
