/* Shapes to measure: built in, or read from a file that is trusted with nothing. */
#include "train/bench/bench_shapes.h"

#include "train/run/json_util.h"

#include <stdlib.h>
#include <string.h>

enum { C, H, W, OC, KERNEL, STRIDE, PADDING, GROUPS, FIELDS, LARGEST = 1000000 };
static const char *const field_names[FIELDS] = {"c",      "h",      "w",       "oc",
                                                "kernel", "stride", "padding", "groups"};

static const struct {
    const char *name;
    int64_t field[FIELDS];
} convolutions[] = {
    {"alexnet/conv1", {3, 224, 224, 64, 11, 4, 2, 1}},
    {"alexnet/conv2", {64, 27, 27, 192, 5, 1, 2, 1}},
    {"alexnet/conv3", {192, 13, 13, 384, 3, 1, 1, 1}},
    {"alexnet/conv4", {384, 13, 13, 256, 3, 1, 1, 1}},
    {"alexnet/conv5", {256, 13, 13, 256, 3, 1, 1, 1}},
};
static const struct {
    const char *name;
    int64_t m, n, k; /* m 0: the batch */
} products[] = {
    {"alexnet/fc6", 0, 4096, 9216},
    {"alexnet/fc7", 0, 4096, 4096},
    {"alexnet/fc8", 0, 1000, 4096},
    {"sgemm/1024", 1024, 1024, 1024},
};

static reel_status add_shape(reel_bench_shapes *all, const char *net, const char *layer,
                             const reel_bench_shape *shape, reel_error *err)
{
    reel_bench_shape *more = realloc(all->at, (size_t)(all->count + 1) * sizeof *more);
    const size_t size = strlen(net) + strlen(layer) + 2;
    char *name = malloc(size);
    if (more)
        all->at = more;
    if (!more || !name) {
        free(name);
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    }
    snprintf(name, size, "%s%s%s", net, *net ? "/" : "", layer);
    all->at[all->count] = *shape;
    all->at[all->count++].name = name;
    return REEL_OK;
}

static reel_bench_shape conv_shape_of(const int64_t *f, int64_t batch)
{
    reel_conv_shape s = {.n = batch,
                         .c = f[C],
                         .h = f[H],
                         .w = f[W],
                         .oc = f[OC],
                         .groups = f[GROUPS],
                         .dh = 1,
                         .dw = 1};
    s.kh = s.kw = f[KERNEL];
    s.sh = s.sw = f[STRIDE];
    s.ph = s.pw = f[PADDING];
    s.oh = (s.h + 2 * s.ph - s.kh) / s.sh + 1;
    s.ow = (s.w + 2 * s.pw - s.kw) / s.sw + 1;
    return (reel_bench_shape){.conv = s};
}

/* The fields of one layer; `where` names file and layer. */
static reel_status read_layer(const char *where, const json_t *layer, int64_t *f, reel_error *err)
{
    if (!json_is_array(layer) || json_array_size(layer) != FIELDS)
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: expected 8 numbers [c, h, w, oc, kernel, stride, padding, groups], got %s%zu",
            where, json_is_array(layer) ? "" : "no list but something else; elements: ",
            json_array_size(layer));

    for (int i = 0; i < FIELDS; i++) {
        const json_t *value = json_array_get(layer, (size_t)i);
        const int64_t least = i == PADDING ? 0 : 1;
        f[i] = json_integer_value(value);
        if (json_is_integer(value) && f[i] >= least && f[i] <= LARGEST)
            continue;
        char got[64] = "something that is no number";
        if (json_is_integer(value))
            snprintf(got, sizeof got, "%lld", (long long)f[i]);
        if (json_is_real(value))
            snprintf(got, sizeof got, "%g", json_real_value(value));
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: field %d (%s): expected a whole number from %lld to %d, got %s",
                         where, i + 1, field_names[i], (long long)least, LARGEST, got);
    }

    if (f[C] % f[GROUPS] || f[OC] % f[GROUPS])
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: field 8 (groups): expected a divisor of c %lld and oc %lld, got %lld",
                         where, (long long)f[C], (long long)f[OC], (long long)f[GROUPS]);

    /* A kernel or a stride larger than the padded input gives no output. */
    const int64_t side = (f[H] < f[W] ? f[H] : f[W]) + 2 * f[PADDING];
    for (int i = KERNEL; i <= STRIDE; i++)
        if (f[i] > side)
            return reel_fail(
                err, REEL_ERR_FORMAT,
                "%s: field %d (%s): expected at most %lld, the padded input's side, got %lld",
                where, i + 1, field_names[i], (long long)side, (long long)f[i]);
    return REEL_OK;
}

