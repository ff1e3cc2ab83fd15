/* Shell completion for bash and zsh, made from the tables of commands and options. */
#include "train/cli/commands.h"
#include "train/cli/help.h"
#include "train/cli/option_table.h"

#include <string.h>

/* The first words of all commands, each once: the commands of a family follow one another. */
static void put_first_words(FILE *to)
{
    const reel_command *c;
    const char *before = "";
    for (int i = 0; (c = reel_command_at(i)); i++) {
        const size_t length = strcspn(c->name, " ");
        const bool again = !strncmp(before, c->name, length) && before[length] == ' ';
        if (!again)
            fprintf(to, "%.*s ", (int)length, c->name);
        before = c->name;
    }
    fprintf(to, "help");
}

/* ---- bash ---- */
static void put_words(FILE *to, const reel_option *o)
{
    char room[64];
    const char *word;
    for (int i = 0; (word = reel_option_word(o, i, room, sizeof room)); i++)
        fprintf(to, "%s%s", i ? " " : "", word);
}

/* The names that may stand for a file. */
static void put_names(FILE *to, const reel_option *o)
{
    const char *name;
    for (int i = 0; (name = o->suggest(i)); i++)
        fprintf(to, "%s%s", i ? " " : "", name);
}

/* A case for each choice of a command: `train --crop` completes its words. `train --weights`
 * completes names besides files. */
static void put_bash_choices(FILE *to, const reel_command *c)
{
    const reel_syntax syntax = reel_command_syntax(c);
    reel_option o;
    for (int i = 0; reel_option_at(&syntax, i, &o); i++) {
        if (o.type != REEL_OPTION_CHOICE && !o.suggest)
            continue;
        fprintf(to, "    \"%s --%s\"", c->name, o.name);
        if (o.letter)
            fprintf(to, " | \"%s -%c\"", c->name, o.letter);
        fprintf(to, ")\n        %s=\"", o.suggest ? "names" : "words");
        if (o.suggest)
            put_names(to, &o);
        else
            put_words(to, &o);
        fprintf(to, "\" ;;\n");
    }
}

static void put_bash_options(FILE *to, const reel_command *c)
{
    const reel_syntax syntax = reel_command_syntax(c);
    reel_option o;
    fprintf(to, "    \"%s\")\n        words=\"--help --help-all", c->name);
    for (int i = 0; reel_option_at(&syntax, i, &o); i++)
        fprintf(to, " --%s", o.name);
    fprintf(to, "\" ;;\n");
}

/* The second words of the families: `reel bench` completes step, kernels, ... */
static void put_bash_families(FILE *to)
{
    const reel_command *c;
    const char *family = "";
    for (int i = 0; (c = reel_command_at(i)); i++) {
        const char *space = strchr(c->name, ' ');
        if (!space)
            continue;

        const size_t length = (size_t)(space - c->name) + 1;
        /* A new family: its case joins both words and offers the second ones. */
        if (strncmp(family, c->name, length) != 0)
            fprintf(to,
                    "%s    \"%.*s\")\n        command=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\"\n"
                    "        ((COMP_CWORD == 2)) && words=\"",
                    *family ? "\" ;;\n" : "", (int)length - 1, c->name);
        fprintf(to, "%s ", space + 1);
        family = c->name;
    }
    if (*family)
        fprintf(to, "\" ;;\n");
}

void reel_help_bash(FILE *to)
{
    const reel_command *c;
    fprintf(to, "# bash completion for reel; made by `reel help --completion bash`\n"
                "_reel()\n{\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                "    local command=${COMP_WORDS[1]} words=\"\" names=\"\"\n"
                "    case $command in\n");

    put_bash_families(to);
    /* First word; then words of a choice; then options; else file names. */
    fprintf(to, "    esac\n    ((COMP_CWORD == 1)) && words=\"");
    put_first_words(to);
    fprintf(to, "\"\n    [[ -n $words ]] || case \"$command $before\" in\n");
    for (int i = 0; (c = reel_command_at(i)); i++)
        put_bash_choices(to, c);
    fprintf(to, "    esac\n    [[ -n $words || $word != -* ]] || case $command in\n");
    for (int i = 0; (c = reel_command_at(i)); i++)
        put_bash_options(to, c);

    fprintf(to, "    esac\n"
                "    if [[ -n $words ]]; then\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                "    else\n"
                "        compopt -o filenames 2>/dev/null\n"
                "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\"\n"
                "            compgen -W \"$names\" -- \"$word\")\n"
                "    fi\n}\n"
                "complete -F _reel reel\n");
}

/* ---- zsh ---- */
/* Text between brackets of a specification, itself between single quotes. */
static void put_zsh_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", to);
        else if (strchr("[]:\\", *text))
            fprintf(to, "\\%c", *text);
        else
            fputc(*text, to);
    }
}

