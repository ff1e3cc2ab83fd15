/* Preloaded into a rank, makes the end of all ranks hang, as Open MPI's may where a link is down.
 *
 *     mpirun -n 2 env LD_PRELOAD=libreel_hang_abort.so tests/ranks failure 0 told */
#include <unistd.h>

__attribute__((visibility("default"))) int MPI_Abort(void *comm, int code)
{
    (void)comm;
    (void)code;
    for (;;)
        pause();
}
