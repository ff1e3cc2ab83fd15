/* From a net to its text: the same grammar, with blocks and repetitions written out. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers/text_internal.h"

typedef struct text_printer {
    FILE *to;
    const reel_module *output; /* the last layer with weights: its width is `classes` */
    reel_error error;          /* the first one */
} text_printer;

static void print_indent(text_printer *p, int depth)
{
    for (int i = 0; i < depth; i++)
        fputs("    ", p->to);
}

/* A name that the language could take for something else is quoted. */
static void print_name(text_printer *p, const char *name)
{
    bool plain = *name && !reel_text_is_keyword(name);
    for (const char *at = name; *at; at++) {
        plain &= isalnum((unsigned char)*at) || *at == '_' || *at == '.' || *at == '-';
        if ((*at == '"' || (unsigned char)*at < ' ') && p->error.status == REEL_OK)
            reel_fail(&p->error, REEL_ERR_INVALID,
                      "a name with quotes or control characters has no form in a text: %.100s",
                      name);
    }
    fprintf(p->to, plain ? "%s" : "\"%s\"", name);
}

/* The last part of a module's name. */
static const char *own_name(const reel_module *m)
{
    const char *section = reel_module_section(m->parent)->name;
    return m->name + (section ? strlen(section) + 1 : 0);
}

/* The row of a layer's width, which no input gives: out_channels, out_features. */
static const reel_layer_arg *width_row(const reel_layer *layer)
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

static void print_arguments(text_printer *p, const reel_module *m)
{
    const reel_args args = reel_layer_args(m->layer);
    const reel_layer_arg *width = m == p->output ? width_row(m->layer) : NULL;
    bool by_place = true;
    for (int i = 0; i < args.count; i++) {
        const reel_layer_arg *arg = &args.row[i];
        char value[80];
        if (arg->from_input)
            continue;
        if (!arg->required && reel_arg_is_default(&args, arg, m->config)) {
            by_place &= arg->by_name; /* an argument that is left out ends the values by place */
            continue;
        }
        reel_arg_print(arg, m->config, value, sizeof value);
        by_place &= arg->required;
        if (by_place)
            fprintf(p->to, " %s", arg == width ? "classes" : value);
        else
            fprintf(p->to, " %s=%s", arg->name, arg == width ? "classes" : value);
    }
}

static void print_layer(text_printer *p, const reel_module *m)
{
    const char *kind = reel_layer_kind_of(m->layer);
    if (reel_text_layer_find(kind) != m->layer && p->error.status == REEL_OK)
        reel_fail(&p->error, REEL_ERR_INVALID,
                  "%s: a layer %s that is not in the library's table has no form in a text",
                  m->name, kind);
    fputs(kind, p->to);
    print_arguments(p, m);
    fputc('\n', p->to);
}

/* Whether the join is the sum of two branches, as `residual:` writes it. */
static bool is_residual(const reel_module *m)
{
    return m->join == REEL_JOIN_ADD && m->n_children == 2 && m->children[0]->unnamed &&
           m->children[1]->unnamed && !m->children[0]->join && !m->children[1]->join &&
           m->children[0]->n_children > 0;
}

static void print_children(text_printer *p, const reel_module *m, int depth, int *position);

/* `word:` and the children, which go on counting positions. */
static void print_part(text_printer *p, const char *word, const reel_module *m, int depth,
                       int *position)
{
    print_indent(p, depth);
    fprintf(p->to, "%s:\n", word);
    print_children(p, m, depth + 1, position);
}

static void print_join(text_printer *p, const reel_module *m, int depth, int *position)
{
    if (is_residual(m)) {
        print_part(p, "residual", m->children[0], depth, position);
        if (m->children[1]->n_children)
            print_part(p, "shortcut", m->children[1], depth + 1, position);
        return;
    }
    print_part(p, m->join == REEL_JOIN_ADD ? "add" : "concat", m, depth, position);
}

/* position: what the next child without a name would be called. */
static void print_child(text_printer *p, const reel_module *m, int depth, int *position)
{
    char expected[16];
    if (m->join) {
        print_join(p, m, depth, position);
        return;
    }
    if (m->unnamed && m->n_children == 0) {
        print_indent(p, depth);
        fputs("branch\n", p->to); /* the join's input */
        return;
    }
    if (m->unnamed) {
        print_part(p, "branch", m, depth, position);
        return;
    }

    snprintf(expected, sizeof expected, "%d", (*position)++);
    const bool named = strcmp(own_name(m), expected) != 0;
    print_indent(p, depth);
    if (named || !m->layer) {
        print_name(p, own_name(m));
        fputs(m->layer ? ": " : ":\n", p->to);
    }
    int inner = 0;
    if (m->layer)
        print_layer(p, m);
    else
        print_children(p, m, depth + 1, &inner);
}

static void print_children(text_printer *p, const reel_module *m, int depth, int *position)
{
    for (int i = 0; i < m->n_children; i++)
        print_child(p, m->children[i], depth, position);
    if (m->n_children == 0 && !m->unnamed && m->parent && p->error.status == REEL_OK)
        reel_fail(&p->error, REEL_ERR_INVALID,
                  "%s: a Sequential without layers has no form in a "
                  "text",
                  m->name);
}

/* The last layer of the walk that has a width. */
static const reel_module *find_output(const reel_module *m)
{
    if (m->layer)
        return width_row(m->layer) ? m : NULL;
    const reel_module *found = NULL;
    for (int i = m->n_children - 1; i >= 0 && !found; i--)
        found = find_output(m->children[i]);
    return found;
}

int reel_net_output_param(const reel_net *net)
{
    const reel_module *m = net ? find_output(net->root) : NULL;
    return m && m->n_params ? m->param[0] : -1;
}

reel_status reel_net_print(const reel_net *net, const int64_t input[3], char **text,
                           reel_error *err)
{
    REEL_NEED(text, err);
    *text = NULL;
    REEL_NEED(input, err);

    size_t size;
    REEL_TRY(reel_net_status(net, err));
    text_printer p = {.to = open_memstream(text, &size), .output = find_output(net->root)};
    if (!p.to)
        return reel_fail(err, REEL_ERR_MEMORY, "network's text: out of memory");

    fprintf(p.to, "reel network 1\ninput %" PRId64 "x%" PRId64 "x%" PRId64 "\n", input[0], input[1],
            input[2]);
    if (p.output) {
        const int64_t *classes = reel_arg_field(width_row(p.output->layer), p.output->config);
        fprintf(p.to, "classes %" PRId64 "\n", *classes);
    }
    int position = 0;
    fputc('\n', p.to);
    print_children(&p, net->root, 0, &position);

    const bool failed = ferror(p.to);
    if ((fclose(p.to) != 0 || failed) && p.error.status == REEL_OK)
        reel_fail(&p.error, REEL_ERR_MEMORY, "network's text: out of memory");
    if (p.error.status == REEL_OK)
        return REEL_OK;
    free(*text);
    *text = NULL;
    if (err)
        *err = p.error;
    return p.error.status;
}
