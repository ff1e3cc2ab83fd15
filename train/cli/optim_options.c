/* Rows and values of the options of optimizers and schedules. */
#include "train/cli/optim_options.h"

#include "train/run/say.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char DEFAULT_OPTIMIZER[] = "sgd"; /* what defaults and most recipes are made for */

/* ---- one walk over the options of all kinds ---- */

typedef struct kind_view {
    const char *name;
    const reel_optim_option *options;
    int n;
} kind_view;

static kind_view optimizer_view(int index)
{
    const reel_optimizer_kind *k = reel_optimizer_kind_at(index);
    return (kind_view){k->name, k->options, k->n_options};
}

static kind_view schedule_view(int index)
{
    const reel_schedule_kind *k = reel_schedule_kind_at(index);
    return (kind_view){k->name, k->options, k->n_options};
}

/* The optimizers, or the schedules. */
typedef struct family {
    kind_view (*view)(int index);
    int n;
    reel_option_group group;
} family;

static const reel_optim_option *kind_option(const kind_view *kind, const char *name)
{
    for (int i = 0; i < kind->n; i++)
        if (!strcmp(kind->options[i].name, name))
            return &kind->options[i];
    return NULL;
}

/* ---- rows ---- */

enum { MOST_ROWS = 64, INITIAL_TEXT = 32, HELP_TEXT = 200 };

typedef struct row_set {
    reel_option rows[MOST_ROWS];
    char initial[MOST_ROWS][INITIAL_TEXT];
    char help[MOST_ROWS][HELP_TEXT];
    int n;
} row_set;

/* The shortest text that reads back as the same number. */
static void number_text(double number, char *text, size_t size)
{
    const bool whole = number == floor(number) && fabs(number) < 1e15;
    for (int digits = whole ? 15 : 1; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            return;
    }
}

static void describe_value(reel_option *row, const reel_optim_option *o, char *initial)
{
    static const reel_option_type types[] = {[REEL_OPTIM_REAL] = REEL_OPTION_REAL,
                                             [REEL_OPTIM_INT] = REEL_OPTION_INT,
                                             [REEL_OPTIM_FLAG] = REEL_OPTION_FLAG,
                                             [REEL_OPTIM_LIST_OF_INTS] = REEL_OPTION_TEXT};
    row->type = types[o->type];
    if (o->type == REEL_OPTIM_LIST_OF_INTS) {
        row->value = "N,N,...";
    } else if (o->type == REEL_OPTIM_FLAG) {
        row->initial = o->initial != 0 ? "true" : NULL;
    } else {
        row->value = o->type == REEL_OPTIM_INT ? "N" : "X";
        row->min = o->least;
        row->max = o->most;
        number_text(o->initial, initial, INITIAL_TEXT);
        row->initial = initial;
    }
}

/* The default of an option, as text; "" for a list. */
static void default_text(const reel_optim_option *o, char *text, size_t size)
{
    text[0] = '\0';
    if (o->type == REEL_OPTIM_FLAG)
        snprintf(text, size, "%s", o->initial != 0 ? "true" : "false");
    else if (o->type != REEL_OPTIM_LIST_OF_INTS)
        number_text(o->initial, text, size);
}

/* How the kinds of a family agree on one option. */
typedef struct optim_agreement {
    int have;          /* kinds that have it */
    bool same_default; /* in all of them */
} optim_agreement;

static optim_agreement agree_on(const reel_optim_option *o, const family *f)
{
    optim_agreement a = {.same_default = true};
    for (int k = 0; k < f->n; k++) {
        const kind_view kind = f->view(k);
        const reel_optim_option *other = kind_option(&kind, o->name);
        a.have += other != NULL;
        a.same_default = a.same_default && (!other || other->initial == o->initial);
    }
    return a;
}

/* Appends " (multistep, step)", the kinds that have the option, unless all have it; where defaults
 * differ, " (adamw: 0.01, sgd: 0.0005)". */
static void add_kinds(char *help, size_t size, const reel_optim_option *o, const family *f)
{
    const optim_agreement a = agree_on(o, f);
    if (a.have == f->n && a.same_default)
        return;

    size_t used = strlen(help);
    const char *between = " (";
    for (int k = 0; k < f->n && used < size; k++) {
        const kind_view kind = f->view(k);
        const reel_optim_option *other = kind_option(&kind, o->name);
        if (!other)
            continue;
        char initial[INITIAL_TEXT] = "";
        if (!a.same_default)
            default_text(other, initial, sizeof initial);
        used += (size_t)snprintf(help + used, size - used, "%s%s%s%s", between, kind.name,
                                 *initial ? ": " : "", initial);
        between = ", ";
    }
    if (used < size)
        snprintf(help + used, size - used, ")");
}

