/* Writing, finding and reading checkpoints. */
#include "train/run/checkpoint.h"

#include "core/files/atomic_file.h"
#include "train/run/json_util.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t MOST_STEPS =
    1000000000000000; /* as --max-steps; a count above it is no count */

/* ---- writing ---- */
static reel_status put_number(reel_weights_writer *w, const char *key, int64_t value,
                              reel_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    return reel_weights_writer_metadata(w, key, text, err);
}

static reel_status put_json(reel_weights_writer *w, const char *key, const json_t *value,
                            reel_error *err)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17));
    const reel_status status = text ? reel_weights_writer_metadata(w, key, text, err)
                                    : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", key);
    free(text);
    return status;
}

/* reel.state: the fields of reel_run_state. Those that came later may be missing, and are then as
 * at a run's beginning. */
/* clang-format off */
#define COUNT(name, member, came_later) {.key = name, .at = offsetof(reel_run_state, member), .later = came_later}
#define REAL(name, member, came_later) {.key = name, .at = offsetof(reel_run_state, member), .later = came_later, .real = true}
/* clang-format on */
static const struct {
    const char *key;
    size_t at;
    bool real, later;
} fields[] = {
    COUNT("step", step, false),
    COUNT("epoch", epoch, false),
    COUNT("batch", batch, false),
    COUNT("best_epoch", best_epoch, false),
    REAL("best_top1", best_top1, false),
    REAL("best_loss", best_loss, false),
    REAL("loss_sum", loss_sum, false),
    COUNT("right", right, false),
    COUNT("seen", seen, false),
    REAL("train_seconds", train_seconds, false),
    REAL("lr_scale", lr_scale, true),
    COUNT("rollbacks", rollbacks, true),
    COUNT("restored", restored, true),
    COUNT("skipped", skipped, true),
    REAL("stall_sum", stall.sum, true),
    COUNT("stall_steps", stall.n, true),
    COUNT("stall_length", stall.length, true),
};

reel_run_state reel_run_beginning(void)
{
    return (reel_run_state){.lr_scale = 1};
}

static reel_status put_state(const reel_checkpoint *c, reel_weights_writer *w, reel_error *err)
{
    json_t *state = json_object();
    for (int i = 0; i < REEL_COUNT(fields); i++) {
        const void *at = (const char *)c->state + fields[i].at;
        json_object_set_new(state, fields[i].key,
                            fields[i].real ? json_real(*(const double *)at)
                                           : json_integer(*(const int64_t *)at));
    }
    json_t *schedule =
        json_pack("{s:f, s:I, s:I}", "best", c->schedule->best, "bad", (json_int_t)c->schedule->bad,
                  "reductions", (json_int_t)c->schedule->reductions);
    reel_status status = put_json(w, "reel.state", state, err);
    if (status == REEL_OK)
        status = put_json(w, "reel.schedule", schedule, err);
    if (status == REEL_OK)
        status = put_json(w, "reel.config", c->config, err);
    if (status == REEL_OK && c->probe)
        status = put_json(w, "reel.probe", c->probe, err);
    json_decref(state);
    json_decref(schedule);
    return status;
}

/* ---- the optimizer's state: tensors STATE.PARAMETER ---- */

enum { STATE_NAME = 300 };

static const char *state_name(const reel_checkpoint *c, int state, int param, char name[STATE_NAME])
{
    snprintf(name, STATE_NAME, "%s.%s", reel_optimizer_state_name(c->opt, state),
             reel_params_at(c->params, param)->name);
    return name;
}

static const char *optimizer_name(const reel_checkpoint *c)
{
    return reel_optimizer_config_of(c->opt)->kind->name;
}

static reel_status put_optimizer(const reel_checkpoint *c, reel_weights_writer *w, reel_error *err)
{
    char name[STATE_NAME];
    for (int i = 0; i < reel_params_count(c->params); i++)
        for (int s = 0; s < reel_optimizer_state_count(c->opt); s++) {
            const reel_tensor state = reel_optimizer_state(c->opt, s, i);
            if (state.data)
                REEL_TRY(reel_weights_writer_tensor(w, state_name(c, s, i, name), &state, err));
        }
    return reel_weights_writer_metadata(w, "reel.optimizer", optimizer_name(c), err);
}

