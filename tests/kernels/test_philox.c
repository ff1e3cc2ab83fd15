/* Draws of many words against Philox one block at a time, for every instruction set this machine
 * has. */
#include <criterion/criterion.h>

#include "core/ctx_internal.h"
#include "core/kernels/philox.h"
#include "core/rng.h"

Test(philox, a_draw_holds_the_words_of_256_blocks_in_every_instruction_set)
{
    const uint64_t seeds[] = {0, 1, 0xDEADBEEF01234567U, UINT64_MAX};
    for (int k = 0; k < reel_isa_count(); k++) {
        const char *isa = reel_isa_name(k);
        reel_ctx *ctx;
        if (reel_ctx_create(&ctx, &(const reel_ctx_config){.isa = isa}, NULL) != REEL_OK)
            continue;
        for (uint32_t s = 0; s < 4; s++) {
            uint32_t words[REEL_PHILOX_DRAW], want[4];
            const uint32_t stream = REEL_STREAM_DROPOUT + s, epoch = 1000003 * s,
                           sample = s ? UINT32_MAX - s : 0;
            reel_philox_draw(reel_ctx_isa(ctx), words, seeds[s], stream, epoch, sample);
            for (uint32_t block = 0; block < 256; block++) {
                reel_philox(want, seeds[s], stream, epoch, sample, block);
                for (uint32_t j = 0; j < 4; j++)
                    cr_assert(words[256 * j + block] == want[j],
                              "%s, draw %u, word %u of block %u: %08x, expected %08x", isa, s, j,
                              block, words[256 * j + block], want[j]);
            }
        }
        reel_ctx_destroy(ctx);
    }
}
