/* The man page reel.1, made from the tables of commands and options. */
#include "train/cli/commands.h"
#include "train/cli/help.h"
#include "train/cli/option_table.h"

#include <string.h>

/* Text as troff takes it: a leading dot or quote would be a request, a bare dash a hyphen. */
static void put_troff(FILE *to, const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        begins = *text == '\n';
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else if (*text == '\n')
            fputs("\n.br\n", to);
        else
            fputc(*text, to);
    }
}

static void put_man_option(FILE *to, const reel_command *command, const reel_option *o)
{
    char values[400];
    const char *value = reel_option_value_text(o, values, sizeof values);
    fprintf(to, ".TP\n");
    if (o->letter)
        fprintf(to, "\\fB\\-%c\\fR, ", o->letter);
    fprintf(to, "\\fB\\-\\-");
    put_troff(to, o->name);
    fprintf(to, "\\fR");
    /* \fB is bold, \fI italic, \fR roman. */
    if (*value) {
        fprintf(to, " \\fI");
        put_troff(to, value);
        fprintf(to, "\\fR");
    }
    fputc('\n', to);

    char help[600];
    put_troff(to, reel_option_help_text(o, help, sizeof help));
    const char *initial = reel_help_default(command, o);
    if (initial) {
        fprintf(to, " [");
        put_troff(to, initial);
        fputc(']', to);
    }
    fputc('\n', to);
}

static void put_man_command(FILE *to, const reel_command *c)
{
    fprintf(to, ".SS \"reel %s%s%s\"\n", c->name, c->arguments ? " " : "",
            c->arguments ? c->arguments : "");
    put_troff(to, c->summary);
    fprintf(to, ".\n");

    const reel_syntax syntax = reel_command_syntax(c);
    reel_option o;
    /* In the order of the help page, rare options too. */
    for (int group = 0; group < REEL_GROUP_COUNT; group++)
        for (int i = 0; reel_option_at(&syntax, i, &o); i++)
            if ((int)o.group == group)
                put_man_option(to, c, &o);

    if (c->notes) {
        fprintf(to, ".PP\n");
        put_troff(to, c->notes);
        fputc('\n', to);
    }
    for (const reel_example *e = c->examples; e->line; e++) {
        fprintf(to, ".PP\n");
        put_troff(to, e->about);
        fprintf(to, "\n.PP\n.RS 4\n.nf\n");
        put_troff(to, e->line);
        fprintf(to, "\n.fi\n.RE\n");
    }
}

/* A section of names and what they mean. */
typedef struct man_row {
    const char *name, *meaning;
} man_row;

static void put_man_rows(FILE *to, const char *title, const man_row *rows, int64_t n)
{
    fprintf(to, ".SH %s\n", title);
    for (int64_t i = 0; i < n; i++)
        fprintf(to, ".TP\n\\fB%s\\fR\n%s.\n", rows[i].name, rows[i].meaning);
}

void reel_help_man(FILE *to)
{
    static const man_row variables[] = {
        {"XDG_CACHE_HOME",
         "folder of reel/weights, where weights by name are kept; unset: ~/.cache"},
        {"TORCH_HOME", "folder of torch hub, whose copies of weights are used"},
        {"REEL_WEIGHTS_URL", "address of a mirror for weights by name; it may be plain http"},
        {"REEL_WEIGHTS_TIMEOUT", "seconds without data that end an attempt to download; unset: 30"},
        {"NO_COLOR", "no colors, if it is not empty"}};
    static const man_row exits[] = {
        {"0", "done"},
        {"1", "failure"},
        {"2", "wrong command line"},
        {"3", "too many bad files"},
        {"4", "a loss, gradient or weight is not finite"},
        {"5", "a check failed"},
        {"129, 130, 143", "stopped by SIGHUP, SIGINT or SIGTERM. A training run has saved "
                          "a checkpoint, unless a second signal came"}};
    fprintf(to,
            ".TH REEL 1 \"\" \"reel %s\" \"User Commands\"\n"
            ".SH NAME\nreel \\- train, fine\\-tune and use image classifiers on a CPU\n"
            ".SH SYNOPSIS\n\\fBreel\\fR \\fICOMMAND\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]\n"
            ".SH DESCRIPTION\nResults go to standard output, messages to standard error.\n"
            "The value in brackets after an option is its default.\n"
            "\\fBreel help\\fR \\fICOMMAND\\fR shows the options of one command.\n"
            ".SH COMMANDS\n",
            reel_version());
    /* One section for each command. */
    const reel_command *c;
    for (int i = 0; (c = reel_command_at(i)); i++)
        put_man_command(to, c);

    put_man_rows(to, "ENVIRONMENT", variables, REEL_COUNT(variables));
    put_man_rows(to, "EXIT STATUS", exits, REEL_COUNT(exits));
}