static reel_status read_shapes_file(reel_bench_shapes *all, const char *path, const json_t *nets,
                                    int64_t batch, reel_error *err)
{
    const char *net, *layer;
    json_t *layers, *fields; /* iteration only */
    if (!json_is_object(nets))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected an object {\"net\": {\"layer\": [...]}}, got something else",
                         path);

    json_object_foreach((json_t *)nets, net, layers)
    {
        if (!json_is_object(layers))
            return reel_fail(
                err, REEL_ERR_FORMAT,
                "%s: %.100s: expected an object {\"layer\": [...]}, got something else", path, net);
        json_object_foreach(layers, layer, fields)
        {
            char where[700];
            int64_t f[FIELDS];
            snprintf(where, sizeof where, "%.400s: %.100s/%.100s", path, net, layer);
            REEL_TRY(read_layer(where, fields, f, err));
            const reel_bench_shape shape = conv_shape_of(f, batch);
            REEL_TRY(add_shape(all, net, layer, &shape, err));
        }
    }

    if (all->count == 0)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: expected one layer or more, got none", path);
    return REEL_OK;
}

static reel_status built_in_shapes(reel_bench_shapes *all, int64_t batch, reel_error *err)
{
    for (int64_t i = 0; i < REEL_COUNT(convolutions); i++) {
        const reel_bench_shape shape = conv_shape_of(convolutions[i].field, batch);
        REEL_TRY(add_shape(all, "", convolutions[i].name, &shape, err));
    }
    for (int64_t i = 0; i < REEL_COUNT(products); i++) {
        const reel_bench_shape shape = {.is_product = true,
                                        .forward_only = products[i].m > 0,
                                        .m = products[i].m ? products[i].m : batch,
                                        .n = products[i].n,
                                        .k = products[i].k};
        REEL_TRY(add_shape(all, "", products[i].name, &shape, err));
    }
    return REEL_OK;
}

static reel_status keep_named_shapes(reel_bench_shapes *all, const char *net, reel_error *err)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < all->count; i++)
        if (!net || strstr(all->at[i].name, net))
            all->at[kept++] = all->at[i];
        else
            free(all->at[i].name);
    all->count = kept;
    return kept ? REEL_OK
                : reel_fail(err, REEL_ERR_INVALID,
                            "--net: expected part of a shape's name, got '%.100s'", net);
}

reel_status reel_bench_shapes_load(reel_bench_shapes *shapes, const char *path, const char *net,
                                   int64_t batch, reel_error *err)
{
    json_t *nets = NULL;
    *shapes = (reel_bench_shapes){0};
    if (path)
        REEL_TRY(reel_json_load(&nets, path, err));
    const reel_status status = path ? read_shapes_file(shapes, path, nets, batch, err)
                                    : built_in_shapes(shapes, batch, err);
    json_decref(nets);
    return status ? status : keep_named_shapes(shapes, net, err);
}

void reel_bench_shapes_free(reel_bench_shapes *shapes)
{
    for (int64_t i = 0; i < shapes->count; i++)
        free(shapes->at[i].name);
    free(shapes->at);
    *shapes = (reel_bench_shapes){0};
}
