/* What commands share: complaints with their exit codes, a context, a result as JSON. */
#include "train/cli/command.h"

#include <errno.h>
#include <string.h>

int reel_complain(const char *command, const reel_error *err)
{
    reel_say("reel %s: %s", command, err->message);
    switch (err->status) {
    case REEL_ERR_BAD_DATA:
        return REEL_EXIT_BAD_DATA;
    case REEL_ERR_NONFINITE:
        return REEL_EXIT_NONFINITE;
    default:
        return REEL_EXIT_FAILED;
    }
}

int reel_complain_usage(const char *command, const reel_error *err)
{
    const char *space = *command ? " " : "";
    reel_say("reel%s%s: %s (`reel help%s%s` lists the options)", space, command, err->message,
             space, command);
    return REEL_EXIT_USAGE;
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
    return reel_ctx_create(ctx, &config, err);
}

int reel_print_json(json_t *object)
{
    const int failed = json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(object);
    if (!failed && fputc('\n', stdout) != EOF && fflush(stdout) != EOF)
        return REEL_EXIT_OK;
    if (errno != EPIPE)
        reel_say("reel: stdout: %s", strerror(errno));
    return REEL_EXIT_FAILED;
}
