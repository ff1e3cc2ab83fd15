/* `reel report`: one page of HTML about a run. */
#include "train/cli/command.h"
#include "train/report/report.h"
#include "train/run/run_dir.h"

#include <stdio.h>

static const reel_option options_table[] = {
    {"data", NULL, 0, REEL_OPTION_TEXT, "DIR", NULL, 0, 0,
     "where the images are now; unset = where the run found them"},
    {"out", NULL, 'o', REEL_OPTION_TEXT, "FILE", NULL, 0, 0,
     "the page; unset = RUN/report.html (replaced)"},
};

static int run(reel_options *options)
{
    reel_error err;
    char path[REEL_PATH_MAX];
    const char *folder = reel_options_arg(options, 0), *out = reel_options_text(options, "out");
    if (!out && snprintf(path, sizeof path, "%s/report.html", folder) >= (int)sizeof path) {
        reel_fail(&err, REEL_ERR_INVALID, "RUN: the path is too long");
        return reel_complain("report", &err);
    }
    if (reel_report_write(folder, reel_options_text(options, "data"), out ? out : path, &err))
        return reel_complain("report", &err);
    printf("%s\n", out ? out : path);
    return REEL_EXIT_OK;
}

const reel_command reel_command_report = {
    .name = "report",
    .arguments = "RUN",
    .about = "Writes one page of HTML about a run, with all it shows in it",
    .notes = "RUN: the --output-dir of `reel train` or `reel finetune`, which write the page at "
             "their end.",
    .options = options_table,
    .n_options = (int)REEL_COUNT(options_table),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
