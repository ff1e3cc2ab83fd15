/* Map and reduction over strided tensors (contract: core/ops/strided.h).
 *
 * Terms are computed in runs of at most `run_length`, into the output where that is a plain store,
 * else into a buffer in the first-level cache that is then added or summed. A reduction whose
 * outputs lie side by side in memory keeps a tile of double accumulators and passes over the input
 * in memory order; one along memory sums each run in eight lanes. */
#include "core/ops/strided.h"

#include "core/real.h"
#include "core/walk.h"

enum {
    run_length = 256,       /* elements of the buffer */
    map_length = 4096,      /* elements a thread takes at a time */
    tile_length = 64,       /* outputs accumulated together */
    total_parts = 64,       /* fixed parts of a sum over everything */
    worth_threads = 1 << 14 /* terms below which threads cost more than they bring */
};

typedef struct strided_job {
    const reel_ctx *ctx;
    REEL_FN(reel_term) * term;
    int n_in; /* operands of the walks: the inputs, then the output */
    const reel_real *in[REEL_WALK_OPERANDS];
    reel_real *out;
    bool add;
    double scale;
    const reel_tensor *operands[REEL_WALK_OPERANDS];
} strided_job;

static inline int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* n terms from a place on, moving with the strides of one loop. */
static inline void run_terms(const strided_job *j, const int64_t *offset, int64_t skip,
                             const int64_t *stride, int64_t n, reel_real *out)
{
    const reel_real *p[REEL_WALK_OPERANDS];
    for (int k = 0; k < j->n_in; k++)
        p[k] = j->in[k] ? j->in[k] + offset[k] + skip * stride[k] : NULL;
    j->term(n, p, stride, out);
}

/* One stretch of the innermost loop. */
static void map_run(const strided_job *j, const reel_walk *w, const reel_cursor *at, int64_t begin,
                    int64_t end)
{
    const int64_t *stride = w->stride[w->ndim - 1];
    const int64_t step = stride[j->n_in];
    const reel_real scale = (reel_real)j->scale;
    reel_real *out = j->out + at->offset[j->n_in] + begin * step;

    if (step == 1 && !j->add) {
        run_terms(j, at->offset, begin, stride, end - begin, out);
        if (scale != 1)
            for (int64_t i = 0; i < end - begin; i++)
                out[i] *= scale;
        return;
    }

    reel_real buffer[run_length];
    for (int64_t i = begin; i < end; i += run_length, out += run_length * step) {
        const int64_t n = lesser(run_length, end - i);
        run_terms(j, at->offset, i, stride, n, buffer);
        if (j->add && step == 1)
            for (int64_t e = 0; e < n; e++)
                out[e] += scale * buffer[e];
        else if (j->add)
            for (int64_t e = 0; e < n; e++)
                out[e * step] += scale * buffer[e];
        else
            for (int64_t e = 0; e < n; e++)
                out[e * step] = scale * buffer[e];
    }
}

static void map_walk(const strided_job *j, const reel_walk *w)
{
    const int outer = w->ndim - 1;
    const int64_t inner = w->size[outer], rows = reel_walk_count(w, outer),
                  pieces = (inner + map_length - 1) / map_length;

    /* Short rows go to a thread in bundles, for a place is costly to find and cheap to move on. */
    const int64_t bundle = pieces == 1 ? (map_length + inner - 1) / inner : 1;
    const int64_t blocks = pieces == 1 ? (rows + bundle - 1) / bundle : rows * pieces;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(j->ctx)) if (rows * inner > worth_threads)
    for (int64_t block = 0; block < blocks; block++) {
        const int64_t first = pieces == 1 ? block * bundle : block / pieces,
                      last = lesser(first + bundle, rows);
        const int64_t begin = pieces == 1 ? 0 : block % pieces * map_length,
                      end = lesser(begin + map_length, inner);
        reel_cursor at = reel_walk_at(w, outer, first);
        for (int64_t row = first; row < last; row++) {
            map_run(j, w, &at, begin, end);
            reel_walk_next(w, outer, &at);
        }
    }
}

static void store_sum(const strided_job *j, int64_t offset, double sum)
{
    sum *= j->scale;
    if (j->add)
        sum += (double)j->out[offset];
    j->out[offset] = (reel_real)sum;
}

/* Outputs side by side along the innermost loop of `kept`. */
static void reduce_tiles(const strided_job *j, const reel_walk *kept, const reel_walk *summed)
{
    const int outer = kept->ndim - 1;
    const int64_t *stride = kept->stride[outer];
    const int64_t inner = kept->size[outer], tiles = (inner + tile_length - 1) / tile_length;
    const int64_t blocks = reel_walk_count(kept, outer) * tiles,
                  terms = reel_walk_count(summed, summed->ndim);
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(j->ctx)) if (blocks * terms > worth_threads / tile_length)
    for (int64_t block = 0; block < blocks; block++) {
        const int64_t begin = block % tiles * tile_length, n = lesser(tile_length, inner - begin);
        const reel_cursor base = reel_walk_at(kept, outer, block / tiles);
        reel_cursor at = base;
        reel_real buffer[tile_length];
        double sum[tile_length] = {0};
        memset(at.index, 0, sizeof at.index);

        /* Over the input in memory order, for all outputs of the tile at once. */
        for (int64_t t = 0; t < terms; t++) {
            run_terms(j, at.offset, begin, stride, n, buffer);
            for (int64_t i = 0; i < n; i++)
                sum[i] += (double)buffer[i];
            reel_walk_next(summed, summed->ndim, &at);
        }

        for (int64_t i = 0; i < n; i++)
            store_sum(j, base.offset[j->n_in] + (begin + i) * stride[j->n_in], sum[i]);
    }
}

