/* Reading the settings of a run. Values go from the option table to their fields by themselves
 * (copy_fields); below stand what follows from several options, and which ones exclude each other.
 */
#include "train/cli/train_settings.h"

#include "core/ctx.h"
#include "train/cli/optim_options.h"
#include "train/cli/option_table.h"
#include "train/cli/option_words.h"
#include "train/run/say.h"

#include <math.h>
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
            /* A number without a value is NAN: 0 would be one. */
            *(double *)field =
                reel_options_set(o, row->name) ? reel_options_real(o, row->name) : NAN;
            break;
        case REEL_OPTION_TIME:
        case REEL_OPTION_SIZE:
            *(double *)field = reel_options_real(o, row->name);
            break;
        default:
            *(const char **)field = reel_options_text(o, row->name);
        }
    }
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
        const double grey = 117.024; /* 0.299 R + 0.587 G + 0.114 B */
        t->pixel_scale = 1;
        for (int c = 0; c < 3; c++)
            t->mean[c] = t->channels == 1 ? grey : mean[c];
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

static bool have_same_shapes(const reel_net *a, const reel_net *b)
{
    const reel_params *p = reel_net_params(a), *q = reel_net_params(b);
    for (int i = 0; i < reel_params_count(p) && i < reel_params_count(q); i++)
        if (!reel_tensor_same_shape(&reel_params_at(p, i)->value, &reel_params_at(q, i)->value))
            return false;
    return true;
}

/* A text may hold a network for one size of images: those of the validation must have it, too. */
static reel_status check_val_size(const reel_settings *s, reel_error *err)
{
    const long long size = s->train.size, val = s->val.size;
    const char *name = s->model->name;
    if (s->model->add || val == size)
        return REEL_OK;
    const reel_ctx_config one = {.threads = 1};
    reel_model_config c = s->net;
    reel_net *trained = NULL, *validated = NULL;
    reel_error why = {0};
    reel_ctx *ctx;
    REEL_TRY(reel_ctx_create(&ctx, &one, err));

    /* A network that does not take the training images is refused elsewhere, with its line. */
    reel_status status = REEL_OK;
    if (reel_model_outline(&trained, s->model, &c, ctx, REEL_F32, NULL) == REEL_OK) {
        c.image_size = val;
        if (reel_model_outline(&validated, s->model, &c, ctx, REEL_F32, &why) != REEL_OK)
            status = reel_fail(err, REEL_ERR_INVALID, "--val-crop-size %lld: %s", val, why.message);
        else if (!have_same_shapes(trained, validated))
            status = reel_fail(err, REEL_ERR_INVALID,
                               "--val-crop-size: expected %lld, the size of the training images, "
                               "since %s flattens a map of that size; got %lld",
                               size, name, val);
    }
    reel_net_destroy(trained);
    reel_net_destroy(validated);
    reel_ctx_destroy(ctx);
    return status;
}

static reel_status read_transforms(reel_settings *s, const reel_options *o, reel_error *err)
{
    const int64_t size = s->train_crop_size ? s->train_crop_size : s->model->image_size;
    const int64_t val_size = s->val_crop_size ? s->val_crop_size : size;
    const int64_t channels = s->grayscale || s->net.channels == 1 ? 1 : 3;
    s->train = (reel_transform){.channels = channels,
                                .size = size,
                                .resize = resize_side(s->train_resize_size, size),
                                .crop = reel_crop_from(s->crop),
                                .scale = {s->min_area, 1},
                                .flip = s->flip,
                                .brightness = s->jitter,
                                .contrast = s->jitter,
                                .saturation = s->jitter,
                                .lighting = s->lighting,
                                .decode = reel_decode_from(s->decode),
                                .auto_augment = reel_augment_policy_find(s->auto_augment),
                                .ra_magnitude = s->ra_magnitude,
                                .augmix_severity = s->augmix_severity,
                                .random_erase = s->random_erase};
    s->val = (reel_transform){.channels = channels,
                              .size = val_size,
                              .resize = resize_side(s->val_resize_size, val_size),
                              .crop = REEL_CROP_CENTER};
    s->train.exif = s->val.exif = reel_exif_from(s->exif);
    s->train.interpolation = s->val.interpolation = reel_interpolation_from(s->interpolation);
    REEL_TRY(check_transforms(s, o, err));

    read_norm(&s->train, s->normalize);
    read_norm(&s->val, s->normalize);
    s->net.image_size = size;
    s->net.channels = channels;
    return check_val_size(s, err);
}

