/* From a weights file to a net, and from images to probabilities. */
#include "layers/model_file.h"

#include "core/files/weights_load.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The network of a card; the caller frees it. */
static reel_status model_of_card(reel_model **model, const reel_model_card *card, const char *name,
                                 reel_error *err)
{
    reel_error why = {0};
    if (!card->network && !reel_model_find(card->arch))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: network '%s' is not known here", name,
                         card->arch);
    const reel_status status = card->network
                                   ? reel_model_read_text(model, card->arch, card->network, &why)
                                   : reel_model_read(model, card->arch, &why);
    return status == REEL_OK ? REEL_OK : reel_fail(err, status, "%s: %s", name, why.message);
}

/* The rows of the last layer are the classes; the names, where the file has them, are as many. */
static reel_status read_head_rows(reel_model_card *card, const reel_weight *head, const char *last,
                                  const char *name, reel_error *err)
{
    if (!head || head->ndim < 2 || head->shape[0] < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: holds no %s, so it is no %s", name, last,
                         card->arch);
    if (card->class_names && card->classes != head->shape[0])
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: metadata classes: expected %lld names, as %s has rows; got %lld",
                         name, (long long)head->shape[0], last, (long long)card->classes);
    card->classes = head->shape[0];
    return REEL_OK;
}

/* What the file's tensors of the first and of the output layer say: channels and classes. */
static reel_status read_layer_shapes(reel_model_card *card, const reel_params *params, int output,
                                     const reel_model *model, const reel_weights *weights,
                                     const char *name, reel_error *err)
{
    const reel_weight *first, *head;
    if (reel_params_count(params) == 0)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: network %s has no layer with weights", name,
                         card->arch);
    REEL_TRY(reel_params_find_weight(params, weights, 0, &first, err));
    if (output >= 0) {
        REEL_TRY(reel_params_find_weight(params, weights, output, &head, err));
        REEL_TRY(read_head_rows(card, head, reel_params_at(params, output)->name, name, err));
    } else if (!card->class_names) { /* no layer alone has a row for each class */
        card->classes = reel_model_config_default(model).classes;
    }
    if (!reel_weights_metadata(weights, "preprocessing"))
        reel_model_card_expect(card, first && first->ndim == 4 && first->shape[1] == 1 ? 1 : 3);
    return REEL_OK;
}

