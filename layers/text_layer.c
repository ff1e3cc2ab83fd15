/* One line of a text as a layer's config, by the layer's table of arguments. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/text_internal.h"

size_t reel_text_name_length(const reel_text_word *word)
{
    const size_t length = strcspn(word->text, "=");
    return !word->quoted && word->text[length] == '=' ? length : 0;
}

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

/* The argument that the next value without a name belongs to; NULL: there is none. */
static const reel_layer_arg *next_by_place(const reel_layer *layer, int *place)
{
    while (*place < layer->n_args) {
        const reel_layer_arg *arg = &layer->args[(*place)++];
        if (!arg->from_input && !arg->by_name)
            return arg;
    }
    return NULL;
}

static reel_status unknown_name(const reel_text_layer *at, const reel_layer *layer, int k,
                                const char *name, reel_error *err)
{
    reel_nearest nearest = reel_nearest_to(name);
    char known[300] = "no arguments";
    size_t used = 0;
    for (int i = 0; i < layer->n_args; i++) {
        reel_nearest_offer(&nearest, layer->args[i].name);
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "",
                                     layer->args[i].name);
    }
    if (nearest.word[0])
        return reel_text_fail(err, at->line, k, "unknown argument %s; did you mean %s?", name,
                              nearest.word);
    return reel_text_fail(err, at->line, k, "unknown argument %s; %s takes %s", name,
                          reel_layer_kind_of(layer), known);
}

/* Finds the argument of word k, and where its value begins. */
static reel_status find_argument(const reel_text_layer *at, const reel_layer *layer, int k,
                                 int *place, const reel_layer_arg **arg, const char **value,
                                 reel_error *err)
{
    const reel_text_word *word = &at->line->word[k];
    const size_t length = reel_text_name_length(word);
    *value = word->text;
    if (length == 0) {
        *arg = *place < 0 ? NULL : next_by_place(layer, place);
        if (*arg)
            return REEL_OK;
        return reel_text_fail(err, at->line, k,
                              *place < 0 ? "expected argument=value, as in the word before it; got "
                                           "\"%.60s\""
                                         : "more values than arguments: \"%.60s\"",
                              word->text);
    }

    char name[REEL_TEXT_WORD];
    snprintf(name, sizeof name, "%.*s", (int)length, word->text);
    *place = -1; /* values without a name are over */
    *value += length + 1;
    const reel_args args = reel_layer_args(layer);
    *arg = reel_args_find(&args, name);
    return *arg ? REEL_OK : unknown_name(at, layer, k, name, err);
}

/* What the command line says about all layers: --dropout, --init. */
static void override_arguments(const reel_text_layer *at, const reel_layer *layer, bool output,
                               void *config)
{
    const reel_model_config *model = at->model;
    const reel_args args = reel_layer_args(layer);
    const reel_layer_arg *weight = reel_args_find(&args, "weight_init"),
                         *bias = reel_args_find(&args, "bias_init");
    if (weight && model->weight_init.kind != REEL_INIT_DEFAULT)
        *(reel_init *)reel_arg_field(weight, config) =
            output ? reel_output_init(model->weight_init) : model->weight_init;
    if (bias && model->bias_init.kind != REEL_INIT_DEFAULT)
        *(reel_init *)reel_arg_field(bias, config) = model->bias_init;
    if (layer == reel_layer_find("dropout") && !isnan(model->dropout))
        ((reel_dropout_config *)config)->p = model->dropout;
}

/* Widths that follow from what the layer reads, and arguments that are missing. */
static reel_status complete_arguments(const reel_text_layer *at, const reel_layer *layer,
                                      uint64_t given, void *config, reel_error *err)
{
    for (int i = 0; i < layer->n_args; i++) {
        const reel_layer_arg *arg = &layer->args[i];
        if (given & (uint64_t)1 << i)
            continue;
        if (arg->from_input)
            *(int64_t *)reel_arg_field(arg, config) = at->scope->channels;
        else if (arg->required)
            return reel_text_fail(err, at->line, at->kind, "%s: expected %s",
                                  reel_layer_kind_of(layer), arg->name);
    }
    return REEL_OK;
}

reel_status reel_text_layer_config(const reel_text_layer *at, const reel_layer *layer, void *config,
                                   bool *of_classes, reel_error *err)
{
    const reel_layer_arg *width = reel_layer_width_row(layer);
    uint64_t given = 0;
    int place = 0;
    *of_classes = false;
    for (int k = at->kind + 1; k < at->line->words; k++) {
        const reel_layer_arg *arg;
        const char *from;
        REEL_TRY(find_argument(at, layer, k, &place, &arg, &from, err));

        const uint64_t bit = (uint64_t)1 << (arg - layer->args);
        if (given & bit)
            return reel_text_fail(err, at->line, k, "%s: given twice", arg->name);
        given |= bit;

        reel_text_var var;
        reel_error why = {0};
        REEL_TRY(reel_text_value(at->scope, at->line, k, from, &var, err));
        *of_classes |= arg == width && var.classes;
        if (reel_args_set(arg, var.value, config, &why) != REEL_OK)
            return reel_text_fail(err, at->line, k, "%s", why.message);
    }
    REEL_TRY(complete_arguments(at, layer, given, config, err));
    override_arguments(at, layer, *of_classes, config);
    return REEL_OK;
}
