/* From the options of `reel train` (their table is in cmd_train.c) to settings. */
#include "train/run/settings.h"

#include "train/run/model_card.h"

#include <stdlib.h>
#include <string.h>

static reel_status read_milestones(reel_schedule *s, const char *text, reel_error *err)
{
    for (const char *p = text; p && *p;) {
        char *end;
        const int64_t epoch = strtoll(p, &end, 10);
        if (end == p || (*end && *end != ',') || s->n_milestones == (int)REEL_COUNT(s->milestones))
            return reel_fail(err, REEL_ERR_INVALID,
                             "--lr-milestones: expected up to %d epochs such as 23,51,78, got '%s'",
                             (int)REEL_COUNT(s->milestones), text);
        s->milestones[s->n_milestones++] = epoch;
        p = *end ? end + 1 : end;
    }
    return REEL_OK;
}

static reel_status read_schedule(reel_schedule *s, const reel_options *o, reel_error *err)
{
    static const char *const names[] = {"constant", "step", "multistep",
                                        "cosine",   "poly", "plateau"};
    const char *name = reel_options_text(o, "lr-scheduler");
    *s = (reel_schedule){.lr = reel_options_real(o, "lr"),
                         .gamma = reel_options_real(o, "lr-gamma"),
                         .min_lr = reel_options_real(o, "lr-min"),
                         .power = reel_options_real(o, "lr-power"),
                         .step_size = reel_options_int(o, "lr-step-size"),
                         .warmup_epochs = reel_options_real(o, "lr-warmup-epochs"),
                         .epochs = reel_options_int(o, "epochs"),
                         .patience = reel_options_int(o, "lr-patience"),
                         .threshold = 1e-4};
    for (int i = 0; i < REEL_COUNT(names); i++)
        if (!strcmp(name, names[i]))
            s->kind = (reel_schedule_kind)i;
    if (s->warmup_epochs > 0 && s->warmup_epochs >= (double)s->epochs)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--lr-warmup-epochs: expected less than --epochs %lld, got %g",
                         (long long)s->epochs, s->warmup_epochs);
    REEL_TRY(read_milestones(s, reel_options_text(o, "lr-milestones"), err));
    if (s->kind == REEL_SCHEDULE_MULTISTEP && s->n_milestones == 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--lr-scheduler multistep: expected --lr-milestones N,N,..., got none");
    return REEL_OK;
}

/* Pixels: mean and deviation of ImageNet in [0, 1], or 0..255 less the mean pixel as in 2012 and
 * Caffe. */
static void read_norm(reel_transform *t, const char *name)
{
    if (!strcmp(name, "imagenet")) {
        reel_transform_imagenet_norm(t);
    } else if (!strcmp(name, "mean-pixel")) {
        static const double mean[3] = {122.68, 116.67, 104.01};
        t->pixel_scale = 1;
        memcpy(t->mean, mean, sizeof mean);
    }
}

reel_exif reel_exif_from(const char *name)
{
    return name && !strcmp(name, "apply") ? REEL_EXIF_APPLY : REEL_EXIF_IGNORE;
}

static int64_t shorter_side(const reel_options *o, const char *name, int64_t crop)
{
    return reel_options_set(o, name) ? reel_options_int(o, name) : (crop * 256 + 112) / 224;
}

static reel_status read_transforms(reel_settings *s, const reel_options *o, reel_error *err)
{
    const int64_t size = reel_options_set(o, "train-crop-size")
                             ? reel_options_int(o, "train-crop-size")
                             : s->model->image_size;
    const int64_t val_size =
        reel_options_set(o, "val-crop-size") ? reel_options_int(o, "val-crop-size") : size;
    const char *crop = reel_options_text(o, "crop");
    const double jitter = reel_options_real(o, "jitter");
    s->train = (reel_transform){.size = size,
                                .resize = shorter_side(o, "train-resize-size", size),
                                .crop = !strcmp(crop, "random-resized") ? REEL_CROP_RANDOM_RESIZED
                                        : !strcmp(crop, "random")       ? REEL_CROP_RANDOM
                                                                        : REEL_CROP_CENTER,
                                .scale = {reel_options_real(o, "min-area"), 1},
                                .flip = reel_options_real(o, "flip"),
                                .brightness = jitter,
                                .contrast = jitter,
                                .saturation = jitter,
                                .lighting = reel_options_real(o, "lighting"),
                                .decode = !strcmp(reel_options_text(o, "decode"), "fast")
                                              ? REEL_DECODE_FAST
                                              : REEL_DECODE_EXACT};
    s->val = (reel_transform){.size = val_size,
                              .resize = shorter_side(o, "val-resize-size", val_size),
                              .crop = REEL_CROP_CENTER};
    s->train.exif = s->val.exif = reel_exif_from(reel_options_text(o, "exif"));
    if (s->val.resize < val_size)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--val-resize-size: expected the crop's %lld or more, got %lld",
                         (long long)val_size, (long long)s->val.resize);
    if (reel_options_given(o, "val-crop-size") && val_size < s->model->min_size)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--val-crop-size: expected %lld or more for %s, got %lld",
                         (long long)s->model->min_size, s->model->name, (long long)val_size);
    if (s->train.crop != REEL_CROP_RANDOM_RESIZED && s->train.resize < size)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--train-resize-size: expected the crop's %lld or more, got %lld",
                         (long long)size, (long long)s->train.resize);
    read_norm(&s->train, reel_options_text(o, "normalize"));
    read_norm(&s->val, reel_options_text(o, "normalize"));
    s->net.image_size = size;
    return REEL_OK;
}

