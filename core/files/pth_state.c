/* Which dictionary of a pickled object holds the weights.
 *
 * torch.save writes whatever it is given: a state_dict, a dictionary around one, a training
 * checkpoint with an optimizer, or a whole model. The dictionary with names and tensors is looked
 * for below the names that people use, then below any other name. A tensor without dimensions (an
 * accuracy, a step count) does not make a dictionary one of weights. */
#include "core/files/pth_state.h"

#include <stdio.h>
#include <string.h>

enum { MOST_WRAPPERS = 4, MOST_LISTED = 1 << 20 };

/* In order of preference. */
static const char *const wrappers[] = {
    "state_dict", "model_state_dict", "model",      "net",           "network",
    "params",     "weights",          "module",     "backbone",      "encoder",
    "model_ema",  "state_dict_ema",   "params_ema", "ema_state_dict"};

typedef struct state_search {
    const reel_pickle *p;
    uint32_t budget; /* cells that may still be looked at: dictionaries can be shared */
    const reel_pickle_value *opaque;          /* the first one where weights were expected */
    const char *opaque_key;                   /* below which name; NULL: at the top */
    const reel_pickle_value *found, *rival;   /* rival: as good as found */
    const reel_pickle_value *key, *rival_key; /* NULL: found at the top, or below a known name */
    const char *wrapper;
} state_search;

/* A tensor with at least one dimension. */
static bool is_array(const reel_pickle *p, const reel_pickle_value *value)
{
    if (value->kind != REEL_PICKLE_TENSOR)
        return false;
    const reel_pickle_value *size = reel_pickle_item(p, value, 2);
    return !size || size->kind != REEL_PICKLE_TUPLE ||
           size->count > 0; /* a wrong one is told later */
}

static bool next_pair(state_search *s, uint32_t *cell, const reel_pickle_value **key,
                      const reel_pickle_value **value)
{
    if (!*cell || s->budget == 0)
        return false;
    s->budget--;
    const reel_pickle *p = s->p;
    const reel_pickle_cell k = p->cells[*cell], v = p->cells[k.next];
    *key = &p->values[k.value];
    *value = &p->values[v.value];
    *cell = v.next;
    return true;
}

static int count_arrays(state_search *s, const reel_pickle_value *dict)
{
    const reel_pickle_value *key, *value;
    int n = 0;
    for (uint32_t cell = dict->count ? dict->first : 0; next_pair(s, &cell, &key, &value);)
        n += key->kind == REEL_PICKLE_TEXT && is_array(s->p, value);
    return n;
}

static int wrapper_index(const reel_pickle_value *key)
{
    for (int i = 0; i < REEL_COUNT(wrappers); i++)
        if (reel_pickle_text_is(key, wrappers[i]))
            return i;
    return -1;
}

/* One look at a dictionary: its own arrays, what lies below known names, and the best of the rest.
 */
typedef struct dict_look {
    int own, best;
    const reel_pickle_value *below[REEL_COUNT(wrappers)], *child, *child_key, *rival, *rival_key;
} dict_look;

static void look_at(state_search *s, const reel_pickle_value *dict, dict_look *look)
{
    const reel_pickle_value *key, *value;
    *look = (dict_look){.own = 0};
    for (uint32_t cell = dict->count ? dict->first : 0; next_pair(s, &cell, &key, &value);) {
        if (key->kind != REEL_PICKLE_TEXT)
            continue;
        look->own += is_array(s->p, value);
        const int known = wrapper_index(key);
        if (known >= 0)
            look->below[known] = value; /* of several the last, as in Python */
        if (known >= 0 || value->kind != REEL_PICKLE_DICT)
            continue;

        const int n = count_arrays(s, value);
        if (n > look->best) {
            look->best = n;
            look->child = value;
            look->child_key = key;
            look->rival = NULL;
        } else if (n == look->best && n > 0 && value != look->child) {
            look->rival = value;
            look->rival_key = key;
        }
    }
}

/* Sets s->found, or leaves it NULL. */
static void search_state(state_search *s, const reel_pickle_value *at, int depth, const char *name)
{
    dict_look look;
    if (at->kind == REEL_PICKLE_OPAQUE && !s->opaque) {
        s->opaque = at;
        s->opaque_key = name;
    }
    if (at->kind != REEL_PICKLE_DICT || depth > MOST_WRAPPERS)
        return;

    look_at(s, at, &look);
    for (int i = 0; i < REEL_COUNT(wrappers) && !s->found; i++) {
        if (!look.below[i])
            continue;
        search_state(s, look.below[i], depth + 1, wrappers[i]);
        if (s->found && !s->wrapper && !s->key)
            s->wrapper = wrappers[i];
    }
    if (s->found)
        return;

    if (look.own > 0 && look.own >= look.best) {
        s->found = at;
    } else if (look.child) {
        s->found = look.child;
        s->key = look.child_key;
        s->rival = look.rival;
        s->rival_key = look.rival_key;
    }
}

