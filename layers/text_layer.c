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

reel_status reel_text_layer_config(const reel_text_layer *at, const reel_layer *layer, void *config,
                                   bool *of_classes, reel_error *err)
{
    const reel_layer_arg *width = reel_layer_width_row(layer);
    reel_text_slots slots = {.owner = reel_layer_kind_of(layer)};
    for (int i = 0; i < layer->n_args; i++)
        REEL_TRY(reel_text_add_slot(&slots, at, layer->args[i].name,
                                    layer->args[i].from_input || layer->args[i].by_name, err));

    *of_classes = false;
    for (int k = at->kind + 1; k < at->line->words; k++) {
        const char *from;
        int slot;
        REEL_TRY(reel_text_take_word(&slots, at, k, &slot, &from, err));

        const reel_layer_arg *arg = &layer->args[slot];
        reel_text_var var;
        reel_error why = {0};
        REEL_TRY(reel_text_value(at->scope, at->line, k, from, &var, err));
        *of_classes |= arg == width && var.classes;
        if (reel_args_set(arg, var.value, config, &why) != REEL_OK)
            return reel_text_fail(err, at->line, k, "%s", why.message);
    }
    REEL_TRY(complete_arguments(at, layer, slots.given, config, err));
    override_arguments(at, layer, *of_classes, config);
    return REEL_OK;
}
