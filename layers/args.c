/* A layer's arguments: one table row does the checking, the default, the message and the text. */
#include "layers/args_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/nearest.h"
#include "layers/init_internal.h"

void *reel_arg_field(const reel_layer_arg *arg, const void *config)
{
    return (char *)(uintptr_t)config + arg->offset;
}

const reel_layer_arg *reel_args_find(const reel_args *args, const char *name)
{
    for (int i = 0; i < args->count; i++)
        if (strcmp(args->row[i].name, name) == 0)
            return &args->row[i];
    return NULL;
}

/* ---- range ---- */

/* "a whole number of at least 1", "a number of at least 0 and below 1" */
static const char *range_text(char *text, size_t size, const reel_layer_arg *arg)
{
    const char *what = arg->type == REEL_ARG_INT ? "a whole number" : "a number";
    char low[64] = "", high[64] = "";
    if (isfinite(arg->min))
        snprintf(low, sizeof low, " %s %.10g", arg->above ? "above" : "of at least", arg->min);
    if (isfinite(arg->max))
        snprintf(high, sizeof high, "%s %s %.10g", low[0] ? " and" : "",
                 arg->below ? "below" : "at most", arg->max);
    snprintf(text, size, "%s%s%s", what, low, high);
    return text;
}

static bool in_range(const reel_layer_arg *arg, double value)
{
    const bool low = arg->above ? value > arg->min : value >= arg->min;
    const bool high = arg->below ? value < arg->max : value <= arg->max;
    return low && high;
}

static reel_status check_int(const reel_layer_arg *arg, int64_t value, reel_error *err)
{
    char range[200];
    if (in_range(arg, (double)value))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "%s: expected %s, got %" PRId64, arg->name,
                     range_text(range, sizeof range, arg), value);
}

static reel_status check_real(const reel_layer_arg *arg, double value, reel_error *err)
{
    char range[200];
    if (in_range(arg, value)) /* false for NaN */
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "%s: expected %s, got %g", arg->name,
                     range_text(range, sizeof range, arg), value);
}

/* "none or tanh" */
static const char *words_text(char *text, size_t size, const reel_layer_arg *arg)
{
    size_t used = 0;
    for (int i = 0; arg->words[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " or " : "", arg->words[i]);
    return text;
}

static int64_t count_words(const reel_layer_arg *arg)
{
    int64_t n = 0;
    while (arg->words[n])
        n++;
    return n;
}

static reel_status check_choice(const reel_layer_arg *arg, int64_t value, reel_error *err)
{
    char words[200];
    if (value >= 0 && value < count_words(arg))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: expected a number that stands for %s, got %" PRId64, arg->name,
                     words_text(words, sizeof words, arg), value);
}

/* ---- defaults ---- */

reel_status reel_args_complete(const reel_args *args, void *config, reel_error *err)
{
    for (int i = 0; i < args->count; i++) {
        const reel_layer_arg *arg = &args->row[i], *like = NULL;
        if (arg->like)
            like = reel_args_find(args, arg->like);
        if (arg->like && !(like && like < arg && like->type == arg->type))
            return reel_fail(
                err, REEL_ERR_INVALID,
                "%s: expected its default, %s, to be an argument before it of its type", arg->name,
                arg->like);

        /* 0 stands for the default: a number, or the value of an argument completed before. */
        if (arg->type == REEL_ARG_INT) {
            int64_t *value = reel_arg_field(arg, config);
            if (*value == 0)
                *value = like ? *(int64_t *)reel_arg_field(like, config) : (int64_t)arg->fallback;
            REEL_TRY(check_int(arg, *value, err));
        } else if (arg->type == REEL_ARG_REAL) {
            double *value = reel_arg_field(arg, config);
            if (*value == 0)
                *value = like ? *(double *)reel_arg_field(like, config) : arg->fallback;
            REEL_TRY(check_real(arg, *value, err));
        } else if (arg->type == REEL_ARG_WORD) {
            REEL_TRY(check_choice(arg, *(int64_t *)reel_arg_field(arg, config), err));
        }
    }
    return REEL_OK;
}

/* ---- from text ---- */

