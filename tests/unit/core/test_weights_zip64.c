/* .pth archives whose directory gives sizes and places of members in 64 bits, as archives of 4 GB
 * and more do: the zip64 field of a member (APPNOTE 4.5.3) holds those that are all ones elsewhere,
 * in a fixed order, among fields of others. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/weights.h"
#include "tests/support/build_pth.h"

/* Where these lie in an entry of the directory, and how long an entry is without its name. */
enum { PACKED = 20, SIZE = 24, EXTRA_LENGTH = 30, PLACE = 42, ENTRY = 46 };

/* The three numbers that zip64 can widen, as bits. */
enum { WIDE_SIZE = 1, WIDE_PACKED = 2, WIDE_PLACE = 4, WIDE_ALL = 7 };

static const char pickle[] =
    PTH_DICT(PTH_NAMED("a", PTH_TENSOR("FloatStorage", "0", "\x04", "\0", "\x04", "\x01")));
static const float numbers[4] = {1.5f, -2, 3, 4};

/* A field of an entry: its id, the length that it claims, and what it holds. */
static void put_field(built *extra, uint64_t id, uint64_t length, const uint64_t *values, int n)
{
    built_number(extra, id, 2);
    built_number(extra, length, 2);
    for (int i = 0; i < n; i++)
        built_number(extra, values[i], 8);
}

/* The archive's entry of the numbers, a/data/0. */
static size_t entry_of_numbers(const built *zip)
{
    static const char name[] = "a/data/0";
    const unsigned char *at = memmem(zip->bytes, zip->size, "PK\1\2", 4);
    at = memmem(at, (size_t)(zip->bytes + zip->size - at), name, sizeof name - 1);
    return (size_t)(at - zip->bytes) - ENTRY;
}

/* What the directory says about the numbers: size, size in the archive, place. */
static void read_numbers(const built *zip, uint64_t values[3])
{
    static const int at[3] = {SIZE, PACKED, PLACE};
    const size_t entry = entry_of_numbers(zip);
    for (int i = 0; i < 3; i++) {
        values[i] = 0;
        memcpy(&values[i], zip->bytes + entry + at[i], 4);
    }
}

static built plain_zip(void)
{
    const built_member members[] = {{"a/data.pkl", pickle, sizeof pickle - 1},
                                    {"a/data/0", numbers, sizeof numbers}};
    return build_zip(members, 2, 0, 0);
}

/* The archive with all ones for the numbers of `wide`, and this extra field behind the name. */
static built zip_with_extra(int wide, const built *extra)
{
    static const int at[3] = {SIZE, PACKED, PLACE};
    built plain = plain_zip(), zip = {0};
    const size_t entry = entry_of_numbers(&plain), behind_name = entry + ENTRY + 8;
    for (int i = 0; i < 3; i++)
        if (wide >> i & 1)
            memset(plain.bytes + entry + at[i], 0xff, 4);
    plain.bytes[entry + EXTRA_LENGTH] = (unsigned char)extra->size;

    /* The directory grows: its size stands in the end record, the archive's last 22 bytes. */
    uint32_t directory;
    unsigned char *const directory_size = plain.bytes + plain.size - 22 + 12;
    memcpy(&directory, directory_size, 4);
    directory += (uint32_t)extra->size;
    memcpy(directory_size, &directory, 4);

    built_put(&zip, plain.bytes, behind_name);
    built_put(&zip, extra->bytes, extra->size);
    built_put(&zip, plain.bytes + behind_name, plain.size - behind_name);
    free(plain.bytes);
    return zip;
}

static void expect_numbers(int wide, built *extra, const char *label)
{
    reel_weights *weights = NULL;
    reel_error err = {0};
    built zip = zip_with_extra(wide, extra);
    cr_assert_eq(reel_weights_read_memory(&weights, zip.bytes, zip.size, "file", &err), REEL_OK,
                 "%s: %s", label, err.message);
    cr_assert_eq(reel_weights_count(weights), 1);
    const reel_weight *w = reel_weights_at(weights, 0);
    cr_assert(w->bytes == sizeof numbers && memcmp(w->data, numbers, sizeof numbers) == 0,
              "%s: other numbers", label);
    reel_weights_destroy(weights);
    free(zip.bytes);
    free(extra->bytes);
}

