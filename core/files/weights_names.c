/* From names in a file to names in a network.
 *
 * PyTorch puts what a network was wrapped in before its names: "module." (DataParallel),
 * "_orig_mod." (torch.compile), "model." (Lightning), "backbone." or any attribute of a larger
 * model; a wrapper around a part stands in the middle ("features.module.0.weight"). One rule covers
 * them: a mapping leaves out one prefix, and after it the words of wrappers; of all mappings the
 * one under which most tensors fit by name and shape is taken. Names that fit as they are win. Two
 * different mappings that fit equally well are an error that names both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/weights_internal.h"

enum { MOST_CANDIDATES = 64, MOST_WORDS = 12, LONGEST_NAME = 256 };

static const char *const wrapper_words[] = {"module", "_orig_mod", "model",
                                            "net",    "backbone",  "encoder"};

static bool is_wrapper(const char *word, size_t length)
{
    for (int i = 0; i < REEL_COUNT(wrapper_words); i++)
        if (strlen(wrapper_words[i]) == length && memcmp(wrapper_words[i], word, length) == 0)
            return true;
    return false;
}

void reel_name_unwrap(const char *name, char *plain, size_t size)
{
    size_t used = 0;
    for (const char *word = name; *word;) {
        const size_t length = strcspn(word, "."), whole = length + (word[length] == '.');
        if (!is_wrapper(word, length) && used + whole < size) {
            memcpy(plain + used, word, whole);
            used += whole;
        }
        word += whole;
    }
    plain[used] = '\0';
}

/* One mapping: the tensor of each parameter under one prefix. */
typedef struct name_candidate {
    char prefix[LONGEST_NAME];
    const reel_weight **of;
    int fits, named;
} name_candidate;

typedef struct name_search {
    const reel_params *params;
    const reel_weights *weights;
    char (*plain)[LONGEST_NAME]; /* of each parameter: its name without wrappers */
    char (*prefixes)[LONGEST_NAME];
    int n_prefixes;
    bool any_size; /* as many dimensions are enough for a fit */
} name_search;

static bool tensor_fits(const name_search *s, const reel_weight *w, const reel_param *p)
{
    return s->any_size ? w && w->ndim == p->value.ndim : reel_weight_fits(w, p);
}

static void count_fits(const name_search *s, name_candidate *c)
{
    c->fits = c->named = 0;
    for (int i = 0; i < reel_params_count(s->params); i++) {
        c->named += c->of[i] != NULL;
        c->fits += tensor_fits(s, c->of[i], reel_params_at(s->params, i));
    }
}

/* Gives each tensor below the prefix to its parameter. False: a parameter has two. */
static bool assign_tensors(const name_search *s, name_candidate *c)
{
    const int n = reel_params_count(s->params);
    const size_t length = strlen(c->prefix);
    char plain[LONGEST_NAME];
    memset(c->of, 0, (size_t)n * sizeof *c->of);

    for (int t = 0; t < s->weights->count; t++) {
        const reel_weight *w = &s->weights->list[t];
        if (strncmp(w->name, c->prefix, length) != 0)
            continue;
        reel_name_unwrap(w->name + length, plain, sizeof plain);
        for (int i = 0; i < n; i++) {
            if (strcmp(plain, s->plain[i]) != 0)
                continue;

            /* The exact name wins over one with more wrappers. */
            const char *name = reel_params_at(s->params, i)->name;
            const bool exact = strcmp(w->name + length, name) == 0;
            const bool had_exact = c->of[i] && strcmp(c->of[i]->name + length, name) == 0;
            if (c->of[i] && !exact && !had_exact)
                return false;
            if (!had_exact)
                c->of[i] = w;
        }
    }

    count_fits(s, c);
    return true;
}

static void note_prefix(name_search *s, const char *name, size_t length)
{
    if (length >= LONGEST_NAME || s->n_prefixes == MOST_CANDIDATES)
        return;
    for (int i = 0; i < s->n_prefixes; i++)
        if (strlen(s->prefixes[i]) == length && memcmp(s->prefixes[i], name, length) == 0)
            return;
    memcpy(s->prefixes[s->n_prefixes], name, length);
    s->prefixes[s->n_prefixes++][length] = '\0';
}

