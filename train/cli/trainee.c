/* Making and destroying what a training step needs. */
#include "train/cli/trainee.h"

#include "train/cli/command.h"
#include "train/cli/optim_options.h"

int reel_trainee_begin(reel_trainee *t, reel_options *options, const char *command)
{
    reel_error err;
    *t = (reel_trainee){0};
    if (reel_optimizer_read(&t->optimizer, options, &err))
        return reel_complain_usage(command, &err);
    if (reel_command_ctx(&t->ctx, options, &err))
        return reel_complain(command, &err);
    return REEL_EXIT_OK;
}

reel_status reel_trainee_build(reel_trainee *t, const reel_options *options,
                               const reel_model_config *config, const reel_tape_config *tape,
                               reel_error *err)
{
    reel_model *model;
    REEL_TRY(reel_command_arch(&model, options, err));
    const reel_status status = reel_model_create(&t->net, model, config, t->ctx, tape->dtype, err);
    reel_model_free(model);
    REEL_TRY(status);
    REEL_TRY(reel_tape_create(&t->tape, t->ctx, tape, err));
    return reel_optimizer_create(&t->opt, reel_net_params(t->net), t->ctx, &t->optimizer, err);
}

void reel_trainee_end(reel_trainee *t)
{
    reel_optimizer_destroy(t->opt);
    reel_tape_destroy(t->tape);
    reel_net_destroy(t->net);
    reel_ctx_destroy(t->ctx);
}
