/* `reel report`: one page of HTML about a run. */
#include "train/cli/command.h"
#include "train/report/report.h"
#include "train/run/json_util.h"
#include "train/run/run_dir.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const reel_option options_table[] = {
    REEL_SHARED("weights", .help = "RUN, in place of the argument"),
    REEL_OPTION(TEXT, .name = "data", .value = "DIR",
                .help = "where the images are now; unset: where the run found them"),
    REEL_OPTION(TEXT, .name = "out", .letter = 'o', .value = "FILE",
                .help = "page to write; unset: RUN/report.html (replaced)"),
    {.name = "json",
     .shared = true,
     .help = "print the page's data as one JSON object; a page only with --out"},
    REEL_SHARED("quiet"),
};

static int report_print_json(const reel_report_request *request)
{
    reel_error err;
    json_t *data;
    if (reel_report_json(&data, request, &err))
        return reel_complain("report", &err);
    return reel_print_json(data);
}

/* A page may be replaced, and nothing else: a photograph after --out is a slip. */
static reel_status check_page(const char *path, reel_error *err)
{
    static const char begins[] = "<!DOCTYPE html>";
    char head[sizeof begins] = "";
    FILE *f;
    if (access(path, F_OK) != 0)
        return REEL_OK;
    REEL_TRY(reel_plain_open(&f, path, err));
    const size_t n = f ? fread(head, 1, sizeof begins - 1, f) : 0;
    if (f)
        fclose(f);
    if (n == 0 || strcmp(head, begins) == 0)
        return REEL_OK;
    return reel_fail(
        err, REEL_ERR_INVALID,
        "--out %s: this file is no page of HTML, so it is not replaced; choose another "
        "name",
        path);
}

static int report_run(reel_options *options)
{
    reel_error err;
    char path[REEL_PATH_MAX];
    const char *folder;
    int next;
    if (reel_command_given(&folder, &next, options, 0, "RUN", &err))
        return reel_complain_usage("report", &err);

    const reel_report_request request = {.folder = folder,
                                         .data = reel_options_text(options, "data"),
                                         .quiet = reel_options_flag(options, "quiet")};
    const char *out = reel_options_text(options, "out");
    const bool json = reel_options_flag(options, "json");

    if (!out && snprintf(path, sizeof path, "%s/report.html", request.folder) >= (int)sizeof path) {
        reel_fail(&err, REEL_ERR_INVALID, "RUN: the path is too long");
        return reel_complain("report", &err);
    }
    if (out && check_page(out, &err))
        return reel_complain("report", &err);
    if ((out || !json) && reel_report_write(&request, out ? out : path, &err))
        return reel_complain("report", &err);
    if (json)
        return report_print_json(&request);

    char shown[REEL_PATH_MAX];
    if (!request.quiet)
        printf("%s\n", reel_shown_text(out ? out : path, shown, sizeof shown));
    return REEL_EXIT_OK;
}

const reel_command reel_command_report = REEL_COMMAND(
    options_table, .name = "report", .arguments = "[RUN]", .group = REEL_COMMAND_USING, .rank = 1,
    .run = report_run, .summary = "Write one HTML page about a run",
    .notes =
        "RUN is the --output-dir of `reel train` or `reel finetune`. Both write this page when "
        "they end. --json prints what the page says as one object: state, train, eval, time, "
        "evaluation, examples, config, starts; pictures stay out.",
    .examples = {{"reel report run", "Writes run/report.html and prints its name."},
                 {"reel report run --json", "Prints the page's data; writes nothing."}});
