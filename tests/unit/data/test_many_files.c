/* Indexing a folder of 20,000 files; test_slow_many_files.c has a million of them. */
#include "tests/unit/data/many_files.h"

Test(many_files, twenty_thousand_files_are_indexed_in_the_order_of_bytes_at_little_cost)
{
    char *root = scratch_folder();
    if (make_many(root, 20, 1000))
        expect_quick_index(root, 20000, 2, 150);
    remove_folder(root);
}
