/* Which gradients are made of factors, and making them.
 *
 * dw (out, in) = dy^T (out, rows) x (rows, in), added up over the pieces along the tree of
 * core/pieces.h. The factors of the whole batch lie in one window of each host, in the order of the
 * pieces: a rank writes the rows of its own pieces while backward runs, and those of other hosts
 * arrive by message. The owner of a range of dw computes the whole rows that the range touches.
 * What it writes beyond its share lies in its own array, where nobody reads it. */
#include "core/comm/parallel_internal.h"

#include <stdlib.h>

#include "core/kernels/weight_grad.h"
#include "core/memory.h"

/* ---- the rule ---- */

double reel_factors_bytes(const reel_weight_product *product, int64_t pieces)
{
    if (!product)
        return 0;
    const double rows = (double)product->rows * (double)pieces;
    return rows * (double)(product->in + product->out) * (double)reel_dtype_size(product->dtype);
}

/* Both are sent to the same hosts in equal parts, so their bytes decide. Half: factors are copied
 * once more than gradients, and each host holds those of the whole batch. */
bool reel_factors_pay(const reel_weight_product *product, int64_t pieces, reel_dtype gradient)
{
    if (!product)
        return false;
    const double whole =
        (double)product->in * (double)product->out * (double)reel_dtype_size(gradient);
    return 2 * reel_factors_bytes(product, pieces) <= whole;
}

int reel_factors_choose(reel_params *params, reel_weight_product *list, int n, int64_t pieces)
{
    int chosen = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        reel_params_at(params, i)->by_factors = false;
    for (int k = 0; list && k < n; k++) {
        reel_param *param = reel_params_at(params, list[k].param);
        if (!param || !reel_factors_pay(&list[k], pieces, reel_params_dtype(params)))
            continue;
        param->by_factors = true;
        list[chosen++] = list[k];
    }
    return chosen;
}

/* ---- making ---- */

static int64_t factor_bytes(const reel_parallel *p, int f, int64_t columns)
{
    const reel_weight_product *of = &p->factored[f].of;
    const size_t bytes =
        (size_t)(p->pieces * of->rows * columns) * (size_t)reel_dtype_size(of->dtype);
    return (int64_t)reel_whole_lines(bytes);
}

/* This rank's rows of the gradient of weight f. */
static reel_weight_grad product_of_share(const reel_parallel *p, int f)
{
    const reel_factored *w = &p->factored[f];
    const int64_t offset = reel_params_at(p->params, w->of.param)->offset;
    const reel_range own = reel_factors_elements(p, f);
    char *window = p->factors.memory, *gradients = p->arrays[p->own_leaf];
    return (reel_weight_grad){.dtype = w->of.dtype,
                              .n = p->pieces * w->of.rows,
                              .in = w->of.in,
                              .out = w->of.out,
                              .pieces = p->pieces,
                              .x = window ? window + w->x : NULL,
                              .dy = window ? window + w->dy : NULL,
                              .dw = gradients ? gradients + (size_t)offset * p->element : NULL,
                              .begin = (own.begin - offset) / w->of.in,
                              .end = (own.end - offset) / w->of.in,
                              .scratch = p->product_scratch};
}

static bool fits_store(const reel_params *params, const reel_weight_product *of)
{
    const reel_param *param = reel_params_at(params, of->param);
    const reel_dtype dtype = reel_params_dtype(params);
    return param && param->value.ndim == 2 && param->value.shape[0] == of->out &&
           param->value.shape[1] == of->in && of->rows > 0 &&
           (of->dtype == dtype || (of->dtype == REEL_BF16 && dtype == REEL_F32));
}

