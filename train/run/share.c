/* How the cores are shared between computing and loading.
 *
 * A step is divided evenly among its threads and ends with the slowest. A worker that loads on one
 * of their cores therefore costs as much as if it held them all; so either loading has cores of its
 * own, or it has its turn on all of them. With few cores the turn wins, since a core is a large
 * part of the whole. With many, a step no longer fills them evenly and a batch has few images for
 * each: the measured times decide. */
#include "train/run/share.h"

#include "core/ctx.h"
#include "core/number.h"

#include <stdio.h>

#define CLEARLY 1.03 /* cores of its own must gain this much: both figures are estimates */

bool reel_share_in_turns(int threads, int workers)
{
    return threads + workers > reel_available_cpus();
}

reel_share reel_share_cores(int cores, int64_t batch, double step, double sample)
{
    const int64_t each = (batch + cores - 1) / cores; /* images that a core loads in its turn */
    const double images = (double)batch, turns = images / (step + (double)each * sample);
    reel_share s = {.cores = cores,
                    .threads = cores,
                    .workers = cores,
                    .in_turns = true,
                    .step = step,
                    .sample = sample,
                    .rate = turns};

    /* The best number of workers beside fewer threads. */
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

    s.rate = s.other_rate;
    s.workers = s.other_workers;
    s.threads = cores - s.workers;
    s.in_turns = false;
    s.other_rate = turns;
    s.other_workers = cores;
    return s;
}

const char *reel_share_text(const reel_share *s, char *text, size_t size)
{
    char apart[120] = "";
    if (!s->in_turns)
        snprintf(apart, sizeof apart, "; from here on %s, %d for loading",
                 reel_count_of(s->threads, "compute thread").text, s->workers);
    snprintf(text, size, "expected: %.0f images/s (loading %.*f ms an image, a step %.0f ms)%s",
             s->rate, s->sample < 0.01, 1e3 * s->sample, 1e3 * s->step, apart);
    return text;
}
