/* Command lines against an option table: parsing, ranges, presets, scopes, suggestions; and the
 * tables of all commands. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/nearest.h"
#include "train/cli/commands.h"
#include "train/cli/option_table.h"
#include "train/cli/options.h"

enum { MOST_WORDS = 16 };

static const char *const colours[] = {"red", "green"};

static const char *colour_word(int index)
{
    return index < (int)REEL_COUNT(colours) ? colours[index] : NULL;
}

static const reel_option rows[] = {
    REEL_OPTION(INT, .name = "count", .aliases = "number|how-many", .letter = 'n', .value = "N",
                .initial = "3", .min = 1, .max = 10, .help = "a number"),
    REEL_OPTION(REAL, .name = "rate", .value = "X", .help = "a rate", .scope = REEL_SCOPE_HARMLESS),
    REEL_OPTION(TIME, .name = "wait", .value = "TIME", .initial = "3m", .help = "a time"),
    REEL_OPTION(TEXT, .name = "file", .letter = 'f', .value = "FILE", .help = "a file",
                .scope = REEL_SCOPE_CALL),
    REEL_OPTION(CHOICE, .name = "kind", .value = "plain|fancy", .initial = "plain",
                .help = "a kind"),
    REEL_OPTION(CHOICE, .name = "colour", .word = colour_word, .help = "a colour"),
    REEL_OPTION(FLAG, .name = "loud", .letter = 'l', .help = "a flag"),
    REEL_SHARED("threads", .initial = "4"),
};

static const reel_syntax syntax = {.options = rows,
                                   .n_options = (int)REEL_COUNT(rows),
                                   .arguments = "DATA [MORE]",
                                   .min_args = 1,
                                   .max_args = 2};

/* The words of a line; they are valid until the next call. */
static int split(const char *line, char *words[MOST_WORDS])
{
    static char text[500];
    int n = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word && n < MOST_WORDS; word = strtok(NULL, " "))
        words[n++] = word;
    return n;
}

/* NULL, and err says why, where the line is refused. */
static reel_options *parse_with(const reel_syntax *s, const char *line, reel_error *err)
{
    char *words[MOST_WORDS];
    const int n = split(line, words);
    reel_options *options = NULL;
    *err = (reel_error){0};
    const reel_status status = reel_options_parse(&options, s, n, words, err);
    cr_expect_eq(status == REEL_OK, options != NULL);
    return options;
}

static reel_options *parse(const char *line, reel_error *err)
{
    return parse_with(&syntax, line, err);
}

static reel_options *parse_good(const char *line)
{
    reel_error err;
    reel_options *options = parse(line, &err);
    cr_assert_not_null(options, "%s: %s", line, err.message);
    return options;
}

static void expect_refused(const char *line, const char *words)
{
    reel_error err;
    reel_options *options = parse(line, &err);
    cr_expect_null(options, "taken: %s", line);
    cr_expect_eq(err.status, REEL_ERR_INVALID);
    cr_expect(strstr(err.message, words), "%s: expected '%s', got '%s'", line, words, err.message);
    reel_options_destroy(options);
}

Test(options, defaults_hold_where_nothing_is_typed)
{
    reel_options *o = parse_good("d");
    cr_expect_eq(reel_options_int(o, "count"), 3);
    cr_expect_eq(reel_options_real(o, "wait"), 180);
    cr_expect_str_eq(reel_options_text(o, "kind"), "plain");
    cr_expect_null(reel_options_text(o, "file"));
    cr_expect(!reel_options_flag(o, "loud"));
    cr_expect(!reel_options_set(o, "rate") && reel_options_set(o, "count"));
    cr_expect(!reel_options_given(o, "count"));
    cr_expect(reel_options_known(o, "count") && !reel_options_known(o, "counts"));
    cr_expect_eq(reel_options_int(o, "threads"), 4, "a shared row with a default of its own");
    reel_options_destroy(o);
}

