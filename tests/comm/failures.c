/* A rank fails by itself where the others wait for it: each of them learns of it soon, by name. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/comm/internal.h"
#include "tests/comm/ranks.h"

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A store of so many numbers, kept together by the ranks. */
typedef struct failing_run {
    reel_ctx *ctx;
    reel_params *params;
    reel_parallel *parallel;
    void *array;
} failing_run;

static failing_run make_failing_run(reel_comm *comm, int64_t size)
{
    reel_error err;
    failing_run run;
    const reel_ctx_config one = {.threads = 1};
    must(reel_ctx_create(&run.ctx, &one, &err), &err);
    must(reel_params_create(&run.params, REEL_F32, &err), &err);
    must(reel_params_add(run.params, "weight", 1, &size, 0, NULL, &err), &err);
    must(reel_params_commit(run.params, &err), &err);
    int64_t cuts[16];
    const reel_parallel_config config = {.pieces = 8, .cuts = cuts};
    reel_optim_cuts(run.params, reel_comm_ranks(comm), cuts);
    must(reel_parallel_create(&run.parallel, comm, run.params, run.ctx, &config, &err), &err);
    must(reel_parallel_array(run.parallel, &run.array, &err), &err);
    const reel_pieces *trees;
    const int n = reel_parallel_subtrees(run.parallel, &trees);
    for (int k = 0; k < n; k++) {
        reel_parallel_subtree(run.parallel, k);
        reel_params_at(run.params, 0)->has_grad = true;
    }
    return run;
}

static reel_status add_up_test(void *user, double *x, int64_t n, reel_error *err)
{
    return reel_comm_add_up(user, x, n, "norms of a test", err);
}

static reel_status fail_test(void *user, reel_error *err)
{
    return reel_comm_fail(user, err);
}

/* Each way waits for all ranks. */
static reel_status wait_for_all(reel_comm *comm, const failing_run *run, const char *way,
                                reel_error *err)
{
    double x = 1;
    reel_range own = reel_parallel_share(run->parallel, reel_comm_rank(comm));
    const reel_optim_share share = {own.begin, own.end, add_up_test, comm, fail_test};
    int index = -1;
    if (!strcmp(way, "norm"))
        return reel_grad_norm_shared(run->params, run->ctx, &share, &x, err);
    if (!strcmp(way, "finite"))
        return reel_grad_not_finite_shared(run->params, run->ctx, &share, &index, err);
    if (!strcmp(way, "sum"))
        return reel_parallel_sum(run->parallel, err);
    return reel_comm_add_up(comm, &x, 1, "the sum of a test", err);
}

/* From now on this process has no memory: libreel_fail_alloc.so is preloaded (tests/faults). */
static void lose_memory(void)
{
    void (*begin)(long at);
    *(void **)&begin = dlsym(RTLD_DEFAULT, "fail_alloc_begin");
    expect(begin, "libreel_fail_alloc.so is not preloaded");
    begin(1);
}

int try_failure(reel_comm *comm, const char *way)
{
    reel_error err;
    const int last = reel_comm_ranks(comm) - 1;
    const bool fails = reel_comm_rank(comm) == last;
    const failing_run run = make_failing_run(comm, 100);
    reel_status status;
    const double began = seconds_now();
    if (fails && !strcmp(way, "told")) {
        reel_fail(&err, REEL_ERR_MEMORY, "a test has no memory");
        status = reel_comm_fail(comm, &err);
    } else {
        if (fails)
            lose_memory();
        status = wait_for_all(comm, &run, way, &err);
    }
    const double took = seconds_now() - began;

    char name[100];
    snprintf(name, sizeof name, "rank %d (host %s): ", last, reel_comm_host_name(comm, last));
    expect(status == REEL_ERR_MEMORY, "%s: status %d", way, (int)status);
    expect(fails || strstr(err.message, name) == err.message, "%s: no rank: %s", way, err.message);
    expect(took < 3, "%s: it took %g s", way, took);
    const reel_status later = reel_comm_agree(comm, REEL_OK, NULL, "more");
    expect(later == REEL_ERR_MEMORY, "%s: the next exchange has status %d", way, (int)later);
    printf("learned: %s\n", err.message);
    fflush(stdout);
    usleep(1500 * 1000); /* until all have learned */
    reel_comm_abort(comm, 5);
    return 5;
}

/* Moves all messages on for so many seconds, as the thread of the signs of life may do. */
static void move_messages(reel_comm *comm, double seconds)
{
    static char never;
    reel_link_request request;
    int done = 0;
    const int other = (comm->address + 1) % comm->ranks, unused = REEL_TAG_BULK + 1;
    expect(comm->link->start_receive(&never, 1, other, unused, &request) == 0, "a message");
    for (const double end = seconds_now() + seconds; seconds_now() < end; usleep(1000))
        comm->link->test(&request, &done);
}

