/* The checkpoints of a run's folder: which are kept, which one is found. */
#include "train/run/checkpoint_folder.h"

#include "core/files/atomic_file.h"
#include "core/system_error.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- their steps, the newest first ---- */

/* The step in a checkpoint's name; -1 = not a checkpoint. A copy that is spelled differently
 * ("checkpoint-5.safetensors") is none: it would be looked for under its regular name. */
static int64_t step_of(const char *name)
{
    long long step;
    int end = 0;
    char regular[64];
    if (sscanf(name, "checkpoint-%lld.safetensors%n", &step, &end) != 1 || !end || name[end])
        return -1;
    snprintf(regular, sizeof regular, "checkpoint-%08lld.safetensors", step);
    return strcmp(name, regular) == 0 ? step : -1;
}

static int descending_steps(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

typedef struct {
    int64_t *at, n, capacity;
} step_list;

static reel_status step_list_add(step_list *l, int64_t step, reel_error *err)
{
    if (l->n == l->capacity) {
        const int64_t capacity = l->capacity ? 2 * l->capacity : 16;
        int64_t *more = realloc(l->at, (size_t)capacity * sizeof *more);
        if (!more)
            return reel_fail(err, REEL_ERR_MEMORY, "list of checkpoints: out of memory");
        l->at = more;
        l->capacity = capacity;
    }
    l->at[l->n++] = step;
    return REEL_OK;
}

/* Steps of the folder's checkpoints, to be freed; a folder that does not exist has none. */
static reel_status list_checkpoints(const char *folder, step_list *l, reel_error *err)
{
    *l = (step_list){0};
    DIR *d = opendir(folder);
    if (!d && errno == ENOENT)
        return REEL_OK;
    if (!d)
        return reel_fail_system(err, errno, "%s: cannot be opened", folder);

    reel_status status = REEL_OK;
    for (struct dirent *e; status == REEL_OK && (e = readdir(d));) {
        const int64_t step = step_of(e->d_name);
        if (step >= 0)
            status = step_list_add(l, step, err);
    }
    closedir(d);
    if (l->n)
        qsort(l->at, (size_t)l->n, sizeof *l->at, descending_steps);
    return status;
}

static void checkpoint_path(char *path, size_t size, const char *folder, int64_t step)
{
    snprintf(path, size, "%s/checkpoint-%08" PRId64 ".safetensors", folder, step);
}

bool reel_checkpoint_exists(const char *folder, int64_t step)
{
    char path[REEL_PATH_MAX];
    checkpoint_path(path, sizeof path, folder, step);
    return access(path, F_OK) == 0;
}

/* ---- saving ---- */

reel_status reel_checkpoint_save_model(const reel_checkpoint *c, const reel_run_dir *run,
                                       const char *name, int64_t epoch, reel_error *err)
{
    char path[REEL_PATH_MAX];
    return reel_checkpoint_write_model(c, reel_run_dir_file(run, name, path, sizeof path), epoch,
                                       err);
}

/* Removes what `keep` does not cover, and what is not this run's. */
static void remove_old(const reel_checkpoint *c, const char *folder, const step_list *l,
                       int64_t keep)
{
    const int64_t now = c->state->step;
    int64_t kept = 0;
    for (int64_t i = 0; i < l->n; i++) {
        /* A later step was left behind by resuming an earlier one. Kept, it would push the new
         * checkpoint out, and be resumed in its place. */
        const int64_t step = l->at[i];
        const bool counts = !c->rollback_every || step % c->rollback_every == 0;
        if (step <= now && (counts ? kept++ < keep : step == now))
            continue;
        char path[REEL_PATH_MAX];
        checkpoint_path(path, sizeof path, folder, step);
        unlink(path);
    }
}

reel_status reel_checkpoint_save(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 reel_error *err)
{
    char path[REEL_PATH_MAX];
    REEL_TRY(
        reel_run_dir_room(run, reel_checkpoint_bytes(c) + reel_checkpoint_model_bytes(c), err));
    checkpoint_path(path, sizeof path, run->path, c->state->step);
    REEL_TRY(reel_checkpoint_write(c, path, err));
    const reel_status model =
        reel_checkpoint_save_model(c, run, "model.safetensors", c->state->epoch, err);

    /* The checkpoint is there, also where the model could not be written: older ones make room, or
     * a disk would fill up with them. */
    step_list l;
    const reel_status status = list_checkpoints(run->path, &l, model == REEL_OK ? err : NULL);
    if (status == REEL_OK)
        remove_old(c, run->path, &l, keep);
    free(l.at);
    return model == REEL_OK ? status : model;
}

/* ---- finding ---- */

/* Is the file itself at fault? Memory, permissions or a version from the future say nothing against
 * it. */
static bool is_damaged(const char *path, const reel_error *why)
{
    const bool readable = access(path, R_OK) == 0 || errno == ENOENT; /* a link to nowhere */
    return why->status == REEL_ERR_FORMAT || (why->status == REEL_ERR_IO && readable);
}

/* Opens a checkpoint of the folder; *out NULL where it is damaged or another run's, which
 * on_passed_over is told. *foreign: it is another run's. */
static reel_status try_checkpoint(reel_weights **out, const reel_checkpoint_query *q,
                                  const char *path, bool *foreign, reel_error *err)
{
    reel_error why;
    const reel_status status = reel_checkpoint_open(out, path, &why);
    *foreign = status == REEL_OK && reel_checkpoint_is_of_other_run(*out, q->run_id);
    if (status == REEL_OK && !*foreign)
        return REEL_OK;

    if (*foreign) {
        reel_weights_destroy(*out);
        *out = NULL;
        reel_fail(&why, REEL_ERR_INVALID, "%s: written by another run than config.json names",
                  path);
    } else if (!is_damaged(path, &why)) {
        return reel_fail(err, why.status, "%s", why.message);
    }
    if (q->on_passed_over)
        q->on_passed_over(why.message);
    return REEL_OK;
}

reel_status reel_checkpoint_find(reel_weights **out, const reel_checkpoint_query *q, char *path,
                                 size_t size, reel_error *err)
{
    step_list l;
    bool tried = false, foreign = false;
    *out = NULL;
    /* The newest stand first. */
    reel_status status = list_checkpoints(q->folder, &l, err);
    for (int64_t i = 0; status == REEL_OK && !*out && i < l.n; i++) {
        if (l.at[i] >= q->below || l.at[i] % q->every != 0)
            continue;
        checkpoint_path(path, size, q->folder, l.at[i]);
        status = try_checkpoint(out, q, path, &foreign, err);
        tried |= !foreign;
    }
    free(l.at);

    if (status == REEL_OK && tried && !*out)
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: none of its checkpoints can be resumed; another --output-dir starts a new run",
            q->folder);
    return status;
}

