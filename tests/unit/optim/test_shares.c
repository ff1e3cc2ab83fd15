/* Ranks that update a share of the elements each give the bits of one process: every optimizer, the
 * moving average, norms, clipping, the search for NaN. A rank is a thread with an optimizer of its
 * own. What lies outside its share is garbage (all bits set, a NaN) and must stay so. */
#include <pthread.h>
#include <stdlib.h>

#include "optim/ema.h"
#include "tests/unit/optim/store.h"

enum { PARAMS = 6, STEPS = 4, MOST_RANKS = 64, ROOM = 4096 };

static const char *const share_names[PARAMS] = {"a.weight", "a.bias",   "b.weight",
                                                "b.scale",  "c.weight", "b.mean"};
/* Blocks of 2,048 and of 1,024; the last of each is not full. */
static const int64_t share_lengths[PARAMS] = {135000, 17, 5000, 1, 3000, 40};
static const unsigned share_flags[PARAMS] = {
    0, REEL_PARAM_BIAS, 0, REEL_PARAM_NORM, REEL_PARAM_FROZEN, REEL_PARAM_BUFFER};

/* ---- sums over threads ---- */

typedef struct sum_room {
    pthread_barrier_t barrier;
    pthread_mutex_t lock;
    double total[ROOM];
} sum_room;

