/* The value of one option, read from text. */
#ifndef REEL_TRAIN_OPTION_VALUE_H
#define REEL_TRAIN_OPTION_VALUE_H

#include "core/base.h"
#include "train/cli/option.h"

typedef struct reel_option_value {
    char *text;      /* as typed; NULL = unset; owned */
    double number;   /* INT, REAL and TIME */
    int64_t integer; /* INT; a flag: 0 or 1 */
} reel_option_value;

/* Checks text against the row's type, range and words, and stores it. REEL_ERR_INVALID: one line
 * that names the option, what it takes and what it got; `value` stays as it was. */
reel_status reel_option_value_set(reel_option_value *value, const reel_option *option,
                                  const char *text, reel_error *err);
/* Whether text is one of the names that the option suggests, or a file that is there. */
reel_status reel_option_check_name(const reel_option *option, const char *text, reel_error *err);

#endif