Test(options, every_spelling_is_read)
{
    static const char *const lines[] = {"d --count 5",    "d --count=5",     "d -n 5",
                                        "d -n5",          "d -n=5",          "--number 5 d",
                                        "d --how-many=5", "--count 1 d -n 5"};
    for (int i = 0; i < (int)REEL_COUNT(lines); i++) {
        reel_options *o = parse_good(lines[i]);
        cr_expect_eq(reel_options_int(o, "count"), 5, "%s", lines[i]);
        cr_expect(reel_options_given(o, "count"));
        reel_options_destroy(o);
    }
}

Test(options, flags_times_and_arguments)
{
    reel_options *o = parse_good("d --loud --no-loud --wait 1.5h -- -x");
    cr_expect(!reel_options_flag(o, "loud") && reel_options_given(o, "loud"));
    cr_expect_eq(reel_options_real(o, "wait"), 5400);
    cr_expect_eq(reel_options_arg_count(o), 2);
    cr_expect_str_eq(reel_options_arg(o, 0), "d");
    cr_expect_str_eq(reel_options_arg(o, 1), "-x");
    reel_options_destroy(o);

    o = parse_good("d -l --wait 2min -");
    cr_expect(reel_options_flag(o, "loud"));
    cr_expect_eq(reel_options_real(o, "wait"), 120);
    cr_expect_str_eq(reel_options_arg(o, 1), "-", "a lone dash is an argument");
    reel_options_destroy(o);
}

Test(options, values_out_of_type_or_range_are_refused)
{
    expect_refused("d --count ten", "--count: expected a whole number, got 'ten'");
    expect_refused("d --count 3x", "--count: expected a whole number, got '3x'");
    expect_refused("d --count 0", "--count: expected 1 to 10, got '0'");
    expect_refused("d --count 11", "--count: expected 1 to 10, got '11'");
    expect_refused("d --count 99999999999999999999", "--count: expected a whole number");
    expect_refused("d --rate fast", "--rate: expected a number, got 'fast'");
    expect_refused("d --rate nan", "--rate: expected a number, got 'nan'");
    static const char *const no_numbers[] = {"0x1p-3", "0x10", "1e", "inf", ".", "-", "1.0.0"};
    for (int64_t i = 0; i < REEL_COUNT(no_numbers); i++) {
        char line[60];
        snprintf(line, sizeof line, "d --rate %s", no_numbers[i]);
        expect_refused(line, "--rate: expected a number");
    }
    expect_refused("d --wait 0x3m", "--wait: expected a time");
    expect_refused("d --wait 3w", "--wait: expected a time such as 90s, 3m or 1.5h, got '3w'");
    expect_refused("d --kind plane",
                   "--kind: expected one of plain|fancy, got 'plane'; did you mean plain?");
    expect_refused("d --colour gren",
                   "--colour: expected one of red|green, got 'gren'; did you mean green?");
    expect_refused("d --colour violet", "--colour: expected one of red|green, got 'violet'");
    expect_refused("d --loud=yes", "--loud: expected true or false, got 'yes'");
    expect_refused("d -lx", "-l takes no value, got 'x'");
    expect_refused("d --count", "--count: expected a value (N)");
    expect_refused("d --colour --loud", "--colour: expected a value (red|green)");
    expect_refused("d -n", "-n: expected a value (N)");
    expect_refused("d --threads 1025", "--threads: expected 0 to 1024");
    expect_refused("--loud", "expected DATA [MORE]");
    expect_refused("a b c", "one argument too many: 'c'; expected only DATA [MORE]");
}

Test(options, a_mistyped_name_gets_the_nearest_one)
{
    expect_refused("d --cuont 3", "unknown option --cuont; did you mean --count?");
    expect_refused("d --counts=3", "unknown option --counts; did you mean --count?");
    expect_refused("d --no-lowd", "unknown option --no-lowd");
    expect_refused("d --no-count", "unknown option --no-count");
    expect_refused("d --entirely-else", "unknown option --entirely-else");
    expect_refused("d -z", "unknown option -z");
    expect_refused("d --data-path x", "did you mean the folder as an argument: reel train DATA?");
    expect_refused("d --gpu 0", "did you mean --threads");
    reel_error err;
    cr_expect_null(parse("d --base_lr 0.1", &err));
    cr_expect_null(strstr(err.message, "--lr"), "this table has no --lr: %s", err.message);
}

