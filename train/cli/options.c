/* Parsing a command line against an option table.
 *
 * Written by hand instead of getopt_long because the table also carries types, ranges and help, and
 * because getopt prints its own messages and takes any unambiguous prefix of a name, so that
 * scripts break when an option is added. */
#include "train/cli/options.h"

#include "train/cli/command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum { FROM_TABLE, FROM_PRESET, FROM_USER } layer;

typedef struct {
    char *text; /* NULL = unset */
    double number;
    int64_t integer;
    layer from;
} slot;

struct reel_options {
    const reel_command *command;
    slot *slots; /* parallel to command->options */
    const char **args;
    int n_args;
};

/* ---- near misses: Damerau-Levenshtein distance, adjacent swaps counted once ---- */
enum { MAX_WORD = 64 };

static int distance(const char *a, const char *b)
{
    const int n = (int)strlen(a), m = (int)strlen(b);
    if (n >= MAX_WORD || m >= MAX_WORD)
        return MAX_WORD;
    int d[MAX_WORD + 1][MAX_WORD + 1];
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

const char *reel_nearest_word(const char *word, const char *(*at)(const void *user, int index),
                              const void *user, int n)
{
    const char *nearest = NULL;
    int least = (int)strlen(word) / 3 + 2;
    for (int i = 0; i < n; i++) {
        const char *candidate = at(user, i);
        const int d = distance(word, candidate);
        if (d < least) {
            least = d;
            nearest = candidate;
        }
    }
    return nearest;
}

static const char *option_name_at(const void *user, int index)
{
    return ((const reel_option *)user)[index].name;
}

/* ---- one value ---- */
static bool word_in(const char *words, const char *word)
{
    const size_t length = strlen(word);
    for (const char *p = words; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, word, length) == 0 && (p[length] == '|' || p[length] == '\0') && length)
            return true;
    return false;
}

static double time_unit(const char *suffix)
{
    if (!*suffix || !strcmp(suffix, "s"))
        return 1;
    if (!strcmp(suffix, "m") || !strcmp(suffix, "min"))
        return 60;
    return !strcmp(suffix, "h") ? 3600 : 0;
}

static reel_status parse_value(const reel_option *o, const char *text, slot *into, reel_error *err)
{
    char *end = NULL;
    errno = 0;
    if (o->type == REEL_OPTION_FLAG) {
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return reel_fail(err, REEL_ERR_INVALID, "--%s: expected true or false, got '%s'",
                             o->name, text);
        into->integer = !strcmp(text, "true");
    } else if (o->type == REEL_OPTION_INT) {
        into->integer = strtoll(text, &end, 10);
        into->number = (double)into->integer;
        if (end == text || *end || errno)
            return reel_fail(err, REEL_ERR_INVALID, "--%s: expected a whole number, got '%s'",
                             o->name, text);
    } else if (o->type == REEL_OPTION_REAL || o->type == REEL_OPTION_TIME) {
        const bool time = o->type == REEL_OPTION_TIME;
        into->number = strtod(text, &end);
        const double unit = end == text ? 0 : time ? time_unit(end) : *end ? 0 : 1;
        if (unit == 0 || !isfinite(into->number))
            return reel_fail(err, REEL_ERR_INVALID, "--%s: expected a %s, got '%s'", o->name,
                             time ? "time such as 90s, 3m or 1.5h" : "number", text);
        into->number *= unit;
    } else if (o->type == REEL_OPTION_CHOICE && !word_in(o->value, text)) {
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected one of %s, got '%s'", o->name,
                         o->value, text);
    }
    const bool is_number =
        o->type == REEL_OPTION_INT || o->type == REEL_OPTION_REAL || o->type == REEL_OPTION_TIME;
    if (is_number && (o->min != 0 || o->max != 0) &&
        (into->number < o->min || into->number > o->max))
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected %.10g to %.10g, got '%s'", o->name,
                         o->min, o->max, text);
    char *copy = strdup(text);
    if (!copy)
        return reel_fail(err, REEL_ERR_MEMORY, "--%s: out of memory", o->name);
    free(into->text);
    into->text = copy;
    return REEL_OK;
}

static int find(const reel_command *c, const char *name, size_t length)
{
    for (int i = 0; i < c->n_options; i++) {
        const reel_option *o = &c->options[i];
        if (strlen(o->name) == length && !strncmp(o->name, name, length))
            return i;
        if (o->alias && strlen(o->alias) == length && !strncmp(o->alias, name, length))
            return i;
    }
    return -1;
}

static reel_status assign(reel_options *options, int index, const char *text, layer from,
                          reel_error *err)
{
    slot *s = &options->slots[index];
    if (s->from > from)
        return REEL_OK;
    REEL_TRY(parse_value(&options->command->options[index], text, s, err));
    s->from = from;
    return REEL_OK;
}

/* ---- the command line ---- */
static reel_status long_option(reel_options *options, int argc, char **argv, int *at,
                               reel_error *err)
{
    const reel_command *c = options->command;
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    const size_t length = equals ? (size_t)(equals - name) : strlen(name);
    int index = find(c, name, length);
    if (index < 0 && !equals && !strncmp(name, "no-", 3)) {
        index = find(c, name + 3, length - 3);
        if (index >= 0 && c->options[index].type == REEL_OPTION_FLAG)
            return assign(options, index, "false", FROM_USER, err);
        index = -1;
    }
    if (index < 0) {
        char word[MAX_WORD] = "";
        snprintf(word, sizeof word, "%.*s", (int)length, name);
        const char *nearest = reel_nearest_word(word, option_name_at, c->options, c->n_options);
        return reel_fail(err, REEL_ERR_INVALID, "unknown option --%s%s%s%s", word,
                         nearest ? "; did you mean --" : "", nearest ? nearest : "",
                         nearest ? "?" : "");
    }
    const reel_option *o = &c->options[index];
    if (equals)
        return assign(options, index, equals + 1, FROM_USER, err);
    if (o->type == REEL_OPTION_FLAG)
        return assign(options, index, "true", FROM_USER, err);
    if (*at + 1 >= argc || !strncmp(argv[*at + 1], "--", 2))
        return reel_fail(err, REEL_ERR_INVALID, "--%s: expected a value (%s)", o->name, o->value);
    return assign(options, index, argv[++*at], FROM_USER, err);
}

