/* `reel train --find-lr`: see train_find_lr.h. */
#include "train/cli/train_find_lr.h"

#include "train/cli/command.h"
#include "train/report/find_lr_page.h"
#include "train/run/find_lr.h"
#include "train/run/json_util.h"
#include "train/run/run_dir.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

reel_status reel_train_find_lr_check(const reel_options *options, reel_error *err)
{
    static const char *const parts[] = {"find-lr-from", "find-lr-to", "find-lr-steps"};

    if (!reel_options_flag(options, "find-lr")) {
        for (int i = 0; i < REEL_COUNT(parts); i++)
            if (reel_options_given(options, parts[i]))
                return reel_fail(err, REEL_ERR_INVALID, "--%s: expected --find-lr", parts[i]);
        return REEL_OK;
    }

    static const char *const others[] = {"resume", "test-only", "verify", "k-fold"};
    for (int i = 0; i < REEL_COUNT(others); i++)
        if (reel_options_given(options, others[i]))
            return reel_fail(err, REEL_ERR_INVALID, "--find-lr and --%s exclude each other",
                             others[i]);

    if (reel_options_real(options, "find-lr-from") >= reel_options_real(options, "find-lr-to"))
        return reel_fail(
            err, REEL_ERR_INVALID, "--find-lr-from: expected less than --find-lr-to %s, got %s",
            reel_options_text(options, "find-lr-to"), reel_options_text(options, "find-lr-from"));
    return REEL_OK;
}

/* Options that the test has and the training has not, or that the proposal replaces. */
static bool is_of_test(const char *name)
{
    static const char *const names[] = {"find-lr", "find-lr-from", "find-lr-to", "find-lr-steps",
                                        "lr",      "json",         "quiet"};
    for (int i = 0; i < REEL_COUNT(names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* The command line that trains with the proposal; to be freed, NULL where there is none. */
static char *training_command(const char *command, const char *data, const reel_find_lr *f,
                              const reel_options *options)
{
    char *text = NULL, word[REEL_PATH_MAX];
    size_t size = 0;
    FILE *to = f->proposal > 0 ? open_memstream(&text, &size) : NULL;
    if (!to)
        return NULL;

    fprintf(to, "reel %s %s", command, reel_shell_word(data, word, sizeof word));
    fprintf(to, " --lr %.2g", f->proposal);
    for (int i = 0; i < reel_options_count(options); i++) {
        const reel_option *row = reel_options_row(options, i);
        /* "--betas X,Y" has set two options, which stand here by themselves. */
        if (is_of_test(row->name) || row->sets[0] || !reel_options_given(options, row->name))
            continue;
        if (row->type == REEL_OPTION_FLAG)
            fprintf(to, " --%s%s", reel_options_flag(options, row->name) ? "" : "no-", row->name);
        else
            fprintf(to, " --%s %s", row->name,
                    reel_shell_word(reel_options_text(options, row->name), word, sizeof word));
    }

    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static reel_status write_find_lr_files(const reel_find_lr *f, const char *data, const char *line,
                                       const char *folder, reel_error *err)
{
    char path[REEL_PATH_MAX + 20];
    REEL_TRY(reel_run_dir_make(folder, err));
    snprintf(path, sizeof path, "%s/find_lr.json", folder);
    json_t *found = reel_find_lr_json(f);
    const reel_status status = found ? reel_json_save(found, path, err)
                                     : reel_fail(err, REEL_ERR_MEMORY, "find_lr: out of memory");
    json_decref(found);
    REEL_TRY(status);
    snprintf(path, sizeof path, "%s/find_lr.html", folder);
    return reel_find_lr_page(f, data, line, path, err);
}

static void print_found(const reel_find_lr *f, const char *line, const char *folder)
{
    printf("learning rate range test: %" PRId64 " steps of %" PRId64 " images, %.3g to %.3g%s\n",
           f->done, f->images, f->from, f->rate[f->done - 1],
           f->diverged ? ", where the loss passed 4 times its lowest" : "");
    if (line)
        printf("lowest smoothed loss %.4g at %.3g, steepest fall at %.3g\n"
               "proposal: --lr %.2g, a tenth of the rate with the lowest loss\n  %s\n",
               f->smoothed[f->lowest], f->rate[f->lowest], f->rate[f->steepest], f->proposal, line);
    else if (isnan(f->early))
        printf(
            "no proposal: the test ended within its first fifth; a lower --find-lr-from helps\n");
    else
        printf("no proposal: the lowest smoothed loss, %.4g at %.3g, is not clearly below the %.4g "
               "of the first steps\n"
               "  a larger --batch-size and more --find-lr-steps (%" PRId64
               " or more) make a small fall visible\n",
               f->smoothed[f->lowest], f->rate[f->lowest], f->early, 2 * f->steps);
    printf("%s/find_lr.html shows the curve\n", folder);
}

static int answer_find_lr(const char *command, const char *data, const reel_find_lr *f,
                          const reel_settings *settings, const reel_options *options)
{
    reel_error err;
    int code = REEL_EXIT_OK;
    char *line = training_command(command, data, f, options);
    if (write_find_lr_files(f, data, line, settings->output_dir, &err))
        code = reel_complain(command, &err);
    else if (settings->json)
        code = reel_print_json(reel_find_lr_json(f));
    else
        print_found(f, line, settings->output_dir);
    free(line);
    return code == REEL_EXIT_OK && f->proposal == 0 ? REEL_EXIT_FAILED : code;
}

int reel_train_find_lr(const char *command, const char *data, const reel_settings *settings,
                       const reel_options *options)
{
    const reel_loop_start start = {.data = data, .config = json_object()};
    const reel_find_lr_config config = {.from = settings->find_lr_from,
                                        .to = settings->find_lr_to,
                                        .steps = settings->find_lr_steps};

    reel_loop loop;
    reel_find_lr found = {0};
    reel_error err;
    int code;
    reel_status status = reel_loop_open(&loop, settings, &start, &err);
    if (status == REEL_OK)
        status = reel_loop_make_ready(&loop, &err);
    if (status == REEL_OK)
        status = reel_find_lr_run(&found, &loop, &config, &err);
    if (status == REEL_OK)
        code = answer_find_lr(command, data, &found, settings, options);
    else
        code = reel_complain(command, &err);

    reel_find_lr_free(&found);
    reel_loop_close(&loop);
    return code;
}
