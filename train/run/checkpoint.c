/* Writing and reading the file of a checkpoint. */
#include "train/run/checkpoint.h"

#include "core/files/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- metadata ---- */

static reel_status put_number(reel_weights_writer *w, const char *key, int64_t value,
                              reel_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    return reel_weights_writer_metadata(w, key, text, err);
}

static reel_status put_json_metadata(reel_weights_writer *w, const char *key, const json_t *value,
                                     reel_error *err)
{
    char *text = reel_json_dumps(value, JSON_COMPACT);
    const reel_status status = text ? reel_weights_writer_metadata(w, key, text, err)
                                    : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", key);
    free(text);
    return status;
}

/* reel.schedule: what the schedule remembers, by name. */
static json_t *schedule_json(const reel_schedule *s)
{
    json_t *o = json_object();
    const char *name;
    for (int i = 0; (name = reel_schedule_state_name(s, i)); i++)
        json_object_set_new(o, name,
                            reel_schedule_state_is_count(s, i) ? json_integer((int64_t)s->state[i])
                                                               : json_real(s->state[i]));
    return o;
}

static reel_status put_state(const reel_checkpoint *c, reel_weights_writer *w, reel_error *err)
{
    json_t *state = reel_run_state_json(c->state);
    json_t *schedule = schedule_json(c->schedule);

    reel_status status;
    REEL_TRY_GOTO(put_json_metadata(w, "reel.state", state, err), done);
    REEL_TRY_GOTO(put_json_metadata(w, "reel.schedule", schedule, err), done);
    REEL_TRY_GOTO(put_json_metadata(w, "reel.config", c->config, err), done);
    if (c->probe)
        REEL_TRY_GOTO(put_json_metadata(w, "reel.probe", c->probe, err), done);
done:
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

/* ---- the average of weights: tensors ema.PARAMETER ---- */

static const char *average_name(const reel_checkpoint *c, int param, char name[STATE_NAME])
{
    snprintf(name, STATE_NAME, "ema.%s", reel_params_at(c->params, param)->name);
    return name;
}

static reel_status put_average(const reel_checkpoint *c, reel_weights_writer *w, reel_error *err)
{
    char name[STATE_NAME];
    for (int i = 0; c->ema && i < reel_params_count(c->params); i++) {
        const reel_tensor average = reel_ema_average(c->ema, i);
        REEL_TRY(reel_weights_writer_tensor(w, average_name(c, i, name), &average, err));
    }
    return REEL_OK;
}

/* A run that gets its average on a resume begins it with the weights. */
static reel_status read_average(const reel_checkpoint *c, const reel_weights *weights,
                                const char *path, reel_error *err)
{
    char name[STATE_NAME];
    if (!c->ema)
        return REEL_OK;

    /* All of its tensors are there, or none. */
    if (!reel_weights_find(weights, average_name(c, 0, name))) {
        reel_ema_update(c->ema, true);
        return REEL_OK;
    }

    for (int i = 0; i < reel_params_count(c->params); i++) {
        const reel_weight *w = reel_weights_find(weights, average_name(c, i, name));
        const reel_tensor average = reel_ema_average(c->ema, i);
        reel_error why;
        if (!w)
            return reel_fail(err, REEL_ERR_FORMAT, "%s: %s is missing", path, name);
        if (reel_weight_to_tensor(w, &average, &why))
            return reel_fail(err, REEL_ERR_FORMAT, "%s: %s", path, why.message);
    }
    return REEL_OK;
}

/* ---- writing ---- */

/* The average under the names of the weights. */
static reel_status put_average_as_weights(const reel_checkpoint *c, reel_weights_writer *w,
                                          reel_error *err)
{
    for (int i = 0; i < reel_params_count(c->params); i++) {
        const reel_tensor average = reel_ema_average(c->ema, i);
        REEL_TRY(reel_weights_writer_tensor(w, reel_params_at(c->params, i)->name, &average, err));
    }
    return REEL_OK;
}

typedef enum { FILE_CHECKPOINT, FILE_MODEL, FILE_AVERAGE } file_kind;

/* Weights, or their average, and card; for a checkpoint also the optimizer's state and where the
 * run stands. path NULL: everything but the file. */
static reel_status write_weights(const reel_checkpoint *c, const char *path, int64_t epoch,
                                 file_kind kind, reel_error *err)
{
    reel_weights_writer *w;
    reel_status status;
    REEL_TRY(reel_weights_writer_create(&w, err));
    if (kind == FILE_AVERAGE)
        REEL_TRY_GOTO(put_average_as_weights(c, w, err), done);
    else
        REEL_TRY_GOTO(reel_params_add_to(c->params, w, err), done);

    const char *word = kind == FILE_CHECKPOINT ? "checkpoint" : "model";
    REEL_TRY_GOTO(reel_weights_writer_metadata(w, "reel.kind", word, err), done);
    REEL_TRY_GOTO(reel_model_card_write(c->card, w, err), done);
    REEL_TRY_GOTO(put_number(w, "step", c->state->step, err), done);
    REEL_TRY_GOTO(put_number(w, "epoch", epoch, err), done);
    if (kind == FILE_CHECKPOINT) {
        REEL_TRY_GOTO(put_optimizer(c, w, err), done);
        REEL_TRY_GOTO(put_average(c, w, err), done);
        REEL_TRY_GOTO(put_state(c, w, err), done);
    }
    if (path)
        status = reel_weights_writer_save(w, path, err);
done:
    reel_weights_writer_destroy(w);
    return status;
}

reel_status reel_checkpoint_write(const reel_checkpoint *c, const char *path, reel_error *err)
{
    return write_weights(c, path, c->state->epoch, FILE_CHECKPOINT, err);
}

reel_status reel_checkpoint_check(const reel_checkpoint *c, reel_error *err)
{
    return write_weights(c, NULL, c->state->epoch, FILE_CHECKPOINT, err);
}

reel_status reel_checkpoint_write_model(const reel_checkpoint *c, const char *path, int64_t epoch,
                                        reel_error *err)
{
    return write_weights(c, path, epoch, FILE_MODEL, err);
}

reel_status reel_checkpoint_write_average(const reel_checkpoint *c, const char *path, int64_t epoch,
                                          reel_error *err)
{
    return write_weights(c, path, epoch, FILE_AVERAGE, err);
}

size_t reel_checkpoint_model_bytes(const reel_checkpoint *c)
{
    /* The card; a tensor's name, shape, place and CRC-32; names of classes. */
    const size_t card = 700, of_tensor = 150;
    size_t bytes = card;
    for (int64_t i = 0; c->card->class_names && i < c->card->classes; i++)
        bytes += strlen(c->card->class_names[i]) + 6; /* \"NAME\", */
    for (int i = 0; i < reel_params_count(c->params); i++)
        bytes += of_tensor + reel_tensor_bytes(&reel_params_at(c->params, i)->value);
    return bytes;
}

size_t reel_checkpoint_bytes(const reel_checkpoint *c)
{
    size_t bytes = reel_checkpoint_model_bytes(c);
    for (int i = 0; i < reel_params_count(c->params); i++)
        for (int s = 0; s < reel_optimizer_state_count(c->opt); s++) {
            const reel_tensor state = reel_optimizer_state(c->opt, s, i);
            bytes += state.data ? reel_tensor_bytes(&state) : 0;
        }
    return bytes + (c->ema ? reel_checkpoint_model_bytes(c) : 0);
}

/* ---- reading ---- */

/* Is this a checkpoint that this version reads? */
static reel_status check_checkpoint_kind(const reel_weights *w, const char *path, reel_error *err)
{
    const char *kind = reel_weights_metadata(w, "reel.kind"),
               *version = reel_weights_metadata(w, "reel.format");
    if (!kind || strcmp(kind, "checkpoint") != 0)
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: holds weights only; expected a checkpoint to resume (weights go to --weights)",
            path);
    if (!version || strcmp(version, "1") != 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: written by a newer Reel (format %.20s, this one reads 1)", path,
                         version ? version : "?");
    return REEL_OK;
}

