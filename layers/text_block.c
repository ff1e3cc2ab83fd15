/* Blocks of a text: where they stand, and what a use of one gives to its parameters. */
#include <stdio.h>
#include <string.h>

#include "layers/text_internal.h"

int reel_text_find_block(const reel_text *text, const char *name, int before, reel_nearest *nearest)
{
    int found = -1;
    for (int i = 0; i < before; i = text->line[i].end) {
        const reel_text_line *line = &text->line[i];
        if (!reel_text_says(line, 0, "block") || line->words < 2)
            continue;
        if (!strcmp(line->word[1].text, name))
            found = i;
        else if (nearest)
            reel_nearest_offer(nearest, line->word[1].text);
    }
    return found;
}

enum { FIRST = 2 }; /* block NAME parameter... */

/* Of a parameter's name, as `name` or `name=default` begins. */
static size_t parameter_length(const reel_text_word *word)
{
    const size_t length = reel_text_name_length(word);
    return length ? length : strlen(word->text);
}

reel_status reel_text_check_block(const reel_text_line *line, reel_error *err)
{
    if (line->indent)
        return reel_text_fail(err, line, 0, "expected blocks without indentation");
    if (line->words < FIRST)
        return reel_text_fail(err, line, 0, "expected a name, such as: block Fire squeeze:");
    const char *name = line->word[1].text;
    if (reel_text_layer_find(name) || reel_text_is_keyword(name))
        return reel_text_fail(err, line, 1, "block %.60s: the name is taken by %s", name,
                              reel_text_layer_find(name) ? "a layer" : "a word of the language");

    for (int p = FIRST; p < line->words; p++) {
        const size_t length = parameter_length(&line->word[p]);
        if (length >= REEL_TEXT_WORD)
            return reel_text_fail(err, line, p, "expected a name of at most %d bytes",
                                  REEL_TEXT_WORD - 1);
        for (int k = FIRST; k < p; k++)
            if (parameter_length(&line->word[k]) == length &&
                !strncmp(line->word[k].text, line->word[p].text, length))
                return reel_text_fail(err, line, p, "%.*s: given twice", (int)length,
                                      line->word[p].text);
    }
    return REEL_OK;
}

/* The parameters that the use leaves out get their defaults, which may refer to those before. */
static reel_status bind_defaults(const reel_text_layer *at, const reel_text_line *block,
                                 reel_text_var *var, const bool *given, reel_error *err)
{
    for (int p = FIRST; p < block->words; p++) {
        const char *text = block->word[p].text;
        const size_t length = reel_text_name_length(&block->word[p]);
        reel_text_scope before = *at->scope;
        before.var = var[p].outer;
        if (given[p - FIRST])
            continue;
        if (length == 0)
            return reel_text_fail(err, at->line, at->kind, "block %.60s: expected %s",
                                  block->word[1].text, var[p].name);
        REEL_TRY(reel_text_value(&before, block, p, text + length + 1, &var[p], err));
    }
    return REEL_OK;
}

reel_status reel_text_bind_block(const reel_text_layer *at, const reel_text_line *block,
                                 reel_text_var *var, reel_text_names names, reel_error *err)
{
    char owner[REEL_TEXT_WORD + 8];
    snprintf(owner, sizeof owner, "block %.60s", block->word[1].text);
    reel_text_slots slots = {.owner = owner};
    for (int p = FIRST; p < block->words; p++) {
        snprintf(names[p], sizeof names[p], "%.*s", (int)parameter_length(&block->word[p]),
                 block->word[p].text);
        var[p].name = names[p];
        var[p].outer = p > FIRST ? &var[p - 1] : NULL;
        REEL_TRY(reel_text_add_slot(&slots, at, names[p], false, err));
    }

    for (int k = at->kind + 1; k < at->line->words; k++) {
        const char *from;
        int slot;
        REEL_TRY(reel_text_take_word(&slots, at, k, &slot, &from, err));
        REEL_TRY(reel_text_value(at->scope, at->line, k, from, &var[FIRST + slot], err));
    }
    return bind_defaults(at, block, var, slots.given, err);
}
