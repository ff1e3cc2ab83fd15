/* From the lines of a text to the layers of a net. Each layer runs once on a tape that computes
 * nothing: so the operators check shapes, and the next line knows the channels that it reads. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "layers/text_internal.h"

reel_text_scope reel_text_scope_of(const reel_text_reader *r, const reel_text_var *var)
{
    const reel_tensor x = reel_value(r->x);
    return (reel_text_scope){
        .var = var, .classes = r->model->classes, .channels = x.ndim > 1 ? x.shape[1] : 1};
}

reel_status reel_text_check_net(const reel_text_reader *r, const reel_text_line *line,
                                reel_error *err)
{
    reel_error why = {0};
    const reel_status status = reel_net_status(r->net, &why);
    if (status == REEL_OK)
        return REEL_OK;
    return reel_text_fail_as(err, reel_text_line_status(status), line, 0, "%s", why.message);
}

reel_text_part reel_text_below(const reel_text_reader *r, int index, const reel_text_var *var)
{
    return (reel_text_part){.first = index + 1, .end = r->text->line[index].end, .var = var};
}

/* ---- shapes ---- */

/* Values that nobody reads have no memory: any address will do. */
static const double never_read = 0;

/* The parameters of the newest layer come onto the tape. */
static reel_status bind_params(reel_text_reader *r, reel_error *err)
{
    reel_params *params = r->net->scope.params;
    const int n = reel_params_count(params);
    reel_var *bound = realloc(r->bound, ((size_t)n + 1) * sizeof *bound);
    if (!bound)
        return reel_fail(err, REEL_ERR_MEMORY, "network: out of memory");
    r->bound = bound;
    for (; r->n_bound < n; r->n_bound++) {
        reel_tensor t = reel_params_at(params, r->n_bound)->value;
        t.data = (void *)(uintptr_t)&never_read;
        bound[r->n_bound] = reel_input(r->tape, &t);
    }
    r->net->scope.bound = bound;
    return REEL_OK;
}

/* An operator names the shape of a batch that nobody gave: (n, c, h, w) instead. */
static const char *without_batch(char *message, reel_var x)
{
    char shape[100];
    const reel_tensor t = reel_value(x);
    char *at = strstr(message, reel_shape_text(shape, sizeof shape, t.ndim, t.shape));
    if (at && t.shape[0] < 10)
        at[1] = 'n';
    return message;
}

/* The newest layer reads r->x. note: on its line, "" = none; a failure tells it along. */
static reel_status run_newest(reel_text_reader *r, const reel_text_line *line, const char *note,
                              reel_error *err)
{
    char shape[100];
    reel_error why = {0};
    const reel_module *m = r->net->open->children[r->net->open->n_children - 1];
    REEL_TRY(bind_params(r, err));
    const reel_var y = reel_module_forward(m, r->x);
    const reel_status status = reel_tape_status(r->tape, &why);
    if (status != REEL_OK)
        return reel_text_fail_as(
            err, reel_text_line_status(status), line, 0, "%s (%s) cannot take %s: %s%s%s", m->name,
            reel_layer_kind_of(m->layer), reel_sizes_text(shape, sizeof shape, r->x),
            without_batch(why.message, r->x), *note ? "; " : "", note);
    if (!r->net->note[0] && *note)
        snprintf(r->net->note, sizeof r->net->note, "%.80s:%d:%d: %s", line->file, line->number,
                 line->indent + 1, note);
    r->x = y;
    return REEL_OK;
}

/* Before anything of their size is touched. */
static reel_status check_weights_fit(const reel_text_reader *r, const reel_text_line *line,
                                     reel_error *err)
{
    const reel_params *params = r->net->scope.params;
    const double gb = 1e-9, machine = (double)reel_machine_memory();
    const double weights =
        (double)reel_params_flat_size(params) * (double)reel_dtype_size(reel_params_dtype(params));
    if (weights <= machine)
        return REEL_OK;
    return reel_text_fail(
        err, line, 0,
        "the network's weights take %.1f GB up to this line, expected at most the "
        "%.1f GB of memory that this machine has",
        weights * gb, machine * gb);
}

