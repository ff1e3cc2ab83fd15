/* A run that cannot fit is refused at once, instead of being killed by the system in its first step
 * or driven into swap.
 *
 * What a control group uses counts without the file cache that it would give back. Limits stand on
 * the process's own group and on all above it; a container often sees its own group as the root, so
 * a folder that is not there is passed over. */
#include "train/run/memory_limit.h"

#include "core/cgroup.h"
#include "core/piece_sum.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CGROUP_PATH = 4200 };

/* What no plan knows: decoders, rounding up to pages. RESERVED is address space alone, a thread's
 * stack and what the C library sets aside for its allocations; where there is little, it does with
 * less. */
static const double UNPLANNED = 0.03, PER_THREAD = 8e6, RESERVED = 80e6;

/* The number in a file, or after `key` at the beginning of one of its lines; -1 = there is none
 * ("max"). */
static double memory_figure(const char *folder, const char *name, const char *key)
{
    char path[CGROUP_PATH + 64], line[256];
    double value = -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    while (value < 0 && fgets(line, sizeof line, f)) {
        const size_t length = strlen(key);
        if (strncmp(line, key, length) == 0 && sscanf(line + length, "%lf", &value) != 1)
            value = -1;
    }
    fclose(f);
    return value;
}

/* What the group of this folder leaves; infinity without a limit. */
static double left_in_group(const char *folder)
{
    const char *const names[2][3] = {
        {"memory.max", "memory.current", "inactive_file "},
        {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "}};
    for (int v = 0; v < 2; v++) {
        const double limit = memory_figure(folder, names[v][0], ""),
                     used = memory_figure(folder, names[v][1], "");
        if (limit < 0 || used < 0)
            continue;
        const double cache = fmax(memory_figure(folder, "memory.stat", names[v][2]), 0);
        return fmax(limit - used + cache, 0);
    }
    return INFINITY;
}

static double left_by_groups(const char *root)
{
    char membership[1200], mount[1200];
    snprintf(membership, sizeof membership, "%.1000s/proc/self/cgroup", root);
    snprintf(mount, sizeof mount, "%.1000s/sys/fs/cgroup", root);
    return reel_cgroup_least(membership, mount, "memory", left_in_group);
}

/* Half of the address space that `ulimit -v` leaves: a tape takes no more of it (core/memory.c). */
static double left_by_limit(const char *root)
{
    char self[1200];
    snprintf(self, sizeof self, "%.1000s/proc/self", root);
    const double limit = memory_figure(self, "limits", "Max address space"),
                 used = 1024 * memory_figure(self, "status", "VmSize:");
    return limit < 0 || used < 0 ? INFINITY : fmax(limit - used, 0) / 2;
}

double reel_memory_available(const char *root, const char **whose)
{
    char proc[1200];
    snprintf(proc, sizeof proc, "%.1000s/proc", root);
    const double kilobytes = memory_figure(proc, "meminfo", "MemAvailable:");
    const double system = kilobytes < 0 ? INFINITY : 1024 * kilobytes;
    const double group = left_by_groups(root), limit = left_by_limit(root);
    const double least = fmin(system, fmin(group, limit));
    *whose = "half of what `ulimit -v` leaves is";
    if (least == group)
        *whose = "this control group has left";
    if (least == system)
        *whose = "this machine has available";
    return least;
}

static int ranks_of(const reel_memory_demand *d)
{
    return d->ranks > 1 ? d->ranks : 1;
}

/* What this rank may take of what the ranks of its host have together. A limit of address space is
 * each process's own. */
static double memory_room(const reel_memory_demand *d, const char **whose)
{
    const double room = reel_memory_available("", whose);
    return strstr(*whose, "ulimit") ? room : room / ranks_of(d);
}

/* " for each of 4 ranks", behind such a number; "" for one. */
static const char *each_rank_text(const reel_memory_demand *d, char *text, size_t size)
{
    text[0] = '\0';
    if (ranks_of(d) > 1)
        snprintf(text, size, " for each of %d ranks", d->ranks);
    return text;
}

/* Gradients that a rank has besides the store's own. */
static double more_gradients(const reel_memory_plan *plan, const reel_memory_demand *d)
{
    return d->arrays > 1 ? (d->arrays - 1) * (double)plan->net.gradients : 0;
}

/* A step of training, with all that the run keeps beside it. */
static reel_status plan_training(reel_memory_plan *plan, reel_net *net, const reel_memory_demand *d,
                                 const int64_t input[4], reel_error *err)
{
    const reel_status status = reel_memory_plan_make(plan, net, d->optimizer, input, err);
    reel_memory_plan_add_sums(plan, reel_piece_sum_arrays(d->turns, 1));
    if (d->average)
        reel_memory_plan_add_average(plan);
    if (d->mixed_classes)
        reel_memory_plan_add_targets(plan, d->mixed_classes);
    return status;
}

/* Bytes of a run with batches of so many images; infinity where they are more than a plan can be
 * made of. */
static reel_status memory_needed(reel_net *net, const reel_memory_demand *d, int64_t batch,
                                 double *bytes, reel_error *err)
{
    const int64_t train[4] = {batch, d->channels, d->train_size, d->train_size},
                  val[4] = {batch, d->channels, d->val_size, d->val_size};
    reel_memory_plan plan, infer;
    reel_status status = plan_training(&plan, net, d, train, err);
    if (status == REEL_OK)
        status = reel_memory_plan_make(&infer, net, NULL, val, err);
    if (status != REEL_OK) {
        *bytes = INFINITY;
        return status == REEL_ERR_MEMORY ? REEL_OK : status;
    }

    /* Batches made ahead: in an evaluation those of the next epoch stand beside those of the
     * validation images. */
    const double step = (double)(plan.net.step > infer.net.step ? plan.net.step : infer.net.step);
    const double ahead = (double)(d->workers + 2) * (double)(plan.input + infer.input);
    const double shared = (double)(plan.net.parameters + plan.momentum + plan.average);
    const double own = (double)(plan.net.gradients + plan.sums + plan.targets) + step + ahead;
    const double planned = shared / ranks_of(d) + own + more_gradients(&plan, d);
    *bytes = planned + UNPLANNED * planned + PER_THREAD * (double)(d->workers + 1);
    return REEL_OK;
}

/* "1.2 GB of memory", as text. */
static const char *memory_text(double bytes, char *text, size_t size)
{
    if (isfinite(bytes))
        snprintf(text, size, "%.1f GB of memory", bytes * 1e-9);
    else
        snprintf(text, size, "more memory than there is");
    return text;
}

/* Fitting the initial weights takes the same number of images for any size of a batch. */
static reel_status check_fit(reel_net *net, const reel_memory_demand *d, double room,
                             const char *whose, reel_error *err)
{
    const int64_t images[4] = {d->fit_images, d->channels, d->train_size, d->train_size};
    reel_memory_plan plan;
    double bytes = INFINITY;
    const reel_status status = reel_memory_plan_make(&plan, net, d->optimizer, images, err);
    if (status == REEL_OK)
        bytes = (double)(plan.net.parameters + plan.net.gradients + plan.net.step + plan.input);
    if (status != REEL_OK && status != REEL_ERR_MEMORY)
        return status;
    if (bytes <= room)
        return REEL_OK;

    char takes[40], each[40];
    return reel_fail(err, REEL_ERR_MEMORY,
                     "fitting the initial weights to %" PRId64
                     " images takes %s, %s %.1f GB%s: other kinds of --init need none",
                     d->fit_images, memory_text(bytes, takes, sizeof takes), whose, room * 1e-9,
                     each_rank_text(d, each, sizeof each));
}

/* The largest batch of whole pieces that fits, by bisection; 0 = none does. */
static reel_status largest_batch(reel_net *net, const reel_memory_demand *d, double room,
                                 int64_t *largest, reel_error *err)
{
    const int64_t pieces = d->pieces > 1 ? d->pieces : 1;
    int64_t fits = 0, too_many = d->batch / pieces; /* images of a piece */
    while (too_many - fits > 1) {
        const int64_t middle = fits + (too_many - fits) / 2;
        double bytes;
        REEL_TRY(memory_needed(net, d, middle * pieces, &bytes, err));
        *(bytes <= room ? &fits : &too_many) = middle;
    }
    *largest = fits * pieces;
    return REEL_OK;
}

reel_status reel_memory_check(reel_net *net, const reel_memory_demand *d, reel_error *err)
{
    const char *whose;
    double bytes, room = memory_room(d, &whose);
    if (strstr(whose, "ulimit")) { /* two loaders in an evaluation */
        room = fmax(room - 2 * RESERVED * d->workers, room / 2);
        whose = "half of what `ulimit -v` leaves, without what threads reserve, is";
    }
    REEL_TRY(memory_needed(net, d, d->batch, &bytes, err));
    if (bytes <= room)
        return d->fit_images > 0 ? check_fit(net, d, room, whose, err) : REEL_OK;

    const int64_t turns = d->turns > 1 ? d->turns : 1;
    int64_t fits;
    char advice[80] = "not even one image fits", takes[40], each[40];
    REEL_TRY(largest_batch(net, d, room, &fits, err));
    if (fits > 0)
        snprintf(advice, sizeof advice, "--batch-size %" PRId64 " is the largest that fits",
                 fits * turns);
    return reel_fail(err, REEL_ERR_MEMORY, "a batch of %" PRId64 " takes %s, %s %.1f GB%s: %s",
                     d->batch * turns, memory_text(bytes, takes, sizeof takes), whose, room * 1e-9,
                     each_rank_text(d, each, sizeof each), advice);
}

/* Fitting the initial weights: one pass without a backward, and its images. */
static reel_status fit_bytes(reel_net *net, const reel_memory_demand *d, size_t *bytes,
                             reel_error *err)
{
    const int64_t images[4] = {d->fit_images, d->channels, d->train_size, d->train_size};
    reel_memory_plan plan = {0};
    if (d->fit_images > 0)
        REEL_TRY(reel_memory_plan_make(&plan, net, NULL, images, err));
    *bytes = plan.net.step + plan.input;
    return REEL_OK;
}

/* Tries with so many batches of each loader, which an evaluation has beside each other. */
static reel_status fit_with(reel_memory_plan *plan, reel_net *net, const reel_memory_demand *d,
                            int batches, reel_error *err)
{
    const int64_t train[4] = {d->batch, d->channels, d->train_size, d->train_size},
                  val[4] = {d->batch, d->channels, d->val_size, d->val_size};
    reel_memory_plan infer;
    reel_net_unfit(net);
    REEL_TRY(plan_training(plan, net, d, train, err));
    REEL_TRY(reel_memory_plan_make(&infer, net, NULL, val, err));
    size_t beside; /* what else passes through the net, at another time */
    REEL_TRY(fit_bytes(net, d, &beside, err));
    if (beside < infer.net.step)
        beside = infer.net.step;

    const double loaded = batches * (double)(plan->input + infer.input);
    const reel_memory_limit limit = {.limit = d->limit,
                                     .others = loaded - (double)plan->input +
                                               more_gradients(plan, d) +
                                               PER_THREAD * (double)(d->workers + 1),
                                     .beside = beside,
                                     .gradients_stay = d->gradients_stay};
    return reel_memory_plan_fit(plan, net, train, &limit, err);
}

reel_status reel_memory_fit(reel_memory_plan *plan, int *prefetch, reel_net *net,
                            const reel_memory_demand *d, reel_error *err)
{
    const int fewest = 2; /* one in use, one in the making */
    *prefetch = 0;
    reel_status status = fit_with(plan, net, d, d->workers + 2, err);
    if (status == REEL_ERR_MEMORY || (status == REEL_OK && plan->saving.dropped)) {
        *prefetch = fewest;
        status = fit_with(plan, net, d, fewest, err);
    }
    REEL_TRY(status);

    const char *whose;
    const double room = memory_room(d, &whose);
    char each[40];
    if ((double)plan->limited_total > room)
        return reel_fail(err, REEL_ERR_MEMORY,
                         "--memory: expected at most %.0fMB, which %s%s, got %.6gMB", room * 1e-6,
                         whose, each_rank_text(d, each, sizeof each), d->limit * 1e-6);
    return REEL_OK;
}

reel_status reel_memory_refit(reel_net *net, const reel_memory_demand *d, int prefetch,
                              reel_error *err)
{
    reel_memory_plan plan;
    return fit_with(&plan, net, d, prefetch ? prefetch : d->workers + 2, err);
}
