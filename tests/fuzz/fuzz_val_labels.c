/* Arbitrary bytes as the labels of ImageNet's validation set, in each of the three texts, with the
 * classes known and not: a label is one of the classes, whatever the file's name. */
#include <stdlib.h>
#include <string.h>

#include "data/sources/common/val_labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void expect_labels(reel_val_kind kind, bool known, const reel_bytes *text)
{
    static const char *const files[] = {"ILSVRC2012_val_00000001.JPEG",
                                        "val/ILSVRC2012_val_00000003.JPEG", "a", "", "n01440764"};
    reel_val_labels v = {0};
    reel_names classes = {0};
    reel_error err = {0};
    reel_status status = REEL_OK;
    for (int i = 0; known && status == REEL_OK && i < 2; i++)
        status = reel_names_add(&classes, i ? "n01443537" : "n01440764", 9, &err);
    if (status == REEL_OK && known)
        reel_names_sort(&classes);
    if (status == REEL_OK)
        status = reel_val_labels_parse(&v, &classes, kind, "/nowhere/labels", text, &err);
    if (status != REEL_OK && !err.message[0])
        abort();
    for (int i = 0; status == REEL_OK && i < (int)REEL_COUNT(files); i++) {
        const int64_t label = reel_val_label(&v, files[i]);
        if (label < -1 || label >= reel_names_count(&classes))
            abort();
    }
    reel_names_free(&classes);
    reel_val_labels_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const reel_bytes text = {.data = (uint8_t *)bytes, .size = size};
    for (int kind = 0; kind < 6; kind++)
        expect_labels((reel_val_kind)(kind / 2), kind % 2, &text);
    return 0;
}