/* ---- layers and blocks ---- */

static reel_status add_text_layer(reel_text_reader *r, const reel_text_layer *at,
                                  const reel_layer *layer, const char *name, reel_error *err)
{
    void *config = calloc(1, layer->config_size ? layer->config_size : sizeof(reel_layer_config));
    if (!config)
        return reel_fail(err, REEL_ERR_MEMORY, "network: out of memory");
    char note[200];
    reel_text_marks marks;
    reel_status status = reel_text_layer_config(at, layer, config, &marks, err);
    if (status == REEL_OK) {
        reel_text_order_note(at, layer, config, note, sizeof note);
        ((reel_layer_config *)config)->name = name;
        reel_net_add(r->net, layer, config);
        status = reel_text_check_net(r, at->line, err);
    }
    free(config);
    if (status != REEL_OK)
        return status;
    reel_module *m = r->net->open->children[r->net->open->n_children - 1];
    m->of_classes = marks.of_classes;
    m->own_init = marks.own_init;
    REEL_TRY(check_weights_fit(r, at->line, err));
    return run_newest(r, at->line, r->text->typed ? note : "", err);
}

/* A section or block that `repeat 0:` leaves without layers has no form in a text. */
static reel_status check_filled(const reel_text_reader *r, const reel_text_line *line,
                                reel_error *err)
{
    if (r->net->open->n_children > 0)
        return REEL_OK;
    return reel_text_fail(err, line, 0,
                          "expected at least one layer below it, got none: repeat 0: gives none");
}

/* A use of a block: a section that holds the block's lines. */
static reel_status add_block(reel_text_reader *r, const reel_text_layer *at, int index,
                             const char *name, reel_error *err)
{
    const reel_text_line *block = &r->text->line[index];
    reel_text_var *var = calloc((size_t)block->words, sizeof *var);
    reel_text_names *names = malloc(sizeof *names);
    reel_status status = REEL_ERR_MEMORY;
    if (var && names)
        status = reel_text_bind_block(at, block, var, *names, err);
    else
        reel_fail(err, status, "network: out of memory");

    if (status == REEL_OK) {
        const reel_text_part body = {.first = index + 1,
                                     .end = block->end,
                                     .var = block->words > 2 ? &var[block->words - 1] : NULL};
        reel_net_begin(r->net, name);
        status = reel_text_check_net(r, at->line, err);
        if (status == REEL_OK) {
            /* The error names a line of the block, and then the line that uses the block. */
            reel_error why = {0};
            status = reel_text_follow(r, &body, &why);
            if (status != REEL_OK)
                reel_fail(err, status, "%.800s (in %.40s of line %d)", why.message,
                          block->word[1].text, at->line->number);
            else
                status = check_filled(r, at->line, err);
        }
        reel_net_end(r->net);
    }
    free(names);
    free(var);
    return status;
}

static reel_status unknown_layer(const reel_text_reader *r, const reel_text_layer *at,
                                 reel_error *err)
{
    const char *typed = at->line->word[at->kind].text;
    reel_nearest nearest = reel_nearest_to(typed), layers = nearest;
    for (int i = 0; i < reel_layer_count(); i++) {
        const char *kind = reel_layer_kind_of(reel_layer_at(i));
        if (!strcasecmp(typed, kind))
            return reel_text_fail(err, at->line, at->kind, "unknown layer %s; did you mean %s?",
                                  typed, kind);
        reel_nearest_offer(&nearest, kind);
        reel_nearest_offer(&layers, kind);
    }
    reel_text_find_block(r->text, typed, r->text->lines, &nearest);
    if (at->kind == 0)
        reel_text_offer_keywords(&nearest);
    if (reel_text_is_keyword(typed))
        return reel_text_fail(err, at->line, at->kind, "%s: expected a colon at the line's end",
                              typed);
    const size_t name = strcspn(typed, "(");
    if (typed[name])
        return reel_text_fail(err, at->line, at->kind,
                              "%.60s: expected the arguments behind blanks, without brackets, such "
                              "as: Conv2d 64 3 padding=1",
                              typed);
    if (reel_text_find_block(r->text, typed, r->text->lines, NULL) >= 0)
        return reel_text_fail(err, at->line, at->kind,
                              "block %.60s: expected it above its first use", typed);
    if (*nearest.word)
        return reel_text_fail(err, at->line, at->kind, "unknown layer %.60s%s", typed,
                              nearest.hint);
    return reel_text_fail(err, at->line, at->kind, "unknown layer %.60s; the layers are %s", typed,
                          layers.known);
}

