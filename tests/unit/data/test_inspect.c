/* EXIF's orientation out of bytes that anybody may have written. Buffers are of the exact size, so
 * that ASan sees a read past the end. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/data/exact.h"

enum { FULL = 40 };

static void put(uint8_t *at, uint32_t value, int n, bool little)
{
    for (int i = 0; i < n; i++)
        at[little ? i : n - 1 - i] = (uint8_t)(value >> (8 * i));
}

/* SOI, APP1 with one IFD of one entry. offset: of the IFD; entries: what it claims to hold. */
static void build(uint8_t *b, bool little, uint32_t orientation, uint32_t offset, uint32_t entries)
{
    memset(b, 0, FULL);
    memcpy(b, "\xff\xd8\xff\xe1", 4);
    put(b + 4, FULL - 4, 2, false);
    memcpy(b + 6, "Exif\0\0", 6);
    memcpy(b + 12, little ? "II" : "MM", 2);
    put(b + 14, 42, 2, little);
    put(b + 16, offset, 4, little);
    put(b + 20, entries, 2, little);
    put(b + 22, 0x0112, 2, little);
    put(b + 24, 3, 2, little);
    put(b + 26, 1, 4, little);
    put(b + 30, orientation, 2, little);
}

Test(inspect, every_orientation_is_read_in_both_byte_orders)
{
    uint8_t b[FULL];
    for (int little = 0; little < 2; little++)
        for (int o = 0; o <= 10; o++) {
            build(b, little, (uint32_t)o, 8, 1);
            const int expected = o >= 1 && o <= 8 ? o : 0, got = orientation_of(b, FULL);
            cr_expect(got == expected, "little %d, orientation %d: expected %d, got %d", little, o,
                      expected, got);
        }
}

Test(inspect, a_segment_that_is_cut_short_has_no_orientation)
{
    uint8_t b[FULL];
    build(b, true, 6, 8, 1);
    for (size_t n = 0; n < FULL; n++)
        cr_expect(orientation_of(b, n) == 0, "cut to %zu: got %d", n, orientation_of(b, n));
    for (uint32_t length = 0; length < 32; length++) { /* the entry ends at byte 34 */
        build(b, true, 6, 8, 1);
        put(b + 4, length, 2, false);
        const int got = orientation_of(b, FULL);
        cr_expect(got == 0 || length >= 30, "length %u: expected 0, got %d", length, got);
    }
}

Test(inspect, offsets_that_lie_are_not_followed)
{
    static const uint32_t offsets[] = {0,  1,    7,          9,          27,        28,
                                       29, 1000, 0x7fffffff, 0xfffffff8, 0xffffffff};
    uint8_t b[FULL];
    for (int little = 0; little < 2; little++)
        for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
            build(b, little, 6, offsets[i], 1);
            const int got = orientation_of(b, FULL);
            cr_expect(got == 0, "little %d, offset %u: expected 0, got %d", little, offsets[i],
                      got);
        }
}

Test(inspect, a_count_of_entries_that_lies_ends_with_the_segment)
{
    uint8_t b[FULL];
    build(b, true, 6, 8, 65535);
    cr_expect(orientation_of(b, FULL) == 6, "expected 6, got %d", orientation_of(b, FULL));
    put(b + 22, 0x0111, 2, true);
    cr_expect(orientation_of(b, FULL) == 0, "expected 0, got %d", orientation_of(b, FULL));
}

Test(inspect, four_components_are_cmyk_whether_the_image_decodes_or_not)
{
    uint8_t b[] = {0xff, 0xd8, 0xff, 0xc0, 0, 20, 8,  0, 8, 0,  8, 4,    1,
                   17,   0,    2,    17,   0, 3,  17, 0, 4, 17, 0, 0xff, 0xd9};
    for (int components = 1; components <= 4; components++) {
        reel_image image = {0};
        reel_image_facts facts;
        reel_error err;
        b[11] = (uint8_t)components;
        const reel_status status = reel_image_inspect(&facts, &image, "a.png", b, sizeof b, &err);
        cr_expect(status == REEL_ERR_FORMAT, "%d components: expected %d, got %d", components,
                  REEL_ERR_FORMAT, status);
        cr_expect(facts.cmyk == (components == 4), "%d components: cmyk is %d", components,
                  facts.cmyk);
        cr_expect(facts.misnamed && facts.width == 0, "%d components: width %lld", components,
                  (long long)facts.width);
        reel_image_free(&image);
    }
}
