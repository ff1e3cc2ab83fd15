/* Every CPU runs the portable kernels. */
#include "core/kernels/kernels.h"

REEL_ISA_RUNS(portable)
{
    return true;
}