/* What the shapes in the file say about a network that is a text. */
static reel_status read_text_shapes(reel_model_card *card, const reel_model *model,
                                    const reel_weights *weights, const char *name, reel_error *err)
{
    reel_ctx *ctx;
    reel_net *net = NULL;
    reel_error why = {0};
    const reel_ctx_config one = {.threads = 1};
    REEL_TRY(reel_ctx_create(&ctx, &one, err));

    /* An outline has shapes and no values: its parameters are looked up in the file by name. */
    reel_status status = reel_model_outline(&net, model, NULL, ctx, REEL_F32, &why);
    if (status == REEL_OK)
        status = read_layer_shapes(card, reel_net_params(net), reel_net_output_param(net), model,
                                   weights, name, err);
    else
        reel_fail(err, status, "%s: %s", name, why.message);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

/* The weights name no network, so it comes from the file in `--arch`. The card keeps its text, with
 * includes expanded. */
static reel_status card_text(reel_model_card *card, const reel_model *model, reel_error *err)
{
    reel_ctx *ctx;
    reel_net *net;
    const reel_ctx_config one = {.threads = 1};
    const reel_model_config c = reel_model_config_default(model);
    const int64_t input[3] = {c.channels, c.image_size, c.image_size};
    REEL_TRY(reel_ctx_create(&ctx, &one, err));
    reel_status status = reel_model_outline(&net, model, &c, ctx, REEL_F32, err);
    if (status == REEL_OK)
        status = reel_net_print(net, input, &card->network, err);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

/* Completes a card by its network. */
static reel_status complete_card(reel_model_card *card, const reel_model *model,
                                 const reel_weights *weights, const char *name, reel_error *err)
{
    if (!model->add) {
        snprintf(card->head, sizeof card->head, "flatten"); /* its own */
        REEL_TRY(read_text_shapes(card, model, weights, name, err));
    }

    if (card->classes == 0)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: holds no classifier.N.weight, so it is no %s; --arch names another "
                         "network",
                         name, card->arch);
    if (strcmp(card->head, reel_head_name(reel_head_find(card->head))) != 0)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: head '%s' is not known here", name, card->head);

    if (card->image_size == 0)
        card->image_size = model->image_size;
    if (card->preprocessing.size == 0)
        card->preprocessing.size = card->image_size;
    return REEL_OK;
}

reel_status reel_model_read_card(reel_model_card *card, const reel_weights *weights,
                                 const char *arch, const char *name, reel_error *err)
{
    REEL_NEED(card, err);
    REEL_NEED(weights, err);
    if (!name)
        name = "weights";

    /* A network in a file is read first: the card has room for a name, not for a path. */
    reel_model *model = NULL;
    *card = (reel_model_card){0};
    const char *says = reel_weights_metadata(weights, "arch");
    const bool in_file =
        arch && *arch && !says && !reel_model_find(arch) && access(arch, F_OK) == 0;
    if (in_file)
        REEL_TRY(reel_model_read(&model, arch, err));

    const reel_model *known = reel_model_find(says ? says : arch);
    const bool text = in_file || (known && !known->add);
    reel_status status =
        text ? reel_model_card_read_text(card, weights, in_file ? model->name : arch, name, err)
             : reel_model_card_read(card, weights, arch, name, err);
    if (status == REEL_OK && in_file)
        status = card_text(card, model, err);
    else if (status == REEL_OK)
        status = model_of_card(&model, card, name, err);
    if (status == REEL_OK)
        status = complete_card(card, model, weights, name, err);
    reel_model_free(model);
    return status;
}

reel_status reel_model_of_card(reel_net **net, const reel_model_card *card,
                               const reel_weights *weights, const char *name, const reel_ctx *ctx,
                               reel_dtype dtype, reel_error *err)
{
    REEL_NEED(net, err);
    *net = NULL;
    REEL_NEED(card, err);
    REEL_NEED(weights, err);
    if (!name)
        name = "weights";

    reel_model *model;
    REEL_TRY(model_of_card(&model, card, name, err));
    reel_model_config config = reel_model_config_default(model);
    config.classes = card->classes;
    config.head = reel_head_find(card->head);
    config.image_size = card->image_size;
    config.channels = card->preprocessing.channels;

    /* A card states sizes: they are compared with the tensors before memory is taken for them. */
    reel_error why = {0};
    reel_net *made = NULL;
    reel_status status;
    REEL_TRY_GOTO(reel_model_outline(&made, model, &config, ctx, dtype, &why), done);
    REEL_TRY_GOTO(reel_net_status(made, &why), done);
    REEL_TRY_GOTO(reel_params_check(reel_net_params(made), weights, &why), named);
    REEL_TRY_GOTO(reel_net_build(made, &why), done);
    *net = made;
    reel_model_free(model);
    return REEL_OK;
done:
    reel_model_free(model);
    reel_net_destroy(made);
    return reel_fail(err, status, "%s: %s", name, why.message);
named: /* the file, by the message itself */
    reel_model_free(model);
    reel_net_destroy(made);
    return reel_fail(err, status, "%s", why.message);
}

reel_status reel_model_load(reel_net **net, const reel_model_card *card,
                            const reel_weights *weights, const char *name, const reel_ctx *ctx,
                            reel_dtype dtype, reel_error *err)
{
    REEL_TRY(reel_model_of_card(net, card, weights, name, ctx, dtype, err));
    const reel_status status = reel_params_load(reel_net_params(*net), weights, err);
    if (status == REEL_OK)
        return REEL_OK;
    reel_net_destroy(*net);
    *net = NULL;
    return status;
}

/* One line for each thing that the user may not expect of the file. */
static reel_status tell_about(const reel_net *net, const reel_weights *weights, const char *name,
                              const reel_ctx *ctx, reel_error *err)
{
    char rule[600];
    for (int i = 0; reel_weights_note(weights, i); i++)
        reel_ctx_log(ctx, REEL_LOG_INFO, "%s: %s", name, reel_weights_note(weights, i));
    REEL_TRY(reel_params_name_rule(reel_net_params(net), weights, rule, sizeof rule, err));
    if (*rule)
        reel_ctx_log(ctx, REEL_LOG_INFO, "%s: left out of the names: %s", name, rule);
    return REEL_OK;
}

typedef struct opening {
    const char *name, *arch; /* the file's, for messages; NULL = the file says which network */
    const reel_ctx *ctx;
    reel_dtype dtype;
} opening;

/* Takes the weights, whatever becomes of them. */
static reel_status open_weights(reel_net **net, reel_model_card *card, reel_weights *weights,
                                const opening *o, reel_error *err)
{
    reel_status status = reel_weights_verify_header(weights, NULL, err);
    if (status == REEL_OK)
        status = reel_model_read_card(card, weights, o->arch, o->name, err);
    if (status == REEL_OK)
        status = reel_model_of_card(net, card, weights, o->name, o->ctx, o->dtype, err);
    if (status == REEL_OK)
        status = reel_params_fill(reel_net_params(*net), weights, reel_ctx_threads(o->ctx), err);
    if (status == REEL_OK)
        status = tell_about(*net, weights, o->name, o->ctx, err);
    reel_weights_destroy(weights);
    if (status != REEL_OK) {
        reel_net_destroy(*net);
        *net = NULL;
        reel_model_card_free(card);
    }
    return status;
}

void reel_model_path(char *file, size_t size, const char *path)
{
    if (!file || size == 0)
        return;
    if (!path)
        path = "";

    struct stat st;
    snprintf(file, size, "%s", path);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return;
    snprintf(file, size, "%s/best.safetensors", path);
    if (stat(file, &st) != 0)
        snprintf(file, size, "%s/model.safetensors", path);
}

reel_status reel_model_open(reel_net **net, reel_model_card *card, const char *path,
                            const char *arch, const reel_ctx *ctx, reel_dtype dtype,
                            reel_error *err)
{
    char file[4200];
    reel_weights *weights;
    REEL_NEED(net, err);
    REEL_NEED(card, err);
    *net = NULL;
    *card = (reel_model_card){0};
    if (!path || !ctx)
        return reel_fail(err, REEL_ERR_INVALID, "model: expected a path and a context");
    reel_model_path(file, sizeof file, path);
    REEL_TRY(reel_weights_open(&weights, file, err));
    return open_weights(net, card, weights, &(opening){file, arch, ctx, dtype}, err);
}

reel_status reel_model_open_memory(reel_net **net, reel_model_card *card, const void *bytes,
                                   size_t size, const char *name, const char *arch,
                                   const reel_ctx *ctx, reel_dtype dtype, reel_error *err)
{
    reel_weights *weights;
    REEL_NEED(net, err);
    REEL_NEED(card, err);
    *net = NULL;
    *card = (reel_model_card){0};
    REEL_NEED(ctx, err);
    if (!name)
        name = "weights";
    REEL_NEED(bytes, err);
    REEL_TRY(reel_weights_open_memory(&weights, bytes, size, name, err));
    return open_weights(net, card, weights, &(opening){name, arch, ctx, dtype}, err);
}

static reel_status probabilities_on(reel_net *net, reel_tape *tape, const reel_tensor *images,
                                    float *probabilities, reel_error *err)
{
    const reel_var y = reel_softmax(reel_net_forward(net, tape, reel_input(tape, images)));
    REEL_TRY(reel_tape_status(tape, err));
    const reel_tensor p = reel_value(y);
    const int64_t n = reel_tensor_numel(&p);
    memcpy(probabilities, p.data, (size_t)n * sizeof *probabilities);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(probabilities[i]))
            return reel_fail(err, REEL_ERR_NONFINITE,
                             "predict: image %lld: the probabilities are not finite",
                             (long long)(i / p.shape[1]));
    return REEL_OK;
}

reel_status reel_net_predict(reel_net *net, const reel_tensor *images, float *probabilities,
                             reel_error *err)
{
    REEL_NEED(net, err);
    REEL_NEED(images, err);
    REEL_NEED(probabilities, err);

    reel_tape *tape;
    if (reel_net_dtype(net) != REEL_F32)
        return reel_fail(err, REEL_ERR_INVALID, "predict: expected a net of float32");
    REEL_TRY(reel_tape_create(&tape, reel_net_ctx(net),
                              &(reel_tape_config){.dtype = REEL_F32, .no_grad = true}, err));
    const bool training = reel_net_training(net);
    reel_net_set_training(net, false);
    const reel_status status = probabilities_on(net, tape, images, probabilities, err);
    reel_net_set_training(net, training);
    reel_tape_destroy(tape);
    return status;
}
