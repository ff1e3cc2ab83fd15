/* Finding the run to resume. */
#include "train/cli/train_resume.h"

#include "train/cli/optim_options.h"
#include "train/cli/recipe.h"
#include "train/cli/recipe_table.h"
#include "train/run/json_util.h"
#include "train/run/run_lock.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void warn_passed_over(const char *message)
{
    reel_say("reel: warning: checkpoint passed over: %s", message);
}

static void note_run_id(reel_resumed_run *r, const json_t *config)
{
    const char *run_id = reel_config_run_id(config);
    if (run_id)
        snprintf(r->run_id, sizeof r->run_id, "%s", run_id);
}

reel_status reel_resume_find(reel_resumed_run *r, const reel_options *options, reel_error *err)
{
    const char *resume = reel_options_text(options, "resume"),
               *folder = reel_options_text(options, "output-dir");
    *r = (reel_resumed_run){.lock = -1};
    if (!resume)
        return REEL_OK;

    /* Before the newest checkpoint is looked for: another run may be about to replace it. */
    if (reel_run_dir_holds_run(folder))
        REEL_TRY(reel_run_lock(&r->lock, folder, err));

    json_t *of_folder = NULL;
    if (reel_run_dir_config(&of_folder, folder, NULL) == REEL_OK)
        note_run_id(r, of_folder);
    json_decref(of_folder);

    if (strcmp(resume, "auto") != 0) {
        snprintf(r->path, sizeof r->path, "%s", resume);
        REEL_TRY(reel_checkpoint_open(&r->checkpoint, r->path, err));
    } else {
        const reel_checkpoint_query newest = {.folder = folder,
                                              .below = INT64_MAX,
                                              .every = 1,
                                              .run_id = *r->run_id ? r->run_id : NULL,
                                              .on_passed_over = warn_passed_over};
        REEL_TRY(reel_checkpoint_find(&r->checkpoint, &newest, r->path, sizeof r->path, err));
        r->newest = r->checkpoint || *r->run_id;
        if (!r->checkpoint) { /* there may be some of another run */
            *r->path = '\0';
            return reel_run_dir_config(&r->config, folder, err);
        }
    }
    r->config = reel_checkpoint_config(r->checkpoint);
    note_run_id(r, r->config);
    return REEL_OK;
}

reel_status reel_resume_fail_without_data(const reel_resumed_run *r, const reel_options *options,
                                          reel_error *err)
{
    const char *resume = reel_options_text(options, "resume"),
               *folder = reel_options_text(options, "output-dir");
    if (strcmp(resume, "auto") != 0 || r->config)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected DATA: %s does not say which images the run was trained on",
                         strcmp(resume, "auto") != 0 ? resume : folder);
    return reel_fail(err, REEL_ERR_INVALID, "%s: no run to resume: %s", folder,
                     access(folder, F_OK) != 0 ? "no such folder" : "the folder holds none");
}

void reel_resume_free_checkpoint(reel_resumed_run *r)
{
    reel_weights_destroy(r->checkpoint);
    r->checkpoint = NULL;
}

void reel_resume_free(reel_resumed_run *r)
{
    reel_run_unlock(r->lock);
    reel_resume_free_checkpoint(r);
    json_decref(r->config);
    r->config = NULL;
}

/* The recipe that the run was started with; another one cannot be given. */
static reel_status preset_recipe(const char *was, reel_options *options, reel_error *err)
{
    if (was && reel_options_given(options, "recipe") &&
        strcmp(was, reel_options_text(options, "recipe")) != 0)
        return reel_fail(err, REEL_ERR_INVALID, "--recipe: the run to resume was started with %s",
                         was);
    if (was)
        REEL_TRY(reel_options_preset(options, "recipe", was, err));
    return reel_recipe_apply(reel_options_text(options, "recipe"), options, err);
}

reel_status reel_resume_preset(const reel_resumed_run *r, reel_options *options, reel_error *err)
{
    const json_t *stored = json_object_get(r->config, "options");
    REEL_TRY(preset_recipe(json_string_value(json_object_get(stored, "recipe")), options, err));
    REEL_TRY(reel_optimizer_preset(
        options, reel_recipe_value(reel_options_text(options, "recipe"), "opt"), err));

    reel_error why;
    if (stored && reel_options_from_json(options, stored, &why))
        return reel_fail(err, why.status, "the options that the run to resume was told: %s",
                         why.message);

    /* A run that has no checkpoint yet starts from its weights again. */
    char path[REEL_PATH_MAX];
    const char *weights =
        r->checkpoint ? NULL : reel_json_path(r->config, "weights", path, sizeof path);
    return weights ? reel_options_preset(options, "weights", weights, err) : REEL_OK;
}

void reel_resume_set_aside(const reel_resumed_run *r, const char *folder)
{
    const reel_set_aside aside =
        r->newest ? reel_checkpoint_set_aside(folder, r->path, r->run_id) : (reel_set_aside){0};
    const char *from = *r->path ? r->path : "the beginning";
    if (aside.damaged)
        reel_say("reel: warning: set aside as *.damaged: %" PRId64 "; going on from %s",
                 aside.damaged, from);
    if (aside.of_other_run)
        reel_say("reel: warning: set aside as *.other-run: %" PRId64 "; going on from %s",
                 aside.of_other_run, from);
}

static void warn_of_count(const json_t *was, const char *kind, int64_t images)
{
    if (was && json_integer_value(was) != images)
        reel_say("reel: warning: there were %" JSON_INTEGER_FORMAT " %s images and are %" PRId64
                 " now: from here the run is another one than was begun",
                 json_integer_value(was), kind, images);
}

void reel_resume_warn_of_images(const reel_resumed_run *r, int64_t train, int64_t val)
{
    warn_of_count(json_object_get(r->config, "train_images"), "training", train);
    warn_of_count(json_object_get(r->config, "val_images"), "validation", val);
}

reel_status reel_resume_check_folder(const char *command, const reel_options *options,
                                     reel_error *err)
{
    char word[REEL_PATH_MAX];
    const char *resume = reel_options_text(options, "resume"),
               *data = reel_options_arg_count(options) > 0 ? reel_options_arg(options, 0) : NULL;
    if (!resume)
        return REEL_OK;
    const char *run = reel_run_dir_holds_run(resume) ? resume : NULL;
    if (!run && data && !reel_options_given(options, "output-dir") && reel_run_dir_holds_run(data))
        run = data;
    if (!run)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%.200s is the folder of a run: `reel %s --resume auto -o %s` continues it",
                     run, command, reel_shell_word(run, word, sizeof word));
}
