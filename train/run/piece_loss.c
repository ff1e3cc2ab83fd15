/* Cutting logits into pieces. */
#include "train/run/piece_loss.h"

reel_var reel_piece_rows(reel_var logits, int64_t pieces, int64_t p)
{
    if (pieces == 1)
        return logits;
    const reel_tensor rows = reel_value(logits);
    const int64_t n = rows.ndim > 0 ? rows.shape[0] / pieces : 0;
    return reel_slice(logits, 0, p * n, (p + 1) * n);
}

reel_var reel_piece_losses(reel_var logits, const int64_t *labels, int64_t pieces,
                           const reel_cross_entropy_attrs *attrs)
{
    reel_var sum = {logits.tape, -1};
    for (int64_t p = 0; p < pieces; p++) {
        const reel_var rows = reel_piece_rows(logits, pieces, p);
        const reel_tensor value = reel_value(rows);
        const int64_t n = value.ndim > 0 ? value.shape[0] : 0;
        const reel_var loss = reel_cross_entropy(rows, labels + p * n, n, attrs);
        sum = p == 0 ? loss : reel_add(sum, loss);
    }
    return sum;
}