/* strtod with a decimal point, whatever the process's locale. */
static bool parse_real(const char *text, double *value)
{
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c)
        return false;
    char *end;
    *value = strtod_l(text, &end, c);
    freelocale(c);
    return end != text && !*end && isfinite(*value);
}

static bool parse_int(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return end != text && !*end && errno == 0;
}

static bool parse_bool(const char *text, bool *value)
{
    *value = !strcmp(text, "true") || !strcmp(text, "True"); /* Python's spelling too */
    return *value || !strcmp(text, "false") || !strcmp(text, "False");
}

/* "kaiming_normal", or "gaussian(0.01)" where the kind takes a value. */
static bool parse_init(char *text, reel_init *value)
{
    char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
    if (open && (!close || close[1]))
        return false;
    if (open)
        *open = *close = '\0';

    for (int kind = 0; reel_init_kind_name(kind); kind++) {
        if (strcmp(reel_init_kind_name(kind), text) != 0)
            continue;
        value->kind = (reel_init_kind)kind;
        if (reel_init_takes_value(value->kind) != (open != NULL))
            return false;
        return !open || parse_real(open + 1, &value->value);
    }
    return false;
}

static bool parse_word(const reel_layer_arg *arg, const char *text, int64_t *value)
{
    for (*value = 0; arg->words[*value]; (*value)++)
        if (!strcmp(arg->words[*value], text))
            return true;
    return false;
}

static reel_status bad_value(const reel_layer_arg *arg, const char *expected, const char *text,
                             reel_error *err)
{
    return reel_fail(err, REEL_ERR_INVALID, "%s: expected %s, got \"%s\"", arg->name, expected,
                     text);
}

/* In a config 0 means the default: where the default is another number, 0 cannot be said. */
static reel_status check_zero(const reel_layer_arg *arg, double value, reel_error *err)
{
    if (value != 0 || (arg->fallback == 0 && !arg->like))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "%s: 0 is not possible; leave it out for the default",
                     arg->name);
}

reel_status reel_args_set(const reel_layer_arg *arg, char *text, void *config, reel_error *err)
{
    char shown[80], range[200];
    snprintf(shown, sizeof shown, "%s", text); /* parse_init cuts the text */
    void *field = reel_arg_field(arg, config);

    switch (arg->type) {
    case REEL_ARG_INT:
        if (!parse_int(text, field))
            return bad_value(arg, range_text(range, sizeof range, arg), shown, err);
        REEL_TRY(check_int(arg, *(int64_t *)field, err));
        return check_zero(arg, (double)*(int64_t *)field, err);

    case REEL_ARG_REAL:
        if (!parse_real(text, field))
            return bad_value(arg, range_text(range, sizeof range, arg), shown, err);
        REEL_TRY(check_real(arg, *(double *)field, err));
        return check_zero(arg, *(double *)field, err);

    case REEL_ARG_BOOL:
    case REEL_ARG_NOT:
        if (!parse_bool(text, field))
            return bad_value(arg, "true or false", shown, err);
        *(bool *)field ^= arg->type == REEL_ARG_NOT;
        return REEL_OK;

    case REEL_ARG_INIT:
        if (!parse_init(text, field))
            return bad_value(arg, "an initialiser such as kaiming_normal or gaussian(0.01)", shown,
                             err);
        return REEL_OK;

    case REEL_ARG_WORD:
        if (!parse_word(arg, text, field))
            return bad_value(arg, words_text(range, sizeof range, arg), shown, err);
        return REEL_OK;
    }
    return bad_value(arg, "a known type", shown, err);
}

static reel_status unknown_arg(const reel_args *args, const char *name, reel_error *err)
{
    reel_nearest nearest = reel_nearest_to(name);
    reel_nearest_offer(&nearest, "name");
    for (int i = 0; i < args->count; i++)
        reel_nearest_offer(&nearest, args->row[i].name);
    return reel_fail(err, REEL_ERR_INVALID, "unknown argument \"%s\"; %s takes %s", name,
                     args->layer, nearest.known);
}

