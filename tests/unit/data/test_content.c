/* Pictures and films that no codec decodes: told by their bytes, and named. */
#include <fcntl.h>

#include "tests/unit/data/data_test.h"

static reel_image image;
static reel_error err;

typedef struct content_case {
    size_t size;
    const char *bytes, *message;
} content_case;

/* clang-format off */
#define BYTES(text) sizeof text - 1, text
static const content_case cases[] = {
    {BYTES("\0\0\0\x18""ftypheic\0\0\0\0mif1heic"), "HEIC photograph: convert it to JPEG"},
    {BYTES("\0\0\0\x18""ftypheix\0\0\0\0mif1heix"), "HEIC photograph: convert it to JPEG"},
    {BYTES("\0\0\0\x18""ftypmif1\0\0\0\0mif1heic"), "HEIC photograph: convert it to JPEG"},
    {BYTES("\0\0\0\x18""ftypmif1\0\0\0\0mif1miaf"), "HEIF photograph: convert it to JPEG"},
    {BYTES("\0\0\0\x18""ftypavif\0\0\0\0mif1avif"), "AVIF photograph: convert it to JPEG"},
    {BYTES("\0\0\0\x18""ftypmif1\0\0\0\0mif1avif"), "AVIF photograph: convert it to JPEG"},
    {BYTES("\0\0\0\x0cJXL \r\n\x87\n"), "JPEG XL photograph: convert it to JPEG"},
    {BYTES("\xff\x0a\xfa\x1f\x41\x91"), "JPEG XL photograph: convert it to JPEG"},
    {BYTES("\0\0\0\x0cjP  \r\n\x87\n"), "JPEG 2000 image: convert it to JPEG"},
    {BYTES("II*\0\x10\0\0\0CR\2\0\x36\x95\0\0"), "camera RAW photograph (CR2): convert it to JPEG"},
    {BYTES("\0\0\0\x18""ftypcrx \0\0\0\1crx isom"), "camera RAW photograph (CR3): convert it to JPEG"},
    {BYTES("FUJIFILMCCD-RAW 0201FF383501"), "camera RAW photograph (RAF): convert it to JPEG"},
    {BYTES("IIU\0\x18\0\0\0"), "camera RAW photograph (RW2): convert it to JPEG"},
    {BYTES("IIRO\x08\0\0\0"), "camera RAW photograph (ORF): convert it to JPEG"},
    /* DNG: a directory with a version of DNG; NEF, ARW: a thumbnail, a maker, sub-directories. */
    {BYTES("II*\0\x08\0\0\0\2\0\xfe\0\4\0\1\0\0\0\1\0\0\0\x12\xc6\1\0\4\0\0\0\1\4\0\0\0\0\0\0"),
     "camera RAW photograph (DNG): convert it to JPEG"},
    {BYTES("MM\0*\0\0\0\x08\0\3\0\xfe\0\4\0\0\0\1\0\0\0\1\1\x0f\0\2\0\0\0\6\0\0\0\x40"
           "\1\x4a\0\4\0\0\0\1\0\0\0\x80\0\0\0\0"),
     "camera RAW photograph (NEF, ARW): convert it to JPEG"},
    {BYTES("%PDF-1.7\n%\xe2\xe3\xcf\xd3"), "PDF document: save its pages as images"},
    {BYTES("\0\0\0\x20""ftypisom\0\0\2\0isomiso2avc1mp41"), "video (MP4): save its frames as images"},
    {BYTES("\0\0\0\x18""ftypmp42\0\0\0\0mp42mp41"), "video (MP4): save its frames as images"},
    {BYTES("\0\0\0\x14""ftypqt  \0\0\2\0qt  "), "video (QuickTime): save its frames as images"},
    {BYTES("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1"), "video (WebM or Matroska): save its frames as images"},
    {BYTES("RIFF\x10\x20\0\0AVI LIST"), "video (AVI): save its frames as images"},
    {BYTES("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), "SVG drawing: export it as PNG"},
    {BYTES("<?xml version=\"1.0\"?>\n<!-- x -->\n<svg/>"), "SVG drawing: export it as PNG"},
    {BYTES("8BPS\0\1\0\0"), "Photoshop image: export it as PNG"},
};
/* clang-format on */

Test(content, what_is_not_decoded_is_named_with_what_to_do)
{
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        const content_case *c = &cases[i];
        uint8_t *exact = malloc(c->size);
        memcpy(exact, c->bytes, c->size);
        const reel_status status = reel_image_decode(&image, exact, c->size, &err);
        cr_expect(status == REEL_ERR_FORMAT, "%s: status %d", c->message, (int)status);
        cr_expect_str_eq(err.message, c->message);
        free(exact);
    }
}

/* By kind, whatever the name: the extension, or the content where there is none. */
Test(content, what_a_folder_leaves_out_is_counted_by_kind)
{
    char *folder = scratch_folder(), text[600];
    reel_left_out left_out = {0};
    const char *const names[] = {"a.heic", "b.HEIC", "c.mp4", "bare", "d.dng", "e.txt", "f.jxl"};
    const content_case text_file = {BYTES("some words\n"), NULL};
    const content_case *const files[] = {&cases[0],  &cases[0],  &cases[17], &cases[4],
                                         &cases[14], &text_file, &cases[6]};
    for (int64_t i = 0; i < REEL_COUNT(names); i++) {
        write_file(join(folder, names[i]), files[i]->bytes, files[i]->size);
        cr_expect(!reel_is_image_file(AT_FDCWD, join(folder, names[i]), false, &left_out),
                  "%s counts as an image", names[i]);
    }
    cr_expect_str_eq(reel_left_out_text(&left_out, text, sizeof text),
                     "2 .heic (cannot be decoded), 1 .mp4 (cannot be decoded), 1 AVIF photograph "
                     "(cannot be decoded), 1 .dng (cannot be decoded), 1 .txt, 1 .jxl (cannot be "
                     "decoded)");
    remove_folder(folder);
}

/* A run that version 0.1.0 began goes on with the files that it had. */
Test(content, a_run_of_0_1_0_knows_images_by_the_names_of_0_1_0)
{
    char *folder = scratch_folder();
    reel_left_out left_out = {0};
    const char *const names[] = {"a.jpg", "a.PNG", "a.webp", "a.tif", "a.bmp", "a.gif", "a.jfif"};
    for (int64_t i = 0; i < REEL_COUNT(names); i++) {
        write_file(join(folder, names[i]), "P6 1 1 255\nabc", 14);
        const bool before = reel_is_image_file(AT_FDCWD, join(folder, names[i]), true, &left_out),
                   now_it_is =
                       reel_is_image_file(AT_FDCWD, join(folder, names[i]), false, &left_out);
        cr_expect(before == (i < 2) && now_it_is, "%s: %d, %d", names[i], before, now_it_is);
    }
    remove_folder(folder);
}
