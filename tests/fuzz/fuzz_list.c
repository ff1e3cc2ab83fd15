/* Arbitrary bytes as a list file, as .txt and as .csv: labels are classes, paths are not empty. */
#include <stdlib.h>
#include <string.h>

#include "data/sources/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const reel_bytes text = {.data = (uint8_t *)bytes, .size = size};
    for (int kind = 0; kind < 2; kind++) {
        reel_files *f = calloc(1, sizeof *f);
        reel_names classes = {0};
        reel_error err = {0};
        bool numbers;
        if (!f)
            return 0;
        f->root = -1;
        const reel_status status =
            reel_list_parse(f, &classes, &numbers, &text, kind ? "fuzz.csv" : "fuzz.txt", &err);
        if (status != REEL_OK && !err.message[0])
            abort();
        for (size_t i = 0; status == REEL_OK && i < f->samples.n; i++) {
            const reel_file *s = (const reel_file *)f->samples.items + i;
            if (s->label < 0 || (!numbers && s->label >= reel_names_count(&classes)))
                abort();
            if (s->path >= f->paths.used || !f->paths.text[s->path])
                abort();
        }
        reel_names_free(&classes);
        reel_files_destroy(f);
    }
    return 0;
}
