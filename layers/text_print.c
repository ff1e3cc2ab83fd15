/* From a net to its text: the same grammar, with blocks and repetitions written out. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/text.h"
#include "layers/text_internal.h"

typedef struct text_printer {
    FILE *to;
    const reel_module *output; /* its width is `classes`; NULL where layers are marked */
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
    bool plain = *name && !reel_text_is_keyword(name) && !reel_text_slip_of(name);
    bool fits = *name && reel_utf8_valid(name, strlen(name));
    for (const char *at = name; *at && fits;) {
        const unsigned char *bytes = (const unsigned char *)at;
        const int n = reel_utf8_sequence(bytes, SIZE_MAX);
        plain &= isalnum(*bytes) || *at == '_' || *at == '.' || *at == '-';
        fits = *at != '"' && !reel_is_control(reel_utf8_character(bytes, n));
        at += n;
    }

    if (!fits && p->error.status == REEL_OK) {
        char shown[200];
        reel_fail(&p->error, REEL_ERR_INVALID,
                  "a name without letters, with quotes, control characters or other bytes than "
                  "UTF-8 has no form in a text: \"%s\"",
                  reel_escape_text(name, REEL_ESCAPE_CONTROLS, shown, sizeof shown));
    }

    fprintf(p->to, plain ? "%s" : "\"%s\"", name);
}

/* The last part of a module's name. */
static const char *own_name(const reel_module *m)
{
    const char *section = reel_module_section(m->parent)->name;
    return m->name + (section ? strlen(section) + 1 : 0);
}

static void print_arguments(text_printer *p, const reel_module *m)
{
    const reel_args args = reel_layer_args(m->layer);
    const bool of_classes = m->of_classes || m == p->output;
    const reel_layer_arg *width = of_classes ? reel_layer_width_row(m->layer) : NULL;

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
           m->children[1]->unnamed && m->children[0]->n_children > 0;
}

static void print_child(text_printer *p, const reel_module *m, int depth, int *position);
static void print_children(text_printer *p, const reel_module *m, int depth, int *position);
static void print_join(text_printer *p, const reel_module *m, int depth, int *position);

/* `word:` and below it a branch, which may be a join itself; positions are counted on. */
static void print_branch(text_printer *p, const char *word, const reel_module *m, int depth,
                         int *position)
{
    print_indent(p, depth);
    fprintf(p->to, "%s:\n", word);
    if (m->join)
        print_join(p, m, depth + 1, position);
    else
        print_children(p, m, depth + 1, position);
}

