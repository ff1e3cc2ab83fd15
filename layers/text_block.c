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

/* The variable of a block's parameter `name` or `name=default`; false: the caller must give it. */
static bool default_of(const reel_text_word *word, reel_text_var *var, char name[REEL_TEXT_WORD])
{
    const size_t length = reel_text_name_length(word);
    snprintf(name, REEL_TEXT_WORD, "%.*s", (int)(length ? length : strlen(word->text)), word->text);
    var->name = name;
    snprintf(var->value, sizeof var->value, "%s", length ? word->text + length + 1 : "");
    return length > 0;
}

reel_status reel_text_bind_block(const reel_text_layer *at, const reel_text_line *block,
                                 reel_text_var *var, reel_text_names names, reel_error *err)
{
    enum { FIRST = 2 }; /* block NAME parameter... */
    bool given[REEL_TEXT_WORDS] = {false};
    int place = FIRST;
    for (int p = FIRST; p < block->words; p++) {
        given[p] = default_of(&block->word[p], &var[p], names[p]);
        var[p].outer = p > FIRST ? &var[p - 1] : NULL;
    }

    for (int k = at->kind + 1; k < at->line->words; k++) {
        const reel_text_word *word = &at->line->word[k];
        const size_t length = reel_text_name_length(word);
        int p = length ? FIRST : place;
        if (length) {
            place = block->words;
            while (p < block->words &&
                   !(strlen(names[p]) == length && !strncmp(names[p], word->text, length)))
                p++;
        } else {
            place++;
        }
        if (p >= block->words)
            return reel_text_fail(err, at->line, k, "block %.60s has no parameter for %.60s",
                                  block->word[1].text, word->text);
        const char *from = word->text + (length ? length + 1 : 0);
        REEL_TRY(reel_text_value(at->scope, at->line, k, from, var[p].value, err));
        given[p] = true;
    }

    for (int p = FIRST; p < block->words; p++)
        if (!given[p])
            return reel_text_fail(err, at->line, at->kind, "block %.60s: expected %s",
                                  block->word[1].text, names[p]);
    return REEL_OK;
}
