/* Checkpoints: what is restored, which are kept, which one is found. */
#include "tests/unit/train/run_test.h"

#include <sys/stat.h>

enum { BEST, BAD, REDUCTIONS }; /* what plateau remembers */

/* The small net, with an optimizer and a card for two classes. */
static void make_session(reel_session *s)
{
    static const reel_transform preprocessing = {.size = 32};
    reel_error err;
    reel_session_config config = {
        .model = reel_model_find("tiny"), .preprocessing = &preprocessing, .threads = 1, .seed = 1};
    config.net = (reel_model_config){
        .classes = 2, .head = reel_head_find("gap"), .image_size = 32, .dropout = 0.5};
    MUST(reel_session_create(s, &config, &err), err);
    reel_net_init(s->net);
    s->groups = (reel_groups){.bias_lr_mult = 1, .bias_decay_mult = 1, .head_lr_mult = 1};
    const reel_optimizer_config sgd = reel_optimizer_config_default(reel_optimizer_find("sgd"));
    MUST(reel_session_optimize(s, &sgd, &err), err);
    s->schedule = reel_schedule_default(reel_schedule_find("plateau"));
    MUST(reel_session_ready(s, &err), err);
    MUST(reel_model_card_make_names(&s->card, 2, &err), err);
    MUST(reel_model_card_set_name(&s->card, 0, "arrow", &err), err);
    MUST(reel_model_card_set_name(&s->card, 1, "cross", &err), err);
}

/* An open run folder. */
static void make_dir(reel_run_dir *dir, json_t *config)
{
    reel_error err;
    MUST(reel_run_dir_open(dir, "run", config, false, &err), err);
}

static void save_at(reel_session *s, const reel_run_dir *dir, int64_t step, int64_t keep,
                    int64_t rollback_every)
{
    reel_error err;
    reel_checkpoint c = reel_session_checkpoint(s);
    c.config = dir->config;
    c.rollback_every = rollback_every;
    s->state.step = step;
    reel_unsaved unsaved;
    MUST(reel_checkpoint_save(&c, dir, keep, &unsaved, &err), err);
}

/* "1 3" for the steps of the folder's checkpoints up to 9. */
static const char *steps_in(const char *folder)
{
    static char text[40];
    size_t n = 0;
    text[0] = '\0';
    for (int64_t step = 0; step < 10; step++)
        if (reel_checkpoint_exists(folder, step))
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%d", n ? " " : "", (int)step);
    return text;
}

Test(checkpoint, what_was_saved_is_restored, .init = enter_scratch, .fini = leave_scratch)
{
    reel_session s, t;
    reel_run_dir dir;
    reel_weights *weights;
    reel_error err;
    json_t *config = json_pack("{s:s}", "command", "train");
    make_session(&s);
    make_dir(&dir, config);
    s.state = (reel_run_state){.epoch = 2,
                               .batch = 7,
                               .best_epoch = 1,
                               .best_top1 = 0.125,
                               .best_loss = 1.0 / 3,
                               .loss_sum = 1e-17,
                               .right = 3,
                               .seen = 28,
                               .lr_scale = 0.0625,
                               .rollbacks = 2,
                               .skipped = 4,
                               .stall = {.sum = 1.1, .n = 8, .length = 1000}};
    s.schedule.state[BEST] = 0.7;
    s.schedule.state[REDUCTIONS] = 2;
    save_at(&s, &dir, 8, 2, 0);

    make_session(&t);
    reel_tensor changed = reel_params_at(reel_net_params(t.net), 0)->value;
    reel_tensor_set(&changed, (const int64_t[REEL_MAX_DIMS]){0}, 99);
    const reel_checkpoint c = reel_session_checkpoint(&t);
    MUST(reel_checkpoint_open(&weights, "run/checkpoint-00000008.safetensors", &err), err);
    MUST(reel_checkpoint_restore(&c, weights, "it", &err), err);
    json_t *stored = reel_checkpoint_config(weights);
    cr_expect(json_equal(stored, config));
    cr_expect(memcmp(&s.state, &t.state, sizeof s.state) == 0, "another state");
    cr_expect(memcmp(s.schedule.state, t.schedule.state, sizeof s.schedule.state) == 0);
    for (int i = 0; i < reel_params_count(reel_net_params(s.net)); i++) {
        const reel_tensor *a = &reel_params_at(reel_net_params(s.net), i)->value,
                          *b = &reel_params_at(reel_net_params(t.net), i)->value;
        cr_expect(memcmp(a->data, b->data, reel_tensor_bytes(a)) == 0, "parameter %d", i);
    }
    json_decref(stored);
    reel_weights_destroy(weights);
    reel_run_dir_close(&dir);
    json_decref(config);
    reel_session_close(&s);
    reel_session_close(&t);
}

