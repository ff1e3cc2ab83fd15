/* A parameter store to and from a weight file: all or nothing. Everything is compared and looked
 * over before the first value is written, and writing cannot fail. */
#include <stdio.h>
#include <string.h>

#include "core/files/weights_internal.h"

/* The list of what does not fit, cut where the message ends; the count stays right. */
typedef struct complaint {
    char text[760];
    size_t used;
    int count, listed;
} complaint;

static void complain(complaint *c, const char *what)
{
    c->count++;
    const size_t length = strlen(what), extra = c->count > 1 ? 2 : 0;
    if (c->used + length + extra + 1 > sizeof c->text)
        return;
    c->used += (size_t)snprintf(c->text + c->used, sizeof c->text - c->used, "%s%s",
                                extra ? "; " : "", what);
    c->listed++;
}

static void complain_shape(complaint *c, const reel_param *p, const reel_weight *w)
{
    char line[400], want[128], got[128];
    reel_printable room;
    snprintf(line, sizeof line, "%s: expected %s, got %s", reel_printable_name(&room, p->name),
             reel_shape_text(want, sizeof want, p->value.ndim, p->value.shape),
             reel_shape_text(got, sizeof got, w->ndim, w->shape));
    complain(c, line);
}

static bool is_counter(const char *name)
{
    static const char tail[] = "num_batches_tracked";
    const size_t length = strlen(name);
    return length >= sizeof tail - 1 && strcmp(name + length - (sizeof tail - 1), tail) == 0;
}

bool reel_weight_fits(const reel_weight *w, const reel_param *p)
{
    return w && p->value.ndim == w->ndim &&
           memcmp(p->value.shape, w->shape, (size_t)w->ndim * sizeof *w->shape) == 0;
}

reel_status reel_weights_check_finite(const reel_params *params, const reel_weights *weights,
                                      const reel_name_map *map, reel_error *err)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        const reel_weight *w = map->of[i];
        if (!reel_weight_fits(w, p) || reel_weight_is_finite(w, p->value.dtype))
            continue;
        reel_printable room;
        return reel_fail(err, REEL_ERR_NONFINITE,
                         "%s: tensor %s: expected finite numbers, got NaN or infinity",
                         weights->path, reel_printable_name(&room, p->name));
    }
    return REEL_OK;
}

/* Whether a tensor that no parameter takes may stay where it is. */
static bool may_be_left(const reel_weight *w, const reel_name_map *map)
{
    return is_counter(w->name) || w->ndim == 0 ||
           strncmp(w->name, map->prefix, strlen(map->prefix)) != 0;
}

static reel_status check_names_and_shapes(const reel_params *params, const reel_weights *weights,
                                          const reel_name_map *map, reel_error *err)
{
    complaint c = {.used = 0};
    reel_printable room;
    char line[160];

    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        const reel_weight *w = map->of[i];
        if (reel_weight_fits(w, p))
            continue;
        if (w) {
            complain_shape(&c, p, w);
            continue;
        }
        snprintf(line, sizeof line, "%s: missing", reel_printable_name(&room, p->name));
        complain(&c, line);
    }

    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        if (reel_name_map_takes(map, reel_params_count(params), w) || may_be_left(w, map))
            continue;
        snprintf(line, sizeof line, "%s: not in the model", reel_printable_name(&room, w->name));
        complain(&c, line);
    }

    if (c.count == 0)
        return REEL_OK;
    char more[48] = "";
    if (c.count > c.listed)
        snprintf(more, sizeof more, "; and %d more", c.count - c.listed);
    /* What is missing may have been passed over. */
    const char *passed = NULL;
    for (int i = 0; i < weights->n_notes; i++)
        if (strncmp(weights->notes[i], "passed over", 11) == 0)
            passed = weights->notes[i];
    return reel_fail(err, REEL_ERR_FORMAT, "%s: weights do not fit the model: %s%s%s%.150s",
                     weights->path, c.text, more, passed ? "; " : "", passed ? passed : "");
}

reel_status reel_params_check(const reel_params *params, const reel_weights *weights,
                              reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(weights, err);
    reel_name_map map;
    REEL_TRY(reel_name_map_make(&map, params, weights, err));
    const reel_status status = check_names_and_shapes(params, weights, &map, err);
    reel_name_map_free(&map);
    return status;
}

reel_status reel_params_load(reel_params *params, const reel_weights *weights, reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(weights, err);

    reel_name_map map;
    reel_status status;
    REEL_TRY(reel_name_map_make(&map, params, weights, err));
    REEL_TRY_GOTO(check_names_and_shapes(params, weights, &map, err), done);
    REEL_TRY_GOTO(reel_weights_check_finite(params, weights, &map, err), done);
    for (int i = 0; i < reel_params_count(params); i++)
        REEL_TRY_GOTO(reel_weight_to_tensor(map.of[i], &reel_params_at(params, i)->value, err),
                      done);
done:
    reel_name_map_free(&map);
    return status;
}

reel_status reel_params_add_to(const reel_params *params, reel_weights_writer *writer,
                               reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(writer, err);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        REEL_TRY(reel_weights_writer_tensor(writer, p->name, &p->value, err));
    }
    return REEL_OK;
}