static reel_status write_file(const reel_checkpoint *c, const char *path, int64_t epoch,
                              bool checkpoint, reel_error *err)
{
    reel_weights_writer *w;
    REEL_TRY(reel_weights_writer_create(&w, err));
    reel_status status = reel_params_add_to(c->params, w, err);
    if (status == REEL_OK)
        status =
            reel_weights_writer_metadata(w, "reel.kind", checkpoint ? "checkpoint" : "model", err);
    if (status == REEL_OK)
        status = reel_model_card_write(c->card, w, err);
    if (status == REEL_OK)
        status = put_number(w, "step", c->state->step, err);
    if (status == REEL_OK)
        status = put_number(w, "epoch", epoch, err);
    if (status == REEL_OK && checkpoint)
        status = put_optimizer(c, w, err);
    if (status == REEL_OK && checkpoint)
        status = put_state(c, w, err);
    if (status == REEL_OK)
        status = reel_weights_writer_save(w, path, err);
    reel_weights_writer_destroy(w);
    return status;
}

reel_status reel_checkpoint_save_model(const reel_checkpoint *c, const reel_run_dir *run,
                                       const char *name, int64_t epoch, reel_error *err)
{
    char path[REEL_PATH_MAX];
    return write_file(c, reel_run_dir_file(run, name, path, sizeof path), epoch, false, err);
}

/* ---- the checkpoints of a folder, newest first ---- */
static int64_t step_of(const char *name)
{
    long long step;
    int end = 0;
    char own[64];
    if (sscanf(name, "checkpoint-%lld.safetensors%n", &step, &end) != 1 || !end || name[end])
        return -1;
    snprintf(own, sizeof own, "checkpoint-%08lld.safetensors", step);
    return strcmp(name, own) == 0 ? step
                                  : -1; /* a copy by another spelling is not found under its own */
}

static int descending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static reel_status list_checkpoints(const char *folder, int64_t **steps, int64_t *n,
                                    reel_error *err)
{
    *steps = NULL;
    *n = 0;
    DIR *d = opendir(folder);
    if (!d && errno == ENOENT)
        return REEL_OK;
    if (!d)
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", folder, strerror(errno));
    int64_t capacity = 0;
    reel_status status = REEL_OK;
    for (struct dirent *e; status == REEL_OK && (e = readdir(d));) {
        const int64_t step = step_of(e->d_name);
        if (step < 0)
            continue;
        if (*n == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            int64_t *more = realloc(*steps, (size_t)capacity * sizeof *more);
            if (!more) {
                status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", folder);
                break;
            }
            *steps = more;
        }
        (*steps)[(*n)++] = step;
    }
    closedir(d);
    if (*n)
        qsort(*steps, (size_t)*n, sizeof **steps, descending);
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

size_t reel_checkpoint_bytes(const reel_checkpoint *c)
{
    const size_t headers = (size_t)1 << 16;
    size_t bytes = 2 * headers;
    for (int i = 0; i < reel_params_count(c->params); i++) {
        const size_t values = reel_tensor_bytes(&reel_params_at(c->params, i)->value);
        bytes += 2 * values; /* in the checkpoint and in model.safetensors */
        for (int s = 0; s < reel_optimizer_state_count(c->opt); s++) {
            const reel_tensor state = reel_optimizer_state(c->opt, s, i);
            bytes += state.data ? reel_tensor_bytes(&state) : 0;
        }
    }
    return bytes;
}

reel_status reel_checkpoint_save(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 reel_error *err)
{
    char path[REEL_PATH_MAX];
    REEL_TRY(reel_run_dir_room(run, reel_checkpoint_bytes(c), err));
    checkpoint_path(path, sizeof path, run->path, c->state->step);
    REEL_TRY(write_file(c, path, c->state->epoch, true, err));
    /* The checkpoint is there, whatever becomes of the model: older ones make room, or a disk would
     * fill up with them. */
    const reel_status model =
        reel_checkpoint_save_model(c, run, "model.safetensors", c->state->epoch, err);
    int64_t *steps, n, kept = 0;
    const reel_status status =
        list_checkpoints(run->path, &steps, &n, model == REEL_OK ? err : NULL);
    for (int64_t i = 0; status == REEL_OK && i < n; i++) {
        /* A later step is not this run's: it was left behind by resuming an earlier one. Kept, it
         * would push the new checkpoint out, and be resumed in its place. */
        const int64_t step = steps[i], now = c->state->step;
        const bool counts = !c->rollback_every || step % c->rollback_every == 0;
        if (step <= now && (counts ? kept++ < keep : step == now))
            continue;
        checkpoint_path(path, sizeof path, run->path, steps[i]);
        unlink(path);
    }
    free(steps);
    return model == REEL_OK ? status : model;
}

/* ---- reading ---- */
reel_status reel_checkpoint_open(reel_weights **out, const char *path, reel_error *err)
{
    REEL_TRY(reel_weights_read(out, path, err));
    const char *kind = reel_weights_metadata(*out, "reel.kind"),
               *version = reel_weights_metadata(*out, "reel.format");
    reel_status status = reel_weights_verify(*out, err);
    if (status == REEL_OK && (!kind || strcmp(kind, "checkpoint") != 0))
        status = reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: holds weights only; expected a checkpoint to resume (weights go to --weights)",
            path);
    else if (status == REEL_OK && (!version || strcmp(version, "1") != 0))
        status = reel_fail(err, REEL_ERR_INVALID,
                           "%s: written by a newer Reel (format %.20s, this one reads 1)", path,
                           version ? version : "?");
    if (status == REEL_OK)
        return REEL_OK;
    reel_weights_destroy(*out);
    *out = NULL;
    return status;
}

