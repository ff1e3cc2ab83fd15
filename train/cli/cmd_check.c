/* `reel check DATA`: what is wrong with a dataset, before it costs a training run. */
#include "core/number.h"
#include "train/check/check.h"
#include "train/cli/command.h"
#include "train/cli/rank_talk.h"
#include "train/run/json_util.h"
#include "train/run/progress.h"
#include "train/run/ranks.h"
#include "train/run/signals.h"

#include <inttypes.h>
#include <stdio.h>

static const reel_option options_table[] = {
    REEL_SHARED("max-bad", .help = "share of corrupt images above which the exit code is 3"),
    REEL_OPTION(INT, .name = "examples", .value = "N", .initial = "5", .min = 0, .max = 1e9,
                .help = "examples to name of each kind of finding"),
    REEL_SHARED("workers", .help = "threads; 0: all cores this process may use"),
    REEL_SHARED("comm-timeout"),
    REEL_SHARED("image-column"),
    REEL_SHARED("label-column"),
    REEL_SHARED_OUTPUT,
};

static void check_show(void *user, int64_t done, int64_t total)
{
    reel_progress_count(user, "check", done, total);
}

static bool check_stop(void *user)
{
    (void)user;
    return reel_signals_pending() != 0;
}

static double number_at(json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

/* One line a split: images, classes, the smallest and the largest class. */
static void print_splits(json_t *splits)
{
    const char *name;
    json_t *o;
    json_object_foreach(splits, name, o)
    {
        printf("%-5s %15s, %s of %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
               " (imbalance %.2f)\n",
               name, reel_count_of(json_integer_value(json_object_get(o, "images")), "image").text,
               reel_count_of(json_integer_value(json_object_get(o, "classes")), "class").text,
               json_integer_value(json_object_get(o, "smallest")),
               json_integer_value(json_object_get(o, "largest")),
               json_number_value(json_object_get(o, "imbalance")));
    }
}

/* Each kind of finding with its count and some examples. */
static void print_findings(json_t *findings)
{
    const char *name;
    json_t *o, *e;
    size_t i;
    char file[1000], what[1000];

    json_object_foreach(findings, name, o)
    {
        printf("%s: %" JSON_INTEGER_FORMAT "\n", name,
               json_integer_value(json_object_get(o, "count")));
        json_array_foreach(json_object_get(o, "examples"), i, e)
        {
            printf(
                "  %s: %s: %s\n", json_string_value(json_object_get(e, "set")),
                reel_shown_text(json_string_value(json_object_get(e, "file")), file, sizeof file),
                reel_shown_text(json_string_value(json_object_get(e, "what")), what, sizeof what));
        }
    }

    if (json_object_size(findings) == 0)
        printf("nothing is wrong\n");
}

/* Prints the result as text, and frees it. */
static int print_check(json_t *result)
{
    print_splits(json_object_get(result, "splits"));

    const char *left_out = json_string_value(json_object_get(result, "left_out"));
    char line[900];
    json_t *note;
    size_t i;
    if (left_out && *left_out)
        printf("left out: %s\n", reel_shown_text(left_out, line, sizeof line));
    const json_int_t profiles = json_integer_value(json_object_get(result, "icc_profiles_ignored"));
    if (profiles)
        printf("colour profiles (ICC) ignored: %" JSON_INTEGER_FORMAT "\n", profiles);
    json_array_foreach(json_object_get(result, "notes"), i, note)
        printf("warning: %s\n", reel_shown_text(json_string_value(note), line, sizeof line));

    json_t *mean = json_object_get(result, "mean"), *deviation = json_object_get(result, "std");
    printf("mean  %.4f %.4f %.4f\nstd   %.4f %.4f %.4f\n", number_at(mean, 0), number_at(mean, 1),
           number_at(mean, 2), number_at(deviation, 0), number_at(deviation, 1),
           number_at(deviation, 2));

    print_findings(json_object_get(result, "findings"));
    json_decref(result);
    return fflush(stdout) == 0 ? REEL_EXIT_OK : REEL_EXIT_FAILED;
}

/* Opens, scans, and on rank 0 makes the report. */
static reel_status check_data(json_t **result, const reel_options *o, reel_comm *comm,
                              reel_progress *progress, reel_error *err)
{
    const reel_check_watch watch = {.show = check_show, .stop = check_stop, .user = progress};
    const reel_data_request asked = {.data = reel_options_arg(o, 0),
                                     .image_column = reel_options_text(o, "image-column"),
                                     .label_column = reel_options_text(o, "label-column")};
    reel_check check;
    const int workers = (int)reel_options_int(o, "workers");
    reel_status status = reel_check_open(&check, &asked, comm, err);
    status = reel_rank_agree(comm, status, err, "opening a dataset");
    if (status == REEL_OK)
        status = reel_check_scan(&check, &watch, workers ? workers : reel_available_cpus(), err);
    reel_progress_clear(progress);

    /* Pairs of images that may be the same are read again here, by rank 0 alone. */
    if (status == REEL_OK) {
        if (reel_comm_rank(comm) == 0)
            status = reel_check_report(result, &check, reel_options_int(o, "examples"), err);
        status = reel_rank_agree(comm, status, err, "the report of a check");
    }
    reel_check_close(&check);
    return status;
}

/* Rank 0's part: prints and frees the result. Too many corrupt images are an exit code, not an
 * error: the findings are printed. */
static int check_answer(json_t *result, const reel_options *o)
{
    const bool bad = json_number_value(json_object_get(result, "corrupt_share")) >
                     reel_options_real(o, "max-bad");
    const int code = reel_options_flag(o, "json") ? reel_print_json(result) : print_check(result);
    return code == REEL_EXIT_OK && bad ? REEL_EXIT_BAD_DATA : code;
}

static int check_run(reel_options *o)
{
    reel_error err;
    reel_comm *comm;
    reel_progress progress;
    json_t *result = NULL;
    if (reel_rank_talk_connect(&comm, "check", reel_options_real(o, "comm-timeout"), &err) !=
        REEL_OK)
        return reel_complain("check", &err);

    reel_progress_open(&progress, reel_options_flag(o, "quiet"));
    reel_signals_install();
    reel_signals_quiet(reel_options_flag(o, "quiet") || reel_say_is_silent());
    reel_signals_answer(false, "stopping; press Ctrl-C again to leave at once");
    int code = REEL_EXIT_OK;
    if (check_data(&result, o, comm, &progress, &err) != REEL_OK) {
        json_decref(result);
        code = reel_complain_once(comm, "check", &err);
    } else if (reel_comm_rank(comm) == 0) {
        code = check_answer(result, o);
    }
    reel_rank_talk_close(comm);
    return code;
}

const reel_command reel_command_check = REEL_COMMAND(
    options_table, .name = "check", .arguments = "DATA", .group = REEL_COMMAND_DATA, .ranks = true,
    .run = check_run, .summary = "Decode every image of a data set and report what is wrong",
    .notes = "Finds corrupt files, duplicates, images that stand in both sets, and classes that "
             "differ. Mean and standard deviation are per channel, over all pixels of all images "
             "that decode, in [0, 1]. `mpirun -n 4 reel check ...` shares the images among four "
             "processes; the result is the same.",
    .examples = {{"reel check photos", "Before a long training run."},
                 {"reel check photos --examples 100 --json", "Findings for a script."}});
