/* Reading and checking the value of one option. */
#include "train/cli/option_value.h"

#include "core/nearest.h"
#include "core/number.h"
#include "train/cli/option_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static reel_status read_flag(reel_option_value *v, const reel_option *o, const char *text,
                             reel_error *err)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected true or false, got '%s'", o->name,
                         text);
    v->integer = !strcmp(text, "true");
    return REEL_OK;
}

static reel_status read_integer(reel_option_value *v, const reel_option *o, const char *text,
                                reel_error *err)
{
    char *end = NULL;
    errno = 0;
    v->integer = strtoll(text, &end, 10);
    v->number = (double)v->integer;
    if (!reel_begins_number(text) || end == text || *end || errno)
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected a whole number%s%s, got '%s'",
                         o->name, o->also ? " or " : "", o->also ? o->also : "", text);
    return REEL_OK;
}

static const double MOST_BYTES = 1e15; /* converts to any integer type that counts bytes */

/* Seconds of one unit; 0 = no unit of time. */
static double time_unit(const char *suffix)
{
    if (!*suffix || !strcmp(suffix, "s"))
        return 1;
    if (!strcmp(suffix, "m") || !strcmp(suffix, "min"))
        return 60;
    return !strcmp(suffix, "h") ? 3600 : 0;
}

/* Bytes of one unit: decimal ones, or powers of 1024 with an "i"; 0 = no unit of memory. */
static double size_unit(const char *suffix)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"KB", 1e3},     {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
                 {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
    while (*suffix == ' ')
        suffix++;
    for (int i = 0; i < REEL_COUNT(units); i++)
        if (!strcasecmp(suffix, units[i].name))
            return units[i].bytes;
    return 0;
}

static reel_status read_real(reel_option_value *v, const reel_option *o, const char *text,
                             reel_error *err)
{
    char *end = NULL;
    v->number = strtod(text, &end);

    const char *expected = "number";
    double unit = 0; /* 0 = the text is no such value */
    if (o->type == REEL_OPTION_TIME)
        expected = "time such as 90s, 3m or 1.5h";
    if (o->type == REEL_OPTION_SIZE)
        expected = "size such as 900MB, 0.88GB or 900MiB";
    if (end != text && o->type == REEL_OPTION_TIME)
        unit = time_unit(end);
    else if (end != text && o->type == REEL_OPTION_SIZE)
        unit = size_unit(end);
    else if (end != text && !*end)
        unit = 1;
    const bool negative = o->type == REEL_OPTION_SIZE && v->number <= 0;
    if (!reel_begins_number(text) || unit == 0 || !isfinite(v->number) || negative)
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected a %s, got '%s'", o->name, expected,
                         text);
    v->number *= unit;
    if (o->type == REEL_OPTION_SIZE && v->number > MOST_BYTES)
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected at most 1000 TB, got '%s'", o->name,
                         text);
    return REEL_OK;
}

static reel_status check_word(const reel_option *o, const char *text, reel_error *err)
{
    char room[64], all[400];
    reel_nearest nearest = reel_nearest_to(text);
    const char *word;
    for (int i = 0; (word = reel_option_word(o, i, room, sizeof room)); i++) {
        if (!strcmp(word, text))
            return REEL_OK;
        reel_nearest_offer(&nearest, word);
    }
    return reel_fail(err, REEL_ERR_INVALID, "--%s: expected one of %s, got '%s'%s", o->name,
                     reel_option_value_text(o, all, sizeof all), text, nearest.hint);
}

reel_status reel_option_check_name(const reel_option *o, const char *text, reel_error *err)
{
    reel_nearest nearest = reel_nearest_to(text);
    const char *name;
    for (int i = 0; (name = o->suggest(i)); i++) {
        if (!strcmp(name, text))
            return REEL_OK;
        reel_nearest_offer(&nearest, name);
    }
    if (access(text, F_OK) == 0)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "--%s: expected one of %s, or a file, got '%s'%s",
                     o->name, nearest.known, text, nearest.hint);
}

static reel_status read_value(reel_option_value *v, const reel_option *o, const char *text,
                              reel_error *err)
{
    switch (o->type) {
    case REEL_OPTION_FLAG:
        return read_flag(v, o, text, err);
    case REEL_OPTION_CHOICE:
        return check_word(o, text, err);
    case REEL_OPTION_TEXT:
        return REEL_OK;
    case REEL_OPTION_INT:
        if (o->also && !strcmp(text, o->also))
            return REEL_OK;
        REEL_TRY(read_integer(v, o, text, err));
        break;
    default:
        REEL_TRY(read_real(v, o, text, err));
    }

    /* Numbers have a range; both ends 0 mean any. */
    const bool bounded = o->min != 0 || o->max != 0;
    if (bounded && (v->number < o->min || v->number > o->max))
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected %.10g to %.10g, got '%s'", o->name,
                         o->min, o->max, text);
    return REEL_OK;
}

reel_status reel_option_value_set(reel_option_value *value, const reel_option *option,
                                  const char *text, reel_error *err)
{
    reel_option_value v = {0};
    const char *same = option->same_word ? option->same_word(text) : NULL;
    if (same)
        text = same;
    REEL_TRY(read_value(&v, option, text, err));
    v.text = strdup(text);
    if (!v.text)
        return reel_fail(err, REEL_ERR_MEMORY, "--%s: out of memory", option->name);
    free(value->text);
    *value = v;
    return REEL_OK;
}
