/* Values of options: defaults, reading from text, range checks. */
#include "optim/options.h"

#include "core/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

reel_optim_values reel_optim_values_default(const reel_optim_option *options, int n)
{
    reel_optim_values values = {.list_size = 0};
    for (int i = 0; options && i < n && i < REEL_OPTIM_OPTIONS; i++)
        values.at[i] = options[i].initial;
    return values;
}

static int find_option(const reel_optim_option *options, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        const reel_optim_option *o = &options[i];
        if ((o->name && strcmp(o->name, name) == 0) || (o->alias && strcmp(o->alias, name) == 0))
            return i;
    }
    return -1;
}

/* The first row of two that one name sets. */
static int find_pair(const reel_optim_option *options, int n, const char *name)
{
    for (int i = 0; i + 1 < n; i++)
        if (options[i].pair && strcmp(options[i].pair, name) == 0)
            return i;
    return -1;
}

static reel_status read_list(reel_optim_values *values, const char *name, const char *text,
                             reel_error *err)
{
    reel_optim_values read = {.list_size = 0};

    for (const char *p = text; *p;) {
        char *end;
        errno = 0;
        const long long entry = strtoll(p, &end, 10);
        const bool last = !*end, followed = *end == ',' && end[1];
        if (!reel_begins_number(p) || end == p || errno || !(last || followed) ||
            read.list_size == REEL_OPTIM_LIST)
            return reel_fail(err, REEL_ERR_INVALID,
                             "%s: expected up to %d whole numbers such as 23,51,78, got '%s'", name,
                             REEL_OPTIM_LIST, text);
        read.list[read.list_size++] = (double)entry;
        p = *end ? end + 1 : end;
    }

    memcpy(values->list, read.list, sizeof values->list);
    values->list_size = read.list_size;
    return REEL_OK;
}

static reel_status read_number(double *value, const reel_optim_option *o, const char *text,
                               reel_error *err)
{
    if (o->type == REEL_OPTIM_FLAG) {
        const bool yes = strcmp(text, "true") == 0;
        if (!yes && strcmp(text, "false") != 0)
            return reel_fail(err, REEL_ERR_INVALID, "%s: expected true or false, got '%s'", o->name,
                             text);
        *value = yes;
        return REEL_OK;
    }

    char *end;
    errno = 0;
    const bool whole = o->type == REEL_OPTIM_INT;
    const double number = whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    if (!reel_begins_number(text) || end == text || *end || (whole && errno))
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected a %snumber, got '%s'", o->name,
                         whole ? "whole " : "", text);
    *value = number;
    return REEL_OK;
}

static reel_status check_rows(const reel_optim_option *options, int n, reel_error *err)
{
    if (n < 0 || n > REEL_OPTIM_OPTIONS || (n > 0 && !options))
        return reel_fail(err, REEL_ERR_INVALID, "options: expected 0 to %d rows, got %d%s",
                         REEL_OPTIM_OPTIONS, n, options ? "" : " at NULL");
    return REEL_OK;
}

/* "0.9,0.999" into two options that stand one behind the other. */
static reel_status read_option_pair(double *values, const reel_optim_option *row, const char *text,
                                    reel_error *err)
{
    const char *comma = strchr(text, ',');
    char first[64];
    if (!comma || comma - text >= (ptrdiff_t)sizeof first)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected two numbers such as 0.9,0.99, got '%s'", row->pair, text);
    snprintf(first, sizeof first, "%.*s", (int)(comma - text), text);

    double read[2];
    REEL_TRY(read_number(&read[0], &row[0], first, err));
    REEL_TRY(read_number(&read[1], &row[1], comma + 1, err));
    memcpy(values, read, sizeof read);
    return REEL_OK;
}

reel_status reel_optim_values_set(reel_optim_values *values, const reel_optim_option *options,
                                  int n, const char *name, const char *text, reel_error *err)
{
    REEL_NEED(values, err);
    REEL_NEED(name, err);
    REEL_NEED(text, err);
    REEL_TRY(check_rows(options, n, err));

    const int i = find_option(options, n, name), pair = find_pair(options, n, name);
    if (i < 0 && pair >= 0)
        return read_option_pair(&values->at[pair], &options[pair], text, err);
    if (i < 0)
        return reel_fail(err, REEL_ERR_INVALID, "%s: no such option; the first is %s", name,
                         n > 0 ? options[0].name : "missing: there are none");
    if (options[i].type == REEL_OPTIM_LIST_OF_INTS)
        return read_list(values, name, text, err);
    return read_number(&values->at[i], &options[i], text, err);
}

/* NaN fails every comparison, so it is refused as well. */
static reel_status check_number(double value, const reel_optim_option *o, reel_error *err)
{
    if (!(value >= o->least && value <= o->most))
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected %.10g to %.10g, got %g", o->name,
                         o->least, o->most, value);
    if (o->type != REEL_OPTIM_REAL && value != floor(value))
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected a whole number, got %g", o->name,
                         value);
    return REEL_OK;
}

reel_status reel_optim_values_check(const reel_optim_values *values,
                                    const reel_optim_option *options, int n, reel_error *err)
{
    REEL_NEED(values, err);
    REEL_TRY(check_rows(options, n, err));

    for (int i = 0; i < n; i++) {
        const reel_optim_option *o = &options[i];
        if (o->type == REEL_OPTIM_FLAG)
            continue;
        if (o->type != REEL_OPTIM_LIST_OF_INTS) {
            REEL_TRY(check_number(values->at[i], o, err));
            continue;
        }
        if (values->list_size < 0 || values->list_size > REEL_OPTIM_LIST)
            return reel_fail(err, REEL_ERR_INVALID, "%s: expected 0 to %d entries, got %d", o->name,
                             REEL_OPTIM_LIST, values->list_size);
        for (int k = 0; k < values->list_size; k++)
            REEL_TRY(check_number(values->list[k], o, err));
    }
    return REEL_OK;
}
