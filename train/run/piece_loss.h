/* Losses of a batch in pieces (core/pieces.h): one for each piece, as the piece alone would have
 * it. The loss of the whole batch is their mean. */
#ifndef REEL_TRAIN_PIECE_LOSS_H
#define REEL_TRAIN_PIECE_LOSS_H

#include "core/ops.h"

/* The rows of piece p of `pieces`: of logits (n, classes) those from p n / pieces on. The tape must
 * be out of the pieces: reel_tape_set_pieces(tape, 1). */
reel_var reel_piece_rows(reel_var logits, int64_t pieces, int64_t p);

/* The sum of the pieces' cross-entropies. Backward from it, scaled by 1 / all pieces of the step,
 * gives the gradient of the mean. labels: one a row. attrs NULL: all fields 0. */
reel_var reel_piece_losses(reel_var logits, const int64_t *labels, int64_t pieces,
                           const reel_cross_entropy_attrs *attrs);

#endif
