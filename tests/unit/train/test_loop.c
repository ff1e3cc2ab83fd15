/* Whole runs of the small net on drawn images. */
#include "tests/unit/train/run_test.h"

static reel_status train_new(reel_loop *loop, const told_run *t, reel_error *err)
{
    begin_run(loop, t, NULL, NULL);
    return reel_loop_run(loop, err);
}

/* Continues from the newest checkpoint in the folder, to the end. */
static void resume_and_close(const char *folder)
{
    const reel_checkpoint_query newest = {.folder = folder, .below = INT64_MAX, .every = 1};
    char path[REEL_PATH_MAX];
    reel_weights *checkpoint;
    reel_error err;
    told_run t;
    reel_loop loop;
    tell_small_run(&t, folder, (const char *const[]){"--resume", "auto", NULL});
    MUST(reel_checkpoint_find(&checkpoint, &newest, path, sizeof path, &err), err);
    cr_assert(checkpoint, "%s: no checkpoint", folder);
    t.settings.locked = true; /* the command holds the lock; here nobody competes */
    begin_run(&loop, &t, checkpoint, path);
    reel_weights_destroy(checkpoint);
    MUST(reel_loop_run(&loop, &err), err);
    cr_expect_eq(loop.end, REEL_RUN_COMPLETE);
    cr_expect_eq(loop.session.state.step, 9);
    reel_loop_close(&loop);
    reel_options_destroy(t.options);
}

Test(loop, a_run_that_stopped_and_was_resumed_ends_with_the_same_weights, .init = enter_scratch,
     .fini = leave_scratch)
{
    told_run t;
    reel_loop loop;
    reel_error err;
    tell_small_run(&t, "whole", NULL);
    MUST(train_new(&loop, &t, &err), err);
    cr_expect_eq(loop.end, REEL_RUN_COMPLETE);
    reel_loop_close(&loop);
    reel_options_destroy(t.options);

    /* In the middle of the second epoch, whose evaluation there is told and changes nothing. */
    tell_small_run(&t, "cut", (const char *const[]){"--max-steps", "4", NULL});
    MUST(train_new(&loop, &t, &err), err);
    cr_expect_eq(loop.end, REEL_RUN_MAX_STEPS);
    cr_expect(loop.session.state.epoch == 1 && loop.session.state.batch == 1);
    cr_expect(loop.last.images == 4 && loop.session.state.best_epoch == 1);
    reel_loop_close(&loop);
    reel_options_destroy(t.options);

    resume_and_close("cut");
    cr_expect(same_bytes("whole/model.safetensors", "cut/model.safetensors"));
    cr_expect(same_bytes("whole/best.safetensors", "cut/best.safetensors"));
}

Test(loop, a_nan_ends_the_run_and_no_weight_has_seen_it, .init = enter_scratch,
     .fini = leave_scratch)
{
    told_run t;
    reel_loop loop;
    reel_error err;
    setenv("REEL_TEST_NAN", "5:features.3.weight", 1);
    tell_small_run(&t, "run", (const char *const[]){"--checkpoint-every", "4", NULL});
    cr_expect_eq(train_new(&loop, &t, &err), REEL_ERR_NONFINITE);
    cr_expect(strstr(err.message, "step 5: the gradient of features.3.weight is nan"), "%s",
              err.message);
    cr_expect_eq(loop.session.state.step, 4);
    cr_expect_eq(reel_optimizer_not_finite(loop.session.opt), -1);
    reel_loop_close(&loop);
    reel_options_destroy(t.options);
    cr_expect(reel_checkpoint_exists("run", 4) && !reel_checkpoint_exists("run", 5));
}

Test(loop, a_step_is_left_out, .init = enter_scratch, .fini = leave_scratch)
{
    told_run t;
    reel_loop loop;
    reel_error err;
    setenv("REEL_TEST_NAN", "5", 1);
    tell_small_run(&t, "run", (const char *const[]){"--on-nan", "skip", NULL});
    MUST(train_new(&loop, &t, &err), err);
    cr_expect(loop.end == REEL_RUN_COMPLETE && loop.session.state.step == 9);
    cr_expect(file_says("run/metrics.jsonl", "\"event\":\"skip\",\"step\":5"));
    reel_loop_close(&loop);
    reel_options_destroy(t.options);
}

Test(loop, a_run_goes_back_with_a_lower_learning_rate, .init = enter_scratch, .fini = leave_scratch)
{
    told_run t;
    reel_loop loop;
    reel_error err;
    setenv("REEL_TEST_NAN", "5", 1);
    tell_small_run(&t, "run", (const char *const[]){"--on-nan", "rollback", NULL});
    MUST(train_new(&loop, &t, &err), err);
    const reel_run_state *s = &loop.session.state;
    cr_expect(loop.end == REEL_RUN_COMPLETE && s->step == 9 && s->rollbacks == 1);
    cr_expect_eq(s->lr_scale, REEL_ROLLBACK_FACTOR);
    cr_expect(file_says("run/metrics.jsonl", "\"event\":\"rollback\",\"step\":3,\"from\":5"));
    reel_loop_close(&loop);
    reel_options_destroy(t.options);
}

Test(loop, stops_after_epochs_without_a_better_validation, .init = enter_scratch,
     .fini = leave_scratch)
{
    told_run t;
    reel_loop loop;
    reel_error err;
    tell_small_run(&t, "run", (const char *const[]){"--lr", "0", "--early-stop", "1", NULL});
    MUST(train_new(&loop, &t, &err), err);
    cr_expect_eq(loop.end, REEL_RUN_EARLY);
    cr_expect(loop.session.state.epoch == 2 && loop.session.state.best_epoch == 1);
    reel_loop_close(&loop);
    reel_options_destroy(t.options);
}

Test(loop, a_mistake_leaves_no_trace, .init = enter_scratch, .fini = leave_scratch)
{
    told_run t;
    reel_loop loop;
    reel_error err;
    tell_small_run(&t, "run", (const char *const[]){"--freeze", "nothing.*", NULL});
    const reel_loop_start start = {.data = DRAWN_DATA, .config = json_object()};
    cr_expect_eq(reel_loop_open(&loop, &t.settings, &start, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "--freeze: "), "%s", err.message);
    reel_loop_close(&loop);
    reel_options_destroy(t.options);
    cr_expect(access("run", F_OK) != 0, "the run's folder was made");
}

/* The checkpoint of version 0.1.0 in tests/support/run_0.1.0: it stands at step 5 of 9. */
Test(loop, a_checkpoint_of_the_version_before_is_continued, .init = enter_scratch,
     .fini = leave_scratch)
{
    char command[600];
    const char *source = getenv("REEL_SOURCE");
    cr_assert(source, "REEL_SOURCE is not set");
    snprintf(command, sizeof command, "mkdir run && cp '%s'/tests/support/run_0.1.0/* run", source);
    cr_assert_eq(system(command), 0);
    resume_and_close("run");
    cr_expect(reel_checkpoint_exists("run", 9));
}
