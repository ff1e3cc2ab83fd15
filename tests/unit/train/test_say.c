/* Messages on a terminal: rows that end at blanks, commands that stay whole. */
#include "train/run/say.h"

#include <criterion/criterion.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a terminal of so many columns shows, "\n" between its rows. */
static const char *shown(const char *line, int columns)
{
    static char text[1000];
    const struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int terminal, end;
    cr_assert(openpty(&terminal, &end, NULL, NULL, &size) == 0);
    fflush(stderr);
    const int before = dup(STDERR_FILENO);
    dup2(end, STDERR_FILENO);
    reel_put_wrapped(line, "");
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);

    /* After the last writer closed it, the terminal gives what it holds, and then an error. */
    close(end);
    size_t kept = 0;
    for (char c; kept + 1 < sizeof text && read(terminal, &c, 1) == 1;)
        if (c != '\r')
            text[kept++] = c;
    text[kept] = 0;
    close(terminal);
    return text;
}

Test(say, rows_end_at_blanks_and_commands_stay_whole)
{
    cr_expect_str_eq(shown("short", 40), "short\n");
    cr_expect_str_eq(shown("the words of a line that has more of them than a row", 40),
                     "the words of a line that has more of\n    them than a row\n");
    cr_expect_str_eq(shown("to go on, say `reel train --resume auto -o run` again", 40),
                     "to go on, say\n    `reel train --resume auto -o run`\n    again\n");
}

Test(say, behind_a_command_that_is_wider_than_a_row_the_next_one_stays_whole)
{
    cr_expect_str_eq(
        shown("say `reel train --resume auto -o a-name-of-twenty-one` or `reel eval x y` now", 40),
        "say\n    `reel train --resume auto -o\n    a-name-of-twenty-one` or\n"
        "    `reel eval x y` now\n");
}