static void put_zsh_option(FILE *to, const char *dashes, const char *name, const reel_option *o)
{
    const bool takes_value = o->type != REEL_OPTION_FLAG;
    fprintf(to, " \\\n            '%s%s%s[", dashes, name, takes_value && dashes[1] ? "=" : "");
    put_zsh_text(to, o->help);
    fputc(']', to);
    if (o->type == REEL_OPTION_CHOICE) {
        fprintf(to, ":%s:(", o->name);
        put_words(to, o);
        fputc(')', to);
    } else if (takes_value) {
        fputc(':', to);
        put_zsh_text(to, o->value);
        if (o->suggest) {
            fputs(":{_alternative \"names:name:(", to);
            put_names(to, o);
            fputs(")\" \"files:file:_files\"}", to);
        } else {
            fputs(o->type == REEL_OPTION_TEXT ? ":_files" : ":", to);
        }
    }
    fputc('\'', to);
}

static void put_zsh_command(FILE *to, const reel_command *c)
{
    const reel_syntax syntax = reel_command_syntax(c);
    reel_option o;
    fprintf(to,
            "    '%s')\n        _arguments -s '--help[show the common options]' \\\n"
            "            '--help-all[show all options]'",
            c->name);
    for (int i = 0; reel_option_at(&syntax, i, &o); i++) {
        const char letter[2] = {o.letter, 0};
        put_zsh_option(to, "--", o.name, &o);
        if (o.letter)
            put_zsh_option(to, "-", letter, &o);
    }
    fprintf(to, " \\\n            '*:%s:_files' ;;\n", c->arguments ? "file" : "no argument");
}

/* 'train:Train a network', and one entry for a family: 'bench:step, kernels, ...'. */
static void put_zsh_commands(FILE *to)
{
    const reel_command *c;
    const char *family = "";
    for (int i = 0; (c = reel_command_at(i)); i++) {
        const char *space = strchr(c->name, ' ');
        if (!space) {
            fprintf(to, "        '%s:", c->name);
            put_zsh_text(to, c->summary);
            fprintf(to, "'\n");
            continue;
        }

        const size_t length = (size_t)(space - c->name) + 1;
        if (strncmp(family, c->name, length) != 0) {
            fprintf(to, "        '%.*s:", (int)length - 1, c->name);
            const char *sep = "";
            const reel_command *member;
            for (int k = i; (member = reel_command_at(k)); k++)
                if (!strncmp(member->name, c->name, length)) {
                    fprintf(to, "%s%s", sep, member->name + length);
                    sep = ", ";
                }
            fprintf(to, "'\n");
        }
        family = c->name;
    }
    fprintf(to, "        'help:Show all commands, or the options of one'\n");
}

/* The second word of a family, and the case that joins both words. */
static void put_zsh_families(FILE *to)
{
    const reel_command *c;
    const char *family = "";
    for (int i = 0; (c = reel_command_at(i)); i++) {
        const char *space = strchr(c->name, ' ');
        const size_t length = space ? (size_t)(space - c->name) + 1 : 0;
        /* Each family once, at its first command. */
        if (!space || !strncmp(family, c->name, length))
            continue;

        family = c->name;
        fprintf(to, "    %.*s)\n        commands=(", (int)length - 1, c->name);
        const reel_command *member;
        for (int k = i; (member = reel_command_at(k)); k++)
            if (!strncmp(member->name, c->name, length)) {
                fprintf(to, "\n            '%s:", member->name + length);
                put_zsh_text(to, member->summary);
                fputc('\'', to);
            }

        fprintf(to, "\n        )\n"
                    "        if ((CURRENT == 2)); then\n"
                    "            _describe command commands\n            return\n        fi\n"
                    "        command=\"$command $words[2]\"\n"
                    "        shift words\n        ((CURRENT--)) ;;\n");
    }
}

void reel_help_zsh(FILE *to)
{
    const reel_command *c;
    fprintf(to, "#compdef reel\n# zsh completion for reel; made by `reel help --completion zsh`\n"
                "_reel()\n{\n    local -a commands\n    commands=(\n");
    put_zsh_commands(to);
    fprintf(to, "    )\n"
                "    if ((CURRENT == 2)); then\n"
                "        _describe command commands\n        return\n    fi\n"
                "    local command=$words[2]\n"
                "    shift words\n    ((CURRENT--))\n"
                "    case $command in\n");
    put_zsh_families(to);
    fprintf(to, "    esac\n    case $command in\n");
    for (int i = 0; (c = reel_command_at(i)); i++)
        put_zsh_command(to, c);
    fprintf(to, "    esac\n}\n_reel \"$@\"\n");
}
