/* One line of a text as a layer's config, by the layer's table of arguments. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/text_internal.h"

const reel_layer *reel_text_layer_find(const char *kind)
{
    for (int i = 0; i < reel_layer_count(); i++)
        if (!strcmp(kind, reel_layer_kind_of(reel_layer_at(i))))
            return reel_layer_at(i);
    return NULL;
}

const reel_layer_arg *reel_layer_width_row(const reel_layer *layer)
{
    bool from_input = false;
    for (int i = 0; i < layer->n_args; i++) {
        const reel_layer_arg *arg = &layer->args[i];
        from_input |= arg->from_input;
        if (from_input && arg->required && !arg->from_input)
            return arg;
    }
    return NULL;
}

/* What the command line says about all layers: --dropout, --init. own_init: the line's initialisers
 * stay. */
static void override_arguments(const reel_text_layer *at, const reel_layer *layer,
                               const reel_text_marks *marks, void *config)
{
    const reel_model_config *model = at->model;
    const reel_args args = reel_layer_args(layer);
    const reel_layer_arg *weight = reel_args_find(&args, "weight_init"),
                         *bias = reel_args_find(&args, "bias_init");
    if (layer == reel_layer_find("dropout") && !isnan(model->dropout))
        ((reel_dropout_config *)config)->p = model->dropout;
    if (marks->own_init)
        return;
    if (weight && model->weight_init.kind != REEL_INIT_DEFAULT)
        *(reel_init *)reel_arg_field(weight, config) =
            marks->of_classes ? reel_output_init(model->weight_init) : model->weight_init;
    if (bias && model->bias_init.kind != REEL_INIT_DEFAULT)
        *(reel_init *)reel_arg_field(bias, config) = model->bias_init;
}

/* Widths that follow from what the layer reads, and arguments that are missing. */
static reel_status complete_arguments(const reel_text_layer *at, const reel_layer *layer,
                                      const bool *given, void *config, reel_error *err)
{
    for (int i = 0; i < layer->n_args; i++) {
        const reel_layer_arg *arg = &layer->args[i];
        if (given[i])
            continue;
        if (arg->from_input)
            *(int64_t *)reel_arg_field(arg, config) = at->scope->channels;
        else if (arg->required)
            return reel_text_fail(err, at->line, at->kind, "%s: expected %s",
                                  reel_layer_kind_of(layer), arg->name);
    }
    return REEL_OK;
}

/* ---- values that read as PyTorch's ---- */

static bool has_input_width(const reel_layer *layer)
{
    bool has = false;
    for (int i = 0; i < layer->n_args; i++)
        has |= layer->args[i].from_input;
    return has;
}

/* A value by place that is a width, where the layer takes none: PyTorch's `Linear 16 4`, which is
 * read as a width and a bias, or `BatchNorm2d 16`, an eps. */
static bool is_width_too_many(const reel_layer *layer, const reel_layer_arg *arg, const char *value)
{
    int64_t width;
    const bool takes_none = arg->type == REEL_ARG_BOOL || arg->type == REEL_ARG_NOT ||
                            (arg->type == REEL_ARG_REAL && !arg->required);
    return takes_none && has_input_width(layer) && reel_text_whole(value, strlen(value), &width) &&
           width > 1;
}

const char *reel_text_order_note(const reel_text_layer *at, const reel_layer *layer,
                                 const void *config, char *text, size_t size)
{
    const reel_args args = reel_layer_args(layer);
    const reel_layer_arg *width = reel_layer_width_row(layer),
                         *kernel = reel_args_find(&args, "kernel_size"),
                         *stride = reel_args_find(&args, "stride");
    *text = '\0';
    int by_place = 0;
    for (int k = at->kind + 1; k < at->line->words && !strchr(at->line->word[k].text, '='); k++)
        by_place++;
    if (!width || !kernel || !stride || by_place < 3)
        return text;

    /* No kernel is 16 wide and moves by 3; a layer of 16 channels with a kernel of 3 is usual. */
    const long long out = *(const int64_t *)reel_arg_field(width, config),
                    side = *(const int64_t *)reel_arg_field(kernel, config),
                    step = *(const int64_t *)reel_arg_field(stride, config);
    if (out == at->scope->channels && (side == 6 || side >= 8) && side != step)
        snprintf(text, size,
                 "%s %lld %lld %lld means %lld output channels, a kernel of %lld and a stride of "
                 "%lld; the input's channels are left out here: %s %lld %lld",
                 reel_layer_kind_of(layer), out, side, step, out, side, step,
                 reel_layer_kind_of(layer), side, step);
    return text;
}

