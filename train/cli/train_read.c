/* Reading the settings of `reel train` and `reel finetune`. */
#include "train/cli/train_read.h"

#include "data/dataset.h"
#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/recipe.h"
#include "train/cli/train_ranks.h"
#include "train/cli/weights_name.h"
#include "train/run/finetune.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the weights to start from are; and, unless it is settled already, what they were told about
 * EXIF data and resizing. */
static reel_status preset_from_weights(reel_options *options, const char *path, bool resumed,
                                       reel_brought *b, reel_error *err)
{
    reel_weights *weights;
    REEL_TRY(reel_weights_read(&weights, path, err));
    reel_model_card card;
    reel_status status =
        reel_model_read_card(&card, weights, reel_options_text(options, "arch"), path, err);
    if (status == REEL_OK)
        status = reel_options_preset(options, "arch", card.arch, err);
    if (status == REEL_OK && reel_weights_metadata(weights, "head"))
        status = reel_options_preset(options, "head", card.head, err);
    if (status == REEL_OK && !resumed)
        status = reel_options_preset(
            options, "exif", reel_transform_of(&card.preprocessing).exif ? "apply" : "ignore", err);
    if (status == REEL_OK && !resumed)
        status =
            reel_options_preset(options, "interpolation",
                                reel_interpolation_name(card.preprocessing.interpolation), err);
    if (status == REEL_OK && !resumed && card.preprocessing.channels == 1)
        status = reel_options_preset(options, "grayscale", "true", err);
    if (status == REEL_OK) {
        b->classes = reel_model_card_names_json(&card);
        b->network = card.network;
        card.network = NULL;
    }
    reel_model_card_free(&card);
    reel_weights_destroy(weights);
    return status;
}

/* The file of --weights. It may take minutes to download: a DATA that is not there is named first.
 */
static reel_status find_weights(const reel_options *options, const char *data,
                                char path[REEL_WEIGHTS_PATH], reel_error *err)
{
    reel_ranks *r = reel_train_ranks();
    const char *what = "the weights to start from";
    reel_status status = REEL_OK;
    if (strncmp(data, "synth:", 6) != 0 && access(data, F_OK) != 0)
        status = reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", data, strerror(errno));
    else if (reel_ranks_leads(r))
        status = reel_weights_path(reel_options_text(options, "weights"),
                                   reel_options_flag(options, "quiet"), path, err);
    REEL_TRY(reel_ranks_agree(r, status, err, what));
    return reel_train_ranks_weights(path, REEL_WEIGHTS_PATH, err);
}

/* As many epochs as suit the number of training images. */
static reel_status preset_epochs(reel_options *options, const char *data, reel_error *err)
{
    reel_dataset *train;
    char text[24];
    reel_data_request request = {.data = data,
                                 .split = "val",
                                 .output_dir = reel_options_text(options, "output-dir"),
                                 .image_column = reel_options_text(options, "image-column"),
                                 .label_column = reel_options_text(options, "label-column")};
    request.split = reel_dataset_has_as(&request) ? "train" : NULL;
    REEL_TRY(reel_dataset_open_as(&train, &request, NULL, 0, err));
    snprintf(text, sizeof text, "%" PRId64, reel_finetune_epochs(reel_dataset_count(train)));
    reel_dataset_destroy(train);
    return reel_options_preset(options, "epochs", text, err);
}

/* A resumed run keeps the network that it began with: its file may have changed. */
static reel_status resumed_network(const reel_resumed_run *r, reel_brought *b, reel_error *err)
{
    const char *network = r->checkpoint ? reel_weights_metadata(r->checkpoint, "network") : NULL;
    if (!network)
        return REEL_OK;
    free(b->network);
    b->network = strdup(network);
    return b->network ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "network: out of memory");
}

/* Whether the network of --arch is another than the run or the weights brought. A resumed run keeps
 * its network while --arch is what it was: the file may have changed since. */
