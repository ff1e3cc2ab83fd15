/* The run's folder: whose it is, its log, its list of unreadable files. */
#include "tests/unit/train/run_test.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "train/run/json_util.h"
#include "train/run/run_lock.h"

static reel_run_dir dir;
static json_t *config;

static void open_run(void)
{
    reel_error err;
    enter_scratch();
    config = json_pack("{s:s}", "command", "train");
    MUST(reel_run_dir_open(&dir, "run", config, false, &err), err);
}

static void close_run(void)
{
    reel_run_dir_close(&dir);
    json_decref(config);
    leave_scratch();
}

Test(run_dir, a_folder_that_holds_a_run_is_for_resuming_only, .init = open_run, .fini = close_run)
{
    reel_error err;
    cr_expect(reel_run_dir_holds_run("run") && !reel_run_dir_holds_run("."));
    cr_expect_eq(reel_run_dir_check("run", NULL, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "holds a run already"), "%s", err.message);
    cr_expect_eq(reel_run_dir_check("run", "auto", &err), REEL_OK);
    cr_expect_eq(reel_run_dir_check("run", "run/checkpoint-00000001.safetensors", &err), REEL_OK);
    cr_expect_eq(reel_run_dir_check("run", "other/checkpoint-1.safetensors", &err),
                 REEL_ERR_INVALID);
    cr_expect_eq(reel_run_dir_check("new", NULL, &err), REEL_OK);
    cr_expect_eq(reel_run_dir_check("", NULL, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_run_dir_check("run/config.json", NULL, &err), REEL_ERR_IO);
}

/* What the disk check of a resumed run leaves out: other people's weights are not its. */
Test(run_dir, only_files_of_the_run_count_as_its_bytes, .init = open_run, .fini = close_run)
{
    const size_t before = reel_run_dir_bytes(&dir);
    const char *const names[] = {"run/alexnet.safetensors", "run/best.safetensors"};
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(names[i], "w");
        cr_assert(file && fputs("twelve bytes", file) >= 0 && fclose(file) == 0);
    }
    cr_expect_eq(reel_run_dir_bytes(&dir), before + 12);
}

Test(run_dir, a_second_process_is_kept_out, .init = open_run, .fini = close_run)
{
    int code;
    const pid_t child = fork();
    if (child == 0) {
        int fd;
        reel_error err = {0};
        const bool refused = reel_run_lock(&fd, "run", &err) == REEL_ERR_INVALID &&
                             strstr(err.message, "is training in it");
        _exit(refused ? 0 : 1);
    }
    cr_assert(waitpid(child, &code, 0) == child);
    cr_expect(WIFEXITED(code) && WEXITSTATUS(code) == 0);
}

static void put_metric(const char *event, int step)
{
    reel_error err;
    MUST(reel_run_dir_metric(
             &dir, json_pack("{s:s, s:i, s:f}", "event", event, "step", step, "loss", 0.5), &err),
         err);
}

Test(run_dir, lines_of_steps_that_come_again_are_dropped, .init = open_run, .fini = close_run)
{
    reel_error err;
    put_metric("train", 10);
    put_metric("eval", 10);
    put_metric("train", 20);
    put_metric("eval", 20);
    put_metric("train", 30);
    MUST(reel_run_dir_rewind(&dir, 20, false, &err), err);
    cr_expect(file_says("run/metrics.jsonl", "\"eval\",\"step\":20"));
    cr_expect(!file_says("run/metrics.jsonl", "\"step\":30"));

    /* The evaluation at the step comes first: its line goes, too, and its row. */
    MUST(reel_run_dir_rewind(&dir, 20, true, &err), err);
    cr_expect(file_says("run/metrics.jsonl", "\"train\",\"step\":20"));
    cr_expect(!file_says("run/metrics.jsonl", "\"eval\",\"step\":20"));
    cr_expect(file_says("run/summary.csv", ",10,") && !file_says("run/summary.csv", ",20,"));
}

Test(run_dir, an_unreadable_file_is_noted_once_in_all_of_a_run, .init = open_run, .fini = close_run)
{
    reel_error err;
    bool is_new;
    MUST(reel_run_dir_bad(&dir, "train", "a\xff.jpg", "truncated", &is_new, &err), err);
    cr_expect(is_new);
    MUST(reel_run_dir_bad(&dir, "train", "a\xff.jpg", "truncated", &is_new, &err), err);
    cr_expect(!is_new);
    MUST(reel_run_dir_bad(&dir, "val", "a\xff.jpg", "truncated", &is_new, &err), err);
    cr_expect(is_new && dir.n_bad_train == 1);

    reel_run_dir again;
    MUST(reel_run_dir_open(&again, "run", config, true, &err), err);
    cr_expect_eq(again.n_bad_train, 1);
    MUST(reel_run_dir_bad(&again, "train", "a\xff.jpg", "truncated", &is_new, &err), err);
    cr_expect(!is_new);
    reel_run_dir_close(&again);
}

Test(run_dir, a_folder_is_followed_made_anew_or_left_alone, .init = open_run, .fini = close_run)
{
    reel_error err;
    reel_run_dir_found found;
    bool is_new;
    MUST(reel_run_dir_bad(&dir, "train", "b.jpg", "truncated", &is_new, &err), err);
    MUST(reel_run_dir_in_place(&dir, &found, &err), err);
    cr_expect_eq(found, REEL_RUN_DIR_IN_PLACE);

    cr_assert(rename("run", "moved") == 0);
    MUST(reel_run_dir_in_place(&dir, &found, &err), err);
    cr_expect_eq(found, REEL_RUN_DIR_MOVED);
    cr_expect(strstr(dir.path, "/moved"), "%s", dir.path);

    cr_assert(system("rm -rf moved") == 0);
    MUST(reel_run_dir_in_place(&dir, &found, &err), err);
    cr_expect_eq(found, REEL_RUN_DIR_MADE_ANEW);
    MUST(reel_run_dir_describe(&dir, &err), err);
    cr_expect(file_says("moved/bad_files.jsonl", "b.jpg") &&
              file_says("moved/config.json", "train"));

    cr_assert(system("rm -rf moved && mkdir moved.new && mv moved.new moved") == 0);
    cr_expect_eq(reel_run_dir_in_place(&dir, &found, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "expected the folder in which the run began"), "%s", err.message);
}