/* `Conv2d 64 3`, `conv1: Conv2d 64 3`, and the same with a block's name, from word `front` on. */
static reel_status follow_layer(reel_text_reader *r, int index, int front, const reel_text_var *var,
                                reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    const reel_text_scope scope = reel_text_scope_of(r, var);
    const bool named = line->word[front].colon;
    const reel_text_layer at = {&scope, r->model, line, front + named};
    const char *name = named ? line->word[front].text : NULL, *kind = line->word[at.kind].text;
    if (line->word[at.kind].quoted)
        return reel_text_fail(err, line, at.kind, "expected a layer, got a quoted word");
    const reel_layer *layer = reel_text_layer_find(kind);
    if (layer)
        return add_text_layer(r, &at, layer, name, err);

    /* A block sees the blocks above it only, so that no two can hold each other. */
    const int block = reel_text_find_block(r->text, kind, index, NULL);
    if (block >= 0 && index < r->text->line[block].end)
        return reel_text_fail(err, line, at.kind, "block %.60s holds itself: it would never end",
                              kind);
    return block < 0 ? unknown_layer(r, &at, err) : add_block(r, &at, block, name, err);
}

/* ---- sections, and the whole ---- */

/* `features:` */
static reel_status follow_section(reel_text_reader *r, int index, const reel_text_var *var,
                                  reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    const reel_text_part body = reel_text_below(r, index, var);
    reel_net_begin(r->net, line->word[0].text);
    REEL_TRY(reel_text_check_net(r, line, err));
    REEL_TRY(reel_text_follow(r, &body, err));
    REEL_TRY(check_filled(r, line, err));
    reel_net_end(r->net);
    return reel_text_check_net(r, line, err);
}

reel_status reel_text_count_step(reel_text_reader *r, const reel_text_line *line, reel_error *err)
{
    if (++r->steps <= REEL_TEXT_STEPS)
        return REEL_OK;
    return reel_text_fail(err, line, 0,
                          "expected a network of at most %d lines, repetitions counted",
                          REEL_TEXT_STEPS);
}

/* A name that a person typed, and that is a word of the language or a slip of one. */
static reel_status check_name(const reel_text_reader *r, const reel_text_line *line,
                              reel_error *err)
{
    const char *name = line->word[0].text;
    if (!r->text->typed || line->word[0].quoted || !line->word[0].colon)
        return REEL_OK;
    if (!strcmp(name, "shortcut"))
        return reel_text_fail(err, line, 0, "expected shortcut: right below residual:");
    if (reel_text_is_keyword(name))
        return reel_text_fail(err, line, 0,
                              "%s is a word of the language: expected its lines indented below it, "
                              "or a layer's name in quotes, \"%s\":",
                              name, name);
    const char *meant = reel_text_slip_of(name);
    if (!meant)
        return REEL_OK;
    return reel_text_fail(
        err, line, 0,
        "unknown word %.60s; did you mean %s:? To use it as a name, write it in quotes: "
        "\"%.60s\":",
        name, meant, name);
}

/* More than a name before the colon that ends the line, and no word of the language in front. */
static reel_status unknown_opening(const reel_text_line *line, reel_error *err)
{
    reel_nearest nearest = reel_nearest_to(line->word[0].text);
    reel_text_offer_keywords(&nearest);
    const char *slip = reel_text_slip_of(line->word[0].text); /* another case, too */
    if (!line->word[0].colon && (slip || *nearest.word))
        return reel_text_fail(err, line, 0, "unknown word %.60s; did you mean %s?",
                              line->word[0].text, slip ? slip : nearest.word);
    return reel_text_fail(err, line, line->words - 1,
                          "a colon behind more than a name: expected a section's name alone");
}

