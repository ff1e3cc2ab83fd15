/* A step on several machines, as a sequence of events: gradients become ready, the link carries
 * them, the next forward pass waits for weights. */
#include "train/bench/scale_model.h"

#include <math.h>
#include <stdlib.h>

/* What a layer has to exchange in a phase. */
typedef enum { SUMS, WEIGHTS } scale_phase;

static double phase_bytes(const reel_scale_layer *layer, scale_phase phase)
{
    return phase == SUMS && layer->factors > 0 ? layer->factors : layer->bytes;
}

static double all_bytes(const reel_scale_case *c, scale_phase phase)
{
    double bytes = 0;
    for (int i = 0; i < c->n_layers; i++)
        bytes += phase_bytes(&c->layers[i], phase);
    return bytes;
}

/* The factor by which computing takes longer than forward and backward alone. */
static double stretch_of(const reel_scale_case *c)
{
    const double sums = all_bytes(c, SUMS), others = (double)(c->nodes - 1) / c->nodes;
    const double sent = others * (sums + all_bytes(c, WEIGHTS));
    double passes = 0;
    for (int i = 0; i < c->n_layers; i++)
        passes += c->layers[i].forward + c->layers[i].backward;

    const double network = c->costs.cpu_per_gb * 1e-9 * sent / c->cores,
                 memory = c->costs.sum_per_gb * 1e-9 * (c->ranks - 1) * sums,
                 update = c->update / c->nodes;
    return passes > 0 ? 1 + (network + memory + update) / passes : 1;
}

/* Seconds on the link for one phase of a layer. */
static double phase_seconds(const reel_scale_case *c, int i, scale_phase phase)
{
    const double others = c->nodes - 1, bytes = all_bytes(c, phase);
    const double mine = phase_bytes(&c->layers[i], phase);
    if (c->nodes == 1 || mine <= 0)
        return 0;
    return c->costs.alpha * (1 + others * mine / bytes) +
           others / c->nodes * mine / (c->costs.efficiency * c->costs.bytes_per_second);
}

/* The link after a backward pass that ends at `end`. Sums go in the order of that pass, each when
 * its gradient is ready. New weights follow in the order of the forward pass: an optimizer may need
 * all sums (clipping, guards), and products of factors come last. */
static void play_link(const reel_scale_case *c, double end, reel_scale_times *times)
{
    double now = 0;
    for (int i = c->n_layers - 1; i >= 0; i--) {
        times[i].begin = fmax(now, times[i].ready);
        now = times[i].summed = times[i].begin + phase_seconds(c, i, SUMS);
    }
    now = fmax(now, end);
    for (int i = 0; i < c->n_layers; i++)
        now = times[i].handed_out = now + phase_seconds(c, i, WEIGHTS);
}

/* The next forward pass: each layer waits for its weights. Returns when it ends. */
static double play_forward(const reel_scale_case *c, double now, double stretch,
                           reel_scale_times *times)
{
    for (int i = 0; i < c->n_layers; i++) {
        times[i].needed = now;
        now = fmax(now, times[i].handed_out) + stretch * c->layers[i].forward;
    }
    return now;
}

reel_scale_step reel_scale_predict(const reel_scale_case *c, reel_scale_times *times)
{
    const int n = c->n_layers;
    const double stretch = stretch_of(c);
    reel_scale_step step = {.seconds = NAN};
    if (n < 1) /* gcc 14 follows a negative number into calloc, and warns */
        return step;
    reel_scale_times *own = times ? times : calloc((size_t)n, sizeof *own);
    if (!own)
        return step;

    double now = 0;
    for (int i = n - 1; i >= 0; i--) {
        now += stretch * c->layers[i].backward;
        own[i].ready = now;
    }

    play_link(c, now, own);
    step.seconds = play_forward(c, now, stretch, own);

    for (int i = 0; i < n; i++) {
        step.computing += stretch * (c->layers[i].forward + c->layers[i].backward);
        step.link += phase_seconds(c, i, SUMS) + phase_seconds(c, i, WEIGHTS);
    }
    if (!times)
        free(own);
    return step;
}

double reel_scale_time_at(const double *sizes, const double *seconds, int n, double batch)
{
    const double in_proportion = seconds[0] * batch / sizes[0];
    if (n == 1)
        return in_proportion;
    if (batch >= sizes[n - 1])
        return seconds[n - 1] * batch / sizes[n - 1];

    int i = 1;
    while (i < n - 1 && batch > sizes[i])
        i++;
    const double share = (batch - sizes[i - 1]) / (sizes[i] - sizes[i - 1]);
    const double line = seconds[i - 1] + share * (seconds[i] - seconds[i - 1]);
    return batch < sizes[0] ? fmax(line, in_proportion) : line;
}