reel_status reel_checkpoint_open(reel_weights **out, const char *path, reel_error *err)
{
    REEL_TRY(reel_weights_read(out, path, err));
    reel_status status = reel_weights_verify(*out, err);
    if (status == REEL_OK)
        status = check_checkpoint_kind(*out, path, err);
    if (status == REEL_OK)
        return REEL_OK;
    reel_weights_destroy(*out);
    *out = NULL;
    return status;
}

/* Numbers that are missing begin at 0, as those of a schedule that a resumed run was given anew. */
static bool read_schedule_state(reel_schedule *s, const json_t *o)
{
    const char *name;
    for (int i = 0; (name = reel_schedule_state_name(s, i)); i++) {
        const json_t *value = json_object_get(o, name);
        int64_t count = 0;
        if (!value)
            continue;
        if (!json_is_number(value))
            return false;
        if (reel_schedule_state_is_count(s, i) && !reel_read_count(&count, value))
            return false;
        s->state[i] = json_number_value(value);
    }
    return json_is_object(o);
}

/* A key of the metadata as JSON, to be freed; NULL where there is none. */
static json_t *json_metadata(const reel_weights *weights, const char *key)
{
    const char *text = reel_weights_metadata(weights, key);
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

json_t *reel_checkpoint_config(const reel_weights *weights)
{
    return json_metadata(weights, "reel.config");
}

const char *reel_config_run_id(const json_t *config)
{
    return json_string_value(json_object_get(config, "run_id"));
}

bool reel_checkpoint_is_of_other_run(const reel_weights *weights, const char *run_id)
{
    json_t *config = reel_checkpoint_config(weights);
    const char *own = reel_config_run_id(config);
    const bool other = own && run_id && strcmp(own, run_id) != 0;
    json_decref(config);
    return other;
}

static reel_status read_state(const reel_checkpoint *c, const reel_weights *weights,
                              const char *path, reel_error *err)
{
    json_t *stored = json_metadata(weights, "reel.state"),
           *stored_schedule = json_metadata(weights, "reel.schedule");
    reel_run_state state;
    reel_schedule schedule = *c->schedule;
    const bool valid =
        reel_run_state_read(&state, stored) && read_schedule_state(&schedule, stored_schedule);
    json_decref(stored);
    json_decref(stored_schedule);
    if (!valid)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: metadata reel.state: not what Reel writes",
                         path);

    *c->state = state;
    *c->schedule = schedule;
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

    /* A parameter and its state in the optimizer; tensors that nobody asks for are passed over. */
    for (int i = 0; i < reel_params_count(c->params); i++) {
        const reel_param *p = reel_params_at(c->params, i);
        const reel_weight *w = reel_weights_find(weights, p->name);
        if (!w)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: %s is missing: not a checkpoint of this network", path, p->name);

        reel_error why;
        if (reel_weight_to_tensor(w, &p->value, &why))
            return reel_fail(err, REEL_ERR_FORMAT, "%s: %s", path, why.message);
        REEL_TRY(read_optimizer_param(c, weights, i, path, err));
    }
    REEL_TRY(read_average(c, weights, path, err));
    return read_state(c, weights, path, err);
}

int64_t reel_model_file_number(const char *path, const char *key)
{
    reel_weights *weights;
    if (reel_weights_read(&weights, path, NULL) != REEL_OK)
        return 0;
    const char *text = reel_weights_metadata(weights, key);
    const bool valid = text && reel_weights_verify(weights, NULL) == REEL_OK;
    const int64_t number = valid ? strtoll(text, NULL, 10) : 0;
    reel_weights_destroy(weights);
    return number;
}
