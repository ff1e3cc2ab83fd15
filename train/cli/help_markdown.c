/* The options of a command as Markdown tables, one a heading, for train/GUIDE.md.
 *
 * What comes with a network, an optimizer or a schedule is left out, so that a new one changes no
 * page: their names where the row says in `.value` what they are, and the options that they add. */
#include "train/cli/commands.h"
#include "train/cli/help.h"
#include "train/cli/option_table.h"

/* `|` would end the cell of a table, also in code. */
static void put_cell(FILE *to, const char *text)
{
    for (; *text; text++)
        fprintf(to, *text == '|' ? "\\%c" : "%c", *text);
}

static void put_row(FILE *to, const reel_command *command, const reel_option *o)
{
    char values[400], help[600];
    const char *value =
        o->word && o->value ? o->value : reel_option_value_text(o, values, sizeof values);
    fprintf(to, "| `");
    if (o->letter)
        fprintf(to, "-%c`, `", o->letter);
    fprintf(to, "--%s%s", o->name, *value ? " " : "");
    put_cell(to, value);
    fprintf(to, "` | ");

    const char *initial = reel_help_default(command, o);
    put_cell(to, initial ? initial : "");
    fprintf(to, "%s| ", initial ? " " : "");
    put_cell(to, reel_option_help_text(o, help, sizeof help));
    fprintf(to, " |\n");
}

void reel_help_markdown(FILE *to, const reel_command *command)
{
    reel_syntax syntax = reel_command_syntax(command);
    syntax.more_options = NULL;
    reel_option o;
    bool first = true;
    for (int group = 0; group < REEL_GROUP_COUNT; group++) {
        bool begun = false;
        for (int i = 0; reel_option_at(&syntax, i, &o); i++) {
            if ((int)o.group != group)
                continue;
            if (!begun)
                fprintf(to, "%s| %s | default | meaning |\n|---|---|---|\n", first ? "" : "\n",
                        reel_option_group_title(o.group));
            begun = true;
            first = false;
            put_row(to, command, &o);
        }
    }
}
