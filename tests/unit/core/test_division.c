/* The division of pieces among ranks against all divisions, and the subtrees of a range against
 * their definition. */
#include <criterion/criterion.h>

#include "core/comm/division.h"

enum { MOST_PIECES = 16 };

/* The subtrees of the tree over `of` that lie within [begin, end) while their parent does not. */
static int count_subtrees(reel_pieces of, int64_t begin, int64_t end)
{
    if (of.first >= begin && of.first + of.count <= end)
        return 1;
    if (of.count == 1)
        return 0;
    const int64_t left = reel_pieces_left(of.count);
    return count_subtrees((reel_pieces){of.first, left}, begin, end) +
           count_subtrees((reel_pieces){of.first + left, of.count - left}, begin, end);
}

typedef struct best_division {
    int64_t pieces, load; /* of the best one */
    int trees;
} best_division;

/* All ways to cut the pieces from `begin` on into so many ranges. */
static void try_divisions(best_division *best, int64_t begin, int ranks, int64_t load, int trees)
{
    if (ranks == 0) {
        if (begin == best->pieces &&
            (load < best->load || (load == best->load && trees < best->trees))) {
            best->load = load;
            best->trees = trees;
        }
        return;
    }
    for (int64_t end = begin + 1; end <= best->pieces; end++) {
        const int more = count_subtrees((reel_pieces){0, best->pieces}, begin, end);
        try_divisions(best, end, ranks - 1, end - begin > load ? end - begin : load, trees + more);
    }
}

Test(division, has_the_smallest_largest_load_and_then_the_fewest_subtrees)
{
    for (int64_t pieces = 1; pieces <= MOST_PIECES; pieces++)
        for (int ranks = 1; ranks <= pieces; ranks++) {
            int64_t first[MOST_PIECES + 1], load = 0;
            int trees = 0;
            cr_assert_eq(reel_divide_pieces(first, pieces, ranks, NULL), REEL_OK);
            cr_assert(first[0] == 0 && first[ranks] == pieces, "%d pieces, %d ranks: the ends",
                      (int)pieces, ranks);
            for (int r = 0; r < ranks; r++) {
                const int64_t count = first[r + 1] - first[r];
                cr_assert_gt(count, 0, "%d pieces, %d ranks: rank %d has none", (int)pieces, ranks,
                             r);
                load = count > load ? count : load;
                trees += count_subtrees((reel_pieces){0, pieces}, first[r], first[r + 1]);
            }

            best_division best = {.pieces = pieces, .load = pieces + 1};
            try_divisions(&best, 0, ranks, 0, 0);
            cr_assert(load == best.load && trees == best.trees,
                      "%d pieces, %d ranks: load %d, %d subtrees; the best has %d, %d", (int)pieces,
                      ranks, (int)load, trees, (int)best.load, best.trees);
        }
}

Test(division, lists_the_maximal_subtrees_in_order)
{
    for (int64_t pieces = 1; pieces <= 40; pieces++)
        for (int64_t begin = 0; begin < pieces; begin++)
            for (int64_t end = begin + 1; end <= pieces; end++) {
                reel_pieces trees[REEL_MOST_SUBTREES];
                const int n =
                    reel_maximal_subtrees(trees, pieces, (reel_pieces){begin, end - begin});
                cr_assert_eq(n, count_subtrees((reel_pieces){0, pieces}, begin, end));
                int64_t at = begin;
                for (int k = 0; k < n; k++) {
                    cr_assert_eq(trees[k].first, at, "%d pieces, %d to %d: subtree %d", (int)pieces,
                                 (int)begin, (int)end, k);
                    at += trees[k].count;
                }
                cr_assert_eq(at, end);
            }
}

Test(division, of_eight_pieces_for_five_ranks_gives_pairs_to_the_first_three)
{
    const int64_t expected[] = {0, 2, 4, 6, 7, 8};
    int64_t first[6];
    cr_assert_eq(reel_divide_pieces(first, 8, 5, NULL), REEL_OK);
    cr_assert_arr_eq(first, expected, sizeof expected);
}

Test(division, takes_thousands_of_pieces)
{
    int64_t first[1025];
    for (int64_t pieces = 4095; pieces <= 4097; pieces++) {
        cr_assert_eq(reel_divide_pieces(first, pieces, 1024, NULL), REEL_OK);
        for (int r = 0; r < 1024; r++) {
            const int64_t count = first[r + 1] - first[r];
            cr_assert(count >= 1 && count <= (pieces + 1023) / 1024);
        }
        cr_assert_eq(first[1024], pieces);
    }
}

Test(division, refuses_more_ranks_than_pieces)
{
    int64_t first[4];
    reel_error err;
    cr_assert_eq(reel_divide_pieces(first, 2, 3, &err), REEL_ERR_INVALID);
    cr_assert_str_eq(err.message, "3 ranks share 2 pieces: each rank needs a piece");
    cr_assert_eq(reel_divide_pieces(first, 2, 0, &err), REEL_ERR_INVALID);
}
