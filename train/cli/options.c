/* Parsing a command line against an option table.
 *
 * Written by hand instead of getopt_long because the table also carries types, ranges and help, and
 * because getopt prints its own messages and takes any unambiguous prefix of a name, so that
 * scripts break when an option is added. */
#include "train/cli/options.h"

#include "core/nearest.h"
#include "train/cli/foreign_names.h"
#include "train/cli/option_table.h"
#include "train/cli/option_value.h"

#include <stdlib.h>
#include <string.h>

typedef enum { FROM_TABLE, FROM_PRESET, FROM_USER } layer;

struct reel_options {
    reel_option *rows; /* complete */
    int n;
    reel_option_value *values; /* parallel to rows, as is `from` */
    layer *from;
    const char **args;
    int n_args;
    char **typed; /* all words, borrowed */
    int n_typed;
};

static int find_row(const reel_options *options, const char *name, size_t length)
{
    for (int i = 0; i < options->n; i++)
        if (reel_option_is_called(&options->rows[i], name, length))
            return i;
    return -1;
}

static reel_status assign(reel_options *options, int index, const char *text, layer from,
                          reel_error *err)
{
    if (options->from[index] > from)
        return REEL_OK;
    REEL_TRY(reel_option_value_set(&options->values[index], &options->rows[index], text, err));
    options->from[index] = from;
    return REEL_OK;
}

/* ---- the command line ---- */

/* What the user typed: a value, or "X,Y" for the two options that the row names. */
static reel_status assign_typed(reel_options *options, int index, const char *text, reel_error *err)
{
    const reel_option *o = &options->rows[index];
    if (!o->sets[0])
        return assign(options, index, text, FROM_USER, err);

    char first[64];
    const size_t length = strcspn(text, ",");
    if (!text[length] || length >= sizeof first)
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected %s, got '%s'", o->name, o->value,
                         text);
    snprintf(first, sizeof first, "%.*s", (int)length, text);

    const int one = find_row(options, o->sets[0], strlen(o->sets[0])),
              other = find_row(options, o->sets[1], strlen(o->sets[1]));
    REEL_ASSERT(one >= 0 && other >= 0);
    options->from[index] = FROM_USER;
    REEL_TRY(assign(options, one, first, FROM_USER, err));
    return assign(options, other, text + length + 1, FROM_USER, err);
}

typedef struct {
    int argc, at;
    char **argv;
} cursor;

/* Advice such as "--weights FILE" helps only if the command has that option. */
static bool advice_applies(const reel_options *options, const char *advice)
{
    const bool names_option = advice && !strncmp(advice, "--", 2);
    return advice &&
           (!names_option || find_row(options, advice + 2, strcspn(advice + 2, " ,")) >= 0);
}

static reel_status unknown_option(const reel_options *options, const char *name, reel_error *err)
{
    const char *ours = reel_foreign_option(name);
    if (advice_applies(options, ours))
        return reel_fail(err, REEL_ERR_INVALID, "unknown option --%s; did you mean %s?", name,
                         ours);

    reel_nearest nearest = reel_nearest_to(name);
    for (int i = 0; i < options->n; i++)
        reel_option_offer(&options->rows[i], &nearest);
    if (*nearest.word)
        return reel_fail(err, REEL_ERR_INVALID, "unknown option --%s; did you mean --%s?", name,
                         nearest.word);
    return reel_fail(err, REEL_ERR_INVALID, "unknown option --%s", name);
}

/* --name VALUE, --name=VALUE, --flag, --no-flag */
static reel_status long_option(reel_options *options, cursor *c, reel_error *err)
{
    const char *name = c->argv[c->at] + 2, *equals = strchr(name, '=');
    const size_t length = equals ? (size_t)(equals - name) : strlen(name);
    int index = find_row(options, name, length);
    /* --no-loud turns a flag off, unless there is an option of that name. */
    if (index < 0 && !equals && !strncmp(name, "no-", 3)) {
        index = find_row(options, name + 3, length - 3);
        if (index >= 0 && options->rows[index].type == REEL_OPTION_FLAG)
            return assign(options, index, "false", FROM_USER, err);
        index = -1;
    }
    if (index < 0) {
        char word[64];
        snprintf(word, sizeof word, "%.*s", length < 63 ? (int)length : 63, name);
        return unknown_option(options, word, err);
    }

    const reel_option *o = &options->rows[index];
    if (equals)
        return assign_typed(options, index, equals + 1, err);
    if (o->type == REEL_OPTION_FLAG)
        return assign(options, index, "true", FROM_USER, err);
    if (c->at + 1 >= c->argc || !strncmp(c->argv[c->at + 1], "--", 2)) {
        char text[400];
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected a value (%s)", o->name,
                         reel_option_value_text(o, text, sizeof text));
    }
    return assign_typed(options, index, c->argv[++c->at], err);
}