static reel_status follow_line(reel_text_reader *r, int index, const reel_text_var *var,
                               reel_error *err)
{
    const reel_text_line *line = &r->text->line[index];
    REEL_TRY(reel_text_count_step(r, line, err));
    const bool keyword = !line->word[0].quoted && reel_text_is_keyword(line->word[0].text);
    if (reel_text_opens(line)) {
        if (keyword)
            return reel_text_follow_keyword(r, index, var, err);
        if (line->words > 1)
            return unknown_opening(line, err);
        REEL_TRY(check_name(r, line, err));
        return follow_section(r, index, var, err);
    }

    /* The text's head has been read before; here it only must stand where it may. */
    const bool head = reel_text_says(line, 0, "reel") || reel_text_says(line, 0, "about") ||
                      reel_text_says(line, 0, "input") || reel_text_says(line, 0, "classes");
    if (head && !line->word[0].colon)
        return line->indent ? reel_text_fail(err, line, 0, "expected %s without indentation",
                                             line->word[0].text)
                            : REEL_OK;
    if (line->word[0].colon && line->words == 1)
        return reel_text_fail(err, line, 0, "expected indented lines below the colon");
    REEL_TRY(check_name(r, line, err));
    return follow_layer(r, index, 0, var, err);
}

reel_status reel_text_follow(reel_text_reader *r, const reel_text_part *part, reel_error *err)
{
    if (r->depth == REEL_TEXT_DEPTH)
        return reel_text_fail(err, &r->text->line[part->first], 0,
                              "expected at most %d levels, blocks followed", REEL_TEXT_DEPTH);
    if (part->front) {
        REEL_TRY(reel_text_count_step(r, &r->text->line[part->first], err));
        return follow_layer(r, part->first, part->front, part->var, err);
    }
    r->depth++;
    reel_status status = REEL_OK;
    for (int i = part->first; i < part->end && status == REEL_OK; i = r->text->line[i].end)
        status = follow_line(r, i, part->var, err);
    r->depth--;
    return status;
}

/* The net ends with one number for each class. */
static reel_status check_output(const reel_text_reader *r, reel_error *err)
{
    char shape[100];
    const reel_tensor y = reel_value(r->x);
    if (y.ndim == 2 && y.shape[1] == r->model->classes)
        return REEL_OK;
    return reel_text_fail(err, &r->text->line[r->text->lines - 1], 0,
                          "the network ends with %s, expected one number for each of the %" PRId64
                          " classes, as Linear classes gives them",
                          reel_sizes_text(shape, sizeof shape, r->x), r->model->classes);
}

reel_status reel_text_add(reel_net *net, const reel_text *text, const reel_model_config *config,
                          reel_error *err)
{
    REEL_TRY(reel_net_status(net, err));
    REEL_NEED(text, err);
    REEL_NEED(config, err);

    /* Two images: batch norm needs more than one value a channel. */
    reel_text_reader r = {.text = text, .model = config, .net = net};
    net->classes = config->classes;
    const int64_t shape[4] = {2, config->channels, config->image_size, config->image_size};
    REEL_TRY(reel_dry_tape_create(&r.tape, reel_net_ctx(net), reel_net_dtype(net), false, err));
    const reel_tensor input =
        reel_tensor_of((void *)(uintptr_t)&never_read, reel_net_dtype(net), 4, shape);
    r.x = reel_input(r.tape, &input);

    const reel_text_part whole = {.first = 0, .end = text->lines};
    reel_status status = reel_text_follow(&r, &whole, err);
    if (status == REEL_OK)
        status = check_output(&r, err);
    net->scope.bound = NULL;
    free(r.bound);
    reel_tape_destroy(r.tape);
    return status;
}
