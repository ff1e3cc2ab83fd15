/* The first and the last lines of a run. */
#include "train/cli/train_talk.h"

#include "core/number.h"
#include "data/sources/common/table_beside.h"
#include "layers/text.h"
#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/recipe.h"
#include "train/run/json_util.h"
#include "train/run/notes.h"
#include "train/run/precision.h"
#include "train/run/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the start ---- */

static void say_data(const reel_loop *loop)
{
    const reel_feed *feed = &loop->feed;
    reel_say("%" PRId64 " training and %s, %s; %s, %" PRId64 " parameters",
             reel_dataset_count(feed->train),
             reel_count_of(reel_dataset_count(feed->val), "validation image").text,
             reel_count_of(loop->session.card.classes, "class").text, loop->settings->model->name,
             reel_params_trainable(reel_net_params(loop->session.net)));

    if (feed->whole && feed->config.folds)
        reel_say("fold %" PRId64 " of %" PRId64 ": %" PRId64 " of %" PRId64
                 " training images are held out for validation; split.json lists them",
                 feed->config.fold, feed->config.folds, reel_dataset_count(feed->val),
                 reel_dataset_count(feed->whole));
    else if (feed->whole)
        reel_say("DATA has no validation images of its own: %" PRId64 " of %" PRId64
                 " images, %g %% of each class, are held out; split.json lists them",
                 reel_dataset_count(feed->val), reel_dataset_count(feed->whole),
                 100 * loop->settings->val_share);

    reel_left_out sum = {0};
    const reel_dataset *all[] = {feed->whole ? feed->whole : feed->train,
                                 feed->whole ? NULL : feed->val};
    for (int i = 0; i < 2 && all[i]; i++)
        reel_left_out_merge(&sum, reel_dataset_left_out(all[i]));
    reel_left_out_say(&sum);
}

static void say_machine(reel_loop *loop)
{
    const reel_settings *s = loop->settings;
    const reel_ctx *ctx = loop->session.ctx;
    reel_say("%s (%s%s), %s %s; %s decoding; %s an epoch",
             reel_count_of(reel_ctx_threads(ctx), "thread").text, reel_isa_name(reel_ctx_isa(ctx)),
             reel_ctx_precision(ctx) == REEL_PRECISION_BF16 ? ", bf16" : "",
             reel_count_of(loop->feed.config.workers, "worker").text,
             reel_feed_in_turns(&loop->feed) ? "in turn with them" : "beside them",
             s->train.decode == REEL_DECODE_FAST ? "fast" : "exact",
             reel_count_of(loop->session.schedule.steps_per_epoch, "step").text);

    reel_precision_say(ctx);

    const reel_disk_need need = reel_loop_disk_need(loop);
    const double most = 1e-6 * (double)need.most, one = 1e-6 * (double)need.checkpoint;
    reel_say("results in %s: up to %.*f MB (%s of %.*f MB, best and last weights)",
             loop->journal.dir.path, most < 10, most, reel_count_of(s->keep, "checkpoint").text,
             one < 10, one);

    char text[200];
    if (s->memory > 0)
        reel_say("within %.6g MB: %s", s->memory * 1e-6,
                 reel_memory_plan_text(&loop->memory, text, sizeof text));

    const int64_t images = reel_dataset_count(loop->feed.train);
    if (images < s->batch_size)
        reel_say("fewer images than --batch-size: a batch is all %" PRId64, images);
}

/* Has the network no layer of this kind? Not known: false. */
static bool lacks_layer(const reel_loop *loop, const char *kind)
{
    const reel_transform *train = &loop->settings->train;
    const int64_t input[3] = {train->channels, train->size, train->size};
    char *text = NULL;
    reel_error ignored;
    const bool known = reel_net_print(loop->session.net, input, &text, &ignored) == REEL_OK;
    const bool lacks = known && !strstr(text, kind);
    free(text);
    return lacks;
}

/* Has DATA no list of images? Not known: false. */
static bool lacks_list(const char *data)
{
    struct stat st;
    char name[256];
    return stat(data, &st) == 0 && S_ISDIR(st.st_mode) &&
           !reel_find_any_table(data, name, sizeof name);
}

/* Options that do nothing with this network, or with this DATA. */
static void warn_of_idle_options(const reel_loop *loop, const reel_options *options)
{
    static const char *const columns[] = {"image-column", "label-column"};
    if (reel_options_given(options, "dropout") && lacks_layer(loop, "Dropout"))
        reel_say("reel: warning: --dropout has no effect: %s has no Dropout layer",
                 loop->settings->model->name);
    const bool no_list = lacks_list(loop->feed.config.data);
    for (int i = 0; i < REEL_COUNT(columns); i++)
        if (no_list && reel_options_given(options, columns[i]))
            reel_say("reel: warning: --%s has no effect: DATA is no list of images", columns[i]);
}

