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
#include <sys/stat.h>
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

int64_t reel_checkpoint_newest(const char *folder)
{
    step_list l;
    int64_t newest = -1;
    if (list_checkpoints(folder, &l, NULL) == REEL_OK && l.n > 0)
        newest = l.at[0];
    free(l.at);
    return newest;
}

/* ---- which stay ---- */

/* Does `keep` cover the checkpoint of a step, now that the run stands at its own? *kept counts
 * those that it covers, from the newest on. */
static bool stays(const reel_checkpoint *c, int64_t step, int64_t keep, int64_t *kept)
{
    /* A later step was left behind by resuming an earlier one. Kept, it would push the new
     * checkpoint out, and be resumed in its place. */
    const int64_t now = c->state->step;
    const bool counts = !c->rollback_every || step % c->rollback_every == 0;
    return step <= now && (counts ? (*kept)++ < keep : step == now);
}

/* Removes what `keep` does not cover, and what is not this run's. */
static void remove_old(const reel_checkpoint *c, const char *folder, int64_t keep)
{
    step_list l;
    int64_t kept = 0;
    char path[REEL_PATH_MAX];
    if (list_checkpoints(folder, &l, NULL) != REEL_OK)
        l.n = 0;
    for (int64_t i = 0; i < l.n; i++)
        if (!stays(c, l.at[i], keep, &kept)) {
            checkpoint_path(path, sizeof path, folder, l.at[i]);
            unlink(path);
        }
    free(l.at);
}

/* ---- room on a full disk ---- */

static double file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? 512.0 * (double)st.st_blocks : 0;
}

/* Weights that a checkpoint has, too, or newer ones, in the order in which they are saved. */
static const char *const copies[] = {"model.safetensors", "ema.safetensors"};

/* What may go before a new file is in place. */
typedef struct {
    step_list old;      /* checkpoints that go after it anyway; `n` of them, the newest first */
    int copy, n_copies; /* from copies[copy] on, up to n_copies */
    double bytes;       /* of all that */
} removable;

/* What may go for `name`, or for a checkpoint (NULL). Nothing may unless a checkpoint is there that
 * stays and is intact. */
static void find_removable(removable *r, const reel_checkpoint *c, const reel_run_dir *run,
                           int64_t keep, const char *name)
{
    char path[REEL_PATH_MAX];
    step_list l;
    bool safe = false;
    int64_t kept = 0;
    *r = (removable){0};
    if (list_checkpoints(run->path, &l, NULL) != REEL_OK)
        l.n = 0;
    stays(c, c->state->step, keep, &kept); /* the new one counts, written or not */

    for (int64_t i = 0; i < l.n; i++) {
        reel_weights *weights;
        if (l.at[i] > c->state->step)
            continue;
        checkpoint_path(path, sizeof path, run->path, l.at[i]);
        const bool covered = l.at[i] == c->state->step || stays(c, l.at[i], keep, &kept);
        if (!safe && reel_checkpoint_open(&weights, path, NULL) == REEL_OK) {
            reel_weights_destroy(weights);
            safe = true;
        } else if (safe && !covered && step_list_add(&r->old, l.at[i], NULL) == REEL_OK) {
            r->bytes += file_bytes(path);
        }
    }
    free(l.at);

    /* What was saved just now does not go for what comes after it. Without an average, an older
     * ema.safetensors is nobody's copy. */
    r->copy = name && !strcmp(name, copies[1]) ? 1 : 0;
    r->n_copies = !safe ? 0 : c->ema ? 2 : 1;
    for (int i = r->copy; i < r->n_copies; i++)
        r->bytes += file_bytes(reel_run_dir_file(run, copies[i], path, sizeof path));
}

/* Removes older files, the oldest first, if that makes room for so many bytes of `name`. */
static void free_disk_room(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                           const char *name, size_t bytes)
{
    const size_t page = 4096, whole = (bytes + page - 1) / page * page;
    const double wanted = (double)whole;
    removable r;
    char path[REEL_PATH_MAX];
    if (reel_run_dir_free(run) >= wanted)
        return;
    find_removable(&r, c, run, keep, name);
    const bool enough = reel_run_dir_free(run) + r.bytes >= wanted;
    for (int64_t i = r.old.n; enough && i-- > 0 && reel_run_dir_free(run) < wanted;) {
        checkpoint_path(path, sizeof path, run->path, r.old.at[i]);
        unlink(path);
    }
    for (int i = r.copy; enough && i < r.n_copies && reel_run_dir_free(run) < wanted; i++)
        unlink(reel_run_dir_file(run, copies[i], path, sizeof path));
    free(r.old.at);
}