/* Every beginning of a tensor's name behind which a parameter's name stands. */
static void find_prefixes(name_search *s)
{
    char plain[LONGEST_NAME];
    note_prefix(s, "", 0);
    for (int t = 0; t < s->weights->count; t++) {
        const char *name = s->weights->list[t].name, *rest = name;
        for (int words = 0; words < MOST_WORDS && rest; words++) {
            reel_name_unwrap(rest, plain, sizeof plain);
            for (int i = 0; i < reel_params_count(s->params); i++)
                if (strcmp(plain, s->plain[i]) == 0)
                    note_prefix(s, name, (size_t)(rest - name));
            rest = strchr(rest, '.');
            rest += rest != NULL;
        }
    }
}

static bool better(const name_candidate *a, const name_candidate *b)
{
    return a->fits != b->fits ? a->fits > b->fits : a->named > b->named;
}

/* Adds a quoted piece of a name to a rule, unless it is there already or the rule is full. */
static void add_piece(char *rule, size_t size, const char *name, size_t length)
{
    char piece[LONGEST_NAME], quoted[sizeof(reel_printable) + 4];
    reel_printable room;
    snprintf(piece, sizeof piece, "%.*s", (int)length, name);
    snprintf(quoted, sizeof quoted, "\"%s\"", reel_printable_name(&room, piece));

    const size_t used = strlen(rule);
    if (!strstr(rule, quoted) && used + strlen(quoted) + 3 <= size)
        snprintf(rule + used, size - used, "%s%s", used ? ", " : "", quoted);
}

/* What a mapping leaves out, each piece once: "model.", "module." */
static void describe_rule(const name_search *s, const name_candidate *c, char *rule, size_t size)
{
    const size_t prefix = strlen(c->prefix);
    *rule = '\0';
    if (prefix > 0)
        add_piece(rule, size, c->prefix, prefix);

    for (int i = 0; i < reel_params_count(s->params); i++) {
        if (!c->of[i])
            continue;
        /* All words of the parameter's name stand in the tensor's, in this order; what stands
         * between them is a wrapper's. */
        const char *at = c->of[i]->name + prefix, *want = reel_params_at(s->params, i)->name;
        while (*at) {
            size_t length = strcspn(at, ".");
            length += at[length] == '.';
            if (strncmp(at, want, length) == 0)
                want += length;
            else
                add_piece(rule, size, at, length);
            at += length;
        }
    }
}

static reel_status ambiguous(const name_search *s, const name_candidate *a, const name_candidate *b,
                             reel_error *err)
{
    reel_printable x, y;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: the names fit the network in several ways: below \"%s\" and below \"%s\" "
                     "(%d tensors each); keep one of them in the file",
                     s->weights->path, reel_printable_name(&x, a->prefix),
                     reel_printable_name(&y, b->prefix), a->fits);
}

/* Tries all prefixes; the best mapping ends up in *best, which begins as the names as they are. */
static reel_status try_prefixes(name_search *s, name_candidate *best, reel_error *err)
{
    const int n = reel_params_count(s->params);
    const size_t bytes = (size_t)n * sizeof *best->of;
    name_candidate next = {.of = calloc((size_t)n + 1, sizeof *next.of)},
                   rival = {.of = calloc((size_t)n + 1, sizeof *rival.of)};
    bool best_is_given = true, tie = false;
    reel_status status = next.of && rival.of ? REEL_OK
                                             : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory",
                                                         s->weights->path);

    for (int i = 0; i < s->n_prefixes && status == REEL_OK; i++) {
        memcpy(next.prefix, s->prefixes[i], sizeof next.prefix);
        if (!assign_tensors(s, &next) || next.named == 0)
            continue;
        const bool same = memcmp(next.of, best->of, bytes) == 0;
        if (better(&next, best)) {
            memcpy(best->prefix, next.prefix, sizeof best->prefix);
            memcpy(best->of, next.of, bytes);
            best->fits = next.fits;
            best->named = next.named;
            best_is_given = tie = false;
        } else if (same && !best_is_given && strlen(next.prefix) > strlen(best->prefix)) {
            /* The longest prefix says best which part of the file the network is. */
            memcpy(best->prefix, next.prefix, sizeof best->prefix);
        } else if (!same && !better(best, &next) && !best_is_given && !tie) {
            tie = true;
            memcpy(rival.prefix, next.prefix, sizeof rival.prefix);
        }
    }
    if (status == REEL_OK && tie && best->fits > 0)
        status = ambiguous(s, best, &rival, err);
    free(next.of);
    free(rival.of);
    return status;
}