/* Values of the optimizer's options, each from the command's option of the same name. */
static reel_status read_optimizer(reel_optimizer_config *config, const reel_options *o,
                                  reel_error *err)
{
    *config = reel_optimizer_config_default(reel_optimizer_find("sgd"));
    const reel_optimizer_kind *kind = config->kind;
    for (int i = 0; i < kind->n_options; i++) {
        const char *name = kind->options[i].name;
        if (reel_options_known(o, name) && reel_options_set(o, name))
            REEL_TRY(reel_optimizer_config_set(config, name, reel_options_text(o, name), err));
    }

    reel_error why;
    if (reel_optimizer_config_check(config, &why))
        return reel_fail(err, why.status, "--%s", why.message);
    return REEL_OK;
}

reel_status reel_settings_read(reel_settings *s, const reel_options *o, reel_error *err)
{
    *s = (reel_settings){.model = reel_model_find(reel_options_text(o, "arch")),
                         .recipe = reel_options_text(o, "recipe"),
                         .batch = reel_options_int(o, "batch-size"),
                         .accumulate = reel_options_int(o, "accumulate"),
                         .epochs = reel_options_int(o, "epochs"),
                         .max_steps = reel_options_int(o, "max-steps"),
                         .max_time = reel_options_real(o, "max-time"),
                         .threads = (int)reel_options_int(o, "threads"),
                         .workers = (int)reel_options_int(o, "workers"),
                         .seed = (uint64_t)reel_options_int(o, "seed"),
                         .class_balanced = reel_options_flag(o, "class-balanced"),
                         .bias_lr_mult = reel_options_real(o, "bias-lr-mult"),
                         .bias_decay_mult = reel_options_real(o, "bias-decay-mult"),
                         .label_smoothing = reel_options_real(o, "label-smoothing"),
                         .clip_norm = reel_options_real(o, "clip-grad-norm"),
                         .max_bad = reel_options_real(o, "max-bad"),
                         .slow_read = reel_options_real(o, "slow-read"),
                         .keep = reel_options_int(o, "keep"),
                         .checkpoint_every = reel_options_int(o, "checkpoint-every"),
                         .log_every = reel_options_int(o, "log-every"),
                         .freeze = reel_options_text(o, "freeze"),
                         .unfreeze_after = reel_options_int(o, "unfreeze-after"),
                         .head_lr_mult = reel_options_real(o, "head-lr-mult"),
                         .early_stop = reel_options_int(o, "early-stop"),
                         .weights = reel_options_text(o, "weights"),
                         .output_dir = reel_options_text(o, "output-dir"),
                         .resume = reel_options_text(o, "resume"),
                         .test_only = reel_options_flag(o, "test-only"),
                         .json = reel_options_flag(o, "json"),
                         .quiet = reel_options_flag(o, "quiet")};
    const char *on_nan = reel_options_text(o, "on-nan");
    s->on_nan = !strcmp(on_nan, "skip")       ? REEL_ON_NAN_SKIP
                : !strcmp(on_nan, "rollback") ? REEL_ON_NAN_ROLLBACK
                                              : REEL_ON_NAN_STOP;
    if (!s->model)
        return reel_fail(err, REEL_ERR_INVALID, "--arch: '%s' is not known",
                         reel_options_text(o, "arch"));
    s->net.classes = reel_options_int(o, "num-classes");
    s->net.head = reel_head_find(reel_options_text(o, "head"));
    s->net.dropout = reel_options_set(o, "dropout") ? reel_options_real(o, "dropout") : -1;
    const char *init = reel_options_text(o, "init");
    s->fit_to_data = !strcmp(init, "data");
    if (!strcmp(init, "kaiming") || s->fit_to_data)
        s->net.weight_init.kind = REEL_INIT_KAIMING_NORMAL;
    if (!strcmp(init, "xavier"))
        s->net.weight_init.kind = REEL_INIT_XAVIER_NORMAL;
    if (strcmp(init, "model") != 0)
        s->net.bias_init = (reel_init){REEL_INIT_CONSTANT, 0};
    REEL_TRY(read_optimizer(&s->optimizer, o, err));
    s->choose_workers = s->threads == 0 && s->workers == 0;
    if (s->threads == 0)
        s->threads = reel_available_cpus();
    if (s->workers == 0)
        s->workers = s->threads;
    if (s->resume && reel_options_given(o, "weights"))
        return reel_fail(err, REEL_ERR_INVALID, "--resume and --weights exclude each other");
    if (s->test_only && !s->weights)
        return reel_fail(err, REEL_ERR_INVALID, "--test-only: expected --weights");
    REEL_TRY(read_schedule(&s->schedule, o, err));
    return read_transforms(s, o, err);
}
