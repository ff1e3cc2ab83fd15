/* The fuzzers' own checks, where nobody has a fuzzer: every target over small valid files, whole,
 * cut, and with bytes changed.
 */
#include "tests/unit/data/fuzz_seeds.h"
#include "tests/unit/data/mat_of.h"

#include <zlib.h>

#include "tests/unit/data/stored_formats.h"

#include "data/sources/common/matlab.h"
#include "data/sources/common/pack_index.h"

/* The fuzzers, compiled under their own names (tests/CMakeLists.txt). */
int fuzz_tar(const uint8_t *bytes, size_t size);
int fuzz_idx(const uint8_t *bytes, size_t size);
int fuzz_cifar(const uint8_t *bytes, size_t size);
int fuzz_list(const uint8_t *bytes, size_t size);
int fuzz_index(const uint8_t *bytes, size_t size);
int fuzz_matlab(const uint8_t *bytes, size_t size);
int fuzz_val_labels(const uint8_t *bytes, size_t size);
int fuzz_exif(const uint8_t *bytes, size_t size);
int fuzz_jpeg(const uint8_t *bytes, size_t size);
int fuzz_png(const uint8_t *bytes, size_t size);
int fuzz_webp(const uint8_t *bytes, size_t size);
int fuzz_bmp(const uint8_t *bytes, size_t size);
int fuzz_gif(const uint8_t *bytes, size_t size);
int fuzz_tiff(const uint8_t *bytes, size_t size);

static void save(const seeds *s, const char *target)
{
    const char *folder = getenv("REEL_FUZZ_CORPUS");
    if (!folder)
        return;
    mkdir(join(folder, target), 0777);
    for (int i = 0; i < s->n; i++) {
        char name[300];
        snprintf(name, sizeof name, "%s/seed-%d", target, i);
        write_file(join(folder, name), s->at[i].data, s->at[i].size);
    }
}

/* Each run gets bytes of exactly its length, so that the sanitizer sees what reads on. */
static void run(int (*target)(const uint8_t *, size_t), const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (size)
        memcpy(copy, bytes, size);
    target(copy, size);
    free(copy);
}

static void replay(seeds *s, const char *name, int (*target)(const uint8_t *, size_t), int changes)
{
    save(s, name);
    uint32_t state = 12345;
    for (int i = 0; i < s->n; i++) {
        const reel_bytes *b = &s->at[i];
        run(target, b->data, b->size);
        for (int k = 0; k <= 64; k++)
            run(target, b->data, b->size * (size_t)k / 65);
        uint8_t *copy = malloc(b->size + 1);
        for (int k = 0; k < changes; k++) {
            memcpy(copy, b->data, b->size);
            for (int j = 0; j <= k % 4; j++) {
                state = state * 1664525u + 1013904223u;
                const size_t at = (size_t)(state >> 8) % (b->size < 700 || k % 3 ? b->size : 600);
                state = state * 1664525u + 1013904223u;
                copy[at] =
                    k & 1 ? (uint8_t)(state >> 24) : (uint8_t)(copy[at] ^ 1u << (state >> 29));
            }
            run(target, copy, b->size);
        }
        free(copy);
    }
    seeds_free(s);
}

