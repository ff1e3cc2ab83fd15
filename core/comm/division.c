/* The division of pieces by dynamic programming over the ends of the ranks' ranges. */
#include "core/comm/division.h"

#include <inttypes.h>
#include <stdlib.h>

/* The subtrees of `tree` within the range, appended to out[count]; returns the new count. */
static int subtrees_within(reel_pieces *out, int count, reel_pieces tree, reel_pieces range)
{
    const int64_t tree_end = tree.first + tree.count, range_end = range.first + range.count;
    if (tree_end <= range.first || tree.first >= range_end)
        return count;
    if (tree.first >= range.first && tree_end <= range_end) {
        if (out)
            out[count] = tree;
        return count + 1;
    }

    const int64_t left = reel_pieces_left(tree.count);
    count = subtrees_within(out, count, (reel_pieces){tree.first, left}, range);
    return subtrees_within(out, count, (reel_pieces){tree.first + left, tree.count - left}, range);
}

int reel_maximal_subtrees(reel_pieces *out, int64_t pieces, reel_pieces range)
{
    return pieces > 0 ? subtrees_within(out, 0, (reel_pieces){0, pieces}, range) : 0;
}

/* best[e]: the fewest subtrees when the ranks so far hold the pieces below e; -1 = they cannot.
 * from[r][e]: where the last of these, rank r, then begins. */
typedef struct division_search {
    int64_t pieces, most; /* most: the largest load */
    int ranks;
    int *best, *before; /* [pieces + 1]: with this rank, without it */
    uint16_t *from;     /* [ranks][pieces + 1] */
} division_search;

static void search_rank(const division_search *s, int rank)
{
    uint16_t *from = s->from + rank * (s->pieces + 1);
    for (int64_t end = 0; end <= s->pieces; end++)
        s->best[end] = -1;

    /* Ends that leave the later ranks as much as they can hold, and no more. */
    const int64_t later = (s->ranks - 1 - rank) * s->most;
    const int64_t lowest = s->pieces > later ? s->pieces - later : 1;
    for (int64_t end = lowest; end <= s->pieces && end <= (rank + 1) * s->most; end++) {
        /* The smallest load first: it stays where others are as good. */
        for (int64_t load = 1; load <= s->most && load <= end; load++) {
            const reel_pieces own = {end - load, load};
            if (s->before[own.first] < 0)
                continue;
            const int trees = s->before[own.first] + reel_maximal_subtrees(NULL, s->pieces, own);
            if (s->best[end] < 0 || trees < s->best[end]) {
                s->best[end] = trees;
                from[end] = (uint16_t)own.first;
            }
        }
    }
}

static void search_division(division_search *s, int64_t *first)
{
    for (int64_t end = 0; end <= s->pieces; end++)
        s->best[end] = end == 0 ? 0 : -1;
    for (int rank = 0; rank < s->ranks; rank++) {
        int *swap = s->before;
        s->before = s->best;
        s->best = swap;
        search_rank(s, rank);
    }

    first[s->ranks] = s->pieces;
    for (int rank = s->ranks - 1; rank >= 0; rank--)
        first[rank] = s->from[rank * (s->pieces + 1) + first[rank + 1]];
}

reel_status reel_divide_pieces(int64_t *first, int64_t pieces, int ranks, reel_error *err)
{
    REEL_NEED(first, err);
    if (ranks < 1 || ranks > pieces)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%d ranks share %" PRId64 " pieces: each rank needs a piece", ranks,
                         pieces);

    /* Nothing to choose: as many ranks as pieces, equal loads, or too many pieces to search. */
    if (pieces % ranks == 0 || pieces > REEL_DIVISION_SEARCHED) {
        const int64_t each = pieces / ranks, more = pieces % ranks;
        for (int64_t r = 0; r <= ranks; r++)
            first[r] = r * each + (r < more ? r : more);
        return REEL_OK;
    }

    const size_t ends = (size_t)pieces + 1;
    division_search s = {.pieces = pieces, .most = (pieces + ranks - 1) / ranks, .ranks = ranks};
    int *best = malloc(2 * ends * sizeof *best);
    s.from = malloc((size_t)ranks * ends * sizeof *s.from);
    if (best && s.from) {
        s.best = best;
        s.before = best + ends;
        search_division(&s, first);
    }
    const bool found = best && s.from;
    free(best);
    free(s.from);
    return found ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "division of pieces: out of memory");
}