static reel_status short_option(reel_options *options, int argc, char **argv, int *at,
                                reel_error *err)
{
    const reel_command *c = options->command;
    const char *text = argv[*at];
    for (int i = 0; i < c->n_options; i++) {
        const reel_option *o = &c->options[i];
        if (o->letter != text[1])
            continue;
        if (o->type == REEL_OPTION_FLAG && !text[2])
            return assign(options, i, "true", FROM_USER, err);
        if (o->type == REEL_OPTION_FLAG)
            return reel_fail(err, REEL_ERR_INVALID, "-%c takes no value, got '%s'", text[1],
                             text + 2);
        if (text[2])
            return assign(options, i, text + 2 + (text[2] == '='), FROM_USER, err);
        if (*at + 1 >= argc)
            return reel_fail(err, REEL_ERR_INVALID, "-%c: expected a value (%s)", text[1],
                             o->value);
        return assign(options, i, argv[++*at], FROM_USER, err);
    }
    return reel_fail(err, REEL_ERR_INVALID, "unknown option -%c", text[1]);
}

static reel_status parse_all(reel_options *options, int argc, char **argv, bool *wants_help,
                             reel_error *err)
{
    const reel_command *c = options->command;
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--"))
            break;
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            *wants_help = true;
            return REEL_OK;
        }
    }
    for (int i = 0; i < c->n_options; i++)
        if (c->options[i].initial)
            REEL_TRY(assign(options, i, c->options[i].initial, FROM_TABLE, err));
    bool only_args = false;
    for (int i = 0; i < argc; i++) {
        if (!only_args && !strcmp(argv[i], "--"))
            only_args = true;
        else if (!only_args && !strncmp(argv[i], "--", 2))
            REEL_TRY(long_option(options, argc, argv, &i, err));
        else if (!only_args && argv[i][0] == '-' && argv[i][1])
            REEL_TRY(short_option(options, argc, argv, &i, err));
        else
            options->args[options->n_args++] = argv[i];
    }
    if (options->n_args < c->min_args)
        return reel_fail(err, REEL_ERR_INVALID, "expected %s", c->arguments);
    if (c->max_args >= 0 && options->n_args > c->max_args)
        return reel_fail(err, REEL_ERR_INVALID, "one argument too many: '%s'%s%s",
                         options->args[c->max_args], *c->arguments ? "; expected only " : "",
                         c->arguments);
    return REEL_OK;
}

reel_status reel_options_parse(reel_options **out, const reel_command *command, int argc,
                               char **argv, bool *wants_help, reel_error *err)
{
    *out = NULL;
    *wants_help = false;
    reel_options *options = calloc(1, sizeof *options);
    if (options)
        options->slots = calloc((size_t)command->n_options + 1, sizeof *options->slots);
    if (options)
        options->args = calloc((size_t)argc + 1, sizeof *options->args);
    if (!options || !options->slots || !options->args) {
        if (options)
            free(options->slots);
        if (options)
            free(options->args);
        free(options);
        return reel_fail(err, REEL_ERR_MEMORY, "command line: out of memory");
    }
    options->command = command;
    const reel_status status = parse_all(options, argc, argv, wants_help, err);
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
    for (int i = 0; i < options->command->n_options; i++)
        free(options->slots[i].text);
    free(options->slots);
    free(options->args);
    free(options);
}

/* ---- reading ---- */
static const slot *slot_of(const reel_options *options, const char *name)
{
    const int index = find(options->command, name, strlen(name));
    REEL_ASSERT(index >= 0);
    return &options->slots[index];
}

int64_t reel_options_int(const reel_options *options, const char *name)
{
    return slot_of(options, name)->integer;
}

double reel_options_real(const reel_options *options, const char *name)
{
    return slot_of(options, name)->number;
}

const char *reel_options_text(const reel_options *options, const char *name)
{
    return slot_of(options, name)->text;
}

bool reel_options_flag(const reel_options *options, const char *name)
{
    return slot_of(options, name)->integer != 0;
}

bool reel_options_known(const reel_options *options, const char *name)
{
    return find(options->command, name, strlen(name)) >= 0;
}

bool reel_options_given(const reel_options *options, const char *name)
{
    return slot_of(options, name)->from == FROM_USER;
}

bool reel_options_set(const reel_options *options, const char *name)
{
    return slot_of(options, name)->text != NULL;
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

reel_status reel_options_preset(reel_options *options, const char *name, const char *text,
                                reel_error *err)
{
    const int index = find(options->command, name, strlen(name));
    REEL_ASSERT(index >= 0);
    return assign(options, index, text, FROM_PRESET, err);
}

json_t *reel_options_to_json(const reel_options *options)
{
    json_t *object = json_object();
    for (int i = 0; i < options->command->n_options; i++)
        if (options->slots[i].text)
            json_object_set_new(object, options->command->options[i].name,
                                json_string(options->slots[i].text));
    return object;
}

reel_status reel_options_from_json(reel_options *options, const json_t *object, reel_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        const int index = find(options->command, name, strlen(name));
        if (index >= 0 && json_is_string(value))
            REEL_TRY(assign(options, index, json_string_value(value), FROM_PRESET, err));
    }
    return REEL_OK;
}