int try_late_messages(reel_comm *comm)
{
    reel_error err;
    failing_run run = make_failing_run(comm, 100);
    const bool fails = reel_comm_rank(comm) > 0;
    if (fails) {
        reel_fail(&err, REEL_ERR_IO, "a test ends here");
        reel_comm_fail(comm, &err);
        usleep(600 * 1000); /* rank 0 has learned of it, and has destroyed what it had */
    }
    /* A rank that has failed still sends; it waits for nothing. */
    const reel_status status = reel_parallel_complete(run.parallel, run.array, &err);
    expect(status == REEL_ERR_IO, "status %d", (int)status);
    reel_parallel_destroy(run.parallel);
    reel_params_destroy(run.params);
    move_messages(comm, fails ? 2 : 1.2); /* rank 0 speaks first */
    printf("rank %d goes on\n", reel_comm_rank(comm));
    fflush(stdout);
    reel_comm_abort(comm, 5);
    return 5;
}

/* What rank 0 does of an exchange with rank 1, and what rank 1 sends of it afterwards. */
typedef struct late_way {
    const char *name;
    size_t bytes;
    int tag;
    reel_status (*waits)(reel_comm *comm, reel_error *err);
} late_way;

/* Slices of LATE_SUM / 2 numbers, more than an exchange keeps together. */
enum { LATE_SUM = 1100, LATE_PING = 2000 };

static reel_status wait_for_slices(reel_comm *comm, reel_error *err)
{
    double x[LATE_SUM] = {0};
    return reel_comm_add_up(comm, x, LATE_SUM, "a long sum", err);
}

static reel_status wait_for_broadcast(reel_comm *comm, reel_error *err)
{
    char data[100];
    return reel_comm_broadcast(comm, data, sizeof data, 1, "a short broadcast", err);
}

static reel_status wait_for_ping(reel_comm *comm, reel_error *err)
{
    double seconds;
    return reel_comm_ping(comm, 1, 0, LATE_PING, 1, &seconds, err);
}

/* Closes the comm, as a program does that ends by itself. */
static reel_status wait_for_gather(reel_comm *comm, reel_error *err)
{
    char mine[1000] = {0}, all[2 * sizeof mine];
    const reel_status status =
        reel_comm_gather(comm, mine, sizeof mine, all, "a gather of a test", err);
    reel_comm_close(comm);
    return status;
}

static const late_way late_ways[] = {
    {"sum", LATE_SUM / 2 * sizeof(double), REEL_TAG_EXCHANGE, wait_for_slices},
    {"broadcast", 64, REEL_TAG_EXCHANGE, wait_for_broadcast},
    {"ping", LATE_PING, REEL_TAG_BULK, wait_for_ping},
    {"gather", 1000, REEL_TAG_EXCHANGE, wait_for_gather},
};

static const late_way *late_way_of(const char *name)
{
    for (int64_t i = 0; i < REEL_COUNT(late_ways); i++)
        if (!strcmp(late_ways[i].name, name))
            return &late_ways[i];
    return NULL;
}

/* Rank 1 fails in the place of the exchange, and sends its message when rank 0 has given up. */
static void fail_and_send(reel_comm *comm, const late_way *way)
{
    static char message[8192];
    reel_error err;
    reel_link_request request;
    /* What comes before the messages to measure. */
    if (way->tag == REEL_TAG_BULK)
        must(reel_comm_agree(comm, REEL_OK, &err, "a message to measure"), &err);
    usleep(200 * 1000); /* rank 0 waits */
    reel_fail(&err, REEL_ERR_IO, "a test ends here");
    reel_comm_fail(comm, &err);
    usleep(600 * 1000);
    memset(message, 0xee, sizeof message);
    const int code =
        comm->link->start_send(message, way->bytes, comm->peers[0].address, way->tag, &request);
    expect(code == 0, "%s: a late message", way->name);
}

/* What is allocated next may lie where memory was freed: blocks that a late message would change.
 */
enum { BLOCKS = 64, BLOCK = 3000, UNTOUCHED = 0x55 };

static void take_freed_memory(unsigned char *blocks[BLOCKS])
{
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK);
        expect(blocks[i], "no memory");
        memset(blocks[i], UNTOUCHED, BLOCK);
    }
}

static bool is_untouched(unsigned char *const blocks[BLOCKS])
{
    for (int i = 0; i < BLOCKS * BLOCK; i++)
        if (blocks[i / BLOCK][i % BLOCK] != UNTOUCHED)
            return false;
    return true;
}

int try_late_exchange(reel_comm *comm, const char *name)
{
    unsigned char *blocks[BLOCKS];
    reel_error err;
    const late_way *way = late_way_of(name);
    const int rank = reel_comm_rank(comm);
    expect(way, "no such way: %s", name);
    if (rank > 0) {
        fail_and_send(comm, way);
    } else {
        const reel_status status = way->waits(comm, &err);
        expect(status == REEL_ERR_IO, "%s: status %d", name, (int)status);
    }
    take_freed_memory(blocks);
    move_messages(comm, rank > 0 ? 2 : 1.2); /* rank 0 speaks first */
    expect(is_untouched(blocks), "%s: a late message met other memory", name);
    printf("rank %d goes on\n", rank);
    fflush(stdout);
    reel_comm_abort(comm, 5);
    return 5;
}
