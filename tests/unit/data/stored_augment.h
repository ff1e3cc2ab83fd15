/* What torchvision and PIL make of drawn pictures: tests/support/augment.tsv, which
 * tests/support/make_augment.py wrote. */
#ifndef REEL_TESTS_UNIT_DATA_STORED_AUGMENT_H
#define REEL_TESTS_UNIT_DATA_STORED_AUGMENT_H

#include "data/transforms/augment.h"
#include "data/transforms/erase.h"
#include "tests/unit/data/data_test.h"

enum { MOST_FIELDS = 40 };

/* One line, its fields in order. */
typedef struct stored_line {
    int n;
    char *field[MOST_FIELDS], *text;
} stored_line;

typedef struct stored_augment {
    FILE *file;
    stored_line line;
    size_t capacity;
} stored_augment;

__attribute__((unused)) static stored_augment stored_open(void)
{
    char path[4096];
    const char *source = getenv("REEL_SOURCE");
    cr_assert(source != NULL, "REEL_SOURCE: expected the source folder");
    snprintf(path, sizeof path, "%s/tests/support/augment.tsv", source);
    stored_augment s = {.file = fopen(path, "r")};
    cr_assert(s.file != NULL, "%s: %s", path, strerror(errno));
    return s;
}

/* The next line whose first field is this kind. False: there are no more, and all is closed. */
__attribute__((unused)) static bool stored_next(stored_augment *s, const char *kind)
{
    while (getline(&s->line.text, &s->capacity, s->file) > 0) {
        char *rest = s->line.text;
        rest[strcspn(rest, "\n")] = 0;
        s->line.n = 0;
        for (char *field = strsep(&rest, "\t"); field; field = strsep(&rest, "\t")) {
            cr_assert(s->line.n < MOST_FIELDS, "more than %d fields", MOST_FIELDS);
            s->line.field[s->line.n++] = field;
        }
        if (!strcmp(s->line.field[0], kind))
            return true;
    }
    fclose(s->file);
    free(s->line.text);
    *s = (stored_augment){0};
    return false;
}

__attribute__((unused)) static double stored_real(const stored_augment *s, int field)
{
    cr_assert(field < s->line.n, "%s: field %d is missing", s->line.field[0], field);
    return strtod(s->line.field[field], NULL);
}

__attribute__((unused)) static int64_t stored_int(const stored_augment *s, int field)
{
    return (int64_t)stored_real(s, field);
}

__attribute__((unused)) static reel_operation operation_called(const char *name)
{
    int i = 0;
    while (i < REEL_N_OPERATIONS && strcmp(reel_operation_name((reel_operation)i), name) != 0)
        i++;
    cr_assert(i < REEL_N_OPERATIONS, "no operation is called %s", name);
    return (reel_operation)i;
}

/* As picture of make_augment.py: 0 noise, 1 slopes and edges, 2 noise within a narrow range, 3 one
 * colour. */
__attribute__((unused)) static reel_image draw_picture(int64_t kind, int64_t width, int64_t height)
{
    reel_image image = {0};
    reel_error err;
    MUST(reel_image_resize_buffer(&image, width, height, &err), err);
    uint32_t state = (uint32_t)(width * 31 + height) * 2654435761u + (uint32_t)kind;
    uint8_t *p = image.rgb;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                state = state * 1664525u + 1013904223u;
                const int noise = (int)(state >> 24);
                const int slope = (int)(7 * x + (c + 3) * y + (x > width / 2 ? 90 : 0)) & 255;
                const int values[] = {noise, slope, 100 + 10 * c + (noise >> 3), 40 * c + 17};
                *p++ = (uint8_t)values[kind];
            }
    return image;
}

#endif
