/* The help pages on a terminal: 80 columns, options under headings, examples at the end. */
#include "train/cli/help.h"

#include "train/cli/commands.h"
#include "train/cli/option_table.h"

#include <string.h>

enum { WIDTH = 80, COLUMN = 30 }; /* where the text beside an option begins */

/* ---- wrapped text ---- */
typedef struct {
    FILE *to;
    int indent, at; /* the column of the next letter */
} page;

/* Prints a word, or several that stay together, on this line or the next one. */
static void put_word(page *p, const char *word, size_t length)
{
    const bool begins = p->at == p->indent;
    if (!begins && p->at + 1 + (int)length > WIDTH) {
        fprintf(p->to, "\n%*s", p->indent, "");
        p->at = p->indent;
    } else if (!begins) {
        fputc(' ', p->to);
        p->at++;
    }
    fprintf(p->to, "%.*s", (int)length, word);
    p->at += (int)length;
}

static void put_wrapped(page *p, const char *text)
{
    if (!text) /* a command that is still being written: a test names what it lacks */
        return;
    while (*text) {
        const size_t length = strcspn(text, " ");
        put_word(p, text, length);
        text += length + (text[length] == ' ');
    }
}

/* Paragraphs: a newline in the text begins a new one. */
static void put_paragraphs(FILE *to, const char *text)
{
    while (*text) {
        char line[1000];
        const size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        page p = {.to = to};
        put_wrapped(&p, line);
        fputc('\n', to);
        text += length + (text[length] == '\n');
    }
}

/* ---- one command ---- */
const char *reel_help_default(const reel_command *command, const reel_option *option)
{
    const char *preset = command->presets ? command->presets(option->name) : NULL;
    const char *value = preset ? preset : option->initial;
    return value && *value && option->type != REEL_OPTION_FLAG ? value : NULL;
}

static void put_option(FILE *to, const reel_command *command, const reel_option *o)
{
    char letter[8] = "    ", values[400], names[600], help[600];
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    const char *value = reel_option_value_text(o, values, sizeof values);
    snprintf(names, sizeof names, "  %s--%s%s%s", letter, o->name, *value ? " " : "", value);

    fprintf(to, "%s", names);
    /* A long option stands on a line of its own. */
    const int used = (int)strlen(names);
    if (used + 2 > COLUMN)
        fprintf(to, "\n%*s", COLUMN, "");
    else
        fprintf(to, "%*s", COLUMN - used, "");

    page p = {.to = to, .indent = COLUMN, .at = COLUMN};
    put_wrapped(&p, reel_option_help_text(o, help, sizeof help));
    const char *initial = reel_help_default(command, o);
    if (initial) {
        char text[120] = "";
        put_word(&p, text, (size_t)snprintf(text, sizeof text, "[%s]", initial));
    }
    fputc('\n', to);
}

/* One heading with its options. Returns how many rare ones were left out. */
static int put_group(FILE *to, const reel_command *command, reel_option_group group, bool all)
{
    const reel_syntax syntax = reel_command_syntax(command);
    reel_option o;
    int shown = 0, hidden = 0;
    for (int i = 0; reel_option_at(&syntax, i, &o); i++) {
        if (o.group != group)
            continue;
        if (o.rare && !all) {
            hidden++;
            continue;
        }
        if (!shown++)
            fprintf(to, "\n%s:\n", reel_option_group_title(group));
        put_option(to, command, &o);
    }
    return hidden;
}

void reel_help_command(FILE *to, const reel_command *command, bool all)
{
    fprintf(to, "usage: reel %s", command->name);
    if (command->arguments)
        fprintf(to, " %s", command->arguments);
    fprintf(to, "%s\n", command->n_options ? " [options]" : "");
    put_paragraphs(to, command->summary ? command->summary : "");

    /* Options under their headings, in the order of the groups. */
    int hidden = 0;
    for (int group = 0; group < REEL_GROUP_COUNT; group++)
        hidden += put_group(to, command, (reel_option_group)group, all);
    if (hidden)
        fprintf(to, "\n%d more options: reel %s --help-all\n", hidden, command->name);

    if (command->notes) {
        fputc('\n', to);
        put_paragraphs(to, command->notes);
    }
    for (const reel_example *e = command->examples; e->line; e++) {
        if (e == command->examples)
            fprintf(to, "\nexamples:\n");
        fprintf(to, "  %s\n      %s\n", e->line, e->about);
    }
}

/* ---- all commands ---- */
static void put_command(FILE *to, const reel_command *c)
{
    fprintf(to, "  %-14s ", c->name);
    page p = {.to = to, .indent = 17, .at = 17};
    put_wrapped(&p, c->summary);
    fputc('\n', to);
}

void reel_help_family(FILE *to, const char *family)
{
    const reel_command *c;
    fprintf(to, "usage: reel %s COMMAND [options]\n\ncommands:\n", family);
    for (int i = 0; (c = reel_command_family(family, i)); i++)
        put_command(to, c);
    fprintf(to, "\n`reel help %s COMMAND` lists the options of one.\n", family);
}

void reel_help_overview(FILE *to)
{
    fprintf(to, "usage: reel COMMAND [arguments] [options]\n"
                "Train, fine-tune and use image classifiers on a CPU.\n\ncommands:\n");
    const reel_command *c;
    int group = -1;
    for (int i = 0; (c = reel_command_at(i)); i++) {
        /* A heading where the group changes; commands come in the order of the groups. */
        if ((int)c->group != group)
            fprintf(to, " %s\n", reel_command_group_title(c->group));
        group = (int)c->group;
        put_command(to, c);
    }

    fprintf(to, "\nexamples:\n"
                "  reel synth demo && reel train demo -o run --arch tiny --epochs 5\n"
                "      Train a small network on a drawn data set: needs no images of yours.\n"
                "  reel help train\n"
                "      Show the common options of a command; `reel train --help-all` shows all.\n"
                "  reel help layers\n"
                "      List the layers of a network in a file of your own (--arch FILE).\n"
                "\n`reel --version` prints the version. `reel help --man` prints the man page,\n"
                "`reel help --completion bash` or `zsh` the shell completion.\n"
                "\nExit codes: 0 done, 1 failure, 2 wrong command line, 3 too many bad files,\n"
                "4 not a finite number, 5 a check failed, 129, 130 and 143 after SIGHUP, SIGINT\n"
                "and SIGTERM (a training run has saved a checkpoint, unless a second one came).\n");
}
