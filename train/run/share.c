/* How the cores are shared between computing and loading.
 *
 * A step is divided evenly among its threads and ends with the slowest. A worker that loads on one
 * of their cores therefore costs as much as if it held them all; so either loading has cores of its
 * own, or it has its turn on all of them. With few cores the turn wins, since a core is a large
 * part of the whole. With many, a step no longer fills them evenly and a batch has few images for
 * each: the measured times decide. */
#include "train/run/share.h"

#include "core/ctx.h"

#include <stdio.h>

#define CLEARLY 1.03 /* cores of its own must gain this much: both figures are estimates */

bool reel_share_in_turns(int threads, int workers)
{
    return threads + workers > reel_available_cpus();
}

reel_share reel_share_cores(int cores, int64_t batch, double step, double sample)
{
    const int64_t each = (batch + cores - 1) / cores;
    const double images = (double)batch, rounds = (double)each;
    reel_share s = {.cores = cores,
                    .threads = cores,
                    .workers = cores,
                    .in_turns = true,
                    .step = step,
                    .sample = sample};
    s.rate = images / (step + rounds * sample);
    for (int w = 1; w < cores; w++) {
        const double compute = step * cores / (cores - w), load = images * sample / w;
        const double rate = images / (compute > load ? compute : load);
        if (rate <= s.other_rate)
            continue;
        s.other_rate = rate;
        s.other_workers = w;
    }
    if (s.other_rate <= s.rate * CLEARLY)
        return s;
    const double turns = s.rate;
    s.rate = s.other_rate;
    s.other_rate = turns;
    s.workers = s.other_workers;
    s.threads = cores - s.workers;
    s.other_workers = cores;
    s.in_turns = false;
    return s;
}

const char *reel_share_text(const reel_share *s, char *text, size_t size)
{
    char *const begin = text;
    int n = snprintf(text, size,
                     "%d core%s; an image takes %.2f ms of one to load, a step %.0f ms of all: ",
                     s->cores, s->cores == 1 ? "" : "s", 1e3 * s->sample, 1e3 * s->step);
    if (n < 0 || (size_t)n >= size)
        return begin;
    text += n;
    size -= (size_t)n;
    if (s->in_turns)
        n = snprintf(text, size, "%d threads and %d workers take turns, %.0f images/s expected",
                     s->threads, s->workers, s->rate);
    else
        n = snprintf(text, size,
                     "%d threads compute, %d workers load beside them, %.0f images/s expected",
                     s->threads, s->workers, s->rate);
    if (s->other_workers && n > 0 && (size_t)n < size) {
        if (s->in_turns)
            snprintf(text + n, size - (size_t)n, " (%.0f with %d beside %d)", s->other_rate,
                     s->other_workers, s->cores - s->other_workers);
        else
            snprintf(text + n, size - (size_t)n, " (%.0f in turns)", s->other_rate);
    }
    return begin;
}
