/* A comm without a launcher, sums along trees, and memory that processes share. What takes several
 * ranks is in tests/comm. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/comm/comm.h"
#include "core/comm/load.h"
#include "core/comm/parallel.h"
#include "core/comm/sum_tree.h"
#include "core/comm/window.h"
#include "tests/support/must.h"

static reel_error err;

static void forget_launchers(void)
{
    const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                                 "PMIX_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

Test(comm, without_a_launcher_is_one_rank, .init = forget_launchers)
{
    reel_comm *comm;
    double x = 3;
    int all = 0, mine = 7;
    MUST(reel_comm_open(&comm, NULL, &err), err);
    cr_assert(!reel_comm_is_launched());
    cr_assert_eq(reel_comm_rank(comm), 0);
    cr_assert_eq(reel_comm_ranks(comm), 1);
    cr_assert_eq(reel_comm_hosts(comm), 1);
    cr_assert(reel_comm_leads_host(comm));
    cr_assert_str_neq(reel_comm_host_name(comm, 0), "");
    cr_assert_str_eq(reel_comm_host_name(comm, 1), "");
    cr_assert_str_eq(reel_comm_note(comm), "");

    MUST(reel_comm_gather(comm, &mine, sizeof mine, &all, "numbers", &err), err);
    cr_assert_eq(all, 7);
    MUST(reel_comm_broadcast(comm, &mine, sizeof mine, 0, "a number", &err), err);
    MUST(reel_comm_add_up(comm, &x, 1, "a sum", &err), err);
    cr_assert_eq(x, 3);
    cr_assert_eq(reel_comm_broadcast(comm, &mine, sizeof mine, 1, "a number", &err),
                 REEL_ERR_INVALID);

    reel_fail(&err, REEL_ERR_FORMAT, "its file is damaged");
    cr_assert_eq(reel_comm_agree(comm, REEL_ERR_FORMAT, &err, "a file"), REEL_ERR_FORMAT);
    cr_assert_str_eq(err.message, "its file is damaged");
    const reel_pieces own = reel_comm_pieces(comm, 6, 0);
    cr_assert(own.first == 0 && own.count == 6);
    cr_assert_eq(reel_comm_pieces(comm, 6, 1).count, 0);
    reel_comm_close(comm);
}

Test(comm, refuses_a_timeout_that_is_none, .init = forget_launchers)
{
    reel_comm *comm;
    const double wrong[] = {-1, (double)NAN, (double)INFINITY};
    for (int i = 0; i < 3; i++) {
        const reel_comm_config config = {.timeout = wrong[i]};
        cr_assert_eq(reel_comm_open(&comm, &config, &err), REEL_ERR_INVALID);
        cr_assert_null(comm);
    }
}

Test(comm, knows_launchers_by_their_environment, .init = forget_launchers)
{
    static const struct {
        const char *names[2], *values[2];
        int64_t count;
    } rows[] = {
        {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, {"4", "0"}, 4},
        {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, {"1", "0"}, 1},
        {{"PMI_SIZE", "PMI_RANK"}, {"2", "1"}, 2},
        {{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}, {"8", "0"}, 8},
        {{"SLURM_NTASKS", "SLURM_PROCID"}, {"8", "0"}, 1}, /* a batch script, not a task of it */
        {{"PMIX_NAMESPACE", "PMIX_RANK"}, {"job", "0"}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < 2; k++)
            setenv(rows[i].names[k], rows[i].values[k], 1);
        cr_assert_eq(reel_launched_count(), rows[i].count, "%s", rows[i].names[0]);
        for (int k = 0; k < 2; k++)
            unsetenv(rows[i].names[k]);
    }
}

Test(comm, under_a_launcher_needs_the_module)
{
    reel_comm *comm;
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    setenv("OMPI_COMM_WORLD_RANK", "0", 1);
    setenv("REEL_MPI_MODULE", "/nowhere/reel_mpi.so", 1);
    cr_assert_eq(reel_comm_open(&comm, NULL, &err), REEL_ERR_IO);
    cr_assert_null(comm);
    cr_assert(strstr(err.message, "/nowhere/reel_mpi.so") && strstr(err.message, "openmpi-bin"),
              "%s", err.message);
    char text[300];
    cr_assert(!reel_comm_module_version(text, sizeof text));
    cr_assert(strstr(text, "/nowhere/reel_mpi.so"), "%s", text);
}

/* ---- sums ---- */

static double tree_of(const double *leaves, int64_t n)
{
    if (n == 1)
        return leaves[0];
    const int64_t left = reel_pieces_left(n);
    return tree_of(leaves, left) + tree_of(leaves + left, n - left);
}