/* In whatever order the threads arrive: the sum has to be exact. */
static reel_status add_up_threads(void *user, double *x, int64_t n, reel_error *err)
{
    sum_room *room = user;
    if (n > ROOM)
        return reel_fail(err, REEL_ERR_INVALID, "%lld numbers", (long long)n);

    pthread_mutex_lock(&room->lock);
    for (int64_t i = 0; i < n; i++)
        room->total[i] += x[i];
    pthread_mutex_unlock(&room->lock);

    pthread_barrier_wait(&room->barrier);
    memcpy(x, room->total, (size_t)n * sizeof *x);
    if (pthread_barrier_wait(&room->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
        memset(room->total, 0, sizeof room->total);
    pthread_barrier_wait(&room->barrier);
    return REEL_OK;
}

/* ---- a rank, and a world of them ---- */

typedef struct rank {
    reel_optim_share own;
    const reel_optim_share *share; /* &own; NULL: a process by itself */
    reel_ctx *ctx;
    reel_params *params;
    reel_optimizer *opt;
    reel_ema *ema;
    int step; /* input of rank_step */
    bool clips;
    reel_status status; /* and its results */
    int bad, held;
    double norm;
} rank;

typedef struct world {
    int ranks;
    bool one_store; /* all ranks work on one store and one array for each state */
    sum_room *room;
    rank at[MOST_RANKS];
    void *placed[REEL_OPTIMIZER_STATES + 1];
} world;

static reel_optimizer_config share_config(const reel_optimizer_kind *kind)
{
    static const char *const options[][2] = {{"momentum", "0.9"}, {"weight-decay", "0.01"}};
    reel_optimizer_config config = reel_optimizer_config_default(kind);
    for (int i = 0; i < REEL_COUNT(options); i++) /* an optimizer may lack an option */
        (void)!reel_optimizer_config_set(&config, options[i][0], options[i][1], NULL);
    return config;
}

static char *flat_values(const reel_params *params)
{
    return reel_params_at(params, 0)->value.data;
}

static char *flat_grads(const reel_params *params)
{
    return reel_params_at(params, 0)->grad.data;
}

static size_t flat_bytes(const reel_params *params)
{
    return (size_t)reel_params_flat_size(params) * reel_dtype_size(reel_params_dtype(params));
}

/* Elements [begin, end) of a flat array hold numbers that depend on the place and on `seed`. */
static void fill_range(char *flat, reel_dtype dtype, int64_t begin, int64_t end, int seed)
{
    for (int64_t i = begin; i < end; i++)
        if (dtype == REEL_F32)
            ((float *)flat)[i] = (float)noise(i, seed);
        else
            ((double *)flat)[i] = noise(i, seed);
}

static reel_params *make_share_store(reel_dtype dtype)
{
    reel_params *params = make_store(dtype, PARAMS, share_names, share_lengths);
    for (int i = 0; i < PARAMS; i++)
        reel_params_at(params, i)->flags = share_flags[i];
    return params;
}

static void open_rank(world *w, int r, const reel_optimizer_config *config, reel_dtype dtype)
{
    rank *k = &w->at[r];
    k->ctx = make_ctx(1);
    k->params = w->one_store && r > 0 ? w->at[0].params : make_share_store(dtype);

    int64_t cuts[MOST_RANKS + 1];
    reel_optim_cuts(k->params, w->ranks, cuts);
    k->own = (reel_optim_share){cuts[r], cuts[r + 1], add_up_threads, w->room, NULL};
    k->share = w->room ? &k->own : NULL;
    if (!w->one_store) {
        memset(flat_values(k->params), 0xff, flat_bytes(k->params));
        memset(flat_grads(k->params), 0xff, flat_bytes(k->params));
    }
    fill_range(flat_values(k->params), dtype, k->own.begin, k->own.end, 99);

    reel_error err = {0};
    cr_assert_eq(reel_optimizer_create(&k->opt, k->params, k->ctx, config, &err), REEL_OK, "%s",
                 err.message);
    const reel_group group = {"b.*", 0.5, 2, false};
    cr_assert_eq(reel_optimizer_group(k->opt, &group, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_ema_create(&k->ema, k->params, k->ctx, 0.7, &err), REEL_OK);
    cr_assert_eq(reel_optimizer_set_share(k->opt, k->share, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_ema_set_share(k->ema, k->share, &err), REEL_OK, "%s", err.message);
}

/* ranks 0: one process without shares. */
static world *open_world(int ranks, bool one_store, const reel_optimizer_config *config,
                         reel_dtype dtype)
{
    world *w = calloc(1, sizeof *w);
    cr_assert(w != NULL);
    w->one_store = one_store;
    w->ranks = ranks > 0 ? ranks : 1;
    if (ranks > 0) {
        w->room = calloc(1, sizeof *w->room);
        cr_assert(w->room != NULL);
        pthread_barrier_init(&w->room->barrier, NULL, (unsigned)ranks);
        pthread_mutex_init(&w->room->lock, NULL);
    }
    for (int r = 0; r < w->ranks; r++)
        open_rank(w, r, config, dtype);
    return w;
}

static void close_world(world *w)
{
    for (int r = 0; r < w->ranks; r++) {
        reel_ema_destroy(w->at[r].ema);
        reel_optimizer_destroy(w->at[r].opt);
        if (!w->one_store || r == 0)
            reel_params_destroy(w->at[r].params);
        reel_ctx_destroy(w->at[r].ctx);
    }
    for (int s = 0; s <= REEL_OPTIMIZER_STATES; s++)
        free(w->placed[s]);
    if (w->room)
        pthread_barrier_destroy(&w->room->barrier);
    free(w->room);
    free(w);
}

static void *rank_step(void *user)
{
    rank *k = user;
    reel_error *err = NULL;
    reel_status *s = &k->status;
    *s = reel_clip_grad_norm_shared(k->params, k->ctx, k->clips ? 50 : 0, k->share, &k->norm, err);
    if (!*s)
        *s = reel_grad_not_finite_shared(k->params, k->ctx, k->share, &k->bad, err);
    if (!*s)
        *s = reel_optimizer_step(k->opt, 0.01 * (k->step + 1), err);
    if (!*s)
        *s = reel_optimizer_not_finite_shared(k->opt, &k->held, err);
    reel_ema_update(k->ema, k->step == 0);
    return NULL;
}

/* The gradients of a step; in the second, a.bias has none. */
static void set_gradients(world *w, int step)
{
    for (int r = 0; r < w->ranks; r++) {
        rank *k = &w->at[r];
        k->step = step;
        k->clips = step != 1;
        fill_range(flat_grads(k->params), reel_params_dtype(k->params), k->own.begin, k->own.end,
                   step);
        for (int i = 0; i < PARAMS; i++)
            reel_params_at(k->params, i)->has_grad = !(step == 1 && i == 1);
    }
}

static void run_ranks(world *w)
{
    pthread_t thread[MOST_RANKS];
    for (int r = 0; r < w->ranks; r++)
        cr_assert_eq(pthread_create(&thread[r], NULL, rank_step, &w->at[r]), 0);
    for (int r = 0; r < w->ranks; r++)
        pthread_join(thread[r], NULL);
}

/* From here on all ranks keep their states and averages in the same arrays. */
static void place_states(world *w)
{
    const size_t bytes = flat_bytes(w->at[0].params);
    for (int s = 0; s <= REEL_OPTIMIZER_STATES; s++) {
        w->placed[s] = calloc(1, bytes);
        cr_assert(w->placed[s] != NULL);
    }
    for (int r = 0; r < w->ranks; r++) {
        reel_optimizer *opt = w->at[r].opt;
        for (int s = 0; s < reel_optimizer_state_count(opt); s++)
            if (reel_optimizer_state(opt, s, 0).ndim > 0 && reel_optimizer_state(opt, s, 0).data)
                cr_assert_eq(reel_optimizer_place_state(opt, s, w->placed[s], NULL), REEL_OK);
        cr_assert_eq(reel_ema_place(w->at[r].ema, w->placed[REEL_OPTIMIZER_STATES], NULL), REEL_OK);
    }
}

/* ---- what is compared ---- */

/* The part of parameter p in [begin, end) of the flat arrays has the same bytes in a and b. */
static void expect_same_part(const reel_param *p, reel_tensor a, reel_tensor b, int64_t begin,
                             int64_t end, const char *what)
{
    const size_t element = reel_dtype_size(p->value.dtype);
    const int64_t n = reel_tensor_numel(&p->value);
    const int64_t first = begin > p->offset ? begin - p->offset : 0,
                  last = end - p->offset < n ? end - p->offset : n;
    cr_assert_eq(a.data == NULL, b.data == NULL, "%s of %s: formed on one side only", what,
                 p->name);
    if (!a.data || first >= last)
        return;
    const size_t skip = (size_t)first * element;
    cr_assert(
        memcmp((char *)a.data + skip, (char *)b.data + skip, (size_t)(last - first) * element) == 0,
        "%s of %s differs in %lld..%lld", what, p->name, (long long)first, (long long)last);
}

/* All n bytes are 0xff: the first is, and each equals the one before. */
static bool is_garbage(const char *bytes, size_t n)
{
    return n == 0 || ((unsigned char)bytes[0] == 0xff && memcmp(bytes, bytes + 1, n - 1) == 0);
}

static void expect_garbage(const reel_params *params, int64_t begin, int64_t end)
{
    const size_t element = reel_dtype_size(reel_params_dtype(params));
    const size_t skip = (size_t)begin * element, n = (size_t)(end - begin) * element;
    cr_assert(is_garbage(flat_values(params) + skip, n), "a value outside the share was written");
    cr_assert(is_garbage(flat_grads(params) + skip, n), "a gradient outside the share was written");
}

/* A rank holds in its share what the one process holds there; where ranks have one store, all. */
static void expect_as_alone(const world *alone, const world *w)
{
    const rank *one = &alone->at[0];
    for (int r = 0; r < w->ranks; r++) {
        const rank *k = &w->at[r];
        const int64_t flat = reel_params_flat_size(k->params);
        const int64_t begin = w->one_store ? 0 : k->own.begin,
                      end = w->one_store ? flat : k->own.end;
        cr_assert_eq(k->status, REEL_OK);
        cr_assert(memcmp(&k->norm, &one->norm, sizeof k->norm) == 0,
                  "rank %d: norm %.17g, not %.17g", r, k->norm, one->norm);
        cr_assert(k->bad == one->bad && k->held == one->held, "rank %d: NaN in %d and %d", r,
                  k->bad, k->held);
        for (int i = 0; i < PARAMS; i++) {
            const reel_param *p = reel_params_at(k->params, i), *q = reel_params_at(one->params, i);
            expect_same_part(p, p->value, q->value, begin, end, "value");
            for (int s = 0; s < reel_optimizer_state_count(k->opt); s++) {
                const reel_tensor a = reel_optimizer_state(k->opt, s, i),
                                  b = reel_optimizer_state(one->opt, s, i);
                if (a.ndim > 0)
                    expect_same_part(p, a, b, begin, end, reel_optimizer_state_name(k->opt, s));
                else if (a.data && b.data)
                    cr_assert_eq(*(double *)a.data, *(double *)b.data, "steps of %s", p->name);
            }
            if (!w->one_store || w->placed[0])
                expect_same_part(p, reel_ema_average(k->ema, i), reel_ema_average(one->ema, i),
                                 begin, end, "average");
        }
        if (!w->one_store) {
            expect_garbage(k->params, 0, begin);
            expect_garbage(k->params, end, flat);
        }
    }
}

/* The same steps alone and in a world. Where ranks have one store, they place their states in one
 * array after the second step. */
static void compare_world(const reel_optimizer_config *config, reel_dtype dtype, int ranks,
                          bool one_store)
{
    world *alone = open_world(0, false, config, dtype);
    world *w = open_world(ranks, one_store, config, dtype);
    for (int step = 0; step < STEPS; step++) {
        if (one_store && step == 2)
            place_states(w);
        set_gradients(alone, step);
        set_gradients(w, step);
        run_ranks(alone);
        run_ranks(w);
        if (!one_store)
            expect_as_alone(alone, w);
    }
    expect_as_alone(alone, w);
    close_world(alone);
    close_world(w);
}

static void compare_kinds(int ranks, bool one_store)
{
    for (int k = 0; k < reel_optimizer_kind_count(); k++) {
        const reel_optimizer_config config = share_config(reel_optimizer_kind_at(k));
        for (int d = 0; d < REEL_DTYPES; d++)
            compare_world(&config, (reel_dtype)d, ranks, one_store);
    }
}

Test(shares, every_optimizer_gives_the_bits_of_one_process_with_1_2_3_5_and_7_ranks)
{
    static const int ranks[] = {1, 2, 3, 5, 7};
    for (int i = 0; i < REEL_COUNT(ranks); i++)
        compare_kinds(ranks[i], false);
}

Test(shares, every_optimizer_gives_the_bits_of_one_process_with_64_ranks)
{
    compare_kinds(64, false);
}

Test(shares, ranks_with_one_copy_of_weights_and_placed_states_give_the_same_bits)
{
    compare_kinds(3, true);
    compare_kinds(64, true);
}

/* ---- cuts ---- */

static bool is_cut(const reel_params *params, int64_t at)
{
    if (at == reel_params_flat_size(params))
        return true;
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        const int64_t block = i == 0 ? 2048 : 1024, inside = at - p->offset;
        if (inside >= 0 && inside < share_lengths[i] && inside % block == 0)
            return true;
    }
    return false;
}

Test(shares, cuts_ascend_from_0_to_the_end_and_lie_at_blocks)
{
    enum { MOST = 500 };
    int64_t cuts[MOST + 1];
    reel_params *params = make_share_store(REEL_F32);
    const int64_t flat = reel_params_flat_size(params);
    for (int ranks = 1; ranks <= MOST; ranks++) {
        reel_optim_cuts(params, ranks, cuts);
        cr_assert_eq(cuts[0], 0);
        cr_assert_eq(cuts[ranks], flat);
        for (int i = 1; i <= ranks; i++) {
            cr_assert(cuts[i] >= cuts[i - 1], "%d ranks: cut %d", ranks, i);
            cr_assert(is_cut(params, cuts[i]), "%d ranks: cut at %lld", ranks, (long long)cuts[i]);
            const double want = (double)flat * i / ranks;
            cr_assert(fabs((double)cuts[i] - want) < 1025, "%d ranks: cut %d is far off", ranks, i);
        }
    }
    reel_params_destroy(params);
}

/* ---- NaN, failures, states put back ---- */

/* a.weight's last element lies with the first half of 2 ranks or the second; both find it. */
Test(shares, all_ranks_hear_of_a_nan_that_one_holds)
{
    const reel_optimizer_config config = share_config(reel_optimizer_find("sgd"));
    world *w = open_world(5, false, &config, REEL_F64);
    set_gradients(w, 0);
    for (int r = 0; r < 5; r++) /* in parameters 0 and 2, whose places have one owner each */
        for (int i = 0; i < 3; i += 2) {
            const reel_param *p = reel_params_at(w->at[r].params, i);
            const int64_t at = p->offset + share_lengths[i] - 1;
            if (at >= w->at[r].own.begin && at < w->at[r].own.end)
                ((double *)flat_grads(w->at[r].params))[at] = NAN;
        }
    run_ranks(w);
    for (int r = 0; r < 5; r++) {
        cr_expect_eq(w->at[r].status, REEL_OK);
        cr_expect(isnan(w->at[r].norm));
        cr_expect_eq(w->at[r].bad, 2, "gradients are searched from the last: rank %d got %d", r,
                     w->at[r].bad);
        cr_expect_eq(w->at[r].held, 0, "values from the first: rank %d got %d", r, w->at[r].held);
    }
    close_world(w);
}

static reel_status add_up_nothing(void *user, double *x, int64_t n, reel_error *err)
{
    (void)user, (void)x, (void)n;
    return reel_fail(err, REEL_ERR_IO, "rank 3 is gone");
}

Test(shares, a_failed_sum_changes_nothing)
{
    const reel_optimizer_config config = share_config(reel_optimizer_find("lars"));
    world *w = open_world(0, false, &config, REEL_F32), *before = open_world(0, false, &config, 0);
    rank *k = &w->at[0];
    set_gradients(w, 0);
    set_gradients(before, 0);
    const reel_optim_share broken = {.end = reel_params_flat_size(k->params),
                                     .add_up = add_up_nothing};
    cr_assert_eq(reel_optimizer_set_share(k->opt, &broken, NULL), REEL_OK);
    reel_error err = {0};
    cr_expect_eq(reel_optimizer_step(k->opt, 0.1, &err), REEL_ERR_IO);
    cr_expect_str_eq(err.message, "rank 3 is gone");
    cr_expect_eq(reel_clip_grad_norm_shared(k->params, k->ctx, 1, &broken, &k->norm, &err),
                 REEL_ERR_IO);
    cr_expect_eq(reel_grad_not_finite_shared(k->params, k->ctx, &broken, &k->bad, &err),
                 REEL_ERR_IO);
    cr_expect(memcmp(flat_values(k->params), flat_values(before->at[0].params),
                     flat_bytes(k->params)) == 0);
    cr_expect(memcmp(flat_grads(k->params), flat_grads(before->at[0].params),
                     flat_bytes(k->params)) == 0);
    cr_expect_null(reel_optimizer_state(k->opt, 0, 0).data);
    close_world(w);
    close_world(before);
}

/* Each rank puts a whole state back and keeps its own part; forgetting clears that part. */
Test(shares, a_state_is_put_back_and_forgotten_within_the_share)
{
    const reel_optimizer_config config = share_config(reel_optimizer_find("sgd"));
    world *w = open_world(3, false, &config, REEL_F32);
    double *stored = malloc((size_t)share_lengths[0] * sizeof *stored);
    cr_assert(stored != NULL);
    for (int64_t i = 0; i < share_lengths[0]; i++)
        stored[i] = (double)(i + 1);
    const reel_tensor in_double = reel_tensor_of(stored, REEL_F64, 1, share_lengths);

    for (int r = 0; r < 3; r++) {
        const rank *k = &w->at[r];
        cr_assert_eq(reel_optimizer_set_state(k->opt, 0, 0, &in_double, NULL), REEL_OK);
        const float *state = reel_optimizer_state(k->opt, 0, 0).data;
        for (int64_t i = 0; i < share_lengths[0]; i++) {
            const bool own = i >= k->own.begin && i < k->own.end;
            cr_assert_eq(state[i], own ? (float)(i + 1) : 0.0f, "rank %d, element %lld", r,
                         (long long)i);
        }
        reel_optimizer_forget(k->opt, 0);
        for (int64_t i = 0; i < share_lengths[0]; i++)
            cr_assert_eq(state[i], 0.0f);
    }
    free(stored);
    close_world(w);
}

Test(shares, what_is_no_share_is_refused)
{
    const reel_optimizer_config config = share_config(reel_optimizer_find("lars"));
    world *w = open_world(0, false, &config, REEL_F32);
    const rank *k = &w->at[0];
    const int64_t flat = reel_params_flat_size(k->params);
    const reel_optim_share bad[] = {{.begin = 1, .end = 2048},
                                    {.begin = 0, .end = 1024},
                                    {.begin = 2048, .end = 0},
                                    {.begin = -2048, .end = 2048},
                                    {.begin = 0, .end = flat + 2048}};
    double norm;
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        cr_expect_eq(reel_optimizer_set_share(k->opt, &bad[i], NULL), REEL_ERR_INVALID, "%d", i);
        cr_expect_eq(reel_ema_set_share(k->ema, &bad[i], NULL), REEL_ERR_INVALID, "%d", i);
        cr_expect_eq(reel_grad_norm_shared(k->params, k->ctx, &bad[i], &norm, NULL),
                     REEL_ERR_INVALID, "%d", i);
    }

    const reel_optim_share mute = {.begin = 0, .end = flat};
    set_gradients(w, 0);
    cr_expect_eq(reel_optimizer_set_share(k->opt, &mute, NULL), REEL_OK);
    cr_expect_eq(reel_optimizer_step(k->opt, 0.1, NULL), REEL_ERR_INVALID, "LARS needs add_up");

    float one[1];
    cr_expect_eq(reel_optimizer_place_state(k->opt, 1, one, NULL), REEL_ERR_INVALID, "no state");
    cr_expect_eq(reel_optimizer_place_state(k->opt, 0, NULL, NULL), REEL_ERR_INVALID);
    cr_expect_eq(reel_ema_place(k->ema, NULL, NULL), REEL_ERR_INVALID);
    close_world(w);
}
