/* Letters, accents, boxes, and where a label's pixels fall. */
#include "train/cli/bitmap_font.h"
#include "train/cli/picture_label.h"

#include <criterion/criterion.h>
#include <string.h>

static bool same(reel_glyph a, reel_glyph b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

Test(bitmap_font, every_printable_character_has_its_own_drawing_within_its_cell)
{
    const reel_glyph box = reel_font_glyph(0x4e2d);
    for (uint32_t c = 33; c < 256; c++) {
        if (c >= 127 && c < 0xc0)
            continue;
        const reel_glyph g = reel_font_glyph(c);
        int ink = 0;
        for (int y = 0; y < REEL_GLYPH_ROWS; y++) {
            cr_assert(g.row[y] < 32, "U+%04X: row %d is wider than 5", c, y);
            ink += g.row[y] != 0;
        }
        cr_expect(ink > 0, "U+%04X is empty", c);
        cr_expect(!same(g, box), "U+%04X is a box", c);
        for (uint32_t other = 33; other < c; other++)
            cr_expect(!same(g, reel_font_glyph(other)) || (other >= 127 && other < 0xc0),
                      "U+%04X looks like U+%04X", c, other);
    }
    cr_expect(same(reel_font_glyph(0x7f), box) && same(reel_font_glyph(7), box));
}

Test(bitmap_font, accents_lie_over_their_letters)
{
    /* e acute: the accent lies in rows 2 and 3, right of the middle, then e begins in row 5. */
    const reel_glyph e = reel_font_glyph(0xe9), plain = reel_font_glyph('e');
    cr_expect_eq(e.row[2], 2);
    cr_expect_eq(e.row[3], 4);
    for (int y = 4; y < REEL_GLYPH_ROWS; y++)
        cr_expect_eq(e.row[y], plain.row[y]);
    /* A diaeresis: two dots over the letter's highest row and a gap. */
    cr_expect_eq(reel_font_glyph(0xc4).row[1], 10);
    cr_expect_eq(reel_font_glyph(0xc4).row[2], 0);
    cr_expect_eq(reel_font_glyph(0xc4).row[3], reel_font_glyph('A').row[3]);
    cr_expect_eq(reel_font_glyph(0xef).row[3], 10, "i with two dots has no third");
    cr_expect_eq(reel_font_glyph(0xef).row[4], 0);
}

Test(bitmap_font, text_is_utf8_and_an_accent_joins_its_letter)
{
    reel_glyph whole[20], parts[20];
    cr_assert_eq(reel_font_text(whole, 20, "Fran\xc3\xa7ois \xc3\xa9t\xc3\xa9 \xc3\xac"), 14);
    cr_assert_eq(reel_font_text(parts, 20, "Franc\xcc\xa7ois e\xcc\x81te\xcc\x81 i\xcc\x80"), 14);
    for (int i = 0; i < 14; i++)
        cr_expect(same(whole[i], parts[i]), "glyph %d", i);
    const reel_glyph box = reel_font_glyph(0x4e2d);
    cr_assert_eq(reel_font_text(whole, 20, "\xff\xe4\xb8\xad\xcc"), 3);
    for (int i = 0; i < 3; i++)
        cr_expect(same(whole[i], box), "no box at %d", i);
    cr_expect_eq(reel_font_text(whole, 4, "longer"), 4);
    cr_expect_eq(reel_font_text(whole, 4, ""), 0);
}

static reel_image picture;

static void paint(int64_t width, int64_t height)
{
    cr_assert_eq(reel_image_resize_buffer(&picture, width, height, NULL), REEL_OK);
    memset(picture.rgb, 200, (size_t)(width * height * 3));
}

/* Rows from the top that the label has left alone. */
static int64_t untouched(void)
{
    int64_t n = 0;
    for (; n < picture.height; n++)
        for (int64_t i = 0; i < picture.width * 3; i++)
            if (picture.rgb[n * picture.width * 3 + i] != 200)
                return n;
    return n;
}

static bool white_at(int64_t x, int64_t y)
{
    return picture.rgb[(y * picture.width + x) * 3] == 255;
}

Test(picture_label, letters_have_the_size_of_the_picture)
{
    paint(400, 380);
    reel_picture_label(&picture, "I", "9 %");
    /* 380 / 190 = 2: a band of 2 (12 + 2) rows; I's first stroke is 3 wide in row 3 of the cell. */
    cr_expect_eq(untouched(), 380 - 28);
    const int64_t top = 380 - 28 + 2;
    cr_expect(white_at(4 + 2, top + 6) && white_at(4 + 7, top + 7) && !white_at(4 + 1, top + 6) &&
              !white_at(4 + 8, top + 6) && !white_at(4 + 2, top + 8));
    reel_image_free(&picture);
}

/* Columns with ink in the band, from the left. */
static int64_t last_ink(void)
{
    for (int64_t x = picture.width - 1; x >= 0; x--)
        for (int64_t y = 0; y < picture.height; y++)
            if (white_at(x, y))
                return x;
    return -1;
}

Test(picture_label, a_long_name_is_cut_and_the_tail_stays)
{
    paint(100, 100);
    reel_picture_label(&picture, "a name that is much too long", "12.3 %");
    uint8_t *kept = malloc((size_t)(100 * 100 * 3));
    memcpy(kept, picture.rgb, 100 * 100 * 3);
    cr_expect(last_ink() < 98);
    /* 16 glyphs have room: 5 of the name, dots, blanks and the tail. */
    paint(100, 100);
    reel_picture_label(&picture, "a nam...", "12.3 %");
    cr_expect(memcmp(kept, picture.rgb, 100 * 100 * 3) == 0);
    free(kept);

    /* The larger letters of a large picture shrink to half first: 31 glyphs of scale 1 in place of
     * 15 of scale 2. */
    paint(200, 380);
    reel_picture_label(&picture, "twenty-two letters now", "99.9 %");
    cr_expect_eq(untouched(), 380 - 14);
    reel_image_free(&picture);
}

Test(picture_label, any_size_is_safe)
{
    for (int64_t side = 1; side < 40; side++) {
        paint(side, 41 - side);
        reel_picture_label(&picture, "\xc3\x85ngstr\xc3\xb6m", "50.0 %");
        paint(side * 37, 3);
        reel_picture_label(&picture, "", "50.0 %");
    }
    reel_image_free(&picture);
}
