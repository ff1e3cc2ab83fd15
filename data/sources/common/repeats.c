/* Lines of a list that name the same file: one stays, so that no image is on both sides of a
 * split. */
#include <stdlib.h>
#include <string.h>

#include "data/sources/common/rows.h"

/* The next part of a path that counts, and how long it is; 0 = the end. "a//./b" is "a", "b". ".."
 * is a part like others, since behind a link it leads elsewhere than the text says. */
static const char *next_part(const char **path, size_t *length)
{
    for (;;) {
        const char *part = *path + strspn(*path, "/");
        *length = strcspn(part, "/");
        *path = part + *length;
        if (*length != 1 || *part != '.')
            return part;
    }
}

static bool same_path(const char *a, const char *b)
{
    if ((*a == '/') != (*b == '/'))
        return false;
    for (;;) {
        size_t length_a, length_b;
        const char *part_a = next_part(&a, &length_a), *part_b = next_part(&b, &length_b);
        if (length_a != length_b || memcmp(part_a, part_b, length_a) != 0)
            return false;
        if (length_a == 0)
            return true;
    }
}

/* FNV-1a over the parts that same_path compares, each with a slash behind it. */
static uint64_t hash_path(const char *path)
{
    uint64_t h = 1469598103934665603u;
    size_t length;
    for (const char *part; part = next_part(&path, &length), length > 0;) {
        for (size_t i = 0; i < length; i++)
            h = (h ^ (uint8_t)part[i]) * 1099511628211u;
        h = (h ^ '/') * 1099511628211u;
    }
    return h ^ h >> 29;
}

/* An open hash table of rows by path; 0 = free, else a row's number and one more. */
struct path_table {
    uint32_t *slots;
    size_t mask;
};

/* The earlier row with the path of row i; -1 = none, and row i is noted. */
static int64_t earlier_row(struct path_table *t, const reel_rows *rows, int64_t i)
{
    const char *path = reel_row_text(rows, reel_rows_at(rows, i)->path);
    size_t at = hash_path(path) & t->mask;
    for (; t->slots[at]; at = (at + 1) & t->mask) {
        const int64_t k = (int64_t)t->slots[at] - 1;
        if (same_path(reel_row_text(rows, reel_rows_at(rows, k)->path), path))
            return k;
    }
    t->slots[at] = (uint32_t)(i + 1);
    return -1;
}

static bool same_label(const reel_rows *rows, int64_t a, int64_t b)
{
    return strcmp(reel_row_text(rows, reel_rows_at(rows, a)->label),
                  reel_row_text(rows, reel_rows_at(rows, b)->label)) == 0;
}

reel_status reel_rows_unique(reel_rows *rows, int64_t *same, int64_t *other, reel_error *err)
{
    const int64_t n = reel_rows_count(rows);
    *same = *other = 0;
    if (n >= UINT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID, "more than 4294967294 lines");

    /* At most half full, so that searches are short. */
    size_t room = 16;
    while (room < 2 * (size_t)n)
        room *= 2;
    struct path_table t = {calloc(room, sizeof *t.slots), room - 1};
    bool *drop = calloc((size_t)n + 1, sizeof *drop);
    reel_status status = REEL_OK;
    if (!t.slots || !drop)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_MEMORY, "no memory to compare the lines of a list"),
                      done);

    for (int64_t i = 0; i < n; i++) {
        const int64_t k = earlier_row(&t, rows, i);
        if (k < 0)
            continue;
        drop[i] = true;
        *same += same_label(rows, i, k);
        *other += !same_label(rows, i, k);
        if (!same_label(rows, i, k))
            REEL_TRY_GOTO(reel_rows_note_bad(rows, reel_rows_at(rows, i)->line,
                                             "an earlier line gives this file another label", err),
                          done);
    }
    reel_rows_drop(rows, drop);
done:
    free(t.slots);
    free(drop);
    return status;
}
