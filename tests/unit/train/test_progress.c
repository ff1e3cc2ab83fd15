/* Lines of figures: what fits, and nothing cut in the middle. */
#include <criterion/criterion.h>
#include <string.h>

#include "train/run/progress.h"

Test(progress, figures_are_added_while_they_fit)
{
    reel_line line = {.columns = 12};
    reel_line_add(&line, "%s", "12345");
    reel_line_add(&line, "%s", "67890"); /* 5 + 2 + 5: just fits */
    cr_expect_str_eq(line.text, "12345  67890");
    reel_line_add(&line, "%s", "1");
    cr_expect_str_eq(line.text, "12345  67890");
}

Test(progress, a_figure_that_does_not_fit_leaves_room_for_a_shorter_one)
{
    reel_line line = {.columns = 10};
    reel_line_add(&line, "%s", "12345");
    reel_line_add(&line, "%s", "6789");
    reel_line_add(&line, "%s", "678");
    cr_expect_str_eq(line.text, "12345  678");
    cr_expect_eq(strlen(line.text), 10);
}

Test(progress, a_line_never_runs_out_of_its_memory)
{
    reel_line line = {.columns = 1 << 20};
    for (int i = 0; i < 100; i++)
        reel_line_add(&line, "%020d", i);
    cr_expect_lt(strlen(line.text), sizeof line.text);
    cr_expect_eq(strlen(line.text) % 22, 20, "a figure is cut: %s", line.text);
}
