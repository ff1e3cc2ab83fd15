/* What commands share: complaints with their exit codes, a context, a result as JSON. */
#include "train/cli/command.h"

#include "core/files/json_text.h"
#include "core/files/text.h"
#include "train/cli/rank_talk.h"
#include "train/run/precision.h"
#include "train/run/signals.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int reel_complain(const char *command, const reel_error *err)
{
    const bool bad = err->status == REEL_ERR_BAD_DATA;
    reel_rank_talk_turn();
    reel_say("reel %s: %s%s", command, err->message,
             bad ? "; --max-bad allows more, `reel check DATA` names them all" : "");
    switch (err->status) {
    case REEL_ERR_BAD_DATA:
        return REEL_EXIT_BAD_DATA;
    case REEL_ERR_NONFINITE:
        return REEL_EXIT_NONFINITE;
    case REEL_ERR_STOPPED:
        return REEL_EXIT_SIGNAL + reel_signals_pending();
    default:
        return REEL_EXIT_FAILED;
    }
}

int reel_complain_once(reel_comm *comm, const char *command, const reel_error *err)
{
    const bool together = reel_rank_talk_holds(comm);
    if (together && err->status == REEL_ERR_STOPPED)
        reel_rank_talk_share_signal(comm);
    if (!together)
        reel_say_silence(false);
    const int code = reel_complain(command, err);
    if (!together)
        reel_comm_abort(comm, code);
    return code;
}

int reel_complain_usage(const char *command, const reel_error *err)
{
    const char *space = *command ? " " : "";
    reel_rank_talk_turn();
    reel_say("reel%s%s: %s (`reel help%s%s` lists the options)", space, command, err->message,
             space, command);
    return REEL_EXIT_USAGE;
}

int reel_complain_choice(const char *command, const reel_error *err)
{
    return err->status == REEL_ERR_INVALID ? reel_complain_usage(command, err)
                                           : reel_complain(command, err);
}

reel_status reel_command_ctx(reel_ctx **ctx, const reel_options *options, reel_error *err)
{
    reel_ctx_config config = {.log = reel_log_to_stderr};
    if (reel_options_known(options, "quiet") && reel_options_flag(options, "quiet"))
        config.log = reel_log_warnings;
    if (reel_options_known(options, "threads"))
        config.threads = (int)reel_options_int(options, "threads");
    if (reel_options_known(options, "seed"))
        config.seed = (uint64_t)reel_options_int(options, "seed");
    if (reel_options_known(options, "precision"))
        config.precision = reel_precision_of(reel_options_text(options, "precision"));
    REEL_TRY(reel_ctx_create(ctx, &config, err));
    if (config.log == reel_log_to_stderr)
        reel_precision_say(*ctx);
    return REEL_OK;
}

reel_status reel_command_arch(reel_model **model, const reel_options *options, reel_error *err)
{
    return reel_model_read(model, reel_options_text(options, "arch"), err);
}

/* JSON's text, in which jansson has escaped C0 alone: other characters that a terminal would obey
 * become \\uNNNN, too. They stand in strings only. */
static void put_json_text(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        const int n = reel_utf8_sequence(p, SIZE_MAX);
        const uint32_t c = n > 0 ? reel_utf8_character(p, n) : 0;
        if (n > 0 && c >= 0x7f && reel_is_control(c))
            printf("\\u%04x", (unsigned)c);
        else
            fwrite(p, 1, n > 0 ? (size_t)n : 1, stdout);
        p += n > 0 ? n : 1;
    }
}

int reel_print_json(json_t *object)
{
    char *text = reel_json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (!text) {
        reel_say("reel: stdout: no memory for the result");
        return REEL_EXIT_FAILED;
    }
    put_json_text(text);
    free(text);
    if (!ferror(stdout) && fputc('\n', stdout) != EOF && fflush(stdout) != EOF)
        return REEL_EXIT_OK;
    if (errno != EPIPE)
        reel_say("reel: stdout: %s", strerror(errno));
    return REEL_EXIT_FAILED;
}

reel_status reel_command_given(const char **given, int *next, const reel_options *options, int rest,
                               const char *needed, reel_error *err)
{
    const char *weights = reel_options_text(options, "weights");
    const int n = reel_options_arg_count(options);
    *next = weights ? 0 : 1;
    *given = weights;
    if (!weights && n > rest)
        *given = reel_options_arg(options, 0);
    if (weights && n > rest)
        return reel_fail(err, REEL_ERR_INVALID, "expected one of '%.200s' and --weights %.200s",
                         reel_options_arg(options, 0), weights);
    if (!*given && needed)
        return reel_fail(err, REEL_ERR_INVALID, "expected %s", needed);
    return REEL_OK;
}