Test(options, the_distance_counts_swaps_once_and_refuses_what_is_far)
{
    reel_nearest nearest = reel_nearest_to("epohcs");
    reel_nearest_offer(&nearest, "batch-size");
    cr_expect_str_eq(nearest.word, "");
    reel_nearest_offer(&nearest, "epoch");
    reel_nearest_offer(&nearest, "epochs");
    cr_expect_str_eq(nearest.word, "epochs");
    cr_expect_eq(nearest.distance, 1);
    cr_expect_str_eq(nearest.hint, "; did you mean epochs?");
    cr_expect_str_eq(nearest.known, "batch-size, epoch, epochs");
}

Test(options, a_list_of_known_names_ends_behind_a_name)
{
    reel_nearest nearest = reel_nearest_to("far");
    char all[4000] = "", name[64];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "%.*s%d", i % 7, "letters", i);
        reel_nearest_offer(&nearest, name);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", name);
    }
    char *end = strstr(nearest.known, ", ...");
    cr_assert(end && !end[5], "%s", nearest.known);
    *end = '\0';
    const size_t length = strlen(nearest.known);
    cr_expect_gt(length, 380);
    cr_expect(!strncmp(all, nearest.known, length) && all[length] == ',', "%s", nearest.known);
    cr_expect_str_eq(nearest.hint, "");
}

Test(options, presets_change_what_the_user_did_not_type)
{
    reel_error err;
    reel_options *o = parse_good("d --count 5");
    cr_expect_eq(reel_options_preset(o, "count", "7", &err), REEL_OK);
    cr_expect_eq(reel_options_preset(o, "rate", "0.5", &err), REEL_OK);
    cr_expect_eq(reel_options_int(o, "count"), 5);
    cr_expect_eq(reel_options_real(o, "rate"), 0.5);
    cr_expect(!reel_options_given(o, "rate"));
    cr_expect_eq(reel_options_preset(o, "kind", "none", &err), REEL_ERR_INVALID);
    cr_expect_str_eq(reel_options_text(o, "kind"), "plain");
    reel_options_destroy(o);
}

Test(options, json_holds_what_belongs_to_the_run_and_reads_back)
{
    reel_error err;
    reel_options *o = parse_good("d --count 5 --rate 1e-2 --file x --loud");
    json_t *stored = reel_options_to_json(o);
    cr_expect_str_eq(json_string_value(json_object_get(stored, "count")), "5");
    cr_expect_str_eq(json_string_value(json_object_get(stored, "rate")), "1e-2");
    cr_expect_str_eq(json_string_value(json_object_get(stored, "loud")), "true");
    cr_expect_null(json_object_get(stored, "file"), "an option of this call only is stored");
    cr_expect_null(json_object_get(stored, "colour"), "an unset option is stored");
    reel_options_destroy(o);

    json_object_set_new(stored, "an-option-of-another-version", json_string("1"));
    o = parse_good("d --count 6");
    cr_expect_eq(reel_options_from_json(o, stored, &err), REEL_OK);
    cr_expect_eq(reel_options_int(o, "count"), 6, "what is typed wins");
    cr_expect_eq(reel_options_real(o, "rate"), 0.01);
    cr_expect(reel_options_flag(o, "loud"));
    json_object_set_new(stored, "rate", json_string("often"));
    cr_expect_eq(reel_options_from_json(o, stored, &err), REEL_ERR_INVALID);
    reel_options_destroy(o);
    json_decref(stored);
}

/* ---- rows that others contribute ---- */
static const reel_option *contributed(int index)
{
    static const reel_option more[] = {
        {.name = "count", .type = REEL_OPTION_REAL, .help = "stands in the table already"},
        {.name = "beta",
         .type = REEL_OPTION_REAL,
         .value = "X",
         .initial = "0.9",
         .max = 1,
         .help = "of a kind"},
        {.name = "beta", .type = REEL_OPTION_REAL, .help = "of another kind"},
        {.name = "gamma", .type = REEL_OPTION_FLAG, .help = "of a kind"},
    };
    return index < (int)REEL_COUNT(more) ? &more[index] : NULL;
}