reel_status reel_factors_prepare(reel_parallel *p, const reel_parallel_config *config,
                                 reel_error *err)
{
    const int n = config->products && config->n_products > 0 ? config->n_products : 0;
    reel_weight_product *list = calloc((size_t)n + 1, sizeof *list);
    p->factored = calloc((size_t)n + 1, sizeof *p->factored);
    if (!list || !p->factored) {
        free(list);
        return reel_fail(err, REEL_ERR_MEMORY, "factors of gradients: out of memory");
    }
    reel_status status = REEL_OK;
    for (int k = 0; k < n; k++) {
        list[k] = config->products[k];
        if (!fits_store(p->params, &list[k]))
            status = reel_fail(err, REEL_ERR_INVALID,
                               "factors of gradients: product %d is none of a weight (out, in) of "
                               "the store",
                               k);
    }

    if (status == REEL_OK)
        p->n_factored = reel_factors_choose(p->params, list, n, p->pieces);
    int64_t at = 0;
    for (int f = 0; f < p->n_factored; f++) {
        reel_factored *w = &p->factored[f];
        *w = (reel_factored){.of = list[f], .x = at};
        at += factor_bytes(p, f, w->of.in);
        w->dy = at;
        at += factor_bytes(p, f, w->of.out);

        const reel_weight_grad product = product_of_share(p, f);
        const size_t scratch = reel_weight_grad_scratch(p->ctx, &product);
        p->product_bytes = scratch > p->product_bytes ? scratch : p->product_bytes;
    }
    free(list);
    p->factors.bytes = (size_t)at;
    if (p->product_bytes == 0)
        return status;
    p->product_scratch = reel_pages_alloc(p->product_bytes, err);
    return p->product_scratch ? REEL_OK : REEL_ERR_MEMORY;
}

reel_status reel_factors_share_memory(reel_parallel *p, reel_error *err)
{
    return p->n_factored > 0
               ? reel_parallel_host_window(p, &p->factors, p->factors.bytes, true, err)
               : REEL_OK;
}

void reel_factors_free(reel_parallel *p)
{
    reel_factors_choose(p->params, NULL, 0, 1);
    reel_window_free(&p->factors);
    reel_pages_free(p->product_scratch, p->product_bytes);
    free(p->factored);
}

/* ---- a step ---- */

int reel_factors_find(const reel_parallel *p, int param)
{
    for (int f = 0; f < p->n_factored; f++)
        if (p->factored[f].of.param == param)
            return f;
    return -1;
}

reel_range reel_factors_elements(const reel_parallel *p, int f)
{
    const reel_weight_product *of = &p->factored[f].of;
    const int64_t offset = reel_params_at(p->params, of->param)->offset, in = of->in;
    const reel_range whole = {offset, offset + of->out * in};
    const reel_range own = reel_range_common(whole, reel_parallel_share(p, p->comm->rank));
    if (own.begin >= own.end)
        return (reel_range){offset, offset};
    return (reel_range){offset + (own.begin - offset) / in * in,
                        offset + (own.end - offset + in - 1) / in * in};
}

void reel_factors_open(reel_parallel *p, int k)
{
    for (int f = 0; f < p->n_factored; f++) {
        reel_factored *w = &p->factored[f];
        w->next = p->mine[k].first * w->of.rows;
        w->end = w->next + p->mine[k].count * w->of.rows;
        if (k == 0)
            w->written = 0;
    }
}

reel_status reel_parallel_factors(reel_parallel *p, const reel_weight_product *product,
                                  reel_factors *to, reel_error *err)
{
    REEL_NEED(p, err);
    REEL_NEED(product, err);
    REEL_NEED(to, err);
    const int f = reel_factors_find(p, product->param);
    reel_factored *w = f < 0 ? NULL : &p->factored[f];
    if (!w || product->in != w->of.in || product->out != w->of.out ||
        product->dtype != w->of.dtype || product->rows > w->end - w->next)
        return reel_fail(err, REEL_ERR_INVALID,
                         "factors of a gradient: %lld rows of %s are not those that the step was "
                         "planned with",
                         (long long)product->rows, reel_dtype_name(product->dtype));

    const int64_t element = (int64_t)reel_dtype_size(w->of.dtype);
    char *window = p->factors.memory;
    *to = (reel_factors){.x = window + w->x + w->next * w->of.in * element,
                         .dy = window + w->dy + w->next * w->of.out * element};
    w->next += product->rows;
    w->written += product->rows;
    return REEL_OK;
}

