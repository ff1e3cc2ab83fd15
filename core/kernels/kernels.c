/* The list of instruction sets, made by the build from the lines of CMakeLists.txt, and the choice
 * among them. */
#include "core/kernels/kernels.h"

#include "core/ctx_internal.h"

#include <stdlib.h>
#include <string.h>

#include "isa_table.inc" /* static const reel_kernels *const isa_table[] */

enum { COUNT = sizeof isa_table / sizeof *isa_table };

int reel_isa_count(void)
{
    return COUNT;
}

const reel_kernels *reel_kernels_at(reel_isa isa)
{
    return isa_table[isa];
}

const reel_kernels *reel_ctx_kernels(const reel_ctx *ctx)
{
    return isa_table[reel_ctx_isa(ctx)];
}

bool reel_ctx_multiplies_bf16(const reel_ctx *ctx)
{
    if (!ctx || reel_ctx_widens_bf16(ctx))
        return false;
    const reel_kernels *k = reel_ctx_kernels(ctx);
    return k->bf16_native_product && k->bf16_native_runs();
}

reel_bf16_product_fn *reel_ctx_bf16_product(const reel_ctx *ctx)
{
    const reel_kernels *k = reel_ctx_kernels(ctx);
    return reel_ctx_multiplies_bf16(ctx) ? k->bf16_native_product : k->bf16_product;
}

const char *reel_isa_name(reel_isa isa)
{
    return isa >= 0 && isa < COUNT ? isa_table[isa]->name : NULL;
}

bool reel_isa_runs(reel_isa isa)
{
    return isa_table[isa]->runs();
}

reel_isa reel_isa_best(void)
{
    int isa = COUNT - 1;
    while (isa > 0 && !isa_table[isa]->runs())
        isa--;
    return isa;
}

int reel_isa_find(const char *name)
{
    for (int isa = 0; name && isa < COUNT; isa++)
        if (strcmp(name, isa_table[isa]->name) == 0)
            return isa;
    return -1;
}

reel_isa reel_isa_default(void)
{
    const reel_isa best = reel_isa_best();
    const char *wanted = getenv("REEL_ISA");
    const int found = wanted ? reel_isa_find(wanted) : -1;

    /* A set that this CPU lacks may come after the best one in the list. */
    return found >= 0 && found < best ? found : best;
}