/* What the network's writer may not have meant. */
static void warn_of_net(const reel_net *net)
{
    const char *last = reel_net_last_kind(net);
    if (*reel_net_note(net))
        reel_say("reel: warning: %s", reel_net_note(net));
    if (last && !strcmp(last, "Softmax"))
        reel_say("reel: warning: the network ends with Softmax, but the loss expects logits and "
                 "has a softmax in it: leave that layer out");
}

/* The ranks, their hosts, and the link between them, as a first exchange has timed it. */
static void say_ranks(const reel_loop *loop)
{
    reel_ranks *r = loop->ranks;
    if (!r)
        return;
    char names[200];
    size_t used = 0;
    names[0] = '\0';
    for (int i = 0, host = -1; i < reel_ranks_count(r) && used < sizeof names; i++) {
        if (reel_comm_host_of(r->comm, i) == host)
            continue;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", host < 0 ? "" : ", ",
                                 reel_comm_host_name(r->comm, i));
        host = reel_comm_host_of(r->comm, i);
    }
    reel_say("%s on %s (%s), %" PRId64 " pieces a batch; a first exchange: %.2f GB/s a rank",
             reel_count_of(reel_ranks_count(r), "rank").text,
             reel_count_of(reel_comm_hosts(r->comm), "host").text, names, loop->session.pieces,
             r->link * 1e-9);
}

void reel_train_say_start(reel_loop *loop, const reel_options *options, const char *resumed_from)
{
    const reel_settings *s = loop->settings;
    const reel_run_state *state = &loop->session.state;
    warn_of_idle_options(loop, options);
    warn_of_net(loop->session.net);
    if (s->quiet)
        return;
    if (s->k_fold > 0)
        reel_say("fold %" PRId64 " of %" PRId64, s->fold, s->k_fold);
    reel_recipe_print(s->recipe, options);
    reel_optimizer_say(options);
    reel_recipe_warn_of_few(s->recipe, reel_dataset_count(loop->feed.train));
    say_data(loop);
    say_machine(loop);
    say_ranks(loop);

    if (s->resume && !resumed_from)
        reel_say("no checkpoint to resume from: starting at the beginning");
    if (resumed_from && state->epoch == s->epochs)
        reel_say("resumed from %s: step %" PRId64 ", all of its %s are done", resumed_from,
                 state->step, reel_count_of(s->epochs, "epoch").text);
    else if (resumed_from)
        reel_say("resumed from %s: step %" PRId64 ", epoch %" PRId64 ", batch %" PRId64,
                 resumed_from, state->step, state->epoch + 1, state->batch);
}

/* ---- the end ---- */

static const char *const end_words[] = {
    [REEL_RUN_COMPLETE] = "done",
    [REEL_RUN_MAX_STEPS] = "stopped",
    [REEL_RUN_MAX_TIME] = "stopped",
    [REEL_RUN_SIGNAL] = "stopped",
    [REEL_RUN_EARLY] = "done, no better validation for a while,",
};

static int print_json_result(const reel_loop *loop)
{
    const reel_run_state *s = &loop->session.state;
    json_t *o =
        json_pack("{s:s, s:o, s:I, s:I, s:f, s:f, s:I}", "end", reel_run_end_name(loop->end),
                  "output_dir", reel_json_text(loop->journal.dir.path), "step", (json_int_t)s->step,
                  "epochs", (json_int_t)s->epoch, "seconds", loop->seconds, "train_seconds",
                  s->train_seconds, "bad_files", (json_int_t)loop->journal.bad_files);

    /* A key is missing where there is nothing to tell yet. */
    if (s->best_epoch) {
        json_object_set_new(o, "best_top1", json_real(s->best_top1));
        json_object_set_new(o, "best_epoch", json_integer(s->best_epoch));
    }
    if (s->best_ema.epoch) {
        json_object_set_new(o, "best_ema_top1", json_real(s->best_ema.top1));
        json_object_set_new(o, "best_ema_epoch", json_integer(s->best_ema.epoch));
    }
    if (loop->last.images) {
        json_object_set_new(o, "top1", json_real(loop->last.top1));
        json_object_set_new(o, "top5", json_real(loop->last.top5));
        json_object_set_new(o, "loss", reel_json_number(loop->last.loss));
    }
    return reel_print_json(o);
}

