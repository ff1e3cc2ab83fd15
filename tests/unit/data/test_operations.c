/* The operations of auto-augmentation, AugMix's sum and the resizes against CRCs of what PIL makes
 * of the same pictures. */
#include <zlib.h>

#include "data/transforms/affine.h"
#include "tests/unit/data/stored_augment.h"

static reel_error err;

static uint32_t crc_of(const uint8_t *rgb, int64_t width, int64_t height)
{
    return (uint32_t)crc32(0, rgb, (unsigned)(width * height * 3));
}

static uint32_t stored_crc(const stored_augment *s, int field)
{
    return (uint32_t)strtoul(s->line.field[field], NULL, 16);
}

Test(operations, have_the_bits_of_pil)
{
    stored_augment s = stored_open();
    int n = 0;
    for (; stored_next(&s, "operation"); n++) {
        char **f = s.line.field;
        const int64_t width = stored_int(&s, 3), height = stored_int(&s, 4);
        const double magnitude = stored_real(&s, 6);
        const reel_interpolation how = reel_interpolation_find(f[5]);
        cr_assert(how < REEL_N_INTERPOLATIONS, "interpolation %s", f[5]);
        reel_image image = draw_picture(stored_int(&s, 2), width, height),
                   spare = draw_picture(0, width, height);

        reel_picture p = {image.rgb, spare.rgb, width, height};
        reel_operation_apply(operation_called(f[1]), &p, magnitude, how);
        const uint32_t crc = crc_of(p.rgb, width, height);
        cr_expect(crc == stored_crc(&s, 7), "%s(%g), %s, picture %s of %s x %s: %08x, PIL's %s",
                  f[1], magnitude, f[5], f[2], f[3], f[4], crc, f[7]);
        reel_image_free(&image);
        reel_image_free(&spare);
    }
    cr_expect(n > 400, "%d cases", n);
}

Test(operations, no_bit_is_kept_where_none_is_asked_for)
{
    reel_image image = draw_picture(0, 5, 5), spare = draw_picture(0, 5, 5);
    reel_picture p = {image.rgb, spare.rgb, 5, 5};
    reel_operation_apply(REEL_OPERATION_POSTERIZE, &p, 0, REEL_INTERPOLATION_BILINEAR);
    for (int i = 0; i < 75; i++)
        cr_assert(p.rgb[i] == 0, "byte %d: %d", i, p.rgb[i]);
    reel_image_free(&image);
    reel_image_free(&spare);
}

/* Whole turns exchange pixels, as PIL's transpose; four quarters are none. */
Test(operations, four_quarter_turns_give_the_picture_back)
{
    reel_image image = draw_picture(0, 31, 31), to = draw_picture(1, 31, 31),
               start = draw_picture(0, 31, 31);
    for (int i = 0; i < 4; i++) {
        reel_rotate(to.rgb, image.rgb, 31, 31, i % 2 ? -270 : 90, REEL_INTERPOLATION_BICUBIC);
        memcpy(image.rgb, to.rgb, 31 * 31 * 3);
    }
    cr_expect(memcmp(image.rgb, start.rgb, 31 * 31 * 3) == 0);
    reel_rotate(to.rgb, start.rgb, 31, 31, 180, REEL_INTERPOLATION_NEAREST);
    for (int64_t i = 0; i < 31 * 31; i++)
        cr_assert(memcmp(to.rgb + 3 * i, start.rgb + 3 * (31 * 31 - 1 - i), 3) == 0, "pixel %d",
                  (int)i);
    reel_image_free(&image);
    reel_image_free(&to);
    reel_image_free(&start);
}

Test(operations, a_mix_has_the_bits_of_torchs_sum)
{
    stored_augment s = stored_open();
    reel_buffer memory = {0};
    int n = 0;
    for (; stored_next(&s, "mix"); n++) {
        enum { OWN = 4, CHAINS = 8, STEPS = 2, CRC = CHAINS + 2 * STEPS * REEL_AUGMENT_CHAINS };
        const int64_t side = stored_int(&s, 2);
        reel_augment_choice choice = {.mixed = true, .own = (float)stored_real(&s, OWN)};
        for (int c = 0; c < REEL_AUGMENT_CHAINS; c++) {
            choice.share[c] = (float)stored_real(&s, OWN + 1 + c);
            choice.chain[c].n = STEPS;
            for (int i = 0; i < STEPS; i++) {
                const int at = CHAINS + 2 * (c * STEPS + i);
                choice.chain[c].step[i] = (reel_augment_step){operation_called(s.line.field[at]),
                                                              stored_real(&s, at + 1)};
            }
        }

        reel_image image = draw_picture(stored_int(&s, 1), side, side);
        MUST(reel_augment_apply(&choice, image.rgb, side, side,
                                reel_interpolation_find(s.line.field[3]), &memory, &err),
             err);
        const uint32_t crc = crc_of(image.rgb, side, side);
        cr_expect(crc == stored_crc(&s, CRC), "mix %d: %08x, torch's %s", n, crc,
                  s.line.field[CRC]);
        reel_image_free(&image);
    }
    free(memory.data);
    cr_expect(n == 9, "%d cases", n);
}

/* A box of a picture in one call, and in windows of it. */
static void resize_stored(const stored_augment *s, reel_isa isa, reel_buffer *scratch)
{
    const int64_t width = stored_int(s, 3), height = stored_int(s, 4), w = stored_int(s, 9),
                  h = stored_int(s, 10);
    reel_image src = draw_picture(stored_int(s, 2), width, height), dst = {0};
    MUST(reel_image_resize_buffer(&dst, w, h, &err), err);
    reel_resizing what = {
        .src = {src.rgb, width, height, width * 3},
        .box = {stored_real(s, 5), stored_real(s, 6), stored_real(s, 7), stored_real(s, 8)},
        .width = w,
        .height = h,
        .window = {0, 0, w, h},
        .isa = isa,
        .how = reel_interpolation_find(s->line.field[1])};
    MUST(reel_resize_window(dst.rgb, w * 3, &what, scratch, &err), err);
    const uint32_t crc = crc_of(dst.rgb, w, h);
    char *const *f = s->line.field;
    cr_expect(crc == stored_crc(s, 11),
              "%s, %s: picture %s of %s x %s at (%s, %s) to %s x %s: %08x, PIL's %s", f[1],
              reel_isa_name(isa), f[2], f[3], f[4], f[5], f[6], f[9], f[10], crc, f[11]);

    what.window = (reel_rect){w / 3, h / 3, w - w / 3, h - h / 3};
    uint8_t *part = malloc((size_t)(what.window.w * what.window.h * 3));
    MUST(reel_resize_window(part, what.window.w * 3, &what, scratch, &err), err);
    for (int64_t y = 0; y < what.window.h; y++)
        cr_expect(memcmp(part + y * what.window.w * 3,
                         dst.rgb + ((what.window.y + y) * w + what.window.x) * 3,
                         (size_t)(what.window.w * 3)) == 0,
                  "%s, %s x %s to %s x %s: row %d of a window", f[1], f[3], f[4], f[9], f[10],
                  (int)y);
    free(part);
    reel_image_free(&src);
    reel_image_free(&dst);
}

Test(operations, resizes_have_the_bits_of_pil)
{
    const reel_isa best = reel_isa_default();
    stored_augment s = stored_open();
    reel_buffer scratch = {0};
    int n = 0;
    for (; stored_next(&s, "resize"); n++)
        for (int isa = 0; isa <= best; isa++)
            resize_stored(&s, isa, &scratch);
    free(scratch.data);
    cr_expect(n == 156, "%d cases", n);
}