static double sum_run(const reel_real *x, int64_t n)
{
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += (double)x[i + l];
    for (; i < n; i++)
        lane[i % 8] += (double)x[i];
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
           ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

/* The sum of pieces first to last - 1, a piece being a stretch of an innermost run of `summed`. */
static double sum_pieces(const strided_job *j, const reel_walk *summed, const int64_t *base,
                         int64_t first, int64_t last)
{
    const int outer = summed->ndim - 1;
    const int64_t inner = summed->size[outer], per_run = (inner + run_length - 1) / run_length;
    reel_cursor at = reel_walk_at(summed, outer, first / per_run);
    reel_real buffer[run_length];
    double sum = 0;
    for (int k = 0; k < j->n_in; k++)
        at.offset[k] += base[k];
    for (int64_t piece = first; piece < last; piece++) {
        const int64_t begin = piece % per_run * run_length, n = lesser(run_length, inner - begin);
        run_terms(j, at.offset, begin, summed->stride[outer], n, buffer);
        sum += sum_run(buffer, n);
        if (piece % per_run == per_run - 1)
            reel_walk_next(summed, outer, &at);
    }
    return sum;
}

static void reduce_runs(const strided_job *j, const reel_walk *kept, const reel_walk *summed)
{
    const int64_t outputs = reel_walk_count(kept, kept->ndim);
    const int64_t inner = summed->size[summed->ndim - 1];
    const int64_t pieces =
        reel_walk_count(summed, summed->ndim - 1) * ((inner + run_length - 1) / run_length);

    /* A single sum: fixed parts, whatever the number of threads, added in order. */
    if (outputs == 1) {
        static const int64_t origin[REEL_WALK_OPERANDS];
        double part[total_parts], sum = 0;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(j->ctx)) if (pieces * run_length > worth_threads)
        for (int64_t i = 0; i < total_parts; i++)
            part[i] = sum_pieces(j, summed, origin, pieces * i / total_parts,
                                 pieces * (i + 1) / total_parts);
        for (int i = 0; i < total_parts; i++)
            sum += part[i];
        store_sum(j, 0, sum);
        return;
    }

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(j->ctx)) if (outputs * pieces > worth_threads / run_length)
    for (int64_t i = 0; i < outputs; i++) {
        const reel_cursor base = reel_walk_at(kept, kept->ndim, i);
        store_sum(j, base.offset[j->n_in], sum_pieces(j, summed, base.offset, 0, pieces));
    }
}

static strided_job make_job(const reel_ctx *ctx, REEL_FN(reel_term) * term, int n_in,
                            const reel_tensor *in, reel_target target)
{
    strided_job j = {.ctx = ctx,
                     .term = term,
                     .n_in = n_in,
                     .out = target.out->data,
                     .add = target.add,
                     .scale = target.scale};
    REEL_ASSERT(n_in < REEL_WALK_OPERANDS);
    for (int k = 0; k < n_in; k++) {
        j.operands[k] = &in[k];
        j.in[k] = in[k].data;
    }
    j.operands[n_in] = target.out;
    return j;
}

void REEL_FN(reel_map)(const reel_ctx *ctx, REEL_FN(reel_term) * term, int n_in,
                       const reel_tensor *in, reel_target target)
{
    const reel_tensor *out = target.out;
    const strided_job j = make_job(ctx, term, n_in, in, target);
    if (reel_tensor_numel(out) == 0)
        return;
    const reel_walk w = reel_walk_make(n_in, out->ndim, out->shape, n_in + 1, j.operands);
    map_walk(&j, &w);
}

void REEL_FN(reel_reduce)(const reel_ctx *ctx, REEL_FN(reel_term) * term, int n_in,
                          const reel_tensor *in, reel_target target)
{
    const reel_tensor *out = target.out;
    const strided_job j = make_job(ctx, term, n_in, in, target);
    const reel_walk w = reel_walk_make(0, in[0].ndim, in[0].shape, n_in + 1, j.operands);
    if (reel_tensor_numel(out) == 0)
        return;

    /* A sum of nothing is 0. Outputs are dense, as gradients are. */
    if (reel_tensor_numel(&in[0]) == 0) {
        if (!target.add)
            memset(out->data, 0, reel_tensor_bytes(out));
        return;
    }

    /* Nothing to sum: a map. Outputs nearer to each other in memory than terms: a tile of outputs
     * at a time. Else each output's terms lie in runs. */
    reel_walk kept, summed;
    reel_walk_split(&w, n_in, &kept, &summed);
    const int64_t outputs = reel_walk_count(&kept, kept.ndim);
    if (reel_walk_count(&summed, summed.ndim) == 1)
        map_walk(&j, &w);
    else if (outputs > 1 && kept.stride[kept.ndim - 1][0] < summed.stride[summed.ndim - 1][0])
        reduce_tiles(&j, &kept, &summed);
    else
        reduce_runs(&j, &kept, &summed);
}

void REEL_FN(reel_identity)(int64_t n, const reel_real *const *p, const int64_t *s, reel_real *out)
{
    const reel_real *x = p[0];
    const int64_t step = s[0];
    REEL_ASSERT(x);
    if (step == 1)
        memcpy(out, x, (size_t)n * sizeof *out);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = x[i * step];
}

void REEL_FN(reel_strided_copy)(const reel_ctx *ctx, const reel_tensor *dst, const reel_tensor *src,
                                bool add, double scale)
{
    REEL_FN(reel_map)(ctx, REEL_FN(reel_identity), 1, src, (reel_target){dst, add, scale});
}