static void expect_refusal(int wide, built *extra, const char *label, const char *word)
{
    reel_weights *weights = NULL;
    reel_error err = {0};
    built zip = zip_with_extra(wide, extra);
    cr_expect_eq(reel_weights_read_memory(&weights, zip.bytes, zip.size, "file", &err),
                 REEL_ERR_FORMAT, "%s was accepted", label);
    cr_expect_null(weights);
    cr_expect(strstr(err.message, word), "%s: expected \"%s\" in: %s", label, word, err.message);
    free(zip.bytes);
    free(extra->bytes);
}

Test(weights_zip64, any_of_the_three_numbers_may_stand_in_the_zip64_field)
{
    built plain = plain_zip();
    uint64_t all[3];
    read_numbers(&plain, all);
    free(plain.bytes);
    for (int wide = 1; wide <= WIDE_ALL; wide++) {
        uint64_t told[3];
        int n = 0;
        for (int i = 0; i < 3; i++)
            if (wide >> i & 1)
                told[n++] = all[i];
        char label[40];
        snprintf(label, sizeof label, "wide numbers %d", wide);
        built extra = {0};
        put_field(&extra, 1, 8 * (uint64_t)n, told, n);
        expect_numbers(wide, &extra, label);
    }
}

Test(weights_zip64, fields_of_others_are_passed_over_on_both_sides)
{
    built plain = plain_zip(), extra = {0};
    uint64_t all[3];
    read_numbers(&plain, all);
    free(plain.bytes);
    put_field(&extra, 0x4246, 16, (const uint64_t[]){0, 0}, 2); /* torch.save pads with it */
    put_field(&extra, 1, 24, all, 3);
    put_field(&extra, 0x5455, 0, NULL, 0);
    expect_numbers(WIDE_ALL, &extra, "among others");

    extra = (built){0}; /* where no number is wide, no field is read */
    put_field(&extra, 1, 60000, NULL, 0);
    expect_numbers(0, &extra, "no wide number");
}

Test(weights_zip64, fields_that_lie_are_refused)
{
    static const uint64_t big[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    static const char damaged[] = "its zip64 field is damaged";
    built extra = {0};
    put_field(&extra, 1, 16, big, 2);
    expect_refusal(WIDE_ALL, &extra, "two numbers of three", damaged);
    extra = (built){0};
    put_field(&extra, 1, 24, big, 2);
    expect_refusal(WIDE_ALL, &extra, "longer than the entry", damaged);
    extra = (built){0};
    put_field(&extra, 0x4246, 24, big, 3);
    expect_refusal(WIDE_ALL, &extra, "another's field alone", damaged);
    extra = (built){0};
    built_number(&extra, 1, 2);
    expect_refusal(WIDE_SIZE, &extra, "a field without a length", damaged);

    extra = (built){0};
    put_field(&extra, 1, 8, big, 1);
    expect_refusal(WIDE_PLACE, &extra, "a place behind the file", "before the directory");
    extra = (built){0};
    put_field(&extra, 1, 16, big, 2);
    expect_refusal(WIDE_SIZE | WIDE_PACKED, &extra, "sizes beyond the file",
                   "expected 16 bytes for 4 elements, got 18446744073709551615");
}

Test(weights_zip64, the_end_record_and_the_zip64_end_record_must_count_the_same_entries)
{
    reel_weights *weights = NULL;
    reel_error err = {0};
    built zip = build_pth_zip(pickle, sizeof pickle - 1, numbers, sizeof numbers, 0);
    unsigned char *const entries = zip.bytes + zip.size - 22 + 8; /* on this volume, and in all */
    cr_assert(entries[0] == 4 && entries[2] == 4);
    entries[0] = entries[2] = 5;
    cr_expect_eq(reel_weights_read_memory(&weights, zip.bytes, zip.size, "file", &err),
                 REEL_ERR_FORMAT);
    cr_expect_str_eq(err.message, "file: zip: zip64 end record: entries: expected 5, got 4: "
                                  "the file is damaged or cut short");
    free(zip.bytes);
}
