/* Tar headers that say something of the next entry: long names, pax records, and what is refused in
 * them. Whole archives are in test_sources.c. */
#include "data/sources/common/tar.h"
#include "tests/unit/data/fuzz_seeds.h"

/* Appends "LENGTH KEY=VALUE\n" to text, where LENGTH counts all of it. */
static void put_record(char *text, const char *key, const char *value)
{
    const size_t rest = strlen(key) + strlen(value) + 3; /* ' ', '=', '\n' */
    size_t length = rest + 1;
    for (char digits[24]; rest + (size_t)sprintf(digits, "%zu", length) != length;)
        length++;
    sprintf(text + strlen(text), "%zu %s=%s\n", length, key, value);
}

/* "NAME:SIZE@OFFSET ..." of all entries, or the message of the error that ends the walk. */
static const char *entries_of_tar(const reel_bytes *bytes)
{
    static char text[2 * REEL_TAR_NAME];
    static reel_tar walk;
    static reel_tar_entry entry;
    const reel_span span = {.memory = bytes->data, .size = bytes->size};
    size_t used = 0;
    text[0] = 0;
    reel_tar_begin(&walk, &span, 0, span.size);
    for (bool more = true;;) {
        reel_error err = {0};
        if (reel_tar_next(&walk, &entry, &more, &err) != REEL_OK) {
            cr_expect_eq(err.status, REEL_ERR_FORMAT);
            snprintf(text, sizeof text, "%s", err.message);
            return text;
        }
        if (!more)
            return text;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%" PRIu64 "@%" PRIu64,
                                 used ? " " : "", entry.name, entry.size, entry.offset);
    }
}

/* One header of `type` with this content, a file behind it, and what the walk says. */
static void expect_behind(char type, const char *content, size_t size, const char *expected)
{
    reel_bytes tar = {0};
    tar_put(&tar, "header", type, content, size);
    tar_put(&tar, "plain", '0', "abc", 3);
    tar_end(&tar);
    const char *got = entries_of_tar(&tar);
    cr_expect_str_eq(got, expected, "got      %.300s\nexpected %.300s", got, expected);
    reel_bytes_free(&tar);
}

static void expect_behind_record(const char *key, const char *value, const char *expected)
{
    char text[600] = "";
    put_record(text, key, value);
    expect_behind('x', text, strlen(text), expected);
}

Test(tar, a_pax_record_names_the_next_entry_alone)
{
    reel_bytes tar = {0};
    char record[100] = "";
    put_record(record, "mtime", "1.5");
    put_record(record, "path", "long/name.jpg");
    tar_put(&tar, "header", 'x', record, strlen(record));
    tar_put(&tar, "short", '0', "abc", 3);
    tar_put(&tar, "other", '0', "de", 2);
    tar_end(&tar);
    cr_expect_str_eq(entries_of_tar(&tar), "long/name.jpg:3@1536 other:2@2560");
    reel_bytes_free(&tar);
}

/* Files of 8 GiB and more do not fit into a header's octal digits: a record gives their size. */
Test(tar, a_pax_record_gives_the_size_of_the_next_entry_alone)
{
    static const char content[700], record[] = "12 size=700\n";
    reel_bytes tar = {0};
    reel_error err;
    tar_put(&tar, "header", 'x', record, sizeof record - 1);
    tar_put(&tar, "large", '0', NULL, 0); /* its own header says 0 */
    MUST(reel_bytes_reserve(&tar, tar.size + 1024, &err), err);
    memset(tar.data + tar.size, 0, 1024);
    memcpy(tar.data + tar.size, content, sizeof content);
    tar.size += 1024;
    tar_put(&tar, "next", '0', "abc", 3);
    tar_end(&tar);
    cr_expect_str_eq(entries_of_tar(&tar), "large:700@1536 next:3@3072");

    tar.size = 1536 + 512; /* cut within what the record promises */
    cr_expect_str_eq(entries_of_tar(&tar), "tar: cut, or damaged: the content of large at 1536 "
                                           "takes 700 bytes, 512 are left");
    reel_bytes_free(&tar);
}

Test(tar, records_that_cannot_be_are_refused)
{
    static const char damaged[] = "tar: the extended header at 0 is damaged or sparse";
    expect_behind_record("size", "-1", damaged);
    expect_behind_record("size", "9223372036854775808", damaged);
    expect_behind_record("size", "", damaged);
    expect_behind_record("GNU.sparse.major", "1", damaged);
    expect_behind_record("GNU.other", "1", "plain:3@1536");
    expect_behind('x', "9 path=a\n", 8, damaged);
    expect_behind('x', "9 pathxa\n", 9, damaged);
    expect_behind('x', "path=a\n", 7, damaged);
    expect_behind('x', "11 path=a\0b\n", 12, damaged);
}

Test(tar, long_names_are_read_up_to_what_a_path_can_be)
{
    char *name = calloc(1, REEL_TAR_NAME + 2), *expected = malloc(REEL_TAR_NAME + 20);
    memset(name, 'x', REEL_TAR_NAME);
    sprintf(expected, "%s:3@%d", name, 512 + 4608 + 512);
    expect_behind('L', name, REEL_TAR_NAME + 1, expected);
    name[REEL_TAR_NAME] = 'y'; /* no zero at its end */
    expect_behind('L', name, REEL_TAR_NAME + 1, "tar: name at 0 is too long");
    free(name);
    free(expected);
}

/* Longer than what is read at a time; other records before the one that counts. */
Test(tar, long_pax_headers_are_read_and_endless_ones_refused)
{
    char *text = calloc(1, REEL_TAR_PAX + 100), *comment = calloc(1, 6001);
    memset(comment, 'c', 6000);
    put_record(text, "comment", comment);
    put_record(text, "path", "name.jpg");
    expect_behind('x', text, strlen(text), "name.jpg:3@7168");

    memset(text, 'c', REEL_TAR_PAX + 1);
    expect_behind('x', text, REEL_TAR_PAX + 1,
                  "tar: extended header at 0 of 65537 bytes, expected at most 65536");
    free(text);
    free(comment);
}

Test(tar, sparse_files_are_refused_and_headers_for_all_passed_over)
{
    expect_behind('S', "", 0, "tar: the file at 0 is sparse, which is not read");
    expect_behind('g', "9 path=a\n", 9, "plain:3@1536");
    expect_behind('K', "a link's target", 16, "plain:3@1536");
}

Test(tar, contents_are_read_within_the_archive_only)
{
    static reel_tar walk;
    uint8_t to[8] = {0};
    reel_error err = {0};
    const reel_span span = {.memory = (const uint8_t *)"0123456789", .size = 10};
    reel_tar_begin(&walk, &span, 0, span.size);
    MUST(reel_tar_read(&walk, 6, to, 4, &err), err);
    cr_expect(memcmp(to, "6789", 4) == 0);
    cr_expect_eq(reel_tar_read(&walk, 6, to, 5, &err), REEL_ERR_FORMAT);
    cr_expect_str_eq(err.message, "5 bytes at 6 reach beyond the end at 10");
    cr_expect_eq(reel_tar_read(&walk, 11, to, 1, &err), REEL_ERR_FORMAT);
}
