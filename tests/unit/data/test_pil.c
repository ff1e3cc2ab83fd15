/* Bit equality with PIL and torchvision: tests/support/compare_pil.py writes files of every kind,
 * and says what they make of them. REEL_TEST_PHOTOS names a folder of photographs to be compared
 * too (REEL_TEST_PHOTO_COUNT: how many of them, 120), REEL_TEST_PYTHON a Python that has PIL and
 * torchvision. Where there is none, what they made of the drawn kinds is stored in
 * tests/support/pil_kinds.tsv; where they are, REEL_TEST_STORE names a file to write it to anew. */
#include <dirent.h>
#include <sys/wait.h>
#include <zlib.h>

#include "tests/unit/data/pil_kinds.h"

static reel_image decoded, result;
static reel_bytes bytes;
static reel_error err;

static const uint8_t *decode(const char *path, int64_t *size)
{
    reel_bytes_free(&bytes);
    bytes = read_file(path);
    MUST(reel_image_decode(&decoded, bytes.data, bytes.size, &err), err);
    *size = decoded.width * decoded.height * 3;
    return decoded.rgb;
}

/* The part alone is decoded, as the transform does for training. */
static const uint8_t *crop(const char *path, const double *p, int64_t *size)
{
    reel_bytes_free(&bytes);
    bytes = read_file(path);
    const reel_rect want = {(int64_t)p[0], (int64_t)p[1], (int64_t)p[2], (int64_t)p[3]},
                    whole = {0, 0, (int64_t)p[4], (int64_t)p[4]};
    reel_rect at = {0};
    MUST(decode_part(&decoded, &bytes, &want, &at, &err), err);
    MUST(reel_image_resize_buffer(&result, whole.w, whole.h, &err), err);
    const uint8_t *first = decoded.rgb + ((want.y - at.y) * decoded.width + want.x - at.x) * 3;
    const reel_resizing what = {.src = {first, want.w, want.h, decoded.width * 3},
                                .box = {0, 0, p[2], p[3]},
                                .width = whole.w,
                                .height = whole.h,
                                .window = whole,
                                .isa = reel_isa_default()};
    reel_buffer scratch = {0};
    MUST(reel_resize_window(result.rgb, whole.w * 3, &what, &scratch, &err), err);
    free(scratch.data);
    *size = whole.w * whole.h * 3;
    return result.rgb;
}

/* Cut out of the upright image, decoded where it lies in the stored one: what the transform does.
 */
static const uint8_t *held_crop(const char *path, const double *p, int64_t *size)
{
    reel_bytes_free(&bytes);
    bytes = read_file(path);
    const int orientation = reel_exif_orientation(bytes.data, bytes.size);
    const reel_rect upright = {(int64_t)p[0], (int64_t)p[1], (int64_t)p[2], (int64_t)p[3]},
                    whole = {0, 0, (int64_t)p[4], (int64_t)p[4]};
    int64_t width, height;
    MUST(reel_image_size(bytes.data, bytes.size, &width, &height, &err), err);
    const reel_rect want = reel_exif_stored(orientation, width, height, &upright);
    reel_rect at = {0};
    MUST(decode_part(&decoded, &bytes, &want, &at, &err), err);
    const uint8_t *first = decoded.rgb + ((want.y - at.y) * decoded.width + want.x - at.x) * 3;
    reel_image turned = {0};
    MUST(reel_exif_turn(&turned, orientation,
                        &(reel_view){first, want.w, want.h, decoded.width * 3}, &err),
         err);
    cr_assert(turned.width == upright.w && turned.height == upright.h,
              "%s: turned to %" PRId64 " x %" PRId64, path, turned.width, turned.height);
    MUST(reel_image_resize(&result, whole.w, whole.h, &turned, (double[]){0, 0, p[2], p[3]}, &err),
         err);
    reel_image_free(&turned);
    *size = whole.w * whole.h * 3;
    return result.rgb;
}

static const uint8_t *box(const char *path, const double *p, int64_t *size)
{
    decode(path, size);
    MUST(reel_image_resize(&result, (int64_t)p[4], (int64_t)p[5], &decoded,
                           (double[]){p[0], p[1], p[2] - p[0], p[3] - p[1]}, &err),
         err);
    *size = result.width * result.height * 3;
    return result.rgb;
}