static void print_join(text_printer *p, const reel_module *m, int depth, int *position)
{
    if (is_residual(m)) {
        print_branch(p, "residual", m->children[0], depth, position);
        if (m->children[1]->n_children)
            print_branch(p, "shortcut", m->children[1], depth + 1, position);
        return;
    }
    if (m->join == REEL_JOIN_SCALE && m->children[0]->unnamed) { /* the other is the input */
        print_branch(p, "scale", m->children[0], depth, position);
        return;
    }

    static const char *const words[] = {
        [REEL_JOIN_ADD] = "add", [REEL_JOIN_CONCAT] = "concat", [REEL_JOIN_SCALE] = "scale"};
    print_indent(p, depth);
    fprintf(p->to, "%s:\n", words[m->join]);

    const int shown = m->join == REEL_JOIN_SCALE ? 1 : m->n_children;
    for (int i = 0; i < shown; i++) {
        if (m->children[i]->join)
            print_branch(p, "branch", m->children[i], depth + 1, position);
        else
            print_child(p, m->children[i], depth + 1, position);
    }
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
        print_branch(p, "branch", m, depth, position);
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

/* ---- the layer whose width is the number of classes ---- */

/* The last layer of the walk that has a width; marked: that a text gave `classes` as its width. */
static const reel_module *find_output(const reel_module *m, bool marked)
{
    if (m->layer)
        return reel_layer_width_row(m->layer) && (m->of_classes || !marked) ? m : NULL;
    const reel_module *found = NULL;
    for (int i = m->n_children - 1; i >= 0 && !found; i--)
        found = find_output(m->children[i], marked);
    return found;
}

static int64_t width_of(const reel_module *m)
{
    return *(const int64_t *)reel_arg_field(reel_layer_width_row(m->layer), m->config);
}

/* A layer whose width is the number of classes. NULL: there is none. */
static const reel_module *output_of(const reel_net *net)
{
    const reel_module *m = find_output(net->root, true);
    if (!m)
        m = find_output(net->root, false);
    return m && (net->classes == 0 || width_of(m) == net->classes) ? m : NULL;
}

int reel_net_output_param(const reel_net *net)
{
    const reel_module *m = net ? output_of(net) : NULL;
    return m && m->n_params ? m->param[0] : -1;
}

/* ---- the way out ---- */

static reel_status print_net_text(const reel_net *net, const int64_t input[3], char **text,
                                  reel_error *err)
{
    size_t size;
    text_printer p = {.to = open_memstream(text, &size), .output = output_of(net)};
    if (!p.to)
        return reel_fail(err, REEL_ERR_MEMORY, "network's text: out of memory");

    fprintf(p.to, "reel network 1\ninput %" PRId64 "x%" PRId64 "x%" PRId64 "\n", input[0], input[1],
            input[2]);
    if (net->classes || p.output)
        fprintf(p.to, "classes %" PRId64 "\n", net->classes ? net->classes : width_of(p.output));
    int position = 0;
    fputc('\n', p.to);
    print_children(&p, net->root, 0, &position);

    const bool failed = ferror(p.to);
    if ((fclose(p.to) != 0 || failed) && p.error.status == REEL_OK)
        reel_fail(&p.error, REEL_ERR_MEMORY, "network's text: out of memory");
    if (p.error.status != REEL_OK && err)
        *err = p.error;
    return p.error.status;
}

static reel_status compare_params(const reel_params *a, const reel_params *b, reel_error *err)
{
    const int n = reel_params_count(a);
    for (int i = 0; i < n || i < reel_params_count(b); i++) {
        const reel_param *p = reel_params_at(a, i), *q = reel_params_at(b, i);
        if (!p || !q || strcmp(p->name, q->name) != 0 ||
            !reel_tensor_same_shape(&p->value, &q->value))
            return reel_fail(err, REEL_ERR_INVALID, "it has another parameter %s",
                             p ? p->name : q->name);
    }
    return REEL_OK;
}

/* A run that cannot be continued shall not begin: the text must give the same net. */
static reel_status read_back(const reel_net *net, const char *bytes, reel_error *err)
{
    reel_text *text;
    reel_net *again = NULL;
    reel_error why = {0};
    reel_status status = reel_text_read(&text, "text", bytes, strlen(bytes), NULL, &why);

    if (status == REEL_OK) {
        const reel_text_head *head = reel_text_head_of(text);
        const reel_model_config c = {.classes = head->classes,
                                     .dropout = (double)NAN,
                                     .image_size = head->height,
                                     .channels = head->channels};
        status = reel_net_create(&again, reel_net_ctx(net), reel_net_dtype(net), &why);

        if (status == REEL_OK)
            status = reel_text_add(again, text, &c, &why);
        if (status == REEL_OK)
            status = compare_params(reel_net_params(net), reel_net_params(again), &why);
        reel_net_destroy(again);
        reel_text_free(text);
    }
    if (status == REEL_OK)
        return REEL_OK;
    return reel_fail(err, status == REEL_ERR_MEMORY ? status : REEL_ERR_INVALID,
                     "the net's text does not read back to the same net: %s", why.message);
}

reel_status reel_net_print(const reel_net *net, const int64_t input[3], char **text,
                           reel_error *err)
{
    REEL_NEED(text, err);
    *text = NULL;
    REEL_NEED(input, err);

    REEL_TRY(reel_net_status(net, err));
    reel_status status = print_net_text(net, input, text, err);
    if (status == REEL_OK)
        status = read_back(net, *text, err);
    if (status != REEL_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}
