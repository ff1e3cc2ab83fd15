/* What the tests of train/run share: an empty folder to work in, settings as a command line makes
 * them, whole runs on drawn images. */
#ifndef REEL_TESTS_UNIT_TRAIN_RUN_TEST_H
#define REEL_TESTS_UNIT_TRAIN_RUN_TEST_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/must.h"
#include "train/cli/optim_options.h"
#include "train/cli/option_table.h"
#include "train/cli/options.h"
#include "train/cli/recipe.h"
#include "train/cli/train_settings.h"
#include "train/run/checkpoint_folder.h"
#include "train/run/loop.h"

/* Two classes of six training images each: an epoch has 3 batches of 4. */
#define DRAWN_DATA "synth:train=6,val=2,classes=2,size=32"

__attribute__((unused)) static char scratch_path[] = "/tmp/reel-run-XXXXXX";

/* The test's working directory becomes an empty folder; leave_scratch removes it. */
__attribute__((unused)) static void enter_scratch(void)
{
    cr_assert(mkdtemp(scratch_path) && chdir(scratch_path) == 0);
}

__attribute__((unused)) static void leave_scratch(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", scratch_path);
    cr_assert(chdir("/") == 0 && system(command) == 0);
}

/* `reel train`'s settings for these words, which end with NULL. */
typedef struct told_run {
    reel_options *options;
    reel_settings settings;
} told_run;

__attribute__((unused)) static reel_status tell_run(told_run *t, const char *const *words,
                                                    reel_error *err)
{
    const reel_syntax syntax = {.options = reel_train_options,
                                .n_options = REEL_N_TRAIN_OPTIONS,
                                .more_options = reel_optim_row,
                                .max_args = 1};
    char *argv[40];
    int argc = 0;
    for (; words[argc]; argc++)
        argv[argc] = (char *)words[argc];
    *t = (told_run){0};
    REEL_TRY(reel_options_parse(&t->options, &syntax, argc, argv, err));
    REEL_TRY(reel_recipe_apply(reel_options_text(t->options, "recipe"), t->options, err));
    REEL_TRY(reel_settings_read(&t->settings, t->options, NULL, err));
    t->settings.val_share = 0; /* as the command does: DATA has val/ */
    return REEL_OK;
}

/* The small net on one thread and one worker, quietly; other words come behind. */
__attribute__((unused)) static void tell_small_run(told_run *t, const char *folder,
                                                   const char *const *more)
{
    const char *words[40] = {"--arch", "tiny",      "--head", "gap", "--epochs", "3",
                             "-b",     "4",         "--seed", "5",   "--quiet",  "--threads",
                             "1",      "--workers", "1",      "-o",  folder};
    int n = 17;
    for (int i = 0; more && more[i]; i++)
        words[n++] = more[i];
    reel_error err;
    MUST(tell_run(t, words, &err), err);
}

/* Opens and begins a run; checkpoint NULL = a new one. */
__attribute__((unused)) static void begin_run(reel_loop *loop, const told_run *t,
                                              const reel_weights *checkpoint, const char *path)
{
    const reel_loop_start start = {.data = DRAWN_DATA,
                                   .config = json_pack("{s:s}", "command", "train"),
                                   .checkpoint = checkpoint,
                                   .checkpoint_path = path};
    reel_error err;
    MUST(reel_loop_open(loop, &t->settings, &start, &err), err);
    MUST(reel_loop_begin(loop, &err), err);
}

__attribute__((unused)) static bool same_bytes(const char *a, const char *b)
{
    static char x[1 << 16], y[1 << 16];
    FILE *f = fopen(a, "r"), *g = fopen(b, "r");
    cr_assert(f && g, "%s, %s", a, b);
    const size_t n = fread(x, 1, sizeof x, f), m = fread(y, 1, sizeof y, g);
    fclose(f);
    fclose(g);
    return n > 0 && n == m && memcmp(x, y, n) == 0;
}

/* Does a line of the file hold these words? */
__attribute__((unused)) static bool file_says(const char *path, const char *words)
{
    static char text[1 << 16];
    FILE *f = fopen(path, "r");
    cr_assert(f, "%s", path);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return strstr(text, words) != NULL;
}

#endif
