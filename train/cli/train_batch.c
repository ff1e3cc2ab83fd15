/* `--batch-size auto`: see train_batch.h. */
#include "train/cli/train_batch.h"

#include "train/cli/command.h"
#include "train/run/batch_choice.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Puts a number where "auto" was typed, as if it had been typed. settings->batch_size is the whole
 * batch of a step: --accumulate N times what is typed. */
static reel_status settle(reel_settings *settings, reel_options *options, int64_t typed,
                          reel_error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, typed);
    settings->batch_size = typed * settings->accumulate;
    return reel_options_type(options, "batch-size", text, err);
}

reel_status reel_train_batch_check(const reel_options *options, reel_error *err)
{
    const char *batch = reel_options_text(options, "batch-size");
    static const char *const others[] = {"test-only", "k-fold"};
    for (int i = 0; i < REEL_COUNT(others) && batch && !strcmp(batch, "auto"); i++)
        if (reel_options_given(options, others[i]))
            return reel_fail(err, REEL_ERR_INVALID, "--batch-size: expected a number with --%s",
                             others[i]);
    return REEL_OK;
}

static void say_choice(const reel_batch_choice *c)
{
    char rates[200];
    reel_say("--batch-size auto: %s; takes %" PRId64 ", the fastest",
             reel_batch_choice_text(c, rates, sizeof rates), c->chosen);
    if (c->ended[0])
        reel_say("  no larger size was tried: %s", c->ended);
}

/* On a loop of its own, which leaves nothing behind. */
static reel_status choose_batch(reel_batch_choice *c, const char *data,
                                const reel_settings *settings, reel_error *err)
{
    reel_settings trial = *settings;
    const reel_loop_start start = {.data = data, .config = json_object()};
    reel_loop loop;
    trial.batch_size = 8 * settings->batch_pieces;
    reel_status status = reel_loop_open(&loop, &trial, &start, err);
    if (status == REEL_OK)
        status = reel_batch_choose(c, &loop, &trial, err);
    reel_loop_close(&loop);
    return status;
}

int reel_train_settle_batch(const char *command, const char *data, reel_settings *settings,
                            reel_options *options, const json_t *stored, json_t **note)
{
    reel_error err;
    const json_t *before = json_object_get(stored, "batch_size_choice");
    *note = before ? json_deep_copy(before) : NULL;
    if (settings->batch_size != 0)
        return REEL_EXIT_OK;

    /* A resumed run keeps the size that it began with, on whatever machine it goes on. */
    const char *kept =
        json_string_value(json_object_get(json_object_get(stored, "options"), "batch-size"));
    if (kept && settle(settings, options, strtoll(kept, NULL, 10), &err))
        return reel_complain(command, &err);
    if (kept)
        return REEL_EXIT_OK;

    reel_batch_choice choice;
    if (choose_batch(&choice, data, settings, &err) ||
        settle(settings, options, choice.chosen / settings->accumulate, &err))
        return reel_complain(command, &err);
    if (!settings->quiet)
        say_choice(&choice);
    json_decref(*note);
    *note = reel_batch_choice_json(&choice);
    return REEL_EXIT_OK;
}

int reel_train_take_batch(const char *command, reel_settings *settings, reel_options *options)
{
    const char *typed = reel_options_text(options, "batch-size");
    reel_error err;
    if (!typed || strcmp(typed, "auto") != 0)
        return REEL_EXIT_OK;
    const int64_t chosen = settings->batch_size / settings->accumulate;
    return settle(settings, options, chosen, &err) ? reel_complain(command, &err) : REEL_EXIT_OK;
}
