/* Finding a command in the table that the build generates. */
#include "train/cli/commands.h"

#include "command_table.inc"

#include <string.h>

/* Where a command stands relative to another in help: negative = before it. */
static int compare_commands(const reel_command *a, const reel_command *b)
{
    if (a->group != b->group)
        return (int)a->group - (int)b->group;
    return a->rank != b->rank ? a->rank - b->rank : strcmp(a->name, b->name);
}

const reel_command *reel_command_at(int index)
{
    for (int i = 0; i < REEL_COUNT(command_table); i++) {
        int before = 0;
        for (int k = 0; k < REEL_COUNT(command_table); k++)
            before += compare_commands(command_table[k], command_table[i]) < 0;
        if (before == index)
            return command_table[i];
    }
    return NULL;
}

/* Does word equal the first word of a command of two words? Then the second one, or NULL. */
static const char *second_word(const char *name, const char *word)
{
    const size_t length = strcspn(name, " ");
    const bool same = strlen(word) == length && !strncmp(name, word, length);
    return same && name[length] ? name + length + 1 : NULL;
}

const reel_command *reel_command_find(int argc, char **argv, int *used)
{
    for (int i = 0; argc > 0 && i < REEL_COUNT(command_table); i++) {
        const reel_command *c = command_table[i];
        const char *second = second_word(c->name, argv[0]);
        *used = second ? 2 : 1;
        if (!second && !strcmp(argv[0], c->name))
            return c;
        if (second && argc > 1 && !strcmp(argv[1], second))
            return c;
    }
    return NULL;
}

const reel_command *reel_command_family(const char *word, int index)
{
    const reel_command *c;
    for (int i = 0; (c = reel_command_at(i)); i++)
        if (second_word(c->name, word) && index-- == 0)
            return c;
    return NULL;
}

/* How many arguments the usage line "DATA [MORE]" asks for, and at most; -1 = any number. */
static void count_arguments(const char *arguments, int *min, int *max)
{
    *min = *max = 0;
    while (*arguments) {
        const size_t length = strcspn(arguments, " ");
        *min += *arguments != '[';
        ++*max;
        arguments += length;
        if (length > 3 && !strncmp(arguments - 3, "...", 3))
            *max = -1;
        arguments += strspn(arguments, " ");
    }
}

reel_syntax reel_command_syntax(const reel_command *c)
{
    const char *arguments = c->arguments ? c->arguments : "";
    int min, max;
    count_arguments(arguments, &min, &max);
    return (reel_syntax){.options = c->options,
                         .n_options = c->n_options,
                         .more_options = c->more_options,
                         .arguments = arguments,
                         .min_args = min,
                         .max_args = max};
}

const char *reel_command_group_title(reel_command_group group)
{
    static const char *const titles[REEL_COMMAND_GROUPS] = {
        [REEL_COMMAND_TRAINING] = "training",
        [REEL_COMMAND_USING] = "using a network",
        [REEL_COMMAND_DATA] = "images",
        [REEL_COMMAND_MEASURING] = "checking and measuring",
    };
    return titles[group];
}
