/* Reading the settings of a run. Values go from the option table to their fields by themselves
 * (copy_fields); below stand what follows from several options, and which ones exclude each other.
 */
#include "train/cli/train_settings.h"

#include "core/ctx.h"
#include "train/cli/option_table.h"
#include "train/cli/option_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every option's value into the field that its row made. */
static void copy_fields(reel_settings *s, const reel_options *o)
{
    for (int i = 0; i < REEL_N_TRAIN_OPTIONS; i++) {
        const reel_option *row = &reel_train_options[i];
        void *field = (char *)s + row->field;
        switch (row->type) {
        case REEL_OPTION_FLAG:
            *(bool *)field = reel_options_flag(o, row->name);
            break;
        case REEL_OPTION_INT:
            *(int64_t *)field = reel_options_int(o, row->name);
            break;
        case REEL_OPTION_REAL:
            *(double *)field =
                reel_options_set(o, row->name) ? reel_options_real(o, row->name) : NAN;
            break;
        case REEL_OPTION_TIME:
            *(double *)field = reel_options_real(o, row->name);
            break;
        default:
            *(const char **)field = reel_options_text(o, row->name);
        }
    }
}

/* ---- schedule ---- */
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

static reel_status read_schedule(reel_settings *settings, reel_error *err)
{
    static const char *const names[] = {"constant", "step", "multistep",
                                        "cosine",   "poly", "plateau"};
    reel_schedule *s = &settings->schedule;
    *s = (reel_schedule){.lr = settings->lr,
                         .gamma = settings->lr_gamma,
                         .min_lr = settings->lr_min,
                         .power = settings->lr_power,
                         .step_size = settings->lr_step_size,
                         .warmup_epochs = settings->lr_warmup_epochs,
                         .epochs = settings->epochs,
                         .patience = settings->lr_patience,
                         .threshold = 1e-4};
    for (int i = 0; i < REEL_COUNT(names); i++)
        if (!strcmp(settings->lr_scheduler, names[i]))
            s->kind = (reel_schedule_kind)i;

    if (s->warmup_epochs > 0 && s->warmup_epochs >= (double)s->epochs)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--lr-warmup-epochs: expected less than --epochs %lld, got %g",
                         (long long)s->epochs, s->warmup_epochs);
    REEL_TRY(read_milestones(s, settings->lr_milestones, err));
    if (s->kind == REEL_SCHEDULE_MULTISTEP && s->n_milestones == 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--lr-scheduler multistep: expected --lr-milestones N,N,..., got none");
    return REEL_OK;
}

/* ---- images ---- */
/* Pixels: mean and deviation of ImageNet in [0, 1], or 0..255 minus the mean pixel as in 2012 and
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

/* The shorter side before the crop: as given, or the crop times 256 / 224, rounded. */
static int64_t resize_side(int64_t given, int64_t crop)
{
    return given ? given : (crop * 256 + 112) / 224;
}

static reel_status check_transforms(const reel_settings *s, const reel_options *o, reel_error *err)
{
    const long long val = s->val.size, val_resize = s->val.resize;
    if (val_resize < val)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--val-resize-size: expected the crop's %lld or more, got %lld", val,
                         val_resize);
    if (reel_options_given(o, "val-crop-size") && val < s->model->min_size)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--val-crop-size: expected %lld or more for %s, got %lld",
                         (long long)s->model->min_size, s->model->name, val);

    const long long train = s->train.size, train_resize = s->train.resize;
    if (s->train.crop != REEL_CROP_RANDOM_RESIZED && train_resize < train)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--train-resize-size: expected the crop's %lld or more, got %lld", train,
                         train_resize);
    return REEL_OK;
}

