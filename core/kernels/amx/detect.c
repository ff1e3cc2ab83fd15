/* Whether this CPU has tiles of bf16 and the system lets this process use them. */
#include "core/kernels/kernels.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

bool reel_isa_runs_avx512(void), reel_isa_runs_avx512_bf16(void);

/* Linux 5.16 and later save tiles only for processes that ask: Documentation/arch/x86/xstate.rst.
 */
static bool system_grants_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

REEL_ISA_RUNS(amx)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 }; /* of EDX, leaf 7 */
    unsigned a, b, c, d;
    const bool cpu = __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & AMX_BF16 && d & AMX_TILE;
    return cpu && reel_isa_runs_avx512() && reel_isa_runs_avx512_bf16() && system_grants_tiles();
}

/* Every CPU with tiles has those of bf16, and they are faster than any other instruction. */
REEL_ISA_RUNS(amx_bf16)
{
    return true;
}

REEL_ISA_PAYS(amx_bf16)
{
    return true;
}