static int64_t own_rows(const reel_parallel *p, int f)
{
    const int rank = p->comm->rank;
    return (p->first[rank + 1] - p->first[rank]) * p->factored[f].of.rows;
}

bool reel_factors_complete(const reel_parallel *p, int f)
{
    return p->factored[f].written == own_rows(p, f);
}

bool reel_factors_uneven(const reel_parallel *p)
{
    for (int f = 0; f < p->n_factored; f++) {
        const reel_factored *w = &p->factored[f];
        const bool has_grad = reel_params_at(p->params, w->of.param)->has_grad;
        if (w->written > 0 && (has_grad || !reel_factors_complete(p, f)))
            return true;
    }
    return false;
}

void reel_factors_multiply(reel_parallel *p)
{
    for (int f = 0; f < p->n_factored; f++) {
        const reel_weight_grad product = product_of_share(p, f);
        if (!reel_factors_complete(p, f) || product.begin == product.end)
            continue;
        const double began = reel_clock_seconds();
        reel_weight_grad_run(p->ctx, &product);
        p->product_seconds += reel_clock_seconds() - began;
    }
}

double reel_parallel_product_seconds(const reel_parallel *p)
{
    return p ? p->product_seconds : 0;
}

void reel_factors_mark(const reel_parallel *p)
{
    for (int f = 0; f < p->n_factored; f++)
        if (reel_factors_complete(p, f))
            reel_params_at(p->params, p->factored[f].of.param)->has_grad = true;
}

/* ---- between hosts ---- */

/* What rank `from` has of x, or of dy, goes in parts to the ranks of a host: that of rank `to`. */
static reel_range factor_part(const reel_parallel *p, int f, bool is_x, int from, int to)
{
    const reel_factored *w = &p->factored[f];
    const int64_t row = (is_x ? w->of.in : w->of.out) * (int64_t)reel_dtype_size(w->of.dtype);
    const int64_t origin = is_x ? w->x : w->dy;
    const reel_range rows = {origin + p->first[from] * w->of.rows * row,
                             origin + p->first[from + 1] * w->of.rows * row};
    return reel_range_part(rows, reel_parallel_place(p, to),
                           reel_host_ranks(p->comm, p->comm->peers[to].host));
}

/* The messages of weight f with all ranks of other hosts, in one direction. */
static reel_status begin_factors(const reel_parallel *p, int f, const reel_range_transfer *how,
                                 reel_bulk *bulk, reel_error *err)
{
    reel_comm *comm = p->comm;
    reel_range all = {0, (int64_t)p->factors.bytes};
    const reel_range_list within = {&all, 1};
    reel_range_transfer t = *how;
    t.array = p->factors.memory;
    t.element = 1;
    t.within = &within;
    for (int i = 1; i < comm->ranks; i++) {
        t.peer = (comm->rank + i) % comm->ranks;
        if (comm->peers[t.peer].host == comm->peers[comm->rank].host)
            continue;
        const int from = t.receives ? t.peer : comm->rank;
        const int to = t.receives ? comm->rank : t.peer;
        for (int k = 0; k < 2; k++) {
            t.range = factor_part(p, f, k == 0, from, to);
            REEL_TRY(reel_bulk_begin(comm, bulk, &t, err));
        }
    }
    return REEL_OK;
}

reel_status reel_factors_send(const reel_parallel *p, int f, int tag, reel_bulk *bulk,
                              reel_error *err)
{
    const reel_range_transfer how = {.tag = tag};
    return begin_factors(p, f, &how, bulk, err);
}

reel_status reel_factors_receive(const reel_parallel *p, int f, int tag, reel_bulk *bulk,
                                 reel_error *err)
{
    const reel_range_transfer how = {.tag = tag, .receives = true};
    return begin_factors(p, f, &how, bulk, err);
}
