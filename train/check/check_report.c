/* What a pass over a dataset found, as one JSON object; the table is printed from it. Everything is
 * in the order of the samples. */
#include "train/check/check.h"
#include "train/run/json_util.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct findings_report {
    const reel_check *check;
    json_t *findings;
    int64_t most;
} findings_report;

static void add_finding(findings_report *r, const char *kind, const char *set, const char *file,
                        const char *what)
{
    json_t *f = json_object_get(r->findings, kind);
    if (!f) {
        f = json_pack("{s:i, s:[]}", "count", 0, "examples");
        json_object_set_new(r->findings, kind, f);
    }
    const json_int_t count = json_integer_value(json_object_get(f, "count")) + 1;
    json_object_set_new(f, "count", json_integer(count));
    if (count <= r->most)
        json_array_append_new(json_object_get(f, "examples"),
                              json_pack("{s:s, s:o, s:o}", "set", set, "file", reel_json_text(file),
                                        "what", reel_json_text(what)));
}

static void item_name(const reel_check *c, int64_t item, char *text, size_t size)
{
    const int k = reel_check_split_of(c, item);
    reel_dataset_sample_name(c->set[k], item - c->first[k], text, size);
}

static void add_item_findings(findings_report *r, int64_t i)
{
    const reel_check_item *item = &r->check->items[i];
    const reel_image_facts *f = &item->facts;
    const int split = reel_check_split_of(r->check, i);
    const char *set = r->check->split[split];
    char name[4200], what[100];
    item_name(r->check, i, name, sizeof name);

    if (item->reason)
        add_finding(r, "corrupt", set, name, item->reason);
    if (f->misnamed && reel_dataset_names_tell_format(r->check->set[split]))
        add_finding(r, "misnamed", set, name, f->misnamed);
    if (f->cmyk)
        add_finding(r, "cmyk", set, name, "four components");
    snprintf(what, sizeof what, "orientation %d", f->orientation);
    if (f->orientation > 1)
        add_finding(r, "rotated", set, name, what);

    /* Sizes are 0 where the image does not decode. */
    snprintf(what, sizeof what, "%" PRId64 " x %" PRId64 ", %.1f MB", f->width, f->height,
             (double)f->size / 1e6);
    if (f->width && (f->width < 32 || f->height < 32))
        add_finding(r, "tiny", set, name, what);
    if (f->width * f->height > 50000000 || f->size > 20000000)
        add_finding(r, "huge", set, name, what);
}

static int compare_content(const void *a, const void *b, void *user)
{
    const int64_t i = *(const int64_t *)a, k = *(const int64_t *)b;
    const reel_check_item *items = user;
    const reel_image_facts *x = &items[i].facts, *y = &items[k].facts;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return i < k ? -1 : i > k;
}

static reel_status read_item(const reel_check *c, int64_t item, reel_bytes *bytes, reel_error *err)
{
    const int k = reel_check_split_of(c, item);
    return reel_dataset_read(c->set[k], item - c->first[k], bytes, err);
}

/* twin[i]: the earliest item with the same bytes, itself if there is none. Equal hashes only
 * propose: bytes decide. */
static void find_twins(const reel_check *c, const int64_t *order, int64_t n, int64_t *twin)
{
    reel_bytes a = {0}, b = {0};
    reel_error ignored;
    for (int64_t i = 0; i < n; i++)
        twin[order[i]] = order[i];

    for (int64_t begin = 0, i = 1; i < n; i++) {
        /* begin: the first item with this hash and size */
        const reel_image_facts *x = &c->items[order[begin]].facts, *y = &c->items[order[i]].facts;
        if (x->hash != y->hash || x->size != y->size)
            begin = i;

        for (int64_t k = begin; k < i && y->size; k++) {
            /* Only originals are compared: a copy equals one of them. */
            if (twin[order[k]] != order[k])
                continue;
            if (read_item(c, order[k], &a, &ignored) == REEL_OK &&
                read_item(c, order[i], &b, &ignored) == REEL_OK && a.size == b.size &&
                memcmp(a.data, b.data, a.size) == 0) {
                twin[order[i]] = order[k];
                break;
            }
        }
    }

    reel_bytes_free(&a);
    reel_bytes_free(&b);
}

