/* The table of image formats: what holds for every codec, those that are added later too. */
#include "tests/unit/data/data_test.h"

static reel_error err;

Test(codec_table, every_codec_is_complete_and_has_extensions_of_its_own)
{
    for (int i = 0; i < reel_codec_count(); i++) {
        const reel_codec *c = reel_codec_at(i);
        cr_assert(c->name && c->what && c->extensions && c->sniff && c->size && c->decode,
                  "codec %d lacks a field", i);
        cr_expect(c->extensions[0] == '.', "%s: \"%s\" does not begin with a point", c->name,
                  c->extensions);
        char list[200];
        snprintf(list, sizeof list, "%s", c->extensions);
        for (char *at = strtok(list, " "); at; at = strtok(NULL, " ")) {
            char name[100];
            cr_expect(at[0] == '.' && at[1], "%s: extension \"%s\"", c->name, at);
            for (char *letter = at; *letter; letter++)
                cr_expect(*letter < 'A' || *letter > 'Z', "%s: \"%s\" is not lower case", c->name,
                          at);
            snprintf(name, sizeof name, "photo.of.a.cat%s", at);
            const reel_codec *found = reel_codec_of_name(name);
            cr_expect(found == c, "%s: the extension %s leads to %s", c->name, at,
                      found ? found->name : "no codec");
            for (char *letter = name; *letter; letter++)
                if (*letter >= 'a' && *letter <= 'z')
                    *letter = (char)(*letter - 'a' + 'A');
            cr_expect(reel_is_image_name(name), "%s is no image's name", name);
        }
    }
}

Test(codec_table, names_of_other_files_are_no_images)
{
    static const char *const names[] = {"jpg", "a.txt", "a.",   "a.jpg.txt",
                                        "",    ".",     "a.jp", "a.jpgg"};
    for (int64_t i = 0; i < REEL_COUNT(names); i++)
        cr_expect(!reel_is_image_name(names[i]), "\"%s\" counts as an image", names[i]);
}

Test(codec_table, extensions_are_told_in_one_line_that_is_cut_where_it_does_not_fit)
{
    char all[200], cut[10];
    reel_image_extensions(all, sizeof all);
    cr_expect(strstr(all, ".jpg") && strstr(all, ".png"), "\"%s\"", all);
    reel_image_extensions(cut, sizeof cut);
    cr_expect(strlen(cut) == sizeof cut - 1, "\"%s\"", cut);
}

/* Bytes after what a sniff takes: no codec may crash, decode or say nothing. Short ones lie in
 * blocks of exactly their size, so that a sanitizer sees a read behind them. */
Test(codec_table, garbage_is_refused_with_a_message_and_no_two_codecs_take_the_same_bytes)
{
    enum { MOST = 64 };
    reel_image image = {0};
    uint32_t state = 7;
    for (int64_t i = 0; i < 200000; i++) {
        static const char *const begins[] = {
            "", "\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "P6 ", "P5", "BM", "GIF89a", "RIFF"};
        const char *begin = begins[i % REEL_COUNT(begins)];
        const size_t size = (size_t)(i / 8 % MOST);
        uint8_t *bytes = malloc(size ? size : 1);
        for (size_t k = 0; k < size; k++) {
            state = state * 1664525u + 1013904223u;
            bytes[k] = k < strlen(begin) ? (uint8_t)begin[k] : (uint8_t)(state >> 24);
        }
        const reel_codec *taker = NULL;
        for (int c = 0; c < reel_codec_count(); c++) {
            if (!reel_codec_at(c)->sniff(bytes, size))
                continue;
            cr_assert(!taker, "%s and %s take the same %zu bytes, which begin with \"%s\"",
                      taker->name, reel_codec_at(c)->name, size, begin);
            taker = reel_codec_at(c);
        }
        err.message[0] = 0;
        if (size < 20 && reel_image_decode(&image, bytes, size, &err) != REEL_OK)
            cr_assert(err.message[0], "%zu bytes are refused without a word", size);
        free(bytes);
    }
    reel_image_free(&image);
}
