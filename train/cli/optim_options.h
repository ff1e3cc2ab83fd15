/* Options of optimizers and schedules: rows of the command line from the tables of optim/, and
 * their values from what was typed. A new optimizer or schedule needs no edit here. */
#ifndef REEL_TRAIN_OPTIM_OPTIONS_H
#define REEL_TRAIN_OPTIM_OPTIONS_H

#include "optim/optim.h"
#include "optim/schedule.h"
#include "train/cli/options.h"

/* For reel_command.more_options: the options of all optimizers; of these and all schedules. A name
 * that several kinds have comes once. NULL ends. */
const reel_option *reel_optimizer_row(int index);
const reel_option *reel_optim_row(int index);

/* With an optimizer other than `made_for`: presets --lr and the optimizer's options to their usual
 * values, because the recipe is made for that one; NULL: defaults, which are made for SGD. Called
 * before anything that shall win over these. */
reel_status reel_optimizer_preset(reel_options *options, const char *made_for, reel_error *err);

/* Is this an option that only other optimizers than that of --opt have? */
bool reel_optimizer_lacks(const reel_options *options, const char *name);
/* With an optimizer other than SGD: prints its name and its options. */
void reel_optimizer_say(const reel_options *options);

/* Giving an option such as --lr-milestones chooses its schedule, as a preset of --lr-scheduler. */
reel_status reel_schedule_preset(reel_options *options, reel_error *err);

/* The optimizer of --opt with its options. REEL_ERR_INVALID: options that do not go together, or
 * that the user typed and the optimizer does not have. */
reel_status reel_optimizer_from_options(reel_optimizer_config *config, const reel_options *options,
                                        reel_error *err);

/* Both: the preset, and then the optimizer. For commands without recipes. */
reel_status reel_optimizer_read(reel_optimizer_config *config, reel_options *options,
                                reel_error *err);

/* The schedule of --lr-scheduler with its options, --lr, --epochs and --lr-warmup-epochs;
 * steps_per_epoch is left for when the data is known. Warns of options that the user typed and the
 * schedule does not have. */
reel_status reel_schedule_from_options(reel_schedule *s, const reel_options *options,
                                       reel_error *err);

#endif