static bool has_row(const row_set *set, const char *name)
{
    for (int i = 0; i < set->n; i++)
        if (!strcmp(set->rows[i].name, name))
            return true;
    return false;
}

/* The row of a name that sets `first` and the option behind it. */
static void add_pair(row_set *set, const reel_optim_option *first, const family *f)
{
    REEL_ASSERT(set->n < MOST_ROWS);
    char *help = set->help[set->n];
    snprintf(help, HELP_TEXT, "--%s and --%s", first[0].name, first[1].name);
    add_kinds(help, HELP_TEXT, first, f);
    set->rows[set->n++] = (reel_option){.name = first->pair,
                                        .type = REEL_OPTION_TEXT,
                                        .value = "X,Y",
                                        .help = help,
                                        .group = f->group,
                                        .scope = REEL_SCOPE_CALL,
                                        .rare = first->rare,
                                        .sets = {first[0].name, first[1].name}};
}

/* Adds the options of a family that are not there yet. An option whose default differs between the
 * kinds has none on the command line: unset, each kind takes its own. */
static void add_rows(row_set *set, const family *f)
{
    for (int k = 0; k < f->n; k++) {
        const kind_view kind = f->view(k);
        for (int i = 0; i < kind.n; i++) {
            const reel_optim_option *o = &kind.options[i];
            if (has_row(set, o->name))
                continue;
            if (o->pair)
                add_pair(set, o, f);
            REEL_ASSERT(set->n < MOST_ROWS);

            char *help = set->help[set->n];
            snprintf(help, HELP_TEXT, "%s", o->help);
            if (o->implies_kind)
                snprintf(help, HELP_TEXT, "%s; implies %s", o->help, kind.name);
            else
                add_kinds(help, HELP_TEXT, o, f);
            reel_option *row = &set->rows[set->n];
            *row = (reel_option){.name = o->name,
                                 .aliases = o->alias,
                                 .help = help,
                                 .group = f->group,
                                 .rare = o->rare};
            describe_value(row, o, set->initial[set->n]);
            if (!agree_on(o, f).same_default)
                row->initial = NULL;
            set->n++;
        }
    }
}

const reel_option *reel_optimizer_row(int index)
{
    static row_set set;
    if (set.n == 0)
        add_rows(&set, &(const family){optimizer_view, reel_optimizer_kind_count(),
                                       REEL_GROUP_OPTIMIZER});
    return index < set.n ? &set.rows[index] : NULL;
}

const reel_option *reel_optim_row(int index)
{
    static row_set set;
    if (set.n == 0) {
        add_rows(&set, &(const family){optimizer_view, reel_optimizer_kind_count(),
                                       REEL_GROUP_OPTIMIZER});
        add_rows(&set, &(const family){schedule_view, reel_schedule_kind_count(), REEL_GROUP_RATE});
    }
    return index < set.n ? &set.rows[index] : NULL;
}

/* ---- presets ---- */

/* The text of an option, as reel_optim_values_set reads it; NULL if it is unset. */
static const char *typed(const reel_options *options, const char *name)
{
    if (!reel_options_known(options, name) || !reel_options_set(options, name))
        return NULL;
    return reel_options_text(options, name);
}

reel_status reel_optimizer_preset(reel_options *options, const char *made_for, reel_error *err)
{
    const char *name = reel_options_text(options, "opt");
    const reel_optimizer_kind *kind = reel_optimizer_find(name);
    if (!strcmp(name, made_for ? made_for : DEFAULT_OPTIMIZER) || !kind)
        return REEL_OK;

    char text[INITIAL_TEXT];
    if (reel_options_known(options, "lr")) {
        number_text(kind->lr, text, sizeof text);
        REEL_TRY(reel_options_preset(options, "lr", text, err));
    }
    for (int i = 0; i < kind->n_options; i++) {
        default_text(&kind->options[i], text, sizeof text);
        if (*text)
            REEL_TRY(reel_options_preset(options, kind->options[i].name, text, err));
    }
    return REEL_OK;
}

bool reel_optimizer_lacks(const reel_options *options, const char *name)
{
    const reel_optimizer_kind *kind = reel_optimizer_find(reel_options_text(options, "opt"));
    bool known = false;
    for (int k = 0; k < reel_optimizer_kind_count(); k++) {
        const kind_view view = optimizer_view(k);
        const bool has = kind_option(&view, name) != NULL;
        if (has && reel_optimizer_kind_at(k) == kind)
            return false;
        known = known || has;
    }
    return known;
}

