/* What looks wrong about a pair of datasets, though each can be read: found by labels and names
 * alone. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/bytes_internal.h"
#include "data/dataset.h"

static void count_classes(const reel_dataset *d, int64_t *of_class)
{
    for (int64_t i = 0; i < reel_dataset_count(d); i++) {
        const int64_t label = reel_dataset_label(d, i);
        if (label >= 0)
            of_class[label]++;
    }
}

static int64_t classes_with_images(const int64_t *of_class, int64_t n)
{
    int64_t with = 0;
    for (int64_t c = 0; c < n; c++)
        with += of_class[c] > 0;
    return with;
}

/* "3 of 10 classes have no training images: a, b, c" */
static void say_empty(char *text, size_t size, const reel_dataset *d, const int64_t *of_class,
                      const char *side)
{
    const int64_t n = reel_dataset_classes(d), empty = n - classes_with_images(of_class, n);
    size_t used = (size_t)snprintf(
        text, size, "%" PRId64 " of %" PRId64 " classes have no %s images: ", empty, n, side);
    int64_t said = 0;
    for (int64_t c = 0; c < n && said < 5; c++) {
        char name[32];
        if (of_class[c])
            continue;
        reel_escape(name, sizeof name, reel_dataset_class_name(d, c));
        used += (size_t)snprintf(text + used, size - used, "%s%s", said++ ? ", " : "", name);
    }
    if (empty > said)
        snprintf(text + used, size - used, ", ...");
}

/* ---- names that differ only by case ---- */
static int by_folded_name(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    const int order = strcasecmp(x, y);
    return order ? order : strcmp(x, y);
}

/* Two folders that became one class elsewhere, or will on a file system that does not tell them
 * apart. */
static bool differ_by_case(const reel_dataset *d, char *text, size_t size)
{
    const int64_t n = reel_dataset_classes(d);
    const char **names = malloc((size_t)n * sizeof *names);
    int64_t pairs = 0;
    if (!names)
        return snprintf(text, size, "no memory to compare the names of classes") > 0;
    for (int64_t c = 0; c < n; c++)
        names[c] = reel_dataset_class_name(d, c);
    qsort(names, (size_t)n, sizeof *names, by_folded_name);

    /* Sorted without case, names that differ only by it are neighbours. The first pair is named. */
    for (int64_t c = 1; c < n; c++) {
        if (strcasecmp(names[c - 1], names[c]) != 0 || pairs++)
            continue;
        char one[80], other[80];
        reel_escape(one, sizeof one, names[c - 1]);
        reel_escape(other, sizeof other, names[c]);
        snprintf(text, size, "classes %s and %s differ only by case", one, other);
    }
    const size_t used = pairs ? strlen(text) : 0;
    if (pairs > 1)
        snprintf(text + used, size - used, ", and %" PRId64 " more pairs do", pairs - 1);
    free(names);
    return pairs > 0;
}

/* ---- folders and their labels ---- */
enum { SLOTS = 1 << 16, TEXT = 64, MOST_LOOKED_AT = 200000 };

struct folder {
    char name[TEXT];
    int64_t label; /* -1: several */
};

/* The folder a sample lies in, cut to TEXT; false = none. */
static bool folder_of(const reel_dataset *d, int64_t i, char *folder)
{
    char name[1024];
    reel_dataset_sample_name(d, i, name, sizeof name);
    char *end = strrchr(name, '/');
    if (!end)
        return false;
    *end = 0;
    const char *begin = strrchr(name, '/');
    snprintf(folder, TEXT, "%.*s", TEXT - 1, begin ? begin + 1 : name);
    return *folder;
}