static bool is_of_other_run(const char *path, const char *run_id)
{
    reel_weights *weights;
    if (!run_id || reel_checkpoint_open(&weights, path, NULL) != REEL_OK)
        return false;
    const bool other = reel_checkpoint_is_of_other_run(weights, run_id);
    reel_weights_destroy(weights);
    return other;
}

reel_set_aside reel_checkpoint_set_aside(const char *folder, const char *path, const char *run_id)
{
    const char *slash = strrchr(path, '/');
    const int64_t step = step_of(slash ? slash + 1 : path);
    reel_set_aside renamed = {0};
    step_list l;
    if (list_checkpoints(folder, &l, NULL) != REEL_OK)
        l.n = 0;
    for (int64_t i = 0; i < l.n && l.at[i] > step; i++) {
        char from[REEL_PATH_MAX], to[REEL_PATH_MAX + 16];
        checkpoint_path(from, sizeof from, folder, l.at[i]);
        const bool other = is_of_other_run(from, run_id);
        snprintf(to, sizeof to, "%s.%s", from, other ? "other-run" : "damaged");
        if (reel_atomic_rename(from, to, NULL) == REEL_OK)
            *(other ? &renamed.of_other_run : &renamed.damaged) += 1;
    }
    free(l.at);
    return renamed;
}
