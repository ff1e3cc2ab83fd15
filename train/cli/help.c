/* Help, man page and completion, all read from the option tables. */
#include "train/cli/command.h"

#include <string.h>

static const char *first_line(const reel_option *o, char *text, size_t size)
{
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    const char *value = o->value ? o->value : "";
    snprintf(text, size, "%s--%s%s%s%s%s", letter, o->name, o->alias ? ", --" : "",
             o->alias ? o->alias : "", *value ? " " : "", value);
    return text;
}

/* What holds where nobody says anything; NULL: nothing to show. */
static const char *default_of(const reel_command *command, const reel_option *o)
{
    const char *preset = command->presets ? command->presets(o->name) : NULL,
               *value = preset ? preset : o->initial;
    return value && *value && o->type != REEL_OPTION_FLAG ? value : NULL;
}

void reel_help_command(FILE *to, const reel_command *command)
{
    fprintf(to, "usage: reel %s%s%s%s\n%s\n", command->name, *command->arguments ? " " : "",
            command->arguments, command->n_options ? " [options]" : "", command->about);
    if (command->n_options)
        fprintf(to, "\noptions:\n");
    for (int i = 0; i < command->n_options; i++) {
        const reel_option *o = &command->options[i];
        char text[160];
        first_line(o, text, sizeof text);
        if (strlen(text) > 30)
            fprintf(to, "  %s\n  %-30s", text, "");
        else
            fprintf(to, "  %-30s", text);
        fprintf(to, " %s", o->help);
        if (default_of(command, o))
            fprintf(to, " [%s]", default_of(command, o));
        fputc('\n', to);
    }
    if (command->notes)
        fprintf(to, "\n%s\n", command->notes);
}

void reel_help_all(FILE *to, const reel_command *const *commands, int n)
{
    fprintf(to,
            "usage: reel COMMAND [arguments] [options]\nTrains AlexNet on a CPU.\n\ncommands:\n");
    for (int i = 0; i < n; i++)
        fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->about);
    fprintf(to, "  %-12s %s\n", "help", "shows this, or the options of a command: reel help train");
    fprintf(to, "\n`reel --version` prints the version; `reel help --man` a man page, `reel help "
                "--completion` completion for bash.\n"
                "Exit codes: 0 done, 1 failure, 2 wrong command line, 3 too many bad files, 4 not "
                "a finite number,\n"
                "5 a check failed, 129, 130 and 143 after SIGHUP, SIGINT and SIGTERM (saved, "
                "unless a second one came).\n");
}

/* troff takes a leading dot or quote as a request and a bare dash as a hyphen. */
static void troff(FILE *to, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else
            fputc(*text, to);
    }
}

void reel_help_man(FILE *to, const reel_command *const *commands, int n)
{
    fprintf(to,
            ".TH REEL 1 \"\" \"reel %s\"\n.SH NAME\nreel \\- trains AlexNet on a CPU\n.SH "
            "SYNOPSIS\n.B reel\n.I COMMAND\n"
            "[arguments] [options]\n.SH COMMANDS\n",
            reel_version());
    for (int i = 0; i < n; i++) {
        const reel_command *c = commands[i];
        fprintf(to, ".SS \"reel %s %s\"\n", c->name, c->arguments);
        troff(to, c->about);
        fputc('\n', to);
        for (int k = 0; k < c->n_options; k++) {
            const reel_option *o = &c->options[k];
            char text[160];
            fprintf(to, ".TP\n.B ");
            first_line(o, text, sizeof text);
            troff(to, text + strspn(text, " "));
            fputc('\n', to);
            troff(to, o->help);
            if (default_of(c, o)) {
                fprintf(to, " [");
                troff(to, default_of(c, o));
                fputc(']', to);
            }
            fputc('\n', to);
        }
        if (c->notes) {
            fprintf(to, ".PP\n");
            troff(to, c->notes);
            fputc('\n', to);
        }
    }
}

void reel_help_completion(FILE *to, const reel_command *const *commands, int n)
{
    fprintf(to, "# bash completion for reel: source <(reel help --completion)\n"
                "_reel()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} "
                "before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
                "    [[ $command == bench ]] && command=\"bench ${COMP_WORDS[2]}\"\n"
                "    if ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W \"");
    for (int i = 0; i < n; i++)
        fprintf(to, "%.*s ", (int)strcspn(commands[i]->name, " "), commands[i]->name);
    fprintf(to,
            "help\" -- \"$word\"))\n        return\n    fi\n    case \"$command $before\" in\n");
    for (int i = 0; i < n; i++)
        for (int k = 0; k < commands[i]->n_options; k++) {
            const reel_option *o = &commands[i]->options[k];
            if (o->type != REEL_OPTION_CHOICE)
                continue;
            fprintf(to, "    \"%s --%s\") COMPREPLY=($(compgen -W \"", commands[i]->name, o->name);
            for (const char *p = o->value; *p; p++)
                fputc(*p == '|' ? ' ' : *p, to);
            fprintf(to, "\" -- \"$word\")); return ;;\n");
        }
    fprintf(to, "    esac\n    [[ $word == -* ]] || { COMPREPLY=($(compgen -f -- \"$word\")); "
                "return; }\n    case $command in\n");
    for (int i = 0; i < n; i++) {
        fprintf(to, "    \"%s\") COMPREPLY=($(compgen -W \"--help", commands[i]->name);
        for (int k = 0; k < commands[i]->n_options; k++)
            fprintf(to, " --%s", commands[i]->options[k].name);
        fprintf(to, "\" -- \"$word\")) ;;\n");
    }
    fprintf(to, "    esac\n}\ncomplete -o filenames -F _reel reel\n");
}
