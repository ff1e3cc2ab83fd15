/* Data parallelism on several ranks: sums, values and arrays have the bits that one process gets,
 * which adds up the pieces along the tree of core/pieces.h by itself. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/pieces.h"
#include "tests/comm/ranks.h"

/* A store with all kinds of parameters; the large one takes several messages. */
static const struct {
    const char *name;
    int64_t size;
    unsigned flags;
    const char *steps; /* 'g': it receives a gradient in this step */
} rows[] = {
    {"0.weight", 270007, 0, "gggg"},
    {"0.bias", 5, REEL_PARAM_BIAS, "gggg"},
    {"1.running_mean", 33, REEL_PARAM_BUFFER, "...."},
    {"1.weight", 33, REEL_PARAM_NORM, "gg.g"},
    {"2.weight", 7001, REEL_PARAM_FROZEN, "...."},
    {"3.weight", 999, 0, "...."}, /* never */
    {"4.weight", 40000, 0, "gggg"},
    {"5.weight", 1100000, 0, ".ggg"}, /* several buckets */
};
enum { ROWS = sizeof rows / sizeof *rows, STEPS = 4 };

static bool gets_gradient(int row, int step)
{
    return rows[row].steps[step] == 'g';
}

static reel_params *make_store(reel_dtype dtype)
{
    reel_error err;
    reel_params *params;
    must(reel_params_create(&params, dtype, &err), &err);
    for (int i = 0; i < ROWS; i++)
        must(reel_params_add(params, rows[i].name, 1, &rows[i].size, rows[i].flags, NULL, &err),
             &err);
    must(reel_params_commit(params, &err), &err);
    return params;
}

/* A number with its own mantissa and an exponent of -20 to 0. */
static double draw(int64_t a, int64_t b, int64_t c)
{
    uint64_t z =
        (uint64_t)a * 0x9e3779b97f4a7c15u + (uint64_t)b * 0xbf58476d1ce4e5b9u + (uint64_t)c;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    const double mantissa = 1 + (double)(z >> 40) * 0x1p-24;
    return (z & 1 ? -mantissa : mantissa) / (double)(1 << (z >> 8) % 21);
}

static double get_number(const void *array, int64_t e, reel_dtype dtype)
{
    return dtype == REEL_F32 ? (double)((const float *)array)[e] : ((const double *)array)[e];
}

static void set_number(void *array, int64_t e, double x, reel_dtype dtype)
{
    if (dtype == REEL_F32)
        ((float *)array)[e] = (float)x;
    else
        ((double *)array)[e] = x;
}

static double rounded(double x, reel_dtype dtype)
{
    return dtype == REEL_F32 ? (double)(float)x : x;
}

/* The sum of element e over a subtree. */
static double tree_sum(reel_pieces tree, int step, int64_t e, reel_dtype dtype)
{
    if (tree.count == 1)
        return rounded(draw(tree.first, step, e), dtype);
    const int64_t left = reel_pieces_left(tree.count);
    const double a = tree_sum((reel_pieces){tree.first, left}, step, e, dtype);
    const double b = tree_sum((reel_pieces){tree.first + left, tree.count - left}, step, e, dtype);
    return rounded(a + b, dtype);
}

/* What backward would do. */
static void fill_gradients(reel_params *params, reel_pieces tree, int step)
{
    for (int i = 0; i < ROWS; i++) {
        reel_param *p = reel_params_at(params, i);
        if (!gets_gradient(i, step))
            continue;
        for (int64_t e = 0; e < rows[i].size; e++)
            set_number(p->grad.data, e, tree_sum(tree, step, p->offset + e, p->value.dtype),
                       p->value.dtype);
        p->has_grad = true;
    }
}

/* The value of an element after so many steps of w -= g / 8, computed alone. */
static double value_after(int64_t pieces, int steps, int row, int64_t e, reel_dtype dtype)
{
    double value = rounded(draw(-1, 0, e), dtype);
    for (int s = 0; s < steps; s++)
        if (gets_gradient(row, s))
            value = rounded(value - tree_sum((reel_pieces){0, pieces}, s, e, dtype) / 8, dtype);
    return value;
}

static void update_share(reel_params *params, reel_range share, int64_t pieces, int step,
                         void *sums)
{
    for (int i = 0; i < ROWS; i++) {
        const reel_param *p = reel_params_at(params, i);
        const reel_dtype dtype = p->value.dtype;
        expect(p->has_grad == gets_gradient(i, step), "has_grad of %s", rows[i].name);
        for (int64_t e = 0; p->has_grad && e < rows[i].size; e++) {
            const int64_t at = p->offset + e;
            if (at < share.begin || at >= share.end)
                continue;
            const double g = get_number(p->grad.data, e, dtype);
            const double alone = tree_sum((reel_pieces){0, pieces}, step, at, dtype);
            expect(g == alone, "%lld pieces: element %lld of %s: %a instead of %a",
                   (long long)pieces, (long long)e, rows[i].name, g, alone);
            set_number(p->value.data, e, get_number(p->value.data, e, dtype) - g / 8, dtype);
            set_number(sums, at, g, dtype);
        }
    }
}