/* ---- messages ---- */
static const char *key_text(reel_printable *room, const reel_pickle_value *key)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", key->count < 60 ? (int)key->count : 60, key->text);
    return reel_printable_name(room, text);
}

/* The text keys of the dictionary at the top, except one. */
static void list_keys(const reel_pickle *p, const reel_pickle_value *except, reel_word_list *list)
{
    const reel_pickle_value *top = &p->values[p->root], *key, *value;
    state_search s = {.p = p, .budget = MOST_LISTED};
    uint32_t cell = top->kind == REEL_PICKLE_DICT && top->count ? top->first : 0;
    while (next_pair(&s, &cell, &key, &value)) {
        reel_printable room;
        if (key->kind != REEL_PICKLE_TEXT || value == except)
            continue;
        /* Opaque values among the weights are said as passed over. */
        if (except == top &&
            (value->kind == REEL_PICKLE_TENSOR || value->kind == REEL_PICKLE_OPAQUE))
            continue;
        const char *text = key_text(&room, key);
        reel_word_list_add(list, text, strlen(text));
    }
}

/* Whether an opaque value has the attributes of torch.nn.Module. */
static bool is_module(const reel_pickle *p, const reel_pickle_value *opaque)
{
    const reel_pickle_value *state = opaque->last ? &p->values[opaque->last - 1] : NULL;
    return state && state->kind == REEL_PICKLE_DICT &&
           (reel_pickle_get(p, state, "_modules") || reel_pickle_get(p, state, "_parameters"));
}

static reel_status whole_model(const reel_pth *pth, const state_search *s, reel_error *err)
{
    char name[128], below[80] = "";
    reel_printable room;
    reel_pickle_name(s->p, s->opaque, name, sizeof name);
    if (s->opaque_key)
        snprintf(below, sizeof below, "[\"%s\"]", s->opaque_key);

    const bool script = strncmp(name, "__torch__", 9) == 0;
    if (!script && !is_module(s->p, s->opaque))
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: expected names and tensors%s%s, got an object of %s, of which nothing "
            "is run; in Python: torch.save(model.state_dict(), \"weights.pth\")",
            pth->source->path, s->opaque_key ? " below " : "", s->opaque_key ? s->opaque_key : "",
            reel_printable_name(&room, name));
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: holds a whole %s (%s), not a state_dict, and nothing of it is run; if "
                     "you trust it (Python runs what it holds), save its weights: "
                     "torch.save(torch.%s(\"%.200s\"%s)%s.state_dict(), "
                     "\"weights.pth\")",
                     pth->source->path, script ? "TorchScript model" : "pickled model",
                     reel_printable_name(&room, name), script ? "jit.load" : "load",
                     pth->source->path, script ? "" : ", weights_only=False", below);
}

static reel_status no_tensors(const reel_pth *pth, const state_search *s, reel_error *err)
{
    const reel_pickle_value *top = &s->p->values[s->p->root];
    reel_word_list keys = {.used = 0};
    list_keys(s->p, NULL, &keys);
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: expected names and tensors, at the top or below a name such as \"model\" "
                     "or \"state_dict\", got %s%s%s",
                     pth->source->path, reel_pickle_kind_name(top),
                     keys.count ? " with the keys " : "", reel_word_list_text(&keys));
}

static reel_status note_source(const state_search *s, reel_weights *w, reel_error *err)
{
    char line[600], where[100] = "";
    reel_printable room;
    reel_word_list keys = {.used = 0};
    const reel_pickle_value *top = &s->p->values[s->p->root];
    const char *name = s->key ? key_text(&room, s->key) : s->wrapper;
    if (s->found != top && name)
        snprintf(where, sizeof where, "weights below \"%s\"", name);

    const reel_pickle_value *outer =
        s->found != top && s->wrapper ? reel_pickle_get(s->p, top, s->wrapper) : NULL;
    list_keys(s->p, outer ? outer : s->found, &keys);
    if (s->found == top && keys.count == 0)
        return REEL_OK;
    snprintf(line, sizeof line, "%s%s%s%s", where, *where && keys.count ? "; " : "",
             keys.count ? "not used: " : "", reel_word_list_text(&keys));
    return *line ? reel_weights_add_note(w, line, err) : REEL_OK;
}

reel_status reel_pth_find_state(const reel_pth *pth, reel_weights *w,
                                const reel_pickle_value **state, reel_error *err)
{
    const reel_pickle *p = &pth->pickle;
    REEL_ASSERT(p->values && p->root < p->n_values);
    state_search s = {.p = p, .budget = 4 * MOST_LISTED};
    search_state(&s, &p->values[p->root], 0, NULL);

    if (s.rival) {
        reel_printable a, b;
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: holds several dictionaries that could be the weights: \"%s\", \"%s\"; "
            "save the one that is meant: torch.save(checkpoint[\"%s\"], \"weights.pth\")",
            pth->source->path, key_text(&a, s.key), key_text(&b, s.rival_key), a.text);
    }
    if (!s.found)
        return s.opaque ? whole_model(pth, &s, err) : no_tensors(pth, &s, err);
    *state = s.found;
    return note_source(&s, w, err);
}