static reel_status search_names(reel_name_map *map, name_search *s, reel_error *err)
{
    const int n = reel_params_count(s->params);
    name_candidate best = {.of = map->of};
    for (int i = 0; i < n; i++) {
        const char *name = reel_params_at(s->params, i)->name;
        best.of[i] = reel_weights_find(s->weights, name);
        reel_name_unwrap(name, s->plain[i], LONGEST_NAME);
    }
    count_fits(s, &best);
    if (best.fits == n)
        return REEL_OK;

    /* Of networks of one kind in one file, sizes would tell which is meant: without them, the one
     * that stands below no prefix. */
    if (s->any_size) {
        if (assign_tensors(s, &best) && best.fits == n)
            return REEL_OK;
        count_fits(s, &best);
    }

    find_prefixes(s);
    const int fits = best.fits, named = best.named;
    REEL_TRY(try_prefixes(s, &best, err));
    if (best.fits != fits || best.named != named) {
        memcpy(map->prefix, best.prefix, sizeof map->prefix);
        /* Names alone, of tensors of other sizes, are no reason to speak of a rule. */
        if (best.fits > 0)
            describe_rule(s, &best, map->rule, sizeof map->rule);
    }
    return REEL_OK;
}

static reel_status make_map(reel_name_map *map, const reel_params *params,
                            const reel_weights *weights, bool any_size, reel_error *err)
{
    const size_t n = (size_t)reel_params_count(params);
    *map = (reel_name_map){.of = calloc(n + 1, sizeof *map->of)};
    name_search s = {.params = params,
                     .weights = weights,
                     .any_size = any_size,
                     .plain = malloc((n + 1) * sizeof *s.plain),
                     .prefixes = malloc(MOST_CANDIDATES * sizeof *s.prefixes)};
    const reel_status status =
        map->of && s.plain && s.prefixes
            ? search_names(map, &s, err)
            : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", weights->path);
    free(s.plain);
    free(s.prefixes);
    if (status != REEL_OK)
        reel_name_map_free(map);
    return status;
}

reel_status reel_name_map_make(reel_name_map *map, const reel_params *params,
                               const reel_weights *weights, reel_error *err)
{
    return make_map(map, params, weights, false, err);
}

void reel_name_map_free(reel_name_map *map)
{
    free(map->of);
    map->of = NULL;
}

bool reel_name_map_takes(const reel_name_map *map, int params, const reel_weight *w)
{
    for (int i = 0; i < params; i++)
        if (map->of[i] == w)
            return true;
    return false;
}

reel_status reel_params_name_rule(const reel_params *params, const reel_weights *weights,
                                  char *rule, size_t size, reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(weights, err);
    REEL_NEED(rule, err);
    reel_name_map map;
    REEL_TRY(reel_name_map_make(&map, params, weights, err));
    snprintf(rule, size, "%s", map.rule);
    reel_name_map_free(&map);
    return REEL_OK;
}

reel_status reel_params_find_weight(const reel_params *params, const reel_weights *weights,
                                    int index, const reel_weight **out, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(params, err);
    REEL_NEED(weights, err);
    if (index < 0 || index >= reel_params_count(params))
        return reel_fail(err, REEL_ERR_INVALID, "parameter %d: expected 0 to %d", index,
                         reel_params_count(params) - 1);
    reel_name_map map;
    REEL_TRY(make_map(&map, params, weights, true, err));
    *out = map.of[index];
    reel_name_map_free(&map);
    return REEL_OK;
}