/* Item i has the bytes of an earlier one. */
static void add_twin(findings_report *r, int64_t i, int64_t earlier)
{
    const reel_check *c = r->check;
    const int mine = reel_check_split_of(c, i), theirs = reel_check_split_of(c, earlier);
    char name[4200], other[4200], what[4300];
    item_name(c, i, name, sizeof name);
    item_name(c, earlier, other, sizeof other);
    snprintf(what, sizeof what, "same bytes as %s: %s", c->split[theirs], other);
    add_finding(r, mine == theirs ? "duplicate" : "duplicate_across_sets", c->split[mine], name,
                what);
}

static reel_status add_twin_findings(findings_report *r, reel_error *err)
{
    const reel_check *c = r->check;
    const int64_t n = c->first[c->n_splits];
    int64_t *order = malloc(((size_t)n + 1) * sizeof *order),
            *twin = malloc(((size_t)n + 1) * sizeof *twin);
    const bool good = order && twin;
    if (good) {
        for (int64_t i = 0; i < n; i++)
            order[i] = i;
        qsort_r(order, (size_t)n, sizeof *order, compare_content, c->items);
        find_twins(c, order, n, twin);

        for (int64_t i = 0; i < n; i++)
            if (twin[i] != i)
                add_twin(r, i, twin[i]);
    }
    free(order);
    free(twin);
    return good ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "no memory to compare the images");
}

typedef struct folder {
    const char *name;
    int64_t images[REEL_CHECK_SPLITS]; /* -1 = the split has no such class */
} folder;

static int compare_folded_names(const void *a, const void *b)
{
    const char *x = ((const folder *)a)->name, *y = ((const folder *)b)->name;
    const int order = strcasecmp(x, y);
    return order ? order : strcmp(x, y);
}

/* All class names of all splits, each once, those that differ only by case side by side. */
static int64_t gather_classes(const reel_check *c, folder *all)
{
    int64_t n = 0, kept = 0;
    for (int s = 0; s < c->n_splits; s++) {
        const int64_t base = n;
        for (int64_t k = 0; k < reel_dataset_classes(c->set[s]); k++, n++) {
            all[n] =
                (folder){.name = reel_dataset_class_name(c->set[s], k), .images = {-1, -1, -1}};
            all[n].images[s] = 0;
        }
        for (int64_t i = 0; i < reel_dataset_count(c->set[s]); i++)
            all[base + reel_dataset_label(c->set[s], i)].images[s]++;
    }

    /* The same class of several splits becomes one entry. */
    qsort(all, (size_t)n, sizeof *all, compare_folded_names);
    for (int64_t i = 0; i < n; i++) {
        if (kept && strcmp(all[kept - 1].name, all[i].name) == 0) {
            for (int s = 0; s < c->n_splits; s++)
                if (all[i].images[s] >= 0)
                    all[kept - 1].images[s] = all[i].images[s];
        } else
            all[kept++] = all[i];
    }
    return kept;
}

/* A class that only some splits have, that has no images, or whose name differs by case only from
 * its neighbour's. */
static void add_class_finding(findings_report *r, const folder *class, const folder *before)
{
    const reel_check *c = r->check;
    for (int s = 0; s < c->n_splits; s++) {
        if (class->images[s] < 0)
            add_finding(r, "class_missing", c->split[s], class->name, "other sets have this class");
        if (class->images[s] == 0)
            add_finding(r, "class_empty", c->split[s], class->name, "no images");
    }
    if (!before || strcasecmp(before->name, class->name) != 0)
        return;

    char what[400];
    snprintf(what, sizeof what, "differs only by case from %s", before->name);
    add_finding(r, "class_case", "all", class->name, what);
}