static void print_result(const reel_loop *loop)
{
    const reel_run_state *s = &loop->session.state;
    char text[32], other[100] = "", folder[REEL_PATH_MAX];
    printf("%s after %s, %s; ", end_words[loop->end], reel_count_of(s->step, "step").text,
           reel_duration_text(loop->seconds, text, sizeof text));
    if (s->step == 0) {
        puts("nothing was trained");
        return;
    }

    if (reel_loop_best_is_lost(loop))
        snprintf(other, sizeof other, ", its weights are lost");
    else if (loop->best_there > s->best_epoch)
        snprintf(other, sizeof other,
                 "; best.safetensors is of epoch %" PRId64 " before it was resumed",
                 loop->best_there);
    if (s->best_epoch)
        printf("best validation top-1 %.2f %% (epoch %" PRId64 "%s); ", 100 * s->best_top1,
               s->best_epoch, other);
    else if (loop->last.images)
        printf("validation top-1 %.2f %% within the first epoch; ", 100 * loop->last.top1);
    if (s->best_ema.epoch && loop->session.ema)
        printf("of the average %.2f %% (epoch %" PRId64 "); ", 100 * s->best_ema.top1,
               s->best_ema.epoch);
    const char *what = "weights";
    if (loop->unsaved.model)
        what = s->best_epoch && !reel_loop_best_is_lost(loop) ? "best weights" : "no last weights";
    printf("%s in %s/\n", what, reel_shown_text(loop->journal.dir.path, folder, sizeof folder));
}

/* What a disk had no room for, and how it is had all the same. */
static void say_unsaved(const char *command, const reel_loop *loop, const reel_error *why)
{
    const reel_unsaved *u = &loop->unsaved;
    const char *folder = loop->journal.dir.path;
    const bool full = strstr(why->message, "disk space") || strstr(why->message, strerror(ENOSPC));
    const struct {
        bool unsaved;
        const char *name;
    } parts[] = {{loop->best_unsaved, "the best weights"},
                 {loop->best_ema_unsaved, "the best averaged weights"},
                 {u->checkpoint, "the last checkpoint"},
                 {u->model, "model.safetensors"},
                 {u->average, "ema.safetensors"}};
    char what[200] = "", how[100], word[REEL_PATH_MAX];
    for (int i = 0; i < REEL_COUNT(parts); i++)
        if (parts[i].unsaved)
            snprintf(what + strlen(what), sizeof what - strlen(what), "%s%s", *what ? ", " : "",
                     parts[i].name);

    /* What --resume makes again depends on the newest checkpoint. */
    const int64_t newest = reel_checkpoint_newest(folder);
    if (u->checkpoint && newest < 0)
        snprintf(how, sizeof how, "begins again");
    else if (u->checkpoint)
        snprintf(how, sizeof how, "makes the steps after %" PRId64 " again", newest);
    else
        snprintf(how, sizeof how, "writes the rest");
    reel_say("reel %s: not saved: %s: %s; %s`reel %s --resume auto -o %s` %s", command, what,
             why->message, full ? "free some space, then " : "", command,
             reel_shell_word(folder, word, sizeof word), how);
}

/* How to continue, after a signal. */
static void say_interrupted(const char *command, const reel_loop *loop)
{
    char word[REEL_PATH_MAX];
    const char *folder = reel_shell_word(loop->journal.dir.path, word, sizeof word);
    const int64_t step = loop->session.state.step;
    if (step == 0)
        reel_say("reel %s: interrupted before the first step; `reel %s --resume auto -o %s` begins "
                 "again",
                 command, command, folder);
    else
        reel_say("reel %s: interrupted at step %" PRId64
                 ", saved; `reel %s --resume auto -o %s` continues",
                 command, step, command, folder);
}

int reel_train_report(const char *command, const reel_loop *loop, const reel_error *unsaved)
{
    int code = REEL_EXIT_OK;
    const bool leads = reel_ranks_leads(loop->ranks);
    if (leads && loop->settings->json)
        code = print_json_result(loop);
    else if (leads)
        print_result(loop);

    if (loop->journal.bad_files)
        reel_say("reel %s: %s could not be read: %s/bad_files.jsonl", command,
                 reel_count_of(loop->journal.bad_files, "file").text, loop->journal.dir.path);
    if (unsaved) {
        say_unsaved(command, loop, unsaved);
        return REEL_EXIT_FAILED;
    }
    if (loop->end != REEL_RUN_SIGNAL)
        return code;
    say_interrupted(command, loop);
    return REEL_EXIT_SIGNAL + reel_signals_pending();
}
