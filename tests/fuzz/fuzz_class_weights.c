/* Arbitrary bytes as a file of class weights: an accepted one gives each class a weight above 0, a
 * refusal says why in one line. */
#include <stdlib.h>
#include <string.h>

#include "data/class_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void weights_check(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const names[] = {"cat", "dog", "a,b", "say \"x\"", "class"};
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    const int64_t classes = sum % (REEL_COUNT(names) + 1);
    const reel_weights_csv csv = {(const char *)bytes, size, "fuzz.csv"};
    double weights[REEL_COUNT(names)] = {0};
    reel_error err = {0};

    if (reel_class_weights_parse(weights, &csv, names, classes, &err) == REEL_OK) {
        for (int64_t c = 0; c < classes; c++)
            weights_check(weights[c] > 0 && weights[c] <= 1e6);
        return 0;
    }
    weights_check(err.message[0] != 0);
    for (const char *c = err.message; *c; c++)
        weights_check((unsigned char)*c >= 32);
    return 0;
}