static const uint8_t *evaluate(const char *path, const double *p, reel_exif exif, int64_t *size)
{
    static float out[227 * 227 * 3];
    reel_transform t = {
        .size = (int64_t)p[0], .resize = (int64_t)p[1], .crop = REEL_CROP_CENTER, .exif = exif};
    reel_transform_imagenet_norm(&t);
    decode(path, size);
    reel_transform_scratch scratch = {0};
    MUST(reel_transform_bytes(&t, bytes.data, bytes.size, (reel_rng){0}, &scratch, out, &err), err);
    reel_transform_scratch_free(&scratch);
    *size = t.size * t.size * 3 * (int64_t)sizeof *out;
    return (const uint8_t *)out;
}

static const uint8_t *colour(const char *path, const char *kind, double factor, int64_t *size)
{
    decode(path, size);
    const int64_t n = *size / 3;
    if (strcmp(kind, "brightness") == 0)
        reel_adjust_brightness(decoded.rgb, n, factor);
    if (strcmp(kind, "contrast") == 0)
        reel_adjust_contrast(decoded.rgb, n, factor);
    if (strcmp(kind, "saturation") == 0)
        reel_adjust_saturation(decoded.rgb, n, factor);
    if (strcmp(kind, "hue") == 0)
        reel_adjust_hue(decoded.rgb, n, factor);
    return decoded.rgb;
}

typedef struct row {
    char *kind, *parameters, *crc, *path;
} row;

static row parse(char *line)
{
    char *kind = strsep(&line, "\t"), *parameters = strsep(&line, "\t"), *crc = strsep(&line, "\t"),
         *path = line;
    cr_assert(path != NULL, "a line without four fields");
    path[strcspn(path, "\n")] = 0;
    return (row){kind, parameters, crc, path};
}

static void compare(const char *kind, const char *parameters, const char *crc, const char *path)
{
    double p[6] = {0};
    sscanf(parameters, "%lf %lf %lf %lf %lf %lf", &p[0], &p[1], &p[2], &p[3], &p[4], &p[5]);
    int64_t size = 0;
    const uint8_t *data = strcmp(kind, "decode") == 0 ? decode(path, &size)
                          : strcmp(kind, "crop") == 0 ? crop(path, p, &size)
                          : strcmp(kind, "box") == 0  ? box(path, p, &size)
                          : strcmp(kind, "eval") == 0 ? evaluate(path, p, REEL_EXIF_IGNORE, &size)
                          : strcmp(kind, "held_eval") == 0
                              ? evaluate(path, p, REEL_EXIF_APPLY, &size)
                          : strcmp(kind, "held_crop") == 0 ? held_crop(path, p, &size)
                                                           : colour(path, kind, p[0], &size);
    const unsigned long got = crc32(0, data, (unsigned)size), expected = strtoul(crc, NULL, 16);
    cr_expect(got == expected, "%s(%s) of %s: CRC %08lx, PIL's %08lx", kind, parameters, path, got,
              expected);
}

Test(pil, decodes_resizes_and_colours_to_the_same_bits)
{
    const char *python = getenv("REEL_TEST_PYTHON"), *source = getenv("REEL_SOURCE"),
               *photos = getenv("REEL_TEST_PHOTOS");
    const char *count = getenv("REEL_TEST_PHOTO_COUNT"), *store = getenv("REEL_TEST_STORE");
    char *scratch = scratch_folder(), command[2000], *line = NULL;
    draw_kinds(scratch);
    if (store) {
        snprintf(command, sizeof command,
                 "'%s' '%s/tests/support/compare_pil.py' --stored '%s' >'%s'",
                 python ? python : "/usr/bin/python3", source ? source : ".", scratch, store);
        cr_assert(system(command) == 0, "%s", command);
    }
    snprintf(command, sizeof command, "'%s' '%s/tests/support/compare_pil.py' '%s' %s%s%s %s",
             python ? python : "/usr/bin/python3", source ? source : ".", scratch,
             photos ? "'" : "", photos ? photos : "", photos ? "'" : "",
             photos && count ? count : "");
    FILE *pipe = popen(command, "r");
    cr_assert(pipe != NULL);
    size_t capacity = 0;
    int64_t lines = 0;
    for (; getline(&line, &capacity, pipe) > 0; lines++) {
        const row r = parse(line);
        compare(r.kind, r.parameters, r.crc, r.path);
    }
    free(line);
    const int status = pclose(pipe);
    remove_folder(scratch);
    reel_image_free(&decoded);
    reel_image_free(&result);
    reel_bytes_free(&bytes);
    if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)
        cr_skip_test("no Python with PIL and torchvision here (REEL_TEST_PYTHON)");
    cr_assert(WEXITSTATUS(status) == 0, "%s: exit %d", command, WEXITSTATUS(status));
    cr_expect(lines >= 1000, "compared %" PRId64 " results, expected at least 1000", lines);
    if (!photos)
        fprintf(stderr,
                "note: REEL_TEST_PHOTOS is not set: no photographs compared, drawn images only\n");
}