/* Is the file itself at fault? Memory, permissions or a version from the future say nothing against
 * it. */
static bool is_damaged(const char *path, const reel_error *why)
{
    const bool readable = access(path, R_OK) == 0 || errno == ENOENT; /* a link to nowhere */
    return why->status == REEL_ERR_FORMAT || (why->status == REEL_ERR_IO && readable);
}

reel_status reel_checkpoint_find(reel_weights **out, const reel_checkpoint_query *q, char *path,
                                 size_t size, reel_error *err)
{
    int64_t *steps, n, tried = 0;
    *out = NULL;
    reel_status status = list_checkpoints(q->folder, &steps, &n, err);
    for (int64_t i = 0; status == REEL_OK && !*out && i < n; i++) {
        reel_error why;
        if (steps[i] >= q->below || steps[i] % q->every != 0)
            continue;
        tried++;
        checkpoint_path(path, size, q->folder, steps[i]);
        if (reel_checkpoint_open(out, path, &why) == REEL_OK)
            continue;
        if (!is_damaged(path, &why))
            status = reel_fail(err, why.status, "%s", why.message);
        else if (q->on_damaged)
            q->on_damaged(why.message);
    }
    if (status == REEL_OK && tried && !*out)
        status = reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: none of its checkpoints can be resumed; another --output-dir starts a new run",
            q->folder);
    free(steps);
    return status;
}

int64_t reel_checkpoint_set_aside(const char *folder, const char *path)
{
    const char *slash = strrchr(path, '/');
    const int64_t step = step_of(slash ? slash + 1 : path);
    int64_t *steps, n, renamed = 0;
    if (list_checkpoints(folder, &steps, &n, NULL) != REEL_OK)
        n = 0;
    for (int64_t i = 0; i < n && steps[i] > step; i++) {
        char from[REEL_PATH_MAX], to[REEL_PATH_MAX + 16];
        checkpoint_path(from, sizeof from, folder, steps[i]);
        snprintf(to, sizeof to, "%s.damaged", from);
        renamed += reel_atomic_rename(from, to, NULL) == REEL_OK;
    }
    free(steps);
    return renamed;
}

