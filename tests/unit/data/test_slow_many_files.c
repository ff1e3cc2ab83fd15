/* Indexing a folder as large as ImageNet's training set: a million files in a thousand classes. */
#include "tests/unit/data/many_files.h"

Test(many_files, a_million_files_are_indexed_in_ten_seconds_and_150_bytes_each)
{
    char *root = scratch_folder();
    if (make_many(root, 1000, 1000))
        expect_quick_index(root, 1000000, 10, 150);
    remove_folder(root);
}