/* ---- network, threads ---- */
static reel_status read_net(reel_settings *s, const char *network, bool typed_init, reel_error *err)
{
    s->model = network ? NULL : reel_model_find(s->arch);
    if (network)
        REEL_TRY(reel_model_read_text(&s->own_model, s->arch, network, err));
    else if (!s->model)
        REEL_TRY(reel_model_read(&s->own_model, s->arch, err));
    if (s->own_model)
        s->model = s->own_model;

    s->net = reel_model_config_default(s->model);
    s->net.classes = s->num_classes;
    s->net.head = reel_head_find(s->head);
    if (!isnan(s->dropout))
        s->net.dropout = s->dropout;

    /* `data` begins with Kaiming's weights and fits them to images later. */
    s->fit_to_data = !strcmp(s->init, "data");
    if (!strcmp(s->init, "kaiming") || s->fit_to_data)
        s->net.weight_init.kind = REEL_INIT_KAIMING_NORMAL;
    if (!strcmp(s->init, "xavier"))
        s->net.weight_init.kind = REEL_INIT_XAVIER_NORMAL;
    if (s->net.weight_init.kind != REEL_INIT_DEFAULT)
        s->net.bias_init = (reel_init){REEL_INIT_CONSTANT, 0};

    /* A recipe's --init leaves the initialisers that a file names alone. Networks that come along
     * have always been drawn as the recipe says. */
    const bool from_file = s->own_model && !network && reel_text_names_init(s->own_model->lines);
    s->net.keep_text_init = from_file && !typed_init;
    if (s->net.keep_text_init && s->fit_to_data && !s->quiet)
        reel_say("--init data fits the layers of %s that name no initialisers", s->arch);
    if (from_file && typed_init && s->net.weight_init.kind != REEL_INIT_DEFAULT)
        reel_say("reel: warning: --init %s: the initialisers that %s names are left out; --init "
                 "model obeys them",
                 s->init, s->arch);
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

/* Options that do nothing on their own. */
static void warn_of_idle(const reel_settings *s, const reel_options *o)
{
    const bool no_average = !s->model_ema, no_warmup = s->lr_warmup_epochs == 0;
    const bool no_ra = strcmp(s->auto_augment, "ra") != 0,
               no_augmix = strcmp(s->auto_augment, "augmix") != 0;
    const bool by_area = strcmp(s->crop, "random-resized") == 0;
    const struct {
        bool idle;
        const char *option, *without;
    } rows[] = {{no_average, "model-ema-decay", "--model-ema"},
                {no_average, "model-ema-steps", "--model-ema"},
                {no_warmup, "lr-warmup-method", "--lr-warmup-epochs"},
                {no_warmup, "lr-warmup-decay", "--lr-warmup-epochs"},
                {no_ra, "ra-magnitude", "--auto-augment ra"},
                {no_augmix, "augmix-severity", "--auto-augment augmix"},
                {!by_area, "min-area", "--crop random-resized"},
                {by_area, "train-resize-size", "--crop random or center"},
                {!s->freeze || !*s->freeze, "unfreeze-after", "--freeze"}};
    for (int i = 0; i < REEL_COUNT(rows); i++)
        if (rows[i].idle && reel_options_given(o, rows[i].option))
            reel_say("reel: warning: --%s has no effect without %s", rows[i].option,
                     rows[i].without);
    if (s->class_balanced && s->class_weights && !strcmp(s->class_weights, "balanced"))
        reel_say("reel: warning: --class-weights balanced and --class-balanced correct twice for "
                 "classes with few images: give one of them");
    if (s->k_fold && s->fold <= 1 && reel_options_given(o, "val-share"))
        reel_say("reel: warning: --val-share has no effect with --k-fold");
}

static reel_status check_folds(const reel_settings *s, reel_error *err)
{
    const long long folds = s->k_fold, fold = s->fold;
    if (folds == 1)
        return reel_fail(err, REEL_ERR_INVALID, "--k-fold: expected 2 or more, or 0, got 1");
    if (fold > 0 && folds == 0)
        return reel_fail(err, REEL_ERR_INVALID, "--fold: expected --k-fold");
    if (folds > 0 && (fold > folds || (fold == 0 && !s->test_only)))
        return reel_fail(err, REEL_ERR_INVALID, "--fold: expected 1 to %lld, got %lld", folds,
                         fold);
    return REEL_OK;
}

reel_status reel_settings_read(reel_settings *s, const reel_options *o, const char *network,
                               reel_error *err)
{
    *s = (reel_settings){0};
    copy_fields(s, o);
    if (s->resume && reel_options_given(o, "weights"))
        return reel_fail(err, REEL_ERR_INVALID, "--resume and --weights exclude each other");
    if (s->test_only && !s->weights)
        return reel_fail(err, REEL_ERR_INVALID, "--test-only: expected --weights");

    if (reel_options_given(o, "bias-weight-decay") && reel_options_given(o, "bias-decay-mult"))
        return reel_fail(err, REEL_ERR_INVALID,
                         "--bias-weight-decay and --bias-decay-mult exclude each other");
    if (!isnan(s->bias_weight_decay))
        s->bias_decay_mult = 1; /* a recipe's */

    if (s->accumulate > 1 && s->batch_pieces > 1)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--accumulate and --batch-pieces exclude each other: --accumulate N -b B "
                         "is -b N*B --batch-pieces N, computed in turns");
    if (s->accumulate > 1) {
        s->batch_size *= s->accumulate;
        s->batch_pieces = s->accumulate;
    }
    REEL_TRY(check_folds(s, err));
    warn_of_idle(s, o);

    s->nan_action = nan_action_from(s->on_nan);
    s->tell_sideways = !reel_options_given(o, "exif");
    read_threads(s);
    REEL_TRY(read_net(s, network, reel_options_given(o, "init"), err));
    REEL_TRY(reel_optimizer_from_options(&s->optimizer, o, err));
    if ((s->optimizer.kind->no_decay & REEL_PARAM_BIAS) && reel_options_given(o, "bias-decay-mult"))
        reel_say("reel: warning: --bias-decay-mult has no effect with --opt %s: biases have no "
                 "weight decay there",
                 s->optimizer.kind->name);
    REEL_TRY(reel_schedule_from_options(&s->schedule, o, err));
    return read_transforms(s, o, err);
}

void reel_settings_free(reel_settings *s)
{
    reel_model_free(s->own_model);
    s->own_model = NULL;
}