/* -x VALUE, -xVALUE, -x=VALUE, -f */
static reel_status short_option(reel_options *options, cursor *c, reel_error *err)
{
    const char *text = c->argv[c->at];
    int index = 0;
    while (index < options->n && options->rows[index].letter != text[1])
        index++;
    if (index == options->n && find_row(options, text + 1, strlen(text + 1)) >= 0)
        return reel_fail(err, REEL_ERR_INVALID, "unknown option %s; did you mean -%s?", text, text);
    if (index == options->n)
        return reel_fail(err, REEL_ERR_INVALID, "unknown option -%c", text[1]);

    const reel_option *o = &options->rows[index];
    if (o->type == REEL_OPTION_FLAG && !text[2])
        return assign(options, index, "true", FROM_USER, err);
    if (o->type == REEL_OPTION_FLAG)
        return reel_fail(err, REEL_ERR_INVALID, "-%c takes no value, got '%s'", text[1], text + 2);
    /* The value may stand right behind the letter: -b32. */
    if (text[2])
        return assign(options, index, text + 2 + (text[2] == '='), FROM_USER, err);
    if (c->at + 1 >= c->argc) {
        char values[400];
        return reel_fail(err, REEL_ERR_INVALID, "-%c: expected a value (%s)", text[1],
                         reel_option_value_text(o, values, sizeof values));
    }
    return assign(options, index, c->argv[++c->at], FROM_USER, err);
}

static reel_status check_args(const reel_options *options, const reel_syntax *syntax,
                              reel_error *err)
{
    if (options->n_args < syntax->min_args)
        return reel_fail(err, REEL_ERR_INVALID, "expected %s", syntax->arguments);
    if (syntax->max_args < 0 || options->n_args <= syntax->max_args)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "one argument too many: '%s'%s%s",
                     options->args[syntax->max_args], *syntax->arguments ? "; expected only " : "",
                     syntax->arguments);
}

/* Only what the user typed: a checkpoint names a file that may have gone. */
static reel_status check_typed_names(const reel_options *options, reel_error *err)
{
    for (int i = 0; i < options->n; i++)
        if (options->rows[i].name_or_file && options->from[i] == FROM_USER)
            REEL_TRY(reel_option_check_name(&options->rows[i], options->values[i].text, err));
    return REEL_OK;
}

/* argv begins behind the command's name. Defaults come first, so that what the user typed replaces
 * them. long_option and short_option move the cursor over a value that stands in the next word. */
static reel_status parse_all(reel_options *options, int argc, char **argv, reel_error *err)
{
    for (int i = 0; i < options->n; i++) {
        const reel_option *o = &options->rows[i];
        const char *initial = o->type == REEL_OPTION_FLAG && !o->initial ? "false" : o->initial;
        if (initial && *initial)
            REEL_TRY(assign(options, i, initial, FROM_TABLE, err));
    }

    bool only_args = false; /* after "--" */
    for (cursor c = {.argc = argc, .argv = argv}; c.at < argc; c.at++) {
        char *word = argv[c.at];
        if (!only_args && !strcmp(word, "--"))
            only_args = true;
        else if (!only_args && !strncmp(word, "--", 2))
            REEL_TRY(long_option(options, &c, err));
        else if (!only_args && word[0] == '-' && word[1]) /* "-" alone is an argument: stdin */
            REEL_TRY(short_option(options, &c, err));
        else
            options->args[options->n_args++] = word;
    }
    return REEL_OK;
}

