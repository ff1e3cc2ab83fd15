/* Batch statistics of a batch in pieces: what each piece has, put down while the pieces are
 * computed, by one process or several, and then moved into the running averages piece by piece.
 *
 *     reel_statistics_create(&s, params, pieces, &err);
 *     reel_tape_set_statistics(tape, s, first);   batch_norm2d writes rows first, first + 1, ...
 *     ... forward and backward of all pieces ...
 *     reel_statistics_apply(s);                   for each piece: r = (1 - m) r + m (its own)
 *
 * Running averages are those buffers of the store that batch_norm2d is handed; others move at once,
 * as they do on a tape without a record. A record belongs to one thread at a time. */
#ifndef REEL_CORE_STATISTICS_H
#define REEL_CORE_STATISTICS_H

#include "core/params.h"
#include "core/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_statistics reel_statistics;

/* Room for `pieces` rows; params is borrowed, and committed. REEL_ERR_MEMORY. */
REEL_API reel_status reel_statistics_create(reel_statistics **out, reel_params *params,
                                            int64_t pieces, reel_error *err);
REEL_API void reel_statistics_destroy(reel_statistics *s); /* NULL is fine */

/* From here on the tape writes what its first piece has into row `first`, and so on. NULL: running
 * averages move at once, as at first; so they do where the record has no such rows. s is borrowed
 * until the tape is destroyed or gets another one. */
REEL_API void reel_tape_set_statistics(reel_tape *tape, reel_statistics *s, int64_t first);

/* A row, for sending it to another process; 0 bytes where the store has no buffers. NULL: there is
 * no such row. */
REEL_API size_t reel_statistics_row_bytes(const reel_statistics *s);
REEL_API void *reel_statistics_row(const reel_statistics *s, int64_t piece);
/* Moves the running averages by all rows, in the order of the pieces. Every batch_norm2d of the
 * store must have run on this process since create: that tells its momentum. */
REEL_API void reel_statistics_apply(reel_statistics *s);

#ifdef __cplusplus
}
#endif
#endif
