/* `reel help layers`: the layers that a network's text may name, with their arguments, from the
 * layers' own tables. */
#include "layers/layers.h"
#include "train/cli/help.h"

#include <string.h>

enum { LINE = 80, INDENT = 22 };

/* "out_channels", "stride=1", "approximate=none|tanh", "kernel_size_w=kernel_size" */
static const char *argument_text(const reel_layer_arg *arg, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", arg->name);
    if (arg->required)
        return text;
    if (arg->like) {
        snprintf(text + used, size - used, "=%s", arg->like);
        return text;
    }
    switch (arg->type) {
    case REEL_ARG_INT:
    case REEL_ARG_REAL:
        snprintf(text + used, size - used, "=%.10g", arg->fallback);
        break;
    case REEL_ARG_BOOL:
    case REEL_ARG_NOT:
        snprintf(text + used, size - used, "=%s", arg->type == REEL_ARG_NOT ? "true" : "false");
        break;
    case REEL_ARG_WORD:
        for (int i = 0; arg->words[i] && used < size; i++)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", i ? "|" : "=", arg->words[i]);
        break;
    case REEL_ARG_INIT:
        break;
    }
    return text;
}

/* The index-th argument that a text gives by place, or only by name; NULL = no more. */
static const reel_layer_arg *given_argument(const reel_layer *layer, bool by_name, int index)
{
    for (int i = 0; i < layer->n_args; i++)
        if (!layer->args[i].from_input && layer->args[i].by_name == by_name && index-- == 0)
            return &layer->args[i];
    return NULL;
}

static const char *layer_kind(const reel_layer *layer)
{
    return layer->kind ? layer->kind : layer->name;
}

/* ---- on a terminal ---- */

static void put_arguments(FILE *to, const reel_layer *layer)
{
    const bool any = given_argument(layer, false, 0) || given_argument(layer, true, 0);
    int at = fprintf(to, "  %-*s", any ? INDENT - 3 : 0, layer_kind(layer));
    char text[200];
    for (int by_name = 0; by_name < 2; by_name++) {
        const reel_layer_arg *arg;
        for (int i = 0; (arg = given_argument(layer, by_name, i)); i++) {
            const char *comes = by_name && i == 0 ? "by name: " : "";
            argument_text(arg, text, sizeof text);
            const int length = (int)(strlen(comes) + strlen(text));
            if (at + 1 + length > LINE)
                at = fprintf(to, "\n%*s", INDENT - 1, "") - 1;
            at += fprintf(to, " %s%s", comes, text);
        }
    }
    fputc('\n', to);
}

/* ---- as a table ---- */

static void put_argument_cell(FILE *to, const reel_layer *layer, bool by_name)
{
    char text[200];
    const reel_layer_arg *arg;
    fprintf(to, " |");
    for (int i = 0; (arg = given_argument(layer, by_name, i)); i++) {
        fprintf(to, " `");
        for (const char *at = argument_text(arg, text, sizeof text); *at; at++)
            fprintf(to, *at == '|' ? "\\%c" : "%c", *at); /* it would end the cell */
        fputc('`', to);
    }
}

void reel_help_layers(FILE *to, bool markdown)
{
    if (markdown)
        fprintf(to, "| layer | arguments, in this order or by name | only by name |\n"
                    "|---|---|---|\n");
    else
        fprintf(to, "Layers of a network in a file (--arch FILE) and their arguments, in this\n"
                    "order or as name=value. What shows no default must be given, but for\n"
                    "initialisers. Input widths follow from the line before. layers/README.md\n"
                    "describes such files.\n\n");

    for (int i = 0; i < reel_layer_count(); i++) {
        const reel_layer *layer = reel_layer_at(i);
        if (!markdown) {
            put_arguments(to, layer);
            continue;
        }
        fprintf(to, "| `%s`", layer_kind(layer));
        put_argument_cell(to, layer, false);
        put_argument_cell(to, layer, true);
        fprintf(to, " |\n");
    }
}
