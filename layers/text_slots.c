/* The words behind a layer's or a block's name in a text: by place, or by name as `name=value`. */
#include <stdio.h>
#include <string.h>

#include "layers/text_internal.h"

size_t reel_text_name_length(const reel_text_word *word)
{
    const size_t length = strcspn(word->text, "=");
    return !word->quoted && word->text[length] == '=' ? length : 0;
}

reel_status reel_text_add_slot(reel_text_slots *slots, const reel_text_layer *at, const char *name,
                               bool by_name, reel_error *err)
{
    if (slots->count == REEL_TEXT_WORDS)
        return reel_text_fail(err, at->line, at->kind, "%s: expected at most %d arguments",
                              slots->owner, REEL_TEXT_WORDS);
    slots->by_name[slots->count] = by_name;
    slots->name[slots->count++] = name;
    return REEL_OK;
}

/* The slot of the next value without a name; -1: there is none. */
static int next_by_place(reel_text_slots *slots)
{
    while (slots->place < slots->count) {
        const int slot = slots->place++;
        if (!slots->by_name[slot])
            return slot;
    }
    return -1;
}

static reel_status unknown_name(const reel_text_slots *slots, const reel_text_layer *at, int k,
                                const char *name, reel_error *err)
{
    reel_nearest nearest = reel_nearest_to(name);
    for (int i = 0; i < slots->count; i++)
        reel_nearest_offer(&nearest, slots->name[i]);
    if (*nearest.word)
        return reel_text_fail(err, at->line, k, "unknown argument %s%s", name, nearest.hint);
    return reel_text_fail(err, at->line, k, "unknown argument %s; %s takes %s", name, slots->owner,
                          slots->count ? nearest.known : "no arguments");
}

/* The slot of the name in word k; -1: it has none. */
static int slot_of_name(const reel_text_slots *slots, const char *name)
{
    for (int i = 0; i < slots->count; i++)
        if (!strcmp(slots->name[i], name))
            return i;
    return -1;
}

reel_status reel_text_take_word(reel_text_slots *slots, const reel_text_layer *at, int k, int *slot,
                                const char **value, reel_error *err)
{
    const reel_text_word *word = &at->line->word[k];
    const size_t length = reel_text_name_length(word);
    *value = word->text;
    if (length > 0) {
        char name[REEL_TEXT_WORD];
        snprintf(name, sizeof name, "%.*s", (int)length, word->text);
        slots->named = true;
        *value += length + 1;
        *slot = slot_of_name(slots, name);
        if (*slot < 0)
            return unknown_name(slots, at, k, name, err);
    } else if (slots->named) {
        return reel_text_fail(err, at->line, k,
                              "expected argument=value, as in the word before it; got \"%.60s\"",
                              word->text);
    } else {
        *slot = next_by_place(slots);
        if (*slot < 0)
            return reel_text_fail(err, at->line, k, "more values than arguments: \"%.60s\"",
                                  word->text);
    }

    if (slots->given[*slot])
        return reel_text_fail(err, at->line, k, "%s: given twice", slots->name[*slot]);
    slots->given[*slot] = true;
    return REEL_OK;
}