/* Of the larger ranges only some elements are looked at: each rank looks at all hosts' shares. */
static void check_values(const reel_params *params, int64_t pieces, int steps)
{
    for (int i = 0; i < ROWS; i++) {
        const reel_param *p = reel_params_at(params, i);
        for (int64_t e = 0; e < rows[i].size; e += 1 + rows[i].size / 5000) {
            const double alone = value_after(pieces, steps, i, p->offset + e, p->value.dtype);
            const double value = get_number(p->value.data, e, p->value.dtype);
            expect(value == alone, "%lld pieces, step %d: value %lld of %s: %a instead of %a",
                   (long long)pieces, steps, (long long)e, rows[i].name, value, alone);
        }
    }
}

static void check_array(const reel_params *params, const void *sums, int64_t pieces)
{
    for (int i = 0; i < ROWS; i++) {
        const reel_param *p = reel_params_at(params, i);
        for (int64_t e = 0; e < rows[i].size; e += 1 + rows[i].size / 5000) {
            const int64_t at = p->offset + e;
            const double alone =
                gets_gradient(i, STEPS - 1)
                    ? tree_sum((reel_pieces){0, pieces}, STEPS - 1, at, p->value.dtype)
                    : 0;
            expect(get_number(sums, at, p->value.dtype) == alone, "array: element %lld of %s",
                   (long long)e, rows[i].name);
        }
    }
}

/* What the hooks of a tape would say. Ranks differ in the order, and leave out one. */
static void tell_ready(reel_comm *comm, reel_parallel *parallel, const reel_params *params)
{
    const int rank = reel_comm_rank(comm);
    for (int k = 0; k < ROWS; k++) {
        const int i = (ROWS - 1 - k + rank) % ROWS;
        if (reel_params_at(params, i)->has_grad && (rank != 1 || i != 0))
            reel_parallel_ready(parallel, i);
    }
}

/* Gradients of a step that will not be taken: they must not show. */
static void drop_step(reel_comm *comm, reel_parallel *parallel, reel_params *params)
{
    reel_error err;
    const reel_pieces *trees;
    const int n = reel_parallel_subtrees(parallel, &trees);
    const bool fails = reel_comm_rank(comm) == reel_comm_ranks(comm) - 1;
    for (int k = 0; k < n && !fails; k++) {
        reel_parallel_subtree(parallel, k);
        fill_gradients(params, trees[k], 3);
    }
    if (!fails)
        tell_ready(comm, parallel, params);
    must(reel_parallel_drop(parallel, &err), &err);
}

static void try_pieces(reel_comm *comm, const reel_ctx *ctx, reel_dtype dtype, int64_t pieces,
                       const int64_t *cuts, bool overlap)
{
    reel_error err;
    reel_params *params = make_store(dtype);
    reel_parallel *parallel;
    void *sums;
    for (int i = 0; i < ROWS; i++) {
        const reel_param *p = reel_params_at(params, i);
        for (int64_t e = 0; e < rows[i].size; e++)
            set_number(p->value.data, e,
                       reel_comm_rank(comm) == 0 ? draw(-1, 0, p->offset + e) : 99, dtype);
    }
    const reel_parallel_config config = {.pieces = pieces, .cuts = cuts, .overlap = overlap};
    must(reel_parallel_create(&parallel, comm, params, ctx, &config, &err), &err);
    must(reel_parallel_array(parallel, &sums, &err), &err);
    check_values(params, pieces, 0);

    const reel_pieces *trees;
    const int n = reel_parallel_subtrees(parallel, &trees);
    const reel_range share = reel_parallel_share(parallel, reel_comm_rank(comm));
    for (int step = 0; step < STEPS; step++) {
        for (int k = 0; k < n; k++) {
            reel_parallel_subtree(parallel, k);
            fill_gradients(params, trees[k], step);
        }
        tell_ready(comm, parallel, params);
        must(reel_parallel_sum(parallel, &err), &err);
        update_share(params, share, pieces, step, sums);
        must(reel_parallel_publish(parallel, &err), &err);
        if (step % 2)
            must(reel_parallel_settle(parallel, &err), &err);
        else
            for (int i = 0; i < ROWS; i++)
                must(reel_parallel_need(parallel, i, &err), &err);
        if (step == 1)
            drop_step(comm, parallel, params);
        check_values(params, pieces, step + 1);
    }
    must(reel_parallel_complete(parallel, sums, &err), &err);
    check_array(params, sums, pieces);

    reel_parallel_destroy(parallel);
    check_values(params, pieces, STEPS);
    reel_params_destroy(params);
}

