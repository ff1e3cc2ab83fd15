/* The table of data sources: what holds for every source, those that are added later too. */
#include "data/sources/common/opened.h"
#include "tests/unit/data/data_test.h"

static reel_error err;

Test(source_table, every_source_is_complete_and_has_a_name_of_its_own)
{
    for (int i = 0; i < reel_source_count(); i++) {
        const reel_source *s = reel_source_at(i);
        cr_assert(s->name && (s->sniff || s->sniff_as) && s->open && s->size && s->label &&
                      s->sample && s->sample_name && s->destroy,
                  "source %d lacks a field", i);
        for (int k = 0; k < i; k++)
            cr_expect(strcmp(reel_source_at(k)->name, s->name) != 0, "two sources are called %s",
                      s->name);
    }
}

Test(source_table, no_source_takes_what_is_not_there_or_knows_nothing_of)
{
    char *root = scratch_folder();
    write_file(join(root, "empty"), "", 0);
    make_folder(join(root, "folder"));
    const char *const data[] = {"/nonexistent/folder", join(root, "empty"), "", "no:such"};
    static const char *const splits[] = {NULL, "train", "val", "other"};
    for (int i = 0; i < reel_source_count(); i++)
        for (int64_t k = 0; k < REEL_COUNT(data); k++)
            for (int64_t n = 0; n < REEL_COUNT(splits); n++) {
                char path[REEL_DATA_PATH] = "";
                const reel_source *s = reel_source_at(i);
                const reel_data_request request = {.data = data[k], .split = splits[n]};
                cr_expect(reel_source_sniff(s, &request, path) == REEL_SNIFF_OTHER,
                          "%s takes \"%s\"", s->name, data[k]);
            }
    remove_folder(root);
}

/* Whatever stands at DATA, opening it ends in a dataset or in a message, and leaks nothing. */
Test(source_table, an_empty_folder_ends_in_a_message)
{
    char *root = scratch_folder();
    static const char *const splits[] = {NULL, "train", "val"};
    for (int64_t n = 0; n < REEL_COUNT(splits); n++) {
        reel_dataset *d = NULL;
        err.message[0] = 0;
        cr_expect(reel_dataset_open(&d, root, splits[n], NULL, 0, &err) != REEL_OK);
        cr_expect(d == NULL);
        check_message(&err);
    }
    remove_folder(root);
}
