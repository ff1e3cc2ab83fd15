/* What changes the result of a run follows from the scope of each row of the option table. */
#include "train/cli/train_options.h"

#include "train/run/say.h"

#include <stdlib.h>
#include <string.h>

/* Equal as text, or as numbers: 0.10 and .1. */
static bool same_value(const char *a, const char *b)
{
    char *end_a, *end_b;
    const double x = strtod(a, &end_a), y = strtod(b, &end_b);
    const bool numbers = end_a > a && end_b > b && !*end_a && !*end_b;
    return !strcmp(a, b) || (numbers && x == y);
}

void reel_train_warn_of_changes(const reel_options *options, const json_t *stored)
{
    for (int i = 0; stored && i < reel_options_count(options); i++) {
        const reel_option *row = reel_options_row(options, i);
        if (row->scope != REEL_SCOPE_RUN || !reel_options_given(options, row->name))
            continue;

        const char *was = json_string_value(json_object_get(stored, row->name));
        const char *is = reel_options_text(options, row->name);
        if (!was)
            reel_say("reel: warning: --%s was not given and is %s now: from here the run may "
                     "be another one than was begun",
                     row->name, is);
        else if (!same_value(was, is))
            reel_say("reel: warning: --%s was %s and is %s now: from here the run is another "
                     "one than was begun",
                     row->name, was, is);
    }
}

reel_status reel_train_check_network(const reel_options *options, const json_t *stored,
                                     reel_error *err)
{
    static const char *const names[] = {"arch", "head", "grayscale"};
    for (int i = 0; stored && i < REEL_COUNT(names); i++) {
        const char *was = json_string_value(json_object_get(stored, names[i]));
        const char *is = reel_options_text(options, names[i]);
        if (reel_options_given(options, names[i]) && was && is && !same_value(was, is))
            return reel_fail(
                err, REEL_ERR_INVALID,
                "--%s: a resumed run keeps its network, %s, got %s; leave --%s out, or "
                "begin another run with another --output-dir",
                names[i], was, is, names[i]);
    }
    return REEL_OK;
}