json_t *reel_checkpoint_config(const reel_weights *weights)
{
    const char *text = reel_weights_metadata(weights, "reel.config");
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static bool read_fields(reel_run_state *state, const json_t *o)
{
    *state = reel_run_beginning();
    for (int i = 0; i < REEL_COUNT(fields); i++) {
        const json_t *value = json_object_get(o, fields[i].key);
        void *at = (char *)state + fields[i].at;
        if (!value && fields[i].later)
            continue;
        if (fields[i].real ? !json_is_number(value) : !json_is_integer(value))
            return false;
        if (fields[i].real) {
            *(double *)at = json_number_value(value);
            continue;
        }
        const int64_t count = json_integer_value(value);
        if (count < 0 || count > MOST_STEPS)
            return false;
        *(int64_t *)at = count;
    }
    return true;
}

static reel_status read_state(const reel_checkpoint *c, const reel_weights *weights,
                              const char *path, reel_error *err)
{
    const char *text = reel_weights_metadata(weights, "reel.state"),
               *schedule = reel_weights_metadata(weights, "reel.schedule");
    json_t *o = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *p = schedule ? json_loads(schedule, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_int_t m[2] = {0};
    double best = 0;
    reel_run_state state;
    const bool ok = read_fields(&state, o) && json_unpack(p, "{s:F, s:I, s:I}", "best", &best,
                                                          "bad", &m[0], "reductions", &m[1]) == 0;
    json_decref(o);
    json_decref(p);
    if (!ok || m[0] < 0 || m[0] > MOST_STEPS || m[1] < 0 || m[1] > MOST_STEPS)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: metadata reel.state: not what Reel writes",
                         path);
    *c->state = state;
    c->schedule->best = best;
    c->schedule->bad = m[0];
    c->schedule->reductions = m[1];
    return REEL_OK;
}

/* Says which option would make a stored state fit: its own, where there is one of that name. */
static reel_status state_misfit(const reel_checkpoint *c, int state, const char *path,
                                const reel_error *why, reel_error *err)
{
    const reel_optimizer_kind *kind = reel_optimizer_config_of(c->opt)->kind;
    const char *name = reel_optimizer_state_name(c->opt, state);
    for (int i = 0; i < kind->n_options; i++)
        if (strcmp(kind->options[i].name, name) == 0)
            return reel_fail(err, why->status, "%s: %s; expected --%s as it was", path,
                             why->message, name);
    return reel_fail(err, why->status, "%s: %s; expected the options of --opt %s as they were",
                     path, why->message, kind->name);
}

static reel_status read_optimizer_state(const reel_checkpoint *c, const reel_weight *w, int state,
                                        int param, const char *path, reel_error *err)
{
    if (w->dtype != REEL_STORED_F32 && w->dtype != REEL_STORED_F64)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: %s: expected float32 or float64", path,
                         w->name);
    const reel_dtype dtype = w->dtype == REEL_STORED_F64 ? REEL_F64 : REEL_F32;
    const reel_tensor stored =
        reel_tensor_with_layout((void *)w->data, dtype, REEL_ROW_MAJOR, w->ndim, w->shape);

    reel_error why;
    if (reel_optimizer_set_state(c->opt, state, param, &stored, &why))
        return state_misfit(c, state, path, &why, err);
    return REEL_OK;
}

/* A parameter has every state that the settings use, or none: none forms while it is frozen. */
static reel_status read_optimizer_param(const reel_checkpoint *c, const reel_weights *weights,
                                        int param, const char *path, reel_error *err)
{
    const int states = reel_optimizer_state_count(c->opt);
    char name[STATE_NAME];
    reel_optimizer_forget(c->opt, param);
    for (int s = 0; s < states; s++) {
        const reel_weight *w = reel_weights_find(weights, state_name(c, s, param, name));
        if (w)
            REEL_TRY(read_optimizer_state(c, w, s, param, path, err));
    }

    for (int s = 0; s < states; s++)
        if (reel_optimizer_state(c->opt, s, param).data &&
            !reel_weights_find(weights, state_name(c, s, param, name)))
            return reel_fail(err, REEL_ERR_FORMAT, "%s: %s is missing", path, name);
    return REEL_OK;
}

/* Checkpoints without the name were written when there was nothing but SGD. */
static reel_status check_optimizer(const reel_checkpoint *c, const reel_weights *weights,
                                   const char *path, reel_error *err)
{
    const char *stored = reel_weights_metadata(weights, "reel.optimizer");
    if (strcmp(stored ? stored : "sgd", optimizer_name(c)) != 0)
        return reel_fail(err, REEL_ERR_INVALID, "%s: holds the state of --opt %.40s, got --opt %s",
                         path, stored ? stored : "sgd", optimizer_name(c));
    return REEL_OK;
}

reel_status reel_checkpoint_restore(const reel_checkpoint *c, const reel_weights *weights,
                                    const char *path, reel_error *err)
{
    REEL_TRY(reel_model_card_resumes(c->card, weights, path, err));
    REEL_TRY(check_optimizer(c, weights, path, err));
    for (int i = 0; i < reel_params_count(c->params); i++) {
        const reel_param *p = reel_params_at(c->params, i);
        const reel_weight *w = reel_weights_find(weights, p->name);
        reel_error why;
        if (!w)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: %s is missing: not a checkpoint of this network", path, p->name);
        if (reel_weight_to_tensor(w, &p->value, &why))
            return reel_fail(err, REEL_ERR_FORMAT, "%s: %s", path, why.message);
        REEL_TRY(read_optimizer_param(c, weights, i, path, err));
    }
    return read_state(c, weights, path, err);
}