Test(sum_tree, adds_up_along_the_tree_for_any_number_of_leaves)
{
    enum { PIECES = 21, SIZE = 5000 };
    static double numbers[PIECES][SIZE], sums[SIZE];
    static char scratch[2 * REEL_SUM_DEPTH * REEL_SUM_BLOCK * sizeof(double)];
    reel_pieces leaves[PIECES];
    void *arrays[PIECES];
    for (int k = 0; k < PIECES; k++) {
        leaves[k] = (reel_pieces){k, 1};
        arrays[k] = numbers[k];
        for (int i = 0; i < SIZE; i++)
            numbers[k][i] = ldexp(1 + i % 7 / 7.0, (i + 11 * k) % 60);
    }
    const reel_adder adder = {.dtype = REEL_F64, .threads = 2, .scratch = scratch};
    for (int n = 1; n <= PIECES; n++) {
        reel_sum_tree tree;
        MUST(reel_sum_tree_make(&tree, (reel_pieces){0, n}, leaves, n, &err), err);
        memset(sums, 0, sizeof sums);
        reel_sum_tree_run(&tree, &adder, arrays, sums, 3, SIZE - 1);
        for (int i = 3; i < SIZE - 1; i++) {
            double own[PIECES];
            for (int k = 0; k < n; k++)
                own[k] = numbers[k][i];
            cr_assert_eq(sums[i], tree_of(own, n), "%d pieces, element %d", n, i);
        }
        cr_assert(sums[2] == 0 && sums[SIZE - 1] == 0);
        reel_sum_tree_free(&tree);
    }
}

/* ---- windows ---- */

Test(window, is_the_same_memory_in_another_process)
{
    enum { BYTES = 3 << 20 };
    reel_window own, other;
    MUST(reel_window_create(&own, BYTES, &err), err);
    MUST(reel_window_reserve(&own, 4096, BYTES, &err), err);
    strcpy((char *)own.memory + BYTES - 10, "here");

    const int maker = (int)getpid();
    const pid_t child = fork();
    if (child == 0) {
        if (reel_window_join(&other, maker, own.file, BYTES, NULL) != REEL_OK)
            _exit(1);
        if (strcmp((char *)other.memory + BYTES - 10, "here") != 0)
            _exit(2);
        strcpy(other.memory, "there");
        reel_window_free(&other);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    cr_assert_str_eq(own.memory, "there");
    reel_window_seal(&own);
    cr_assert_neq(reel_window_join(&other, maker, 999, BYTES, &err), REEL_OK);
    cr_assert_null(other.memory);
    cr_assert(strstr(err.message, "/fd/999"), "%s", err.message);
    reel_window_free(&own);
}

Test(parallel, with_one_rank_leaves_the_store_alone, .init = forget_launchers)
{
    reel_comm *comm;
    reel_ctx *ctx;
    reel_params *params;
    reel_parallel *parallel;
    void *array;
    const int64_t size = 40;
    MUST(reel_comm_open(&comm, NULL, &err), err);
    MUST(reel_ctx_create(&ctx, NULL, &err), err);
    MUST(reel_params_create(&params, REEL_F32, &err), err);
    MUST(reel_params_add(params, "weight", 1, &size, 0, NULL, &err), err);
    reel_parallel_config config = {.pieces = 6};
    cr_assert_eq(reel_parallel_create(&parallel, comm, params, ctx, &config, &err),
                 REEL_ERR_INVALID); /* not committed */
    MUST(reel_params_commit(params, &err), err);

    const reel_param *p = reel_params_at(params, 0);
    const void *value = p->value.data, *grad = p->grad.data;
    MUST(reel_parallel_create(&parallel, comm, params, ctx, &config, &err), err);
    const reel_pieces *trees;
    cr_assert_eq(reel_parallel_subtrees(parallel, &trees), 1);
    cr_assert(trees[0].first == 0 && trees[0].count == 6);
    cr_assert_eq(reel_parallel_share(parallel, 0).end, 48);
    reel_parallel_subtree(parallel, 0);
    MUST(reel_parallel_sum(parallel, &err), err);
    MUST(reel_parallel_publish(parallel, &err), err);
    MUST(reel_parallel_array(parallel, &array, &err), err);
    cr_assert_eq(((float *)array)[47], 0);
    MUST(reel_parallel_complete(parallel, array, &err), err);
    cr_assert(p->value.data == value && p->grad.data == grad);
    reel_parallel_destroy(parallel);

    const int64_t wrong[] = {0, 50};
    config.cuts = wrong;
    cr_assert_eq(reel_parallel_create(&parallel, comm, params, ctx, &config, &err),
                 REEL_ERR_INVALID);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
    reel_comm_close(comm);
}
