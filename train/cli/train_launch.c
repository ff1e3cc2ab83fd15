/* Where a run trains: in this process, or in ranks that it starts (train/launch/launch.h). */
#include "train/cli/cmd_train.h"
#include "train/cli/train_batch.h"
#include "train/cli/train_find_lr.h"
#include "train/launch/launch.h"

/* Whether this process is done: ranks have trained, or could not be started, which is printed.
 * *code: its exit code. */
static bool train_in_ranks(const char *command, const reel_options *options, int *code)
{
    reel_launch_request request = {.command = command,
                                   .ranks = reel_options_int(options, "ranks"),
                                   .hosts = reel_options_text(options, "hosts")};
    request.argv = reel_options_typed(options, &request.argc);

    reel_error err;
    bool wanted;
    reel_status status = reel_launch_wanted(&request, &wanted, &err);
    if (status == REEL_OK && wanted)
        status = reel_launch(&request, code, &err);
    if (status != REEL_OK)
        *code = reel_complain_choice(command, &err);
    return wanted || status != REEL_OK;
}

int reel_train(reel_options *options, bool finetune)
{
    const char *command = finetune ? "finetune" : "train";
    reel_error err;
    int code;
    if (reel_train_find_lr_check(options, &err) || reel_train_batch_check(options, &err))
        return reel_complain_usage(command, &err);
    if (train_in_ranks(command, options, &code))
        return code;
    return reel_train_here(options, finetune);
}