Test(options, rows_of_others_follow_the_table_and_each_name_counts_once)
{
    const reel_syntax wide = {.options = rows,
                              .n_options = (int)REEL_COUNT(rows),
                              .more_options = contributed,
                              .arguments = "",
                              .max_args = -1};
    reel_error err;
    reel_options *o = parse_with(&wide, "--beta 0.5 --gamma", &err);
    cr_assert_not_null(o, "%s", err.message);
    cr_expect_eq(reel_options_count(o), (int)REEL_COUNT(rows) + 2);
    cr_expect_str_eq(reel_options_row(o, (int)REEL_COUNT(rows))->name, "beta");
    cr_expect_eq(reel_options_row(o, 0)->type, REEL_OPTION_INT);
    cr_expect_eq(reel_options_real(o, "beta"), 0.5);
    cr_expect(reel_options_flag(o, "gamma"));
    reel_options_destroy(o);
}

/* ---- the tables of the program ---- */
static bool is_plain_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9') && *p != '-')
            return false;
    return *name && *name != '-';
}

static void check_row(const reel_command *c, const reel_option *o)
{
    cr_expect(o->name && is_plain_name(o->name), "reel %s: --%s: letters, digits, dashes", c->name,
              o->name);
    cr_expect(o->help && *o->help, "reel %s --%s has no help", c->name, o->name);
    cr_expect(o->help && o->help[strlen(o->help) - 1] != '.', "reel %s --%s: help ends with a dot",
              c->name, o->name);
    cr_expect(o->group < REEL_GROUP_COUNT && reel_option_group_title(o->group),
              "reel %s --%s has no group", c->name, o->name);
    char text[400];
    cr_expect_eq(*reel_option_value_text(o, text, sizeof text) == 0, o->type == REEL_OPTION_FLAG,
                 "reel %s --%s: help shows a value for all but flags", c->name, o->name);
    cr_expect(o->min <= o->max, "reel %s --%s: the range is empty", c->name, o->name);
}

Test(options, every_row_of_every_command_has_help_a_group_and_a_name_of_its_own)
{
    const reel_command *c;
    int commands = 0;
    for (; (c = reel_command_at(commands)); commands++) {
        const reel_syntax s = reel_command_syntax(c);
        reel_option o, other;
        for (int i = 0; reel_option_at(&s, i, &o); i++) {
            check_row(c, &o);
            for (int k = 0; k < i && reel_option_at(&s, k, &other); k++) {
                cr_expect(!reel_option_is_called(&other, o.name, strlen(o.name)),
                          "reel %s: two options are called --%s", c->name, o.name);
                cr_expect(!o.letter || o.letter != other.letter,
                          "reel %s: --%s and --%s are both -%c", c->name, o.name, other.name,
                          o.letter);
            }
        }
        cr_expect(c->summary, "reel %s has no .summary", c->name);
        cr_expect(c->run, "reel %s has no .run", c->name);
        cr_expect(c->examples[0].line, "reel %s has no .examples", c->name);
    }
    cr_expect_geq(commands, 16);
}

Test(options, the_defaults_of_every_command_parse)
{
    const reel_command *c;
    for (int i = 0; (c = reel_command_at(i)); i++) {
        reel_syntax s = reel_command_syntax(c);
        s.min_args = 0;
        reel_options *o = NULL;
        reel_error err;
        cr_expect_eq(reel_options_parse(&o, &s, 0, NULL, &err), REEL_OK, "reel %s: %s", c->name,
                     err.message);
        reel_options_destroy(o);
    }
}

static const reel_command *find_command(const char *line, int *used)
{
    char *words[MOST_WORDS];
    const int n = split(line, words);
    return reel_command_find(n, words, used);
}

Test(options, commands_are_found_by_one_word_or_two)
{
    int used;
    cr_expect_str_eq(find_command("train d", &used)->name, "train");
    cr_expect_eq(used, 1);
    cr_expect_str_eq(find_command("bench step --json", &used)->name, "bench step");
    cr_expect_eq(used, 2);
    cr_expect_null(find_command("bench x", &used));
    cr_expect_null(find_command("bench", &used));
    cr_expect_null(find_command("", &used));
    cr_expect_str_eq(reel_command_family("bench", 0)->name, "bench step");
    cr_expect_null(reel_command_family("train", 0));
}