Test(pil, images_of_every_kind_are_what_pil_made_of_them)
{
    const char *source = getenv("REEL_SOURCE");
    char *scratch = scratch_folder(), *line = NULL, here[30];
    const int64_t files = draw_kinds(scratch);
    size_t capacity = 0;
    int64_t compared = 0, passed_over = 0;
    bool same_library = false, same_file = false;
    snprintf(here, sizeof here, "%d.%d.", LIBJPEG_TURBO_VERSION_NUMBER / 1000000,
             LIBJPEG_TURBO_VERSION_NUMBER / 1000 % 1000);
    FILE *table = fopen(join(source ? source : ".", "tests/support/pil_kinds.tsv"), "r");
    cr_assert(table != NULL);
    while (getline(&line, &capacity, table) > 0) {
        const row r = parse(line);
        if (strcmp(r.kind, "libjpeg-turbo") == 0) {
            same_library = strncmp(r.parameters, here, strlen(here)) == 0;
            continue;
        }
        const char *path = join(scratch, r.path);
        if (strcmp(r.kind, "file") ==
            0) { /* other versions of libjpeg write and read other bits; PNGs are exact */
            reel_bytes_free(&bytes);
            bytes = read_file(path);
            same_file = strstr(r.path, ".png") ||
                        (same_library &&
                         crc32(0, bytes.data, (unsigned)bytes.size) == strtoul(r.crc, NULL, 16));
            passed_over += !same_file;
        } else if (same_file) {
            compare(r.kind, r.parameters, r.crc, path);
            compared++;
        }
    }
    fclose(table);
    free(line);
    remove_folder(scratch);
    reel_image_free(&decoded);
    reel_image_free(&result);
    reel_bytes_free(&bytes);
    cr_expect(compared == (files - passed_over) * 4,
              "compared %" PRId64 " results of %" PRId64 " files, %" PRId64 " passed over",
              compared, files, passed_over);
    if (passed_over)
        fprintf(stderr, "note: another libjpeg: %" PRId64 " JPEGs passed over\n", passed_over);
}

/* What PIL equals is the whole image; training decodes a part of it. */
Test(pil, a_random_crop_of_every_kind_has_the_bits_of_a_crop_of_the_whole)
{
    enum { SIZE = 96 };
    static float part[SIZE * SIZE * 3], whole[SIZE * SIZE * 3];
    char *scratch = scratch_folder();
    const int64_t files = draw_kinds(scratch);
    int64_t seen = 0;
    reel_transform_scratch a = {0}, b = {0};
    DIR *folder = opendir(scratch);
    for (struct dirent *e; (e = readdir(folder));) {
        if (e->d_name[0] == '.')
            continue;
        reel_transform t = {.size = SIZE,
                            .crop = REEL_CROP_RANDOM_RESIZED,
                            .flip = 0.5,
                            .decode = REEL_DECODE_EXACT};
        int64_t size;
        decode(join(scratch, e->d_name), &size);
        seen++;
        for (uint32_t sample = 0; sample < 8; sample++) {
            const reel_rng rng = reel_rng_at(5, REEL_STREAM_AUGMENT, 0, sample);
            MUST(reel_transform_bytes(&t, bytes.data, bytes.size, rng, &a, part, &err), err);
            MUST(reel_transform_image(&t, &decoded, rng, &b, whole, &err), err);
            const int64_t at = first_difference(part, whole, sizeof part);
            cr_expect(at < 0, "%s, sample %u: float %" PRId64 " is %g, expected %g", e->d_name,
                      sample, at / 4, part[at < 0 ? 0 : at / 4], whole[at < 0 ? 0 : at / 4]);
        }
        t.decode = REEL_DECODE_FAST;
        MUST(reel_transform_bytes(&t, bytes.data, bytes.size,
                                  reel_rng_at(5, REEL_STREAM_AUGMENT, 0, 9), &a, part, &err),
             err);
    }
    closedir(folder);
    cr_expect(seen == files, "%" PRId64 " files, expected %" PRId64, seen, files);
    reel_transform_scratch_free(&a);
    reel_transform_scratch_free(&b);
    remove_folder(scratch);
    reel_image_free(&decoded);
    reel_bytes_free(&bytes);
}

Test(pil, the_comparison_script_is_where_the_test_looks_for_it)
{
    const char *source = getenv("REEL_SOURCE");
    cr_expect(access(join(source ? source : ".", "tests/support/compare_pil.py"), R_OK) == 0);
}
