/* The module for MPI: the one file that includes mpi.h. It becomes reel_mpi.so, which core/comm
 * loads under a launcher.
 *
 * Only messages between two ranks are used, in a communicator of its own, so that a program's own
 * use of MPI never meets them. Where the program has called MPI_Init_thread itself, the module
 * neither initialises nor finalises MPI. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/comm/link.h"

REEL_API const reel_link *reel_link_table(void);

static MPI_Comm reel_mpi_comm = MPI_COMM_NULL;
static bool reel_mpi_is_ours; /* this module has initialised MPI */

_Static_assert(sizeof(MPI_Request) <= sizeof(reel_link_request), "a request must fit");

/* "Open MPI v4.1.4, package: ..." becomes "Open MPI 4.1.4". */
static void reel_mpi_name(char *text, size_t size)
{
    char all[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(all, &length);
    all[strcspn(all, ",\n")] = '\0';
    char *version = strstr(all, " v");
    if (version)
        memmove(version + 1, version + 2, strlen(version + 2) + 1);
    snprintf(text, size, "%s", all);
}

static void reel_mpi_words(int code, char *text, size_t size)
{
    char words[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    MPI_Error_string(code, words, &length);
    words[strcspn(words, "\n")] = '\0';
    snprintf(text, size, "%s", words);
}

/* Whether MPI_Init would print 20 lines and end the process: srun started it, and not with PMIx.
 * Only an Open MPI that was built with Slurm's own PMI can start then; its users set OMPI_MCA_pmix
 * (s1 or s2). */
static bool reel_mpi_lacks_pmix(void)
{
#ifdef OPEN_MPI
    return getenv("SLURM_STEP_NUM_TASKS") && getenv("SLURM_PROCID") && !getenv("PMIX_RANK") &&
           !getenv("OMPI_COMM_WORLD_RANK") && !getenv("OMPI_MCA_pmix");
#else
    return false;
#endif
}

static int reel_mpi_open(int *address, int *count, char *message, size_t size)
{
    int before = 0, threads = MPI_THREAD_SINGLE, code;
    MPI_Initialized(&before);
    if (!before && reel_mpi_lacks_pmix()) {
        *address = 0;
        *count = 1;
        return 0;
    }
    reel_mpi_is_ours = !before;
    code = before ? MPI_Query_thread(&threads)
                  : MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &threads);
    if (code != MPI_SUCCESS) {
        reel_mpi_words(code, message, size);
        return code;
    }
    if (threads < MPI_THREAD_MULTIPLE) {
        snprintf(message, size, "MPI_THREAD_MULTIPLE is needed, this MPI offers level %d", threads);
        return MPI_ERR_OTHER;
    }

    code = MPI_Comm_dup(MPI_COMM_WORLD, &reel_mpi_comm);
    if (code != MPI_SUCCESS) {
        reel_mpi_words(code, message, size);
        return code;
    }
    MPI_Comm_set_errhandler(reel_mpi_comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(reel_mpi_comm, address);
    MPI_Comm_size(reel_mpi_comm, count);
    return 0;
}

static int reel_mpi_send(const void *data, size_t bytes, int to, int tag,
                         reel_link_request *request)
{
    MPI_Request begun;
    const int code = MPI_Isend(data, (int)bytes, MPI_BYTE, to, tag, reel_mpi_comm, &begun);
    if (code == MPI_SUCCESS)
        memcpy(request, &begun, sizeof begun);
    return code;
}

static int reel_mpi_receive(void *data, size_t bytes, int from, int tag, reel_link_request *request)
{
    MPI_Request begun;
    const int code = MPI_Irecv(data, (int)bytes, MPI_BYTE, from, tag, reel_mpi_comm, &begun);
    if (code == MPI_SUCCESS)
        memcpy(request, &begun, sizeof begun);
    return code;
}

static int reel_mpi_test(reel_link_request *request, int *done)
{
    MPI_Request under_way;
    memcpy(&under_way, request, sizeof under_way);
    const int code = MPI_Test(&under_way, done, MPI_STATUS_IGNORE);
    memcpy(request, &under_way, sizeof under_way);
    return code;
}

static void reel_mpi_end_all(int code)
{
    MPI_Abort(MPI_COMM_WORLD, code);
}

static void reel_mpi_close(void)
{
    if (reel_mpi_comm != MPI_COMM_NULL)
        MPI_Comm_free(&reel_mpi_comm);
    if (reel_mpi_is_ours)
        MPI_Finalize();
}

const reel_link *reel_link_table(void)
{
    static const reel_link table = {
        .version = REEL_LINK_VERSION,
        .name = reel_mpi_name,
        .open = reel_mpi_open,
        .start_send = reel_mpi_send,
        .start_receive = reel_mpi_receive,
        .test = reel_mpi_test,
        .words = reel_mpi_words,
        .end_all = reel_mpi_end_all,
        .close = reel_mpi_close,
    };
    return &table;
}
