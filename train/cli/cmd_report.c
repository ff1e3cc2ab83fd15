/* `reel report`: one page of HTML about a run, or about several. */
#include "train/cli/command.h"
#include "train/report/compare.h"
#include "train/report/html.h"
#include "train/report/report.h"
#include "train/run/json_util.h"
#include "train/run/run_dir.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const reel_option options_table[] = {
    REEL_SHARED("weights", .help = "RUN, in place of the argument"),
    REEL_OPTION(TEXT, .name = "data", .value = "DIR",
                .help = "where the images are now; default: where the run found them"),
    REEL_OPTION(
        TEXT, .name = "out", .letter = 'o', .value = "FILE",
        .help = "page to write, in place of an earlier one; default: RUN/report.html, of several "
                "runs compare.html in this folder, of folds their folder's report.html"),
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

/* A page of Reel's may be replaced, and nothing else: a photograph after --out is a slip, and a
 * compare.html may be anybody's. */
static reel_status check_page(const char *path, reel_error *err)
{
    char head[REEL_HTML_HEAD + 1] = "", shown[REEL_PATH_MAX];
    FILE *f;
    if (access(path, F_OK) != 0)
        return REEL_OK;
    REEL_TRY(reel_plain_open(&f, path, err));
    const size_t n = f ? fread(head, 1, sizeof head - 1, f) : 0;
    if (f)
        fclose(f);
    if (n == 0 || reel_html_is_ours(head))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: this file is no page that Reel wrote, so it is not replaced; choose "
                     "another name with --out",
                     reel_shown_text(path, shown, sizeof shown));
}

/* Prints the name of the page that was written. */
static void say_page(const char *path, bool quiet)
{
    char shown[REEL_PATH_MAX];
    if (!quiet)
        printf("%s\n", reel_shown_text(path, shown, sizeof shown));
}

/* One page about several runs. */
static int report_compare(const reel_options *options, const char *const *folders, int n,
                          const char *usual)
{
    reel_error err;
    reel_comparison c;
    const char *out = reel_options_text(options, "out");
    const bool json = reel_options_flag(options, "json");
    if (reel_options_set(options, "data")) {
        reel_fail(&err, REEL_ERR_INVALID, "--data: expected one run, got several");
        return reel_complain_usage("report", &err);
    }
    const char *path = out ? out : usual;
    if ((out || !json) && check_page(path, &err))
        return reel_complain("report", &err);
    if (reel_comparison_read(&c, folders, n, &err))
        return reel_complain("report", &err);

    int code = REEL_EXIT_OK;
    if ((out || !json) && reel_comparison_write(&c, path, &err))
        code = reel_complain("report", &err);
    else if (json)
        code = reel_print_json(reel_comparison_json(&c));
    else
        say_page(path, reel_options_flag(options, "quiet"));
    reel_comparison_free(&c);
    return code;
}

/* Several folders: the page lies here. One folder of folds: the page lies in it. */
static int report_several(const reel_options *options, const char *folder)
{
    const char *folders[REEL_COMPARE_MOST + 1] = {folder};
    char usual[REEL_PATH_MAX] = "compare.html";
    const int n = reel_options_arg_count(options);
    if (n < 2) {
        snprintf(usual, sizeof usual, "%.4000s/report.html", folder);
        return report_compare(options, folders, 1, usual);
    }
    const int most = n < REEL_COMPARE_MOST + 1 ? n : REEL_COMPARE_MOST + 1;
    for (int i = 0; i < most; i++)
        folders[i] = reel_options_arg(options, i);
    return report_compare(options, folders, most, usual);
}

/* Is this what --find-lr left, and no run? path: REEL_PATH_MAX bytes, receives the test's `file`.
 */
static bool holds_find_lr(char *path, const char *folder, const char *file)
{
    if (reel_run_dir_holds_run(folder))
        return false;
    snprintf(path, REEL_PATH_MAX, "%.4000s/%s", folder, file);
    return access(path, F_OK) == 0;
}

/* --find-lr has written the page of its test: its name, or with --json the curve. */
static int report_find_lr(const reel_options *options, const char *folder)
{
    char path[REEL_PATH_MAX];
    reel_error err;
    json_t *found;
    if (reel_options_set(options, "out")) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "--out: %s holds a learning rate range test, whose page is find_lr.html", folder);
        return reel_complain_usage("report", &err);
    }
    if (!reel_options_flag(options, "json")) {
        holds_find_lr(path, folder, "find_lr.html");
        say_page(path, reel_options_flag(options, "quiet"));
        return REEL_EXIT_OK;
    }
    holds_find_lr(path, folder, "find_lr.json");
    if (reel_json_load(&found, path, &err))
        return reel_complain("report", &err);
    return reel_print_json(found);
}

static int report_run(reel_options *options)
{
    reel_error err;
    char path[REEL_PATH_MAX];
    const char *folder;
    int next;
    if (reel_command_given(&folder, &next, options, 0, "RUN", &err))
        return reel_complain_usage("report", &err);

    if (reel_options_arg_count(options) > 1 || reel_compare_has_folds(folder))
        return report_several(options, folder);
    if (holds_find_lr(path, folder, "find_lr.html"))
        return report_find_lr(options, folder);

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

    say_page(out ? out : path, request.quiet);
    return REEL_EXIT_OK;
}

const reel_command reel_command_report = REEL_COMMAND(
    options_table, .name = "report", .arguments = "[RUN]...", .group = REEL_COMMAND_USING,
    .rank = 1, .run = report_run, .summary = "Write one HTML page about a run, or about several",
    .notes =
        "RUN is the --output-dir of `reel train` or `reel finetune`. Both write this page when "
        "they end. --json prints what the page says as one object: state, train, eval, time, "
        "evaluation, best_ema, examples, config, starts; pictures stay out.\n"
        "Several runs (at most 20), or a folder with runs fold-1, fold-2, ...: their curves over "
        "one another, and a table of accuracy, time, parameters and the options that differ. Folds "
        "that are not there are named.\n"
        "Of a folder of --find-lr it prints the name of find_lr.html, which is there already.\n"
        "A file at the page's place that Reel did not write is not replaced.",
    .examples = {
        {"reel report run", "Writes run/report.html and prints its name."},
        {"reel report run1 run2 run3 -o compare.html", "Curves of several runs over one another."},
        {"reel report run --json", "Prints the page's data; writes nothing."}});