Test(fuzz_seeds, damaged_tars_are_refused_or_described_truly)
{
    seeds s = {0};
    reel_bytes tar = {0};
    char name[300] = "a picture";
    tar_put(&tar, "0001.cls", '0', "3\n", 2);
    tar_put(&tar, "0001.jpg", '0', "not really a JPEG", 17);
    tar_put(&tar, "deep/", '5', NULL, 0);
    tar_put(&tar, "link.jpg", '2', NULL, 0);
    tar_put(&tar, "../0002.png", '0', name, sizeof name);
    tar_put(&tar, "../0002.cls", '0', "12", 2);
    tar_end(&tar);
    seed_add(&s, tar.data, tar.size);
    tar.size = 0;
    memset(name, 'y', sizeof name);
    memcpy(name + 290, ".cls", 5);
    tar_put(&tar, "././@LongLink", 'L', name, 295);
    tar_put(&tar, "cut", '0', "1", 1);
    tar_put(&tar, "pax", 'x', "20 path=long/a.ppm\n\n30 SCHILY.xattr.user.x=123456\n11 size=17\n",
            49);
    tar_put(&tar, "short", '0', "P6 1 1 255\nabc", 14);
    tar_put(&tar, "pax", 'x', "19 path=long/a.cls\n", 19);
    tar_put(&tar, "short", '7', "0", 1);
    tar_end(&tar);
    seed_add(&s, tar.data, tar.size);
    memcpy(tar.data + 124, "\x80\0\0\0\0\0\0\0\0\0\x01\x27", 12); /* a number in base 256 */
    seed_add(&s, tar.data, tar.size);
    reel_bytes_free(&tar);
    replay(&s, "tar", fuzz_tar, 6000);
}

Test(fuzz_seeds, damaged_idx_files_are_refused_or_read)
{
    seeds s = {0};
    uint8_t file[2 + 16 + 2 * 12 + 8 + 2] = {0, 40, 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};
    memcpy(file + 2 + 40, "\0\0\x08\x01\0\0\0\x02\x07\x0b", 10);
    seed_add(&s, file, sizeof file);
    memset(file + 2 + 4, 0xff,
           12); /* sides whose product does not fit in 64 bits: found by the fuzzer */
    seed_add(&s, file, sizeof file);
    replay(&s, "idx", fuzz_idx, 20000);
}

Test(fuzz_seeds, damaged_cifar_files_are_refused_or_read)
{
    seeds s = {0};
    static uint8_t file[1 + 2 * 3074];
    file[1] = 9;
    file[1 + 3073] = 3;
    seed_add(&s, file, 1 + 2 * 3073);
    file[0] = 1;
    file[2] = 99;
    file[3076] = 4;
    seed_add(&s, file, sizeof file);
    replay(&s, "cifar", fuzz_cifar, 3000);
}

Test(fuzz_seeds, damaged_lists_are_refused_or_read)
{
    seeds s = {0};
    const char *const lists[] = {"\xef\xbb\xbfmy images/a b.jpg 0\r\n\r\nb.jpg 1  \r\n",
                                 "a.jpg\tdog house\nb c\tcat\n", "a,b.jpg,1\n\"x\",2",
                                 "/absolute path 16777215"};
    for (int i = 0; i < 4; i++)
        seed_add(&s, lists[i], strlen(lists[i]));
    replay(&s, "list", fuzz_list, 20000);
}

Test(fuzz_seeds, damaged_validation_labels_are_refused_or_are_classes)
{
    seeds s = {0};
    const char *const texts[] = {
        "ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 3 4 n01443537 1 2 3 4\n",
        "n01440764\nn01443537\r\nn01440764\n", "ILSVRC2012_val_00000001.JPEG 1\nval/a.JPEG\t0\n",
        "ILSVRC2012_val_00000001.JPEG 490\nILSVRC2012_val_00000002.JPEG 361\n"};
    for (int i = 0; i < 4; i++)
        seed_add(&s, texts[i], strlen(texts[i]));
    seed_add(&s, ")\n\n)\0\0\0\0", 8); /* was read past the end of a name */
    replay(&s, "val_labels", fuzz_val_labels, 20000);
}

Test(fuzz_seeds, damaged_exif_is_ignored)
{
    seeds s = {0};
    seed_add(&s, "II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0", 26);
    seed_add(&s, "MM\0*\0\0\0\10\0\2\1\0\0\4\0\0\0\1\0\0\0\1\1\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0",
             38);
    replay(&s, "exif", fuzz_exif, 20000);
}