static reel_ctx *two_threads(void)
{
    reel_error err;
    reel_ctx *ctx;
    const reel_ctx_config config = {.threads = 2};
    must(reel_ctx_create(&ctx, &config, &err), &err);
    return ctx;
}

void try_parallel(reel_comm *comm, bool overlap)
{
    reel_ctx *ctx = two_threads();
    const int ranks = reel_comm_ranks(comm);
    reel_params *store = make_store(REEL_F32);
    const int64_t size = reel_params_flat_size(store);
    reel_params_destroy(store);
    try_pieces(comm, ctx, REEL_F32, 8 < ranks ? ranks : 8, NULL, overlap);
    try_pieces(comm, ctx, REEL_F64, ranks + 2, NULL, overlap);

    /* Shares of very different sizes, some of them empty. */
    int64_t *cuts = calloc((size_t)ranks + 1, sizeof *cuts);
    for (int r = 1; r <= ranks; r++)
        cuts[r] = r == ranks ? size : 270016 + (r > 1 ? 32 : 0);
    try_pieces(comm, ctx, REEL_F32, ranks, cuts, overlap);
    free(cuts);
    reel_ctx_destroy(ctx);
}

/* ---- refusals ---- */

static void expect_refused(reel_status status, const reel_error *err, const char *words)
{
    expect(status == REEL_ERR_INVALID && strstr(err->message, words), "expected \"%s\": %d %s",
           words, (int)status, status ? err->message : "");
}

void try_refusals(reel_comm *comm)
{
    reel_error err;
    reel_ctx *ctx = two_threads();
    reel_params *params = make_store(REEL_F32);
    reel_parallel *parallel;
    const int ranks = reel_comm_ranks(comm), rank = reel_comm_rank(comm), last = ranks - 1;
    reel_parallel_config config = {.pieces = ranks - 1};
    expect_refused(reel_parallel_create(&parallel, comm, params, ctx, &config, &err), &err,
                   "pieces of a batch");

    config.pieces = rank == last ? 64 : 128;
    expect_refused(reel_parallel_create(&parallel, comm, params, ctx, &config, &err), &err,
                   "differ from rank 0's");
    config.pieces = 64;
    reel_params_at(params, 0)->flags = rank == last ? REEL_PARAM_FROZEN : 0;
    expect_refused(reel_parallel_create(&parallel, comm, params, ctx, &config, &err), &err,
                   "differ from rank 0's");
    reel_params_at(params, 0)->flags = 0;

    /* One rank's gradients are others; then a second sum without a publication. */
    must(reel_parallel_create(&parallel, comm, params, ctx, &config, &err), &err);
    reel_params_at(params, 1)->has_grad = rank == last;
    expect_refused(reel_parallel_sum(parallel, &err), &err, "gradients of");
    const reel_pieces *trees;
    const int n = reel_parallel_subtrees(parallel, &trees);
    const double arrays = reel_parallel_arrays(comm, config.pieces);
    expect(reel_comm_hosts(comm) > 1 ? arrays > n : arrays == n,
           "%g arrays of gradients, %d subtrees", arrays, n);
    for (int k = 0; k < n; k++) {
        reel_parallel_subtree(parallel, k);
        fill_gradients(params, trees[k], 0);
    }
    must(reel_parallel_sum(parallel, &err), &err);
    expect_refused(reel_parallel_sum(parallel, &err), &err, "reel_parallel_publish must follow");
    must(reel_parallel_publish(parallel, &err), &err);
    expect_refused(reel_parallel_complete(parallel, params, &err), &err, "reel_parallel_array");
    reel_parallel_destroy(parallel);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}

/* Bytes of address space that this process has. */
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    expect(file && fscanf(file, "%lu", &pages) == 1, "cannot read /proc/self/statm");
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

void try_no_memory(reel_comm *comm)
{
    reel_error err;
    reel_ctx *ctx = two_threads();
    reel_params *params;
    reel_parallel *parallel;
    const int last = reel_comm_ranks(comm) - 1;
    const int64_t size = 32 << 20;
    const reel_parallel_config config = {.pieces = 8};
    must(reel_params_create(&params, REEL_F32, &err), &err);
    must(reel_params_add(params, "weight", 1, &size, 0, NULL, &err), &err);
    must(reel_params_commit(params, &err), &err);

    struct rlimit before, little;
    getrlimit(RLIMIT_AS, &before);
    little = before;
    little.rlim_cur = address_space() + (64 << 20);
    if (reel_comm_rank(comm) == last)
        setrlimit(RLIMIT_AS, &little);
    const reel_status status = reel_parallel_create(&parallel, comm, params, ctx, &config, &err);
    setrlimit(RLIMIT_AS, &before);

    char words[80];
    snprintf(words, sizeof words, "rank %d (host %s): memory: cannot reserve", last,
             reel_comm_host_name(comm, last));
    expect(status == REEL_ERR_MEMORY && strstr(err.message, words), "expected \"%s\": %d %s", words,
           (int)status, status ? err.message : "");
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}