reel_status reel_checkpoint_room(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 reel_error *err)
{
    const size_t bytes = reel_checkpoint_bytes(c);
    removable r;
    if (reel_run_dir_room(run, bytes, NULL) == REEL_OK)
        return REEL_OK;
    find_removable(&r, c, run, keep, NULL);
    free(r.old.at);
    return r.bytes >= (double)bytes ? REEL_OK
                                    : reel_run_dir_room(run, bytes - (size_t)r.bytes, err);
}

/* ---- saving ---- */

static reel_status write_model(const reel_checkpoint *c, const reel_run_dir *run, const char *name,
                               int64_t epoch, reel_error *err)
{
    char path[REEL_PATH_MAX];
    REEL_TRY(reel_run_dir_room(run, reel_checkpoint_model_bytes(c), err));
    return reel_checkpoint_write_model(c, reel_run_dir_file(run, name, path, sizeof path), epoch,
                                       err);
}

static reel_status write_average(const reel_checkpoint *c, const reel_run_dir *run,
                                 const char *name, int64_t epoch, reel_error *err)
{
    char path[REEL_PATH_MAX];
    REEL_TRY(reel_run_dir_room(run, reel_checkpoint_model_bytes(c), err));
    return reel_checkpoint_write_average(c, reel_run_dir_file(run, name, path, sizeof path), epoch,
                                         err);
}

reel_status reel_checkpoint_save_model(const reel_checkpoint *c, const reel_run_dir *run,
                                       int64_t keep, const char *name, int64_t epoch,
                                       reel_error *err)
{
    free_disk_room(c, run, keep, name, reel_checkpoint_model_bytes(c));
    return write_model(c, run, name, epoch, err);
}

reel_status reel_checkpoint_save_average(const reel_checkpoint *c, const reel_run_dir *run,
                                         int64_t keep, const char *name, int64_t epoch,
                                         reel_error *err)
{
    free_disk_room(c, run, keep, name, reel_checkpoint_model_bytes(c));
    return write_average(c, run, name, epoch, err);
}

static reel_status save_checkpoint(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                   reel_error *err)
{
    char path[REEL_PATH_MAX];
    const size_t bytes = reel_checkpoint_bytes(c);
    if (!reel_checkpoint_exists(run->path, c->state->step))
        free_disk_room(c, run, keep, NULL, bytes);
    REEL_TRY(reel_run_dir_room(run, bytes, err));
    checkpoint_path(path, sizeof path, run->path, c->state->step);
    return reel_checkpoint_write(c, path, err);
}

reel_status reel_checkpoint_save(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 reel_unsaved *unsaved, reel_error *err)
{
    const int64_t epoch = c->state->epoch;
    *unsaved = (reel_unsaved){.checkpoint = true};
    const reel_status status = save_checkpoint(c, run, keep, err);
    if (status != REEL_OK) {
        unsaved->model = write_model(c, run, copies[0], epoch, NULL) != REEL_OK;
        unsaved->average = c->ema && write_average(c, run, copies[1], epoch, NULL) != REEL_OK;
        return status;
    }

    /* The new one is safe: older ones make room for the model, or a disk would fill with them. */
    unsaved->checkpoint = false;
    remove_old(c, run->path, keep);
    const reel_status model = reel_checkpoint_save_model(c, run, keep, copies[0], epoch, err);
    unsaved->model = model != REEL_OK;
    if (!c->ema)
        return model;

    reel_error why;
    const reel_status average = reel_checkpoint_save_average(c, run, keep, copies[1], epoch, &why);
    unsaved->average = average != REEL_OK;
    if (model != REEL_OK || average == REEL_OK)
        return model;
    return reel_fail(err, average, "%s", why.message);
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