Test(checkpoint, the_newest_are_kept_and_later_ones_of_another_run_go, .init = enter_scratch,
     .fini = leave_scratch)
{
    reel_session s;
    reel_run_dir dir;
    json_t *config = json_object();
    make_session(&s);
    make_dir(&dir, config);
    for (int64_t step = 1; step <= 4; step++)
        save_at(&s, &dir, step, 2, 0);
    cr_expect_str_eq(steps_in("run"), "3 4");
    save_at(&s, &dir, 3, 2, 0); /* resumed from 3: 4 is not this run's */
    cr_expect_str_eq(steps_in("run"), "3");

    /* Those that a rollback returns to count; of others the newest stays. */
    for (int64_t step = 4; step <= 9; step++)
        save_at(&s, &dir, step, 2, 3);
    cr_expect_str_eq(steps_in("run"), "6 9");
    save_at(&s, &dir, 8, 2, 3);
    cr_expect_str_eq(steps_in("run"), "6 8");
    reel_run_dir_close(&dir);
    json_decref(config);
    reel_session_close(&s);
}

static int damaged_told;

static void count_damaged(const char *message)
{
    cr_expect(strstr(message, "checkpoint-0000000"), "%s", message);
    damaged_told++;
}

Test(checkpoint, damaged_ones_are_passed_over_and_set_aside, .init = enter_scratch,
     .fini = leave_scratch)
{
    reel_session s;
    reel_run_dir dir;
    reel_weights *found;
    reel_error err;
    char path[REEL_PATH_MAX];
    json_t *config = json_object();
    make_session(&s);
    make_dir(&dir, config);
    for (int64_t step = 1; step <= 4; step++)
        save_at(&s, &dir, step, 9, 0);
    cr_assert(truncate("run/checkpoint-00000004.safetensors", 700) == 0);
    cr_assert(truncate("run/checkpoint-00000003.safetensors", 0) == 0);

    reel_checkpoint_query query = {
        .folder = "run", .below = INT64_MAX, .every = 1, .on_passed_over = count_damaged};
    MUST(reel_checkpoint_find(&found, &query, path, sizeof path, &err), err);
    cr_expect_str_eq(path, "run/checkpoint-00000002.safetensors");
    cr_expect_eq(damaged_told, 2);
    reel_weights_destroy(found);
    cr_expect_eq(reel_checkpoint_set_aside("run", path, NULL).damaged, 2);
    cr_expect_str_eq(steps_in("run"), "1 2");

    query.below = 2;
    MUST(reel_checkpoint_find(&found, &query, path, sizeof path, &err), err);
    cr_expect_str_eq(path, "run/checkpoint-00000001.safetensors");
    reel_weights_destroy(found);
    query.below = 1;
    MUST(reel_checkpoint_find(&found, &query, path, sizeof path, &err), err);
    cr_expect_null(found);
    reel_run_dir_close(&dir);
    json_decref(config);
    reel_session_close(&s);
}

/* Written by version 0.1.0, before optimizers had names: `reel train d --arch tiny --head gap
 * --epochs 3 -b 4 --seed 5 --lr-scheduler plateau --lr-patience 0 --on-nan rollback --max-steps 5`
 * on 12 drawn images. */
Test(checkpoint, one_of_the_version_before_is_read)
{
    char path[600];
    reel_session s;
    reel_weights *w;
    reel_error err;
    const char *source = getenv("REEL_SOURCE");
    cr_assert(source, "REEL_SOURCE is not set");
    snprintf(path, sizeof path, "%s/tests/support/run_0.1.0/checkpoint-00000005.safetensors",
             source);
    make_session(&s);
    MUST(reel_checkpoint_open(&w, path, &err), err);
    const reel_checkpoint c = reel_session_checkpoint(&s);
    MUST(reel_checkpoint_restore(&c, w, path, &err), err);

    const reel_run_state *state = &s.state;
    cr_expect(state->step == 5 && state->epoch == 1 && state->batch == 2);
    cr_expect(state->best_epoch == 1 && state->best_top1 == 0.5);
    cr_expect(state->right == 5 && state->seen == 8 && state->lr_scale == 1);
    cr_expect(state->stall.n == 5 && state->stall.length == 200);
    cr_expect_eq(state->loss_sum, 6.2352838516235352);
    cr_expect_eq(s.schedule.state[BEST], 0.73349350690841675);

    /* Every value and every momentum, in row-major order as the file has them. */
    const reel_params *params = reel_net_params(s.net);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        const reel_tensor momentum = reel_optimizer_state(s.opt, 0, i);
        char name[100];
        snprintf(name, sizeof name, "momentum.%s", p->name);
        const float *values = reel_weights_find(w, p->name)->data,
                    *velocity = reel_weights_find(w, name)->data;
        cr_assert(momentum.data, "%s: no momentum", p->name);
        int64_t at[REEL_MAX_DIMS] = {0};
        for (int64_t k = 0; k < reel_tensor_numel(&p->value); k++) {
            cr_assert(reel_tensor_get(&p->value, at) == (double)values[k], "%s", p->name);
            cr_assert(reel_tensor_get(&momentum, at) == (double)velocity[k], "%s", name);
            for (int d = p->value.ndim - 1; d >= 0 && ++at[d] == p->value.shape[d]; d--)
                at[d] = 0;
        }
    }
    reel_weights_destroy(w);
    reel_session_close(&s);
}