/* ---- from words to the config ---- */

/* A value that the argument does not take; typed: the value as it stands. */
static reel_status wrong_value(const reel_text_layer *at, const reel_layer *layer, int k,
                               const char *typed, const char *why, reel_error *err)
{
    int64_t number;
    reel_nearest nearest = reel_nearest_to(typed);
    for (const reel_text_var *v = at->scope->var; v; v = v->outer)
        reel_nearest_offer(&nearest, v->name);
    if (reel_layer_width_row(layer)) {
        reel_nearest_offer(&nearest, "classes");
        reel_nearest_offer(&nearest, "channels");
    }
    const bool word = !reel_text_whole(typed, strlen(typed), &number);
    return reel_text_fail(err, at->line, k, "%s%s", why, word ? nearest.hint : "");
}

/* Word k of the line into the config. */
static reel_status take_argument(const reel_text_layer *at, const reel_layer *layer,
                                 reel_text_slots *slots, int k, void *config,
                                 reel_text_marks *marks, reel_error *err)
{
    const char *from;
    int slot;
    REEL_TRY(reel_text_take_word(slots, at, k, &slot, &from, err));

    const reel_layer_arg *arg = &layer->args[slot];
    reel_text_var var;
    reel_error why = {0};
    REEL_TRY(reel_text_value(at->scope, at->line, k, from, &var, err));
    marks->of_classes |= arg == reel_layer_width_row(layer) && var.classes;
    if (!slots->named && is_width_too_many(layer, arg, var.value))
        return reel_text_fail(
            err, at->line, k,
            "%s: expected %s, got %s; the input's width is left out here, such "
            "as: %s%s%s",
            arg->name, arg->type == REEL_ARG_REAL ? "a value by its name" : "true or false",
            var.value, reel_layer_kind_of(layer), reel_layer_width_row(layer) ? " " : "",
            reel_layer_width_row(layer) ? from : "");
    if (reel_args_set(arg, var.value, config, &why) != REEL_OK)
        return wrong_value(at, layer, k, from, why.message, err);
    return REEL_OK;
}

/* Whether the line says how the layer's values are drawn, and is obeyed. */
static bool keeps_own_init(const reel_text_layer *at, const reel_layer *layer, const bool *given)
{
    for (int i = 0; i < layer->n_args; i++)
        if (layer->args[i].type == REEL_ARG_INIT && given[i])
            return at->model->keep_text_init;
    return false;
}

reel_status reel_text_layer_config(const reel_text_layer *at, const reel_layer *layer, void *config,
                                   reel_text_marks *marks, reel_error *err)
{
    reel_text_slots slots = {.owner = reel_layer_kind_of(layer)};
    for (int i = 0; i < layer->n_args; i++)
        REEL_TRY(reel_text_add_slot(&slots, at, layer->args[i].name,
                                    layer->args[i].from_input || layer->args[i].by_name, err));

    *marks = (reel_text_marks){0};
    for (int k = at->kind + 1; k < at->line->words; k++)
        REEL_TRY(take_argument(at, layer, &slots, k, config, marks, err));
    REEL_TRY(complete_arguments(at, layer, slots.given, config, err));
    marks->own_init = keeps_own_init(at, layer, slots.given);
    override_arguments(at, layer, marks, config);
    return REEL_OK;
}

bool reel_text_names_init(const reel_text *text)
{
    for (int i = 0; text && i < text->lines; i++)
        for (int k = 0; k < text->line[i].words; k++) {
            const char *word = text->line[i].word[k].text;
            if (!strncmp(word, "weight_init=", 12) || !strncmp(word, "bias_init=", 10))
                return true;
        }
    return false;
}