/* Its slot in an open hash table, or the free one where it belongs; NULL = the table is full. */
static struct folder *slot_of(struct folder *table, const char *name)
{
    uint32_t h = 2166136261u;
    for (const char *c = name; *c; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    for (int i = 0; i < 64; i++) {
        struct folder *f = &table[(h + (uint32_t)i) % SLOTS];
        if (!*f->name || strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

/* Which class each folder of the training data is of; -1: of several. */
static void note_folders(struct folder *table, const reel_dataset *train)
{
    char name[TEXT];
    const int64_t stride = reel_dataset_count(train) / MOST_LOOKED_AT + 1;
    for (int64_t i = 0; i < reel_dataset_count(train); i += stride) {
        struct folder *f = folder_of(train, i, name) ? slot_of(table, name) : NULL;
        if (!f)
            continue;
        const int64_t label = reel_dataset_label(train, i);
        if (!*f->name) {
            memcpy(f->name, name, TEXT);
            f->label = label;
        } else if (f->label != label) {
            f->label = -1;
        }
    }
}

/* How many validation images have the class of their folder, how many another; and the first of the
 * latter. */
struct agreement {
    int64_t same, other;
    char odd[TEXT];
    int64_t in_train, in_val;
};

static struct agreement compare_folders(struct folder *table, const reel_dataset *val)
{
    struct agreement a = {0};
    char name[TEXT];
    for (int64_t i = 0; i < reel_dataset_count(val) && i < MOST_LOOKED_AT; i++) {
        const struct folder *f = folder_of(val, i, name) ? slot_of(table, name) : NULL;
        if (!f || !*f->name || f->label < 0)
            continue;
        const int64_t label = reel_dataset_label(val, i);
        if (label == f->label) {
            a.same++;
        } else if (!a.other++) {
            memcpy(a.odd, name, TEXT);
            a.in_train = f->label;
            a.in_val = label;
        }
    }
    return a;
}

/* Folders that hold one class on one side and another on the other: the labels of one are permuted.
 */
static bool seem_permuted(const reel_dataset *train, const reel_dataset *val, char *text,
                          size_t size)
{
    struct folder *table = calloc(SLOTS, sizeof *table);
    if (!table)
        return snprintf(text, size, "no memory to compare the labels of folders") > 0;
    note_folders(table, train);
    const struct agreement a = compare_folders(table, val);
    free(table);
    if (a.other == 0 || a.other <= a.same)
        return false;
    snprintf(text, size,
             "labels seem permuted: images in %s are of class %" PRId64
             " in the training and of class %" PRId64 " in the validation data",
             a.odd, a.in_train, a.in_val);
    return true;
}

/* ---- all of them ---- */

/* The lines that are written. */
struct doubts {
    reel_doubt *lines;
    int n, most;
};

/* Memory for the next line; NULL = there is none left. */
static char *next_line(struct doubts *d)
{
    return d->n < d->most ? d->lines[d->n++] : NULL;
}

/* One side on which some classes have no images. */
static void doubt_side(struct doubts *d, const reel_dataset *set, const int64_t *of_class,
                       const char *side, bool from_one)
{
    const int64_t n = reel_dataset_classes(set), with = classes_with_images(of_class, n);
    const bool one = with == 1 && n > 1, some = with < n && !from_one;
    char *line = one || some ? next_line(d) : NULL;
    if (!line)
        return;
    if (!one)
        say_empty(line, sizeof *d->lines, set, of_class, side);
    else if (strcmp(side, "training") == 0)
        snprintf(line, sizeof *d->lines, "all training images are of one class of %" PRId64, n);
    else
        snprintf(line, sizeof *d->lines, "all validation images are of one class of %" PRId64, n);
}

int reel_dataset_doubts(const reel_dataset *train, const reel_dataset *val, reel_doubt *lines,
                        int most)
{
    if (!train || !val || (most > 0 && !lines))
        return 0;

    struct doubts d = {.lines = lines, .most = most};
    const size_t line = sizeof *lines;
    const int64_t n = reel_dataset_classes(train);
    if (reel_dataset_classes(val) != n)
        return 0;
    int64_t *of_class = calloc(2 * (size_t)n, sizeof *of_class); /* of both sides */
    char *text;
    if (!of_class) {
        if ((text = next_line(&d)))
            snprintf(text, line, "no memory to count the images of each class");
        return d.n;
    }

    if (n == 1 && (text = next_line(&d))) {
        char name[60];
        reel_escape(name, sizeof name, reel_dataset_class_name(train, 0));
        snprintf(text, line, "%s is the only class: there is nothing to tell apart", name);
    }
    int64_t *in_val = of_class + n;
    count_classes(train, of_class);
    count_classes(val, in_val);
    const bool from_one =
        n > 2 && !of_class[0] && !in_val[0] && classes_with_images(of_class, n) == n - 1;
    if (from_one && (text = next_line(&d)))
        snprintf(text, line,
                 "no image has label 0: labels seem to count from 1, and the network gets %" PRId64
                 " classes",
                 n);
    doubt_side(&d, train, of_class, "training", from_one);
    doubt_side(&d, val, in_val, "validation", from_one);
    free(of_class);

    char found[250];
    if (d.n < most && differ_by_case(train, found, sizeof found))
        snprintf(next_line(&d), line, "%s", found);
    if (d.n < most && seem_permuted(train, val, found, sizeof found))
        snprintf(next_line(&d), line, "%s", found);
    return d.n;
}
