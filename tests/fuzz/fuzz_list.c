/* Arbitrary bytes as a list file, as .txt, .csv or .tsv: labels are classes, paths are not empty.
 */
#include <stdlib.h>
#include <string.h>

#include "data/sources/common/files.h"
#include "data/sources/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every sample has a path and a class that is there. */
static void check_samples(const reel_opened *opened)
{
    const reel_files *f = opened->self;
    for (size_t i = 0; i < f->samples.n; i++) {
        const reel_file *s = (const reel_file *)f->samples.items + i;
        if (s->label < 0 || s->label >= reel_names_count(&opened->classes))
            abort();
        if (s->path >= f->paths.used || !f->paths.text[s->path])
            abort();
    }
}

/* How an input is read follows from the sum of its bytes, so that one execution is one reading. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const names[] = {"fuzz.txt", "fuzz.csv", "fuzz.tsv"};
    static const char *const classes[] = {"cat", "10", "9"};
    const reel_bytes text = {.data = (uint8_t *)bytes, .size = size};

    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    const bool known = sum % 2; /* the classes are given, as weights and classes.txt give them */
    const reel_data_request request = {
        .data = "", .classes = known ? 3 : 0, .class_names = known ? classes : NULL};
    const reel_list_text list = {.text = &text, .name = names[sum / 2 % 3]};

    reel_opened opened = {.request = &request};
    reel_files *f = opened.self = calloc(1, sizeof *f);
    reel_error err = {0};
    if (!f)
        return 0;
    f->root = -1;
    const reel_status status = reel_list_parse(&opened, &list, &err);
    if (status != REEL_OK && !err.message[0])
        abort();
    if (status == REEL_OK)
        check_samples(&opened);

    reel_files_destroy(f);
    reel_names_free(&opened.classes);
    reel_names_free(&opened.notes);
    return 0;
}