/* One split in numbers; imbalance: the largest class over the smallest that has images. */
static json_t *split_summary(const reel_check *c, int split, const folder *all, int64_t n)
{
    int64_t least = INT64_MAX, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t images = all[i].images[split];
        if (images > 0 && images < least)
            least = images;
        if (images > largest)
            largest = images;
    }

    const reel_dataset *set = c->set[split];
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:o}", "images", (json_int_t)reel_dataset_count(set), "hidden",
        (json_int_t)reel_dataset_hidden(set), "classes", (json_int_t)reel_dataset_classes(set),
        "largest", (json_int_t)largest, "smallest", (json_int_t)(largest ? least : 0), "imbalance",
        reel_json_number(largest ? (double)largest / (double)least : NAN));
}

static reel_status add_class_findings(findings_report *r, json_t *splits, reel_error *err)
{
    const reel_check *c = r->check;
    size_t most = 1;
    for (int s = 0; s < c->n_splits; s++)
        most += (size_t)reel_dataset_classes(c->set[s]);
    folder *all = calloc(most, sizeof *all);
    if (!all)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the classes");

    const int64_t n = gather_classes(c, all);
    for (int64_t i = 0; i < n; i++)
        add_class_finding(r, &all[i], i ? &all[i - 1] : NULL);
    for (int s = 0; s < c->n_splits; s++)
        json_object_set_new(splits, c->split[s], split_summary(c, s, all, n));
    free(all);
    return REEL_OK;
}

/* All parts of one list may say the same of it. */
static void add_note_once(json_t *notes, const char *note)
{
    json_t *text = reel_json_text(note), *before;
    size_t i;
    json_array_foreach(notes, i, before)
    {
        if (json_equal(before, text)) {
            json_decref(text);
            return;
        }
    }
    json_array_append_new(notes, text);
}

reel_status reel_check_report(json_t **out, const reel_check *c, int64_t most, reel_error *err)
{
    const int64_t n = c->first[c->n_splits];
    findings_report r = {.check = c, .findings = json_object(), .most = most};
    json_t *splits = json_object(), *mean = json_array(), *deviation = json_array();
    for (int64_t i = 0; i < n; i++)
        add_item_findings(&r, i);

    reel_status status = add_twin_findings(&r, err);
    if (status == REEL_OK)
        status = add_class_findings(&r, splits, err);

    /* Variance is a difference of two large numbers: long double has 64 bits of mantissa. */
    for (int k = 0; k < 3; k++) {
        const long double m = (long double)c->sum[k] / (long double)c->pixels;
        const long double v = (long double)c->square[k] / (long double)c->pixels - m * m;
        json_array_append_new(mean, reel_json_number((double)(m / 255)));
        json_array_append_new(deviation,
                              reel_json_number((double)(sqrtl(v > 0 || v != v ? v : 0) / 255)));
    }

    int64_t corrupt = 0, profiles = 0;
    for (int64_t i = 0; i < n; i++) {
        corrupt += c->items[i].reason != NULL;
        profiles += c->items[i].facts.profile;
    }

    reel_left_out left_out = {0};
    json_t *notes = json_array();
    char text[900];
    for (int s = 0; s < c->n_splits; s++) {
        reel_left_out_merge(&left_out, reel_dataset_left_out(c->set[s]));
        for (int64_t i = 0; i < reel_dataset_notes(c->set[s]); i++)
            add_note_once(notes, reel_dataset_note(c->set[s], i));
    }
    reel_left_out_text(&left_out, text, sizeof text);

    *out = json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "images", (json_int_t)n,
                     "corrupt_share", reel_json_number(n ? (double)corrupt / (double)n : 0),
                     "findings", r.findings, "splits", splits, "mean", mean, "std", deviation,
                     "left_out", reel_json_text(text), "notes", notes, "icc_profiles_ignored",
                     (json_int_t)profiles);
    if (status == REEL_OK && !*out)
        status = reel_fail(err, REEL_ERR_MEMORY, "no memory for the report");
    return status;
}