reel_status reel_options_parse(reel_options **out, const reel_syntax *syntax, int argc, char **argv,
                               reel_error *err)
{
    *out = NULL;
    reel_options *options = calloc(1, sizeof *options);
    if (!options)
        return reel_fail(err, REEL_ERR_MEMORY, "command line: out of memory");
    options->typed = argv;
    options->n_typed = argc;

    /* The rows are copied: shared rows and those of others become complete. */
    reel_option row;
    int n = 0;
    while (reel_option_at(syntax, n, &row))
        n++;
    options->rows = calloc((size_t)n + 1, sizeof *options->rows);
    options->values = calloc((size_t)n + 1, sizeof *options->values);
    options->from = calloc((size_t)n + 1, sizeof *options->from);
    options->args = calloc((size_t)argc + 1, sizeof *options->args);
    reel_status status = REEL_OK;
    if (!options->rows || !options->values || !options->from || !options->args)
        status = reel_fail(err, REEL_ERR_MEMORY, "command line: out of memory");
    while (status == REEL_OK && reel_option_at(syntax, options->n, &row))
        options->rows[options->n++] = row;
    if (status == REEL_OK)
        status = parse_all(options, argc, argv, err);
    if (status == REEL_OK)
        status = check_args(options, syntax, err);
    if (status == REEL_OK)
        status = check_typed_names(options, err);

    if (status == REEL_OK)
        *out = options;
    else
        reel_options_destroy(options);
    return status;
}

void reel_options_destroy(reel_options *options)
{
    if (!options)
        return;
    for (int i = 0; options->values && i < options->n; i++)
        free(options->values[i].text);
    free(options->values);
    free(options->from);
    free(options->rows);
    free(options->args);
    free(options);
}

/* ---- reading ---- */
static int index_of(const reel_options *options, const char *name)
{
    const int index = find_row(options, name, strlen(name));
    REEL_ASSERT(index >= 0);
    return index;
}

int64_t reel_options_int(const reel_options *options, const char *name)
{
    return options->values[index_of(options, name)].integer;
}

double reel_options_real(const reel_options *options, const char *name)
{
    return options->values[index_of(options, name)].number;
}

const char *reel_options_text(const reel_options *options, const char *name)
{
    return options->values[index_of(options, name)].text;
}

bool reel_options_flag(const reel_options *options, const char *name)
{
    return options->values[index_of(options, name)].integer != 0;
}

bool reel_options_known(const reel_options *options, const char *name)
{
    return find_row(options, name, strlen(name)) >= 0;
}

bool reel_options_given(const reel_options *options, const char *name)
{
    return options->from[index_of(options, name)] == FROM_USER;
}

bool reel_options_set(const reel_options *options, const char *name)
{
    return options->values[index_of(options, name)].text != NULL;
}

char **reel_options_typed(const reel_options *options, int *count)
{
    *count = options->n_typed;
    return options->typed;
}

int reel_options_arg_count(const reel_options *options)
{
    return options->n_args;
}

const char *reel_options_arg(const reel_options *options, int index)
{
    REEL_ASSERT(index >= 0 && index < options->n_args);
    return options->args[index];
}

int reel_options_count(const reel_options *options)
{
    return options->n;
}

const reel_option *reel_options_row(const reel_options *options, int index)
{
    REEL_ASSERT(index >= 0 && index < options->n);
    return &options->rows[index];
}

/* ---- presets, and what a run stores ---- */
reel_status reel_options_preset(reel_options *options, const char *name, const char *text,
                                reel_error *err)
{
    return assign(options, index_of(options, name), text, FROM_PRESET, err);
}

reel_status reel_options_type(reel_options *options, const char *name, const char *text,
                              reel_error *err)
{
    return assign(options, index_of(options, name), text, FROM_USER, err);
}

json_t *reel_options_to_json(const reel_options *options)
{
    json_t *object = json_object();
    for (int i = 0; i < options->n; i++)
        if (options->values[i].text && options->rows[i].scope != REEL_SCOPE_CALL)
            json_object_set_new(object, options->rows[i].name,
                                json_string(options->values[i].text));
    return object;
}

reel_status reel_options_from_json(reel_options *options, const json_t *object, reel_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        const int index = find_row(options, name, strlen(name));
        if (index >= 0 && json_is_string(value))
            REEL_TRY(assign(options, index, json_string_value(value), FROM_PRESET, err));
    }
    return REEL_OK;
}