static bool is_other_network(const reel_options *options, const reel_resumed_run *r)
{
    const char *was =
        r->checkpoint
            ? json_string_value(json_object_get(json_object_get(r->config, "options"), "arch"))
            : NULL;
    if (!reel_options_given(options, "arch"))
        return false;
    return !was || strcmp(was, reel_options_text(options, "arch")) != 0;
}

/* The net of a model that is a text, printed as the settings say, for so many classes. */
static reel_status print_model(char **text, const reel_model *model, const reel_settings *s,
                               int64_t classes, reel_error *err)
{
    reel_ctx *ctx;
    reel_net *net = NULL;
    const reel_ctx_config one = {.threads = 1};
    reel_model_config c = s->net;
    c.classes = classes;
    const int64_t input[3] = {c.channels, c.image_size, c.image_size};
    REEL_TRY(reel_ctx_create(&ctx, &one, err));
    reel_status status = reel_model_outline(&net, model, &c, ctx, REEL_F32, err);
    if (status == REEL_OK)
        status = reel_net_print(net, input, text, err);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

/* The file of --arch now holds another network than the one that the run goes on with. */
static void warn_of_changed_file(const reel_settings *s)
{
    reel_model *now;
    reel_error ignored;
    char *is = NULL, *was = NULL;
    const int64_t classes = reel_model_config_default(s->model).classes;
    if (reel_model_find(s->arch) || reel_model_read(&now, s->arch, &ignored) != REEL_OK)
        return; /* the run needs no file */
    const bool known = print_model(&was, s->model, s, classes, &ignored) == REEL_OK;
    if (known && (print_model(&is, now, s, classes, &ignored) != REEL_OK || strcmp(is, was) != 0))
        reel_say("reel: warning: --arch %s has changed since the run began; the run keeps its own "
                 "network",
                 s->arch);
    free(is);
    free(was);
    reel_model_free(now);
}

int reel_train_read_settings(reel_settings *settings, reel_options *options,
                             const reel_resumed_run *r, const char *data, reel_brought *b,
                             bool finetune)
{
    const char *command = finetune ? "finetune" : "train";
    const bool new_run = !r->checkpoint && !r->config;
    reel_error err;
    if (reel_resume_preset(r, options, &err) || reel_schedule_preset(options, &err))
        return reel_complain_usage(command, &err);
    char weights[REEL_WEIGHTS_PATH];
    if (reel_options_set(options, "weights") &&
        (find_weights(options, data, weights, &err) ||
         preset_from_weights(options, weights, r->config != NULL, b, &err)))
        return reel_complain(command, &err);
    if (finetune && new_run && preset_epochs(options, data, &err))
        return reel_complain(command, &err);
    if (resumed_network(r, b, &err))
        return reel_complain(command, &err);
    const char *network = is_other_network(options, r) ? NULL : b->network;
    if (reel_settings_read(settings, options, network, &err))
        return reel_complain_choice(command, &err);
    if (network && reel_options_given(options, "arch"))
        warn_of_changed_file(settings);

    if (settings->weights) {
        snprintf(settings->weights_file, sizeof settings->weights_file, "%s", weights);
        settings->weights = settings->weights_file;
    }
    settings->locked = r->lock >= 0;
    settings->replace_head = finetune;

    /* A resumed run keeps the classes that it began with, whatever the weights say. */
    json_t *before = json_object_get(r->config, "classes");
    if (before) {
        json_decref(b->classes);
        b->classes = json_incref(before);
    }
    settings->known_classes = b->classes;
    if (!reel_options_given(options, "class-weights"))
        settings->known_weights = json_object_get(r->config, "class_weights");
    settings->names_only = before && !json_is_true(json_object_get(r->config, REEL_TOLD_BY_BYTES));
    settings->labels_are_theirs = before || !finetune;
    settings->train_images = json_integer_value(json_object_get(r->config, "train_images"));
    settings->val_list = json_string_value(json_object_get(r->config, "val_list"));
    settings->val_images = json_integer_value(json_object_get(r->config, "val_images"));
    settings->fold_images = json_integer_value(json_object_get(r->config, "k_fold_images"));
    return REEL_EXIT_OK;
}