static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* One "name=value"; marks the argument as given. */
static reel_status parse_item(const reel_args *args, char *item, void *config, uint64_t *given,
                              reel_error *err)
{
    char *value = strchr(item, '=');
    if (!value)
        return reel_fail(err, REEL_ERR_INVALID, "expected \"argument=value\", got \"%s\"", item);
    *value++ = '\0';
    item = trimmed(item);
    value = trimmed(value);

    /* Every config begins with the layer's name, which no table lists. */
    if (strcmp(item, "name") == 0) {
        ((reel_layer_config *)config)->name = value;
        return REEL_OK;
    }
    const reel_layer_arg *arg = reel_args_find(args, item);
    if (!arg)
        return unknown_arg(args, item, err);
    const uint64_t bit = (uint64_t)1 << (arg - args->row);
    if (*given & bit)
        return reel_fail(err, REEL_ERR_INVALID, "%s: given twice", arg->name);
    *given |= bit;
    return reel_args_set(arg, value, config, err);
}

reel_status reel_args_parse(const reel_args *args, char *text, void *config, reel_error *err)
{
    uint64_t given = 0; /* bit i: row i has its value */
    if (args->count > 64)
        return reel_fail(err, REEL_ERR_INVALID, "a layer of %d arguments, expected at most 64",
                         args->count);
    for (char *item = text, *next; item; item = next) {
        next = strchr(item, ',');
        if (next)
            *next++ = '\0';
        item = trimmed(item);
        if (*item)
            REEL_TRY(parse_item(args, item, config, &given, err));
        else if (next)
            return reel_fail(err, REEL_ERR_INVALID, "expected an argument before the comma");
    }

    char range[200];
    for (int i = 0; i < args->count; i++)
        if (args->row[i].required && !(given & (uint64_t)1 << i))
            return reel_fail(err, REEL_ERR_INVALID, "%s is missing: expected %s", args->row[i].name,
                             range_text(range, sizeof range, &args->row[i]));
    return REEL_OK;
}

/* ---- to text ---- */

bool reel_arg_is_default(const reel_args *args, const reel_layer_arg *arg, const void *config)
{
    const reel_layer_arg *like = arg->like ? reel_args_find(args, arg->like) : NULL;
    const void *field = reel_arg_field(arg, config);

    /* A complete config: numbers equal their default; flags, words and inits are zero. */
    switch (arg->type) {
    case REEL_ARG_INT:
        return *(const int64_t *)field ==
               (like ? *(int64_t *)reel_arg_field(like, config) : (int64_t)arg->fallback);
    case REEL_ARG_REAL:
        return *(const double *)field ==
               (like ? *(double *)reel_arg_field(like, config) : arg->fallback);
    case REEL_ARG_BOOL:
    case REEL_ARG_NOT:
        return !*(const bool *)field;
    case REEL_ARG_WORD:
        return *(const int64_t *)field == 0;
    case REEL_ARG_INIT:
        break;
    }
    return ((const reel_init *)field)->kind == REEL_INIT_DEFAULT;
}

/* As few digits as read back to the same number, with a point in every locale. */
static void print_real(double value, char *text, size_t size)
{
    double back = NAN;
    for (int digits = 1; digits <= 17 && back != value; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        char *comma = strchr(text, ',');
        if (comma)
            *comma = '.';
        if (!parse_real(text, &back))
            return;
    }
}

void reel_arg_print(const reel_layer_arg *arg, const void *config, char *text, size_t size)
{
    const void *field = reel_arg_field(arg, config);
    char number[40] = "";

    if (arg->type == REEL_ARG_INT) {
        snprintf(text, size, "%" PRId64, *(const int64_t *)field);
    } else if (arg->type == REEL_ARG_REAL) {
        print_real(*(const double *)field, text, size);
    } else if (arg->type == REEL_ARG_WORD) {
        snprintf(text, size, "%s", arg->words[*(const int64_t *)field]);
    } else if (arg->type == REEL_ARG_INIT) {
        const reel_init *init = field;
        const bool takes = reel_init_takes_value(init->kind);
        if (takes)
            print_real(init->value, number, sizeof number);
        snprintf(text, size, "%s%s%s%s", reel_init_kind_name((int)init->kind), takes ? "(" : "",
                 number, takes ? ")" : "");
    } else {
        /* The field of a REEL_ARG_NOT holds the opposite: no_bias is printed as bias. */
        snprintf(text, size, "%s",
                 *(const bool *)field ^ (arg->type == REEL_ARG_NOT) ? "true" : "false");
    }
}