static reel_status read_transforms(reel_settings *s, const reel_options *o, reel_error *err)
{
    const int64_t size = s->train_crop_size ? s->train_crop_size : s->model->image_size;
    const int64_t val_size = s->val_crop_size ? s->val_crop_size : size;
    s->train = (reel_transform){.size = size,
                                .resize = resize_side(s->train_resize_size, size),
                                .crop = reel_crop_from(s->crop),
                                .scale = {s->min_area, 1},
                                .flip = s->flip,
                                .brightness = s->jitter,
                                .contrast = s->jitter,
                                .saturation = s->jitter,
                                .lighting = s->lighting,
                                .decode = reel_decode_from(s->decode)};
    s->val = (reel_transform){.size = val_size,
                              .resize = resize_side(s->val_resize_size, val_size),
                              .crop = REEL_CROP_CENTER};
    s->train.exif = s->val.exif = reel_exif_from(s->exif);
    REEL_TRY(check_transforms(s, o, err));

    read_norm(&s->train, s->normalize);
    read_norm(&s->val, s->normalize);
    s->net.image_size = size;
    return REEL_OK;
}

/* ---- network, optimizer, threads ---- */
static reel_status read_net(reel_settings *s, reel_error *err)
{
    s->model = reel_model_find(s->arch);
    if (!s->model)
        return reel_fail(err, REEL_ERR_INVALID, "--arch: '%s' is not known", s->arch);

    s->net = reel_model_config_default(s->model);
    s->net.classes = s->num_classes;
    s->net.head = reel_head_find(s->head);
    if (!isnan(s->dropout))
        s->net.dropout = s->dropout;

    s->fit_to_data = !strcmp(s->init, "data");
    if (!strcmp(s->init, "kaiming") || s->fit_to_data)
        s->net.weight_init.kind = REEL_INIT_KAIMING_NORMAL;
    if (!strcmp(s->init, "xavier"))
        s->net.weight_init.kind = REEL_INIT_XAVIER_NORMAL;
    if (s->net.weight_init.kind != REEL_INIT_DEFAULT)
        s->net.bias_init = (reel_init){REEL_INIT_CONSTANT, 0};
    return REEL_OK;
}

/* Values of the optimizer's options, each from the command's option of the same name. */
static reel_status read_optimizer(reel_settings *s, const reel_options *o, reel_error *err)
{
    reel_optimizer_config *config = &s->optimizer;
    *config = reel_optimizer_config_default(reel_optimizer_find("sgd"));
    for (int i = 0; i < config->kind->n_options; i++) {
        const char *name = config->kind->options[i].name;
        if (reel_options_known(o, name) && reel_options_set(o, name))
            REEL_TRY(reel_optimizer_config_set(config, name, reel_options_text(o, name), err));
    }

    reel_error why;
    if (reel_optimizer_config_check(config, &why))
        return reel_fail(err, why.status, "--%s", why.message);
    return REEL_OK;
}

static void read_threads(reel_settings *s)
{
    s->choose_workers = s->threads == 0 && s->workers == 0;
    if (s->threads == 0)
        s->threads = reel_available_cpus();
    if (s->workers == 0)
        s->workers = s->threads;
}

static reel_on_nan nan_action_from(const char *word)
{
    if (!strcmp(word, "skip"))
        return REEL_ON_NAN_SKIP;
    return !strcmp(word, "rollback") ? REEL_ON_NAN_ROLLBACK : REEL_ON_NAN_STOP;
}

reel_status reel_settings_read(reel_settings *s, const reel_options *o, reel_error *err)
{
    *s = (reel_settings){0};
    copy_fields(s, o);
    if (s->resume && reel_options_given(o, "weights"))
        return reel_fail(err, REEL_ERR_INVALID, "--resume and --weights exclude each other");
    if (s->test_only && !s->weights)
        return reel_fail(err, REEL_ERR_INVALID, "--test-only: expected --weights");

    s->nan_action = nan_action_from(s->on_nan);
    read_threads(s);
    REEL_TRY(read_net(s, err));
    REEL_TRY(read_optimizer(s, o, err));
    REEL_TRY(read_schedule(s, err));
    return read_transforms(s, o, err);
}