Test(fuzz_seeds, damaged_indices_are_refused_or_point_into_their_tar)
{
    seeds s = {0};
    reel_pack_index x = {.tar_size = 9000, .classes = 5};
    reel_bytes bytes = {0};
    reel_error err;
    for (uint32_t i = 0; i < 4; i++) {
        const reel_piece r = {.offset = 512 + 1024 * i, .size = 300 + i, .label = i, .crc = i * 77};
        MUST(reel_pack_index_add(&x, &r, "folder/name.jpg", &err), err);
    }
    MUST(reel_pack_index_write(&x, &bytes, &err), err);
    seed_add(&s, bytes.data, bytes.size);
    reel_bytes_free(&bytes);
    reel_pack_index_free(&x);
    replay(&s, "index", fuzz_index, 20000);
}

Test(fuzz_seeds, damaged_mat_files_are_refused_or_read)
{
    seeds s = {0};
    static const char *const wnids[] = {"n01", "n02"};
    reel_bytes file = mat_synsets(MAT_DOUBLE, wnids, 2);
    seed_add(&s, file.data, file.size);

    /* What it says when nothing is wrong, alone and compressed. */
    reel_bytes whole = {0};
    reel_error err;
    for (int packed = 0; packed < 2; packed++) {
        reel_names names = {0};
        if (packed) {
            uLongf size = compressBound(file.size);
            uint8_t *z = malloc(8 + size);
            cr_assert(compress(z + 8, &size, file.data, file.size) == Z_OK);
            memcpy(z, (const uint32_t[]){15, (uint32_t)size}, 8);
            whole = mat_file(z, 8 + size);
            seed_add(&s, z, 8 + size);
            free(z);
        } else {
            whole = mat_file(file.data, file.size);
        }
        MUST(reel_matlab_synsets(&names, whole.data, whole.size, &err), err);
        cr_expect(reel_names_count(&names) == 2, "%" PRId64 " ids, expected 2",
                  reel_names_count(&names));
        cr_expect_str_eq(reel_names_at(&names, 0), "n01");
        cr_expect_str_eq(reel_names_at(&names, 1), "n02");
        reel_names_free(&names);
        reel_bytes_free(&whole);
    }
    reel_bytes_free(&file);
    replay(&s, "matlab", fuzz_matlab, 8000);
}

static void image_seeds(seeds *s, bool png)
{
    for (uint32_t i = 0; i < 4; i++) {
        reel_bytes bytes = encoded(24 + 17 * (int64_t)i, 31 + (int64_t)i, i, png);
        seed_add(s, bytes.data, bytes.size);
        reel_bytes_free(&bytes);
    }
}

Test(fuzz_seeds, damaged_jpegs_are_refused_or_decoded)
{
    seeds s = {0};
    image_seeds(&s, false);
    replay(&s, "jpeg", fuzz_jpeg, 1000);
}

Test(fuzz_seeds, damaged_pngs_are_refused_or_decoded)
{
    seeds s = {0};
    image_seeds(&s, true);
    replay(&s, "png", fuzz_png, 1000);
}

/* Every third of the stored images whose names end like that. */
static void stored_seeds(seeds *s, const char *extension)
{
    stored_images all = stored_images_read();
    enum { EVERY = 3 };
    int64_t n = 0;
    for (int64_t i = 0; i < all.n; i++)
        if (strstr(all.at[i].name, extension) && n++ % EVERY == 0)
            seed_add(s, all.at[i].bytes.data, all.at[i].bytes.size);
    stored_images_free(&all);
}

Test(fuzz_seeds, damaged_images_of_other_formats_are_refused_or_decoded)
{
    enum { CHANGES = 30 };
    seeds s = {0};
    stored_seeds(&s, ".webp");
    replay(&s, "webp", fuzz_webp, CHANGES);
    s.n = 0;
    stored_seeds(&s, ".bmp");
    replay(&s, "bmp", fuzz_bmp, CHANGES);
    s.n = 0;
    stored_seeds(&s, ".gif");
    replay(&s, "gif", fuzz_gif, CHANGES);
    s.n = 0;
    stored_seeds(&s, ".tif");
    replay(&s, "tiff", fuzz_tiff, CHANGES);
}
