/* The parameter store: a list of named ranges, then two flat arrays of pages under them. */
#include "core/params.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/name_table.h"

struct reel_params {
    reel_dtype dtype;
    reel_param **list; /* each allocated by itself: addresses stay while the list grows */
    int count, capacity;
    reel_name_table names; /* of the list, by place */
    int64_t size;          /* elements of a flat array */
    void *values, *grads;
    size_t bytes;
};

static const int64_t range_align = 16; /* elements: every range begins on a cache line */

reel_status reel_params_create(reel_params **out, reel_dtype dtype, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    if (dtype < 0 || dtype >= REEL_DTYPES)
        return reel_fail(err, REEL_ERR_INVALID, "parameters: expected float32 or float64");
    *out = calloc(1, sizeof **out);
    if (!*out)
        return reel_fail(err, REEL_ERR_MEMORY, "parameters: out of memory");
    (*out)->dtype = dtype;
    return REEL_OK;
}

void reel_params_destroy(reel_params *params)
{
    if (!params)
        return;
    for (int i = 0; i < params->count; i++) {
        free((char *)params->list[i]->name);
        free(params->list[i]);
    }
    free(params->list);
    reel_name_table_free(&params->names);
    reel_pages_free(params->values, params->bytes);
    reel_pages_free(params->grads, params->bytes);
    free(params);
}

reel_status reel_params_add(reel_params *params, const char *name, int ndim, const int64_t *shape,
                            unsigned flags, int *index, reel_error *err)
{
    REEL_NEED(params, err);

    if (!name || ndim < 0 || ndim > REEL_MAX_DIMS || (ndim > 0 && !shape))
        return reel_fail(err, REEL_ERR_INVALID,
                         "parameter %s: expected a name and a rank of 0 to %d, got rank %d",
                         name ? name : "without a name", REEL_MAX_DIMS, ndim);
    if (params->values)
        return reel_fail(err, REEL_ERR_INVALID,
                         "parameter %s: the store is committed and takes no more", name);
    const int64_t numel = reel_shape_numel(ndim, shape);
    char text[128];
    if (numel <= 0 || numel > INT64_MAX / 64)
        return reel_fail(err, REEL_ERR_INVALID, "parameter %s: expected positive sizes, got %s",
                         name, reel_shape_text(text, sizeof text, ndim, shape));
    if (params->size > INT64_MAX / 64 - numel) /* bytes of the flat array shall fit, too */
        return reel_fail(err, REEL_ERR_INVALID,
                         "parameter %s: expected fewer than 2^57 elements in all, got %s more",
                         name, reel_shape_text(text, sizeof text, ndim, shape));
    if (reel_params_find(params, name))
        return reel_fail(err, REEL_ERR_INVALID, "parameter %s: the name is taken already", name);

    if (params->count == params->capacity) {
        const int capacity = params->capacity ? params->capacity * 2 : 32;
        reel_param **list = realloc(params->list, (size_t)capacity * sizeof *list);
        if (!list)
            return reel_fail(err, REEL_ERR_MEMORY, "parameter %s: out of memory", name);
        params->list = list;
        params->capacity = capacity;
    }

    reel_param *p = calloc(1, sizeof *p);
    char *copy = strdup(name);
    if (!p || !copy || !reel_name_table_add(&params->names, copy, params->count)) {
        free(p);
        free(copy);
        return reel_fail(err, REEL_ERR_MEMORY, "parameter %s: out of memory", name);
    }

    *p = (reel_param){.name = copy,
                      .value = reel_tensor_of(NULL, params->dtype, ndim, shape),
                      .grad = reel_tensor_of(NULL, params->dtype, ndim, shape),
                      .flags = flags,
                      .offset = params->size};
    params->size += (numel + range_align - 1) / range_align * range_align;
    if (index)
        *index = params->count;
    params->list[params->count++] = p;
    return REEL_OK;
}

/* Where range i lies in a flat array. */
static void *param_place(const reel_params *params, int i, void *array)
{
    const size_t element = reel_dtype_size(params->dtype);
    return (char *)array + (size_t)params->list[i]->offset * element;
}

reel_status reel_params_commit(reel_params *params, reel_error *err)
{
    REEL_NEED(params, err);

    if (params->values)
        return reel_fail(err, REEL_ERR_INVALID, "parameters: committed already");
    const size_t element = reel_dtype_size(params->dtype);
    params->bytes = (size_t)(params->size > 0 ? params->size : 1) * element;
    params->values = reel_pages_alloc(params->bytes, err);
    params->grads = params->values ? reel_pages_alloc(params->bytes, err) : NULL;
    if (!params->grads)
        return REEL_ERR_MEMORY;
    for (int i = 0; i < params->count; i++)
        params->list[i]->value.data = param_place(params, i, params->values);
    reel_params_bind_grads(params, NULL);
    return REEL_OK;
}

void reel_params_bind_values(reel_params *params, void *memory)
{
    for (int i = 0; i < params->count; i++)
        if (!(params->list[i]->flags & REEL_PARAM_BUFFER))
            params->list[i]->value.data = param_place(params, i, memory ? memory : params->values);
}

void reel_params_bind_grads(reel_params *params, void *memory)
{
    for (int i = 0; i < params->count; i++)
        params->list[i]->grad.data = param_place(params, i, memory ? memory : params->grads);
}

void *reel_params_own_values(const reel_params *params)
{
    return params->values;
}

void *reel_params_own_grads(const reel_params *params)
{
    return params->grads;
}

reel_dtype reel_params_dtype(const reel_params *params)
{
    return params ? params->dtype : REEL_F32;
}

int reel_params_count(const reel_params *params)
{
    return params ? params->count : 0;
}

reel_param *reel_params_at(const reel_params *params, int index)
{
    return params && index >= 0 && index < params->count ? params->list[index] : NULL;
}

reel_param *reel_params_find(const reel_params *params, const char *name)
{
    return params && name ? reel_params_at(params, reel_name_table_find(&params->names, name))
                          : NULL;
}

size_t reel_params_bytes(const reel_params *params)
{
    return params ? (size_t)params->size * reel_dtype_size(params->dtype) : 0;
}

int64_t reel_params_flat_size(const reel_params *params)
{
    return params ? params->size : 0;
}

int64_t reel_params_trainable(const reel_params *params)
{
    int64_t total = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        if (!(params->list[i]->flags & REEL_PARAM_BUFFER))
            total += reel_tensor_numel(&params->list[i]->value);
    return total;
}

void reel_params_zero_grad(reel_params *params)
{
    for (int i = 0; i < reel_params_count(params); i++)
        params->list[i]->has_grad = false;
}

void reel_params_release_grad(reel_params *params)
{
    reel_params_zero_grad(params);
    if (params)
        reel_pages_release(params->grads, params->bytes);
}