void reel_optimizer_say(const reel_options *options)
{
    const reel_optimizer_kind *kind = reel_optimizer_find(reel_options_text(options, "opt"));
    if (!strcmp(kind->name, DEFAULT_OPTIMIZER))
        return;

    char line[400] = "";
    size_t used = 0;
    for (int i = 0; i < kind->n_options && used < sizeof line; i++) {
        const char *name = kind->options[i].name, *text = typed(options, name);
        if (text)
            used += (size_t)snprintf(line + used, sizeof line - used, "  --%s %s", name, text);
    }
    reel_say("optimizer %s: %s", kind->name, kind->about);
    reel_say("  --lr %s%s", reel_options_text(options, "lr"), line);
}

reel_status reel_schedule_preset(reel_options *options, reel_error *err)
{
    for (int k = 0; k < reel_schedule_kind_count(); k++) {
        const kind_view kind = schedule_view(k);
        for (int i = 0; i < kind.n; i++) {
            const reel_optim_option *o = &kind.options[i];
            if (o->implies_kind && reel_options_given(options, o->name))
                return reel_options_preset(options, "lr-scheduler", kind.name, err);
        }
    }
    return REEL_OK;
}

/* ---- values ---- */

/* An option that the user typed, but that only other kinds have; NULL = none. */
static const char *foreign_option(const reel_options *options, const kind_view *own, int kinds,
                                  kind_view (*view)(int index))
{
    for (int k = 0; k < kinds; k++) {
        const kind_view kind = view(k);
        for (int i = 0; i < kind.n; i++) {
            const char *name = kind.options[i].name, *pair = kind.options[i].pair;
            if (kind_option(own, name) || !reel_options_known(options, name))
                continue;
            /* What was typed: --betas sets --beta1, too. */
            if (pair && reel_options_given(options, pair))
                return pair;
            if (reel_options_given(options, name))
                return name;
        }
    }
    return NULL;
}

/* The kind's options that were typed. */
static void set_typed(reel_optim_values *values, const kind_view *kind, const reel_options *options,
                      reel_error *why)
{
    for (int i = 0; i < kind->n && !why->status; i++) {
        const char *name = kind->options[i].name, *text = typed(options, name);
        if (text)
            reel_optim_values_set(values, kind->options, kind->n, name, text, why);
    }
}

reel_status reel_optimizer_from_options(reel_optimizer_config *config, const reel_options *options,
                                        reel_error *err)
{
    const reel_optimizer_kind *kind = reel_optimizer_find(reel_options_text(options, "opt"));
    *config = reel_optimizer_config_default(kind);
    REEL_ASSERT(kind); /* a choice among the table's names */

    const kind_view view = {kind->name, kind->options, kind->n_options};
    const char *foreign =
        foreign_option(options, &view, reel_optimizer_kind_count(), optimizer_view);
    if (foreign)
        return reel_fail(err, REEL_ERR_INVALID, "--%s: --opt %s has no such option", foreign,
                         kind->name);

    reel_error why = {0};
    set_typed(&config->values, &view, options, &why);
    if (why.status || reel_optimizer_config_check(config, &why))
        return reel_fail(err, why.status, "--%s", why.message);
    return REEL_OK;
}

reel_status reel_optimizer_read(reel_optimizer_config *config, reel_options *options,
                                reel_error *err)
{
    REEL_TRY(reel_optimizer_preset(options, NULL, err));
    return reel_optimizer_from_options(config, options, err);
}

reel_status reel_schedule_from_options(reel_schedule *s, const reel_options *options,
                                       reel_error *err)
{
    const reel_schedule_kind *kind = reel_schedule_find(reel_options_text(options, "lr-scheduler"));
    *s = reel_schedule_default(kind);
    REEL_ASSERT(kind); /* a choice among the table's names */
    s->lr = reel_options_real(options, "lr");
    s->epochs = reel_options_int(options, "epochs");
    s->warmup_epochs = reel_options_real(options, "lr-warmup-epochs");
    s->warmup_start = reel_options_real(options, "lr-warmup-decay");
    if (!strcmp(reel_options_text(options, "lr-warmup-method"), "constant"))
        s->warmup = REEL_WARMUP_CONSTANT;
    if (s->warmup_epochs > 0 && s->warmup_epochs >= (double)s->epochs)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--lr-warmup-epochs: expected less than --epochs %lld, got %g",
                         (long long)s->epochs, s->warmup_epochs);

    const kind_view view = {kind->name, kind->options, kind->n_options};
    const char *foreign = foreign_option(options, &view, reel_schedule_kind_count(), schedule_view);
    if (foreign)
        reel_say("reel: warning: --%s has no effect with --lr-scheduler %s", foreign, kind->name);

    reel_error why = {0};
    set_typed(&s->values, &view, options, &why);
    if (why.status || reel_schedule_check_options(s, &why))
        return reel_fail(err, why.status, "--%s", why.message);
    return REEL_OK;
}
