/* The option table: the rows of `reel train`, and the rows that several commands share. */
#ifndef REEL_TRAIN_OPTION_TABLE_H
#define REEL_TRAIN_OPTION_TABLE_H

#include "core/nearest.h"
#include "train/cli/option.h"

/* `reel train` and `reel finetune`: the rows of train/run/options.def. */
enum {
#define OPTION(field, type, ...) REEL_TRAIN_OPTION_##field,
#include "train/run/options.def"
#undef OPTION
    REEL_N_TRAIN_OPTIONS
};
extern const reel_option reel_train_options[REEL_N_TRAIN_OPTIONS];

/* The row with what it leaves unset filled in from the shared row of its name. */
reel_option reel_option_complete(const reel_option *row);

/* The options of a command, complete, in the order of the table; a name that stands in it already
 * is passed over. False = there is no such index. */
bool reel_option_at(const reel_syntax *syntax, int index, reel_option *row);

/* "common options", "learning rate", ... */
const char *reel_option_group_title(reel_option_group group);

/* The nth word of a choice; NULL where there are no more. */
const char *reel_option_word(const reel_option *option, int index, char *text, size_t size);

/* What stands for the value in help: "N", "a|b|c", or "" for a flag. */
const char *reel_option_value_text(const reel_option *option, char *text, size_t size);
/* Offers all names of the option as suggestions. */
void reel_option_offer(const reel_option *option, reel_nearest *nearest);
/* What the option does, and its other names: "optimizer; also --optimizer". */
const char *reel_option_help_text(const reel_option *option, char *text, size_t size);

/* Is this the option's name, or one of its other names? Names may be of any length. */
bool reel_option_is_called(const reel_option *option, const char *name, size_t length);

#endif
