/* The first moments of a rank. */
#include "train/launch/rank.h"

#include "core/comm/comm.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void reel_rank_prepare(void)
{
    static const char variable[] = "OMPI_MCA_btl_vader_backing_directory";
    if (!reel_comm_is_launched())
        return;
    signal(SIGUSR1, SIG_IGN);
    const char *folder = getenv(variable);
    if (folder && access(folder, W_OK | X_OK) != 0)
        unsetenv(variable);
}
