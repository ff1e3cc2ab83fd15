/* Geometry, colour and normalisation. Bits against PIL and torchvision are in test_pil.c. */
#include "tests/unit/data/data_test.h"

static reel_transform_scratch scratch;
static reel_error err;

static void apply(const reel_transform *t, const reel_image *image, uint32_t sample, float *out)
{
    MUST(reel_transform_image(t, image, reel_rng_at(5, REEL_STREAM_AUGMENT, 0, sample), &scratch,
                              out, &err),
         err);
}

Test(transform, bytes_and_decoded_image_give_the_same_floats)
{
    enum { SIZE = 48 };
    static float a[SIZE * SIZE * 3], b[SIZE * SIZE * 3];
    for (int crop = 0; crop < 3; crop++)
        for (int png = 0; png < 2; png++)
            for (uint32_t sample = 0; sample < 20; sample++) {
                const reel_transform t = {.size = SIZE,
                                          .crop = (reel_crop)crop,
                                          .flip = 0.5,
                                          .hue = sample % 2 ? 0.2 : 0,
                                          .lighting = 0.1};
                reel_bytes bytes = encoded(120 + sample, 90, sample, png);
                reel_image image = {0};
                MUST(reel_image_decode(&image, bytes.data, bytes.size, &err), err);
                apply(&t, &image, sample, a);
                MUST(reel_transform_bytes(&t, bytes.data, bytes.size,
                                          reel_rng_at(5, REEL_STREAM_AUGMENT, 0, sample), &scratch,
                                          b, &err),
                     err);
                const int64_t at = first_difference(a, b, sizeof a);
                cr_expect(at < 0,
                          "crop %d, png %d, sample %u: float %" PRId64 " is %g, expected %g", crop,
                          png, sample, at / 4, b[at < 0 ? 0 : at / 4], a[at < 0 ? 0 : at / 4]);
                reel_image_free(&image);
                reel_bytes_free(&bytes);
            }
    reel_transform_scratch_free(&scratch);
}

Test(transform, the_shorter_side_and_the_centre_are_rounded_as_torchvision_does)
{
    /* (width, height, resize, size) -> resized width and height, left and top: from torchvision
     * 0.14. */
    static const int64_t cases[][8] = {
        {400, 533, 256, 224, 256, 341, 16, 58}, {533, 400, 256, 224, 341, 256, 58, 16},
        {500, 375, 256, 224, 341, 256, 58, 16}, {300, 300, 256, 224, 256, 256, 16, 16},
        {401, 400, 256, 227, 256, 256, 14, 14}, {1, 10, 8, 4, 8, 80, 2, 38}};
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        const int64_t *c = cases[i];
        int64_t w, h;
        reel_resized_size(c[0], c[1], c[2], &w, &h);
        cr_expect(w == c[4] && h == c[5],
                  "case %" PRId64 ": %" PRId64 " x %" PRId64 ", expected %" PRId64 " x %" PRId64, i,
                  w, h, c[4], c[5]);
        /* Without resizing, the pixel at the corner tells where the crop begins: 16 bits of place
         * in two channels. */
        reel_image image = {0};
        MUST(reel_image_resize_buffer(&image, w, h, &err), err);
        for (int64_t p = 0; p < w * h; p++) {
            image.rgb[3 * p] = (uint8_t)(p % w);
            image.rgb[3 * p + 1] = (uint8_t)(p / w);
            image.rgb[3 * p + 2] = (uint8_t)(p % w / 256 * 16 + p / w / 256);
        }
        const reel_transform t = {.size = c[3], .resize = w < h ? w : h, .pixel_scale = 1};
        float *out = malloc((size_t)(c[3] * c[3] * 3) * sizeof *out);
        apply(&t, &image, 0, out);
        const int64_t left = (int64_t)out[0] + (int64_t)out[2] / 16 * 256,
                      top = (int64_t)out[1] + (int64_t)out[2] % 16 * 256;
        cr_expect(left == c[6] && top == c[7],
                  "case %" PRId64 ": crop at %" PRId64 ",%" PRId64 ", expected %" PRId64
                  ",%" PRId64,
                  i, left, top, c[6], c[7]);
        free(out);
        reel_image_free(&image);
    }
    reel_transform_scratch_free(&scratch);
}

Test(transform, halves_go_to_the_even_neighbour)
{
    reel_image image = draw(15, 15, 1);
    static float a[12 * 12 * 3], b[12 * 12 * 3];
    const reel_transform t = {.size = 12, .resize = 15, .pixel_scale = 1};
    apply(&t, &image, 0, a); /* (15 - 12) / 2 = 1.5 -> 2 */
    for (int y = 0; y < 12; y++)
        for (int x = 0; x < 36; x++)
            b[y * 36 + x] = image.rgb[(y + 2) * 45 + x + 6];
    const int64_t at = first_difference(a, b, sizeof a);
    cr_expect(at < 0, "float %" PRId64 " is %g, expected %g", at / 4, a[at < 0 ? 0 : at / 4],
              b[at < 0 ? 0 : at / 4]);
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(transform, a_crop_larger_than_the_image_is_padded_with_black)
{
    reel_image image = {0};
    MUST(reel_image_resize_buffer(&image, 5, 7, &err), err);
    memset(image.rgb, 200, 5 * 7 * 3);
    static float out[10 * 10 * 3];
    const reel_transform t = {.size = 10, .resize = 5, .pixel_scale = 1};
    apply(&t, &image, 0, out);
    for (int y = 0; y < 10; y++)
        for (int x = 0; x < 10; x++) {
            const float expected = x >= 2 && x < 7 && y >= 1 && y < 8
                                       ? 200
                                       : 0; /* (10-5)/2 = 2 left, (10-7)/2 = 1 above */
            cr_expect(out[(y * 10 + x) * 3] == expected, "(%d, %d) is %g, expected %g", x, y,
                      out[(y * 10 + x) * 3], expected);
        }
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(transform, random_resized_rectangles_keep_to_scale_and_ratio_and_cover_the_image)
{
    const double scale[2] = {0.08, 1}, ratio[2] = {3.0 / 4, 4.0 / 3};
    double area = 0, log_ratio = 0, x = 0;
    enum { N = 20000 };
    for (uint32_t i = 0; i < N; i++) {
        reel_rng rng = reel_rng_at(1, REEL_STREAM_AUGMENT, 0, i);
        const reel_rect r = reel_random_resized_rect(500, 500, scale, ratio, &rng);
        cr_assert(r.x >= 0 && r.y >= 0 && r.w > 0 && r.h > 0 && r.x + r.w <= 500 &&
                      r.y + r.h <= 500,
                  "rectangle %u leaves the image", i);
        const double a = (double)(r.w * r.h) / 250000, q = (double)r.w / (double)r.h;
        cr_assert(a > 0.079 && a <= 1 && q > 0.74 && q < 1.35, "rectangle %u: area %g, ratio %g", i,
                  a, q);
        area += a;
        log_ratio += log(q);
        x += (double)r.x + (double)r.w / 2;
    }
    cr_expect(fabs(log_ratio / N) < 0.01, "mean of log ratio %g, expected 0", log_ratio / N);
    cr_expect(fabs(x / N - 250) < 2, "mean centre %g, expected 250", x / N);
    cr_expect(area / N > 0.45 && area / N < 0.54, "mean area %g, expected about 0.5", area / N);
}

Test(transform, an_image_too_long_for_any_try_falls_back_to_the_centre)
{
    const double scale[2] = {0.9, 1}, ratio[2] = {3.0 / 4, 4.0 / 3};
    reel_rng rng = reel_rng_at(1, REEL_STREAM_AUGMENT, 0, 0);
    reel_rect r = reel_random_resized_rect(1000, 9, scale, ratio, &rng);
    cr_expect(r.w == 12 && r.h == 9 && r.x == 494 && r.y == 0,
              "%" PRId64 " x %" PRId64 " at %" PRId64, r.w, r.h, r.x);
    r = reel_random_resized_rect(9, 1000, scale, ratio, &rng);
    cr_expect(r.w == 9 && r.h == 12 && r.x == 0 && r.y == 494,
              "%" PRId64 " x %" PRId64 " at %" PRId64, r.w, r.h, r.y);
    r = reel_random_resized_rect(1, 1, scale, ratio, &rng);
    cr_expect(r.w == 1 && r.h == 1);
    const double wide[2] = {3, 4}, tall[2] = {0.1, 0.2};
    r = reel_random_resized_rect(1, 50, scale, wide, &rng);
    cr_expect(r.w == 1 && r.h == 1, "%" PRId64 " x %" PRId64, r.w, r.h);
    r = reel_random_resized_rect(50, 1, scale, tall, &rng);
    cr_expect(r.w == 1 && r.h == 1, "%" PRId64 " x %" PRId64, r.w, r.h);
}

/* The whole image as it is, at its own size; returns the transform for more. */
static reel_transform plain_view(reel_image *image, int64_t side, float *plain)
{
    const reel_transform t = {.size = side, .resize = side};
    apply(&t, image, 0, plain);
    return t;
}

Test(transform, a_flip_mirrors_and_happens_as_often_as_asked)
{
    reel_image image = draw(16, 16, 1);
    static float plain[16 * 16 * 3], out[16 * 16 * 3];
    reel_transform t = plain_view(&image, 16, plain);
    t.flip = 0.3;
    int flips = 0;
    for (uint32_t sample = 0; sample < 2000; sample++) {
        apply(&t, &image, sample, out);
        const bool flipped = out[0] == plain[15 * 3] && out[1] == plain[15 * 3 + 1];
        flips += flipped;
        for (int i = 0; i < 16 * 16 * 3; i++) {
            const int mirrored = i / 48 * 48 + (15 - i % 48 / 3) * 3 + i % 3;
            cr_assert(out[i] == plain[flipped ? mirrored : i], "sample %u, float %d", sample, i);
        }
    }
    cr_expect(flips > 530 && flips < 670, "%d flips of 2000, expected about 600", flips);
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(transform, the_random_crop_of_2012_stays_in_the_centre_square_and_reaches_its_corners)
{
    enum { SIDE = 12, CROP = 10, LENGTH = 20 };
    reel_image image = {0};
    MUST(reel_image_resize_buffer(&image, LENGTH, SIDE, &err), err);
    memset(image.rgb, 0, LENGTH * SIDE * 3);
    for (int i = 0; i < LENGTH * SIDE; i++)
        image.rgb[3 * i] = (uint8_t)(i % LENGTH), image.rgb[3 * i + 1] = (uint8_t)(i / LENGTH);
    static float out[CROP * CROP * 3];
    const reel_transform t = {
        .size = CROP, .resize = SIDE, .crop = REEL_CROP_RANDOM, .pixel_scale = 1};
    int seen[LENGTH][SIDE] = {{0}};
    for (uint32_t sample = 0; sample < 500; sample++) {
        apply(&t, &image, sample, out);
        const int left = (int)out[0], top = (int)out[1];
        cr_assert(left >= 4 && left <= 6 && top >= 0 && top <= 2, "sample %u: crop at %d,%d",
                  sample, left, top);
        seen[left][top]++;
    }
    for (int x = 4; x <= 6; x++)
        for (int y = 0; y <= 2; y++)
            cr_expect(seen[x][y] > 25, "crop at %d,%d came %d times of 500", x, y, seen[x][y]);
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(transform, pixels_are_normalised_in_single_precision)
{
    reel_image image = draw(8, 8, 1);
    static float out[8 * 8 * 3];
    reel_transform t = {.size = 8, .resize = 8};
    reel_transform_imagenet_norm(&t);
    apply(&t, &image, 0, out);
    for (int i = 0; i < 192; i++) {
        const float expected =
            ((float)image.rgb[i] / 255.0f - (float)t.mean[i % 3]) / (float)t.std[i % 3];
        cr_expect(out[i] == expected, "float %d is %.9g, expected %.9g", i, out[i], expected);
    }
    reel_transform caffe = {.size = 8, .resize = 8, .pixel_scale = 1, .mean = {104, 117, 123}};
    apply(&caffe, &image, 0, out);
    for (int i = 0; i < 192; i++) {
        const float expected = (float)(image.rgb[i] - caffe.mean[i % 3]);
        cr_expect(out[i] == expected, "float %d is %.9g, expected %.9g", i, out[i], expected);
    }
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(transform, lighting_adds_one_colour_per_image_whose_deviation_is_that_of_the_components)
{
    reel_image image = draw(4, 4, 1);
    static float plain[48], out[48];
    reel_transform t = plain_view(&image, 4, plain);
    t.lighting = 0.1;
    double square = 0;
    for (uint32_t sample = 0; sample < 4000; sample++) {
        apply(&t, &image, sample, out);
        for (int i = 3; i < 48; i++)
            cr_assert(fabsf((out[i] - plain[i]) - (out[i % 3] - plain[i % 3])) < 1e-6f,
                      "sample %u, float %d", sample, i);
        square += (double)(out[0] - plain[0]) * (out[0] - plain[0]);
    }
    const double got = sqrt(square / 4000),
                 expected = 0.1 * sqrt(pow(0.5675 * 0.2175, 2) + pow(0.7192 * 0.0188, 2) +
                                       pow(0.4009 * 0.0045, 2));
    cr_expect(fabs(got / expected - 1) < 0.05, "deviation of red %g, expected %g", got, expected);
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(transform, colour_factors_of_one_change_nothing_and_zero_gives_the_flat_image)
{
    reel_image image = draw(9, 9, 1), copy = draw(9, 9, 1);
    reel_adjust_brightness(image.rgb, 81, 1);
    reel_adjust_contrast(image.rgb, 81, 1);
    reel_adjust_saturation(image.rgb, 81, 1);
    cr_expect(first_difference(image.rgb, copy.rgb, 243) < 0);
    reel_adjust_saturation(image.rgb, 81, 0);
    for (int i = 0; i < 81; i++)
        cr_expect(image.rgb[3 * i] == image.rgb[3 * i + 1] &&
                  image.rgb[3 * i] == image.rgb[3 * i + 2]);
    reel_adjust_contrast(image.rgb, 81, 0);
    for (int i = 3; i < 243; i++)
        cr_expect(image.rgb[i] == image.rgb[0]);
    reel_adjust_brightness(image.rgb, 81, 0);
    for (int i = 0; i < 243; i++)
        cr_expect(image.rgb[i] == 0);
    reel_image_free(&image);
    reel_image_free(&copy);
}

Test(transform, the_same_sample_looks_the_same_and_others_do_not)
{
    reel_image image = draw(60, 40, 1);
    static float a[32 * 32 * 3], b[32 * 32 * 3];
    const reel_transform t = {.size = 32,
                              .crop = REEL_CROP_RANDOM_RESIZED,
                              .flip = 0.5,
                              .brightness = 0.4,
                              .contrast = 0.4,
                              .saturation = 0.4,
                              .hue = 0.1,
                              .lighting = 0.1};
    apply(&t, &image, 1, a);
    apply(&t, &image, 2, b);
    cr_expect(first_difference(a, b, sizeof a) >= 0, "two samples look the same");
    apply(&t, &image, 1, b);
    cr_expect(first_difference(a, b, sizeof a) < 0, "one sample looks different the second time");
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

Test(transform, images_of_one_row_or_column_are_resized)
{
    static const int64_t sizes[][2] = {{1, 1}, {2, 2}, {1, 300}, {300, 1}, {3, 5000}};
    static float out[64 * 64 * 3];
    for (int64_t i = 0; i < REEL_COUNT(sizes); i++)
        for (int crop = 0; crop < 3; crop++) {
            reel_image image = draw(sizes[i][0], sizes[i][1], 1);
            const reel_transform t = {.size = 64, .crop = (reel_crop)crop};
            apply(&t, &image, 3, out);
            for (int k = 0; k < 64 * 64 * 3; k++)
                cr_assert(out[k] >= 0 && out[k] <= 1, "size %" PRId64 ", float %d: %g", i, k,
                          out[k]);
            reel_image_free(&image);
        }
    reel_transform_scratch_free(&scratch);
}

Test(transform, what_cannot_work_is_refused_by_name)
{
    static const struct {
        reel_transform t;
        const char *word;
    } cases[] = {{{.size = -1}, "size"},
                 {{.size = 100000}, "size"},
                 {{.resize = -2}, "resize"},
                 {{.size = 64, .resize = 32, .crop = REEL_CROP_RANDOM}, "resize"},
                 {{.scale = {0.5, 0.1}}, "scale"},
                 {{.scale = {0.5, 2}}, "scale"},
                 {{.ratio = {-1, 1}}, "ratio"},
                 {{.flip = 1.5}, "flip"},
                 {{.flip = NAN}, "flip"},
                 {{.hue = 0.6}, "hue"},
                 {{.contrast = -0.1}, "contrast"},
                 {{.lighting = NAN}, "lighting"},
                 {{.std = {1, -1, 1}}, "deviation"},
                 {{.mean = {NAN, 0, 0}}, "mean"}};
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        reel_transform t;
        cr_expect(reel_transform_resolve(&t, &cases[i].t, &err) == REEL_ERR_INVALID,
                  "case %" PRId64 " (%s)", i, cases[i].word);
        check_message(&err);
        cr_expect(strstr(err.message, cases[i].word) != NULL, "\"%s\" does not say \"%s\"",
                  err.message, cases[i].word);
    }
}

Test(transform,
     ten_views_are_the_corners_and_the_middle_of_the_centre_square_and_their_mirror_images)
{
    enum { SIZE = 24, SQUARE = 33, VIEW = SIZE * SIZE * 3 };
    static float ten[10 * VIEW], square[SQUARE * SQUARE * 3];
    static const int64_t left[5] = {0, SQUARE - SIZE, 0, SQUARE - SIZE, 4},
                         top[5] = {0, 0, SQUARE - SIZE, SQUARE - SIZE, 4};
    for (int png = 0; png < 2; png++) {
        reel_bytes bytes = encoded(90, 61, 3, png);
        const reel_transform whole = {.size = SQUARE, .resize = SQUARE},
                             t = {.size = SIZE, .resize = SQUARE, .views = 10};
        const reel_rng none = reel_rng_at(5, REEL_STREAM_AUGMENT, 0, 0);
        MUST(reel_transform_bytes(&whole, bytes.data, bytes.size, none, &scratch, square, &err),
             err);
        MUST(reel_transform_bytes(&t, bytes.data, bytes.size, none, &scratch, ten, &err), err);
        for (int view = 0; view < 10; view++)
            for (int64_t i = 0; i < VIEW; i++) {
                const int64_t y = i / 3 / SIZE,
                              x = view < 5 ? i / 3 % SIZE : SIZE - 1 - i / 3 % SIZE;
                const float want =
                    square[((top[view % 5] + y) * SQUARE + left[view % 5] + x) * 3 + i % 3];
                cr_assert_eq(ten[view * VIEW + i], want,
                             "png %d, view %d, value %d: %g, expected %g", png, view, (int)i,
                             (double)ten[view * VIEW + i], (double)want);
            }
        reel_bytes_free(&bytes);
    }
    static const reel_transform wrong[] = {{.views = 5},
                                           {.views = 10, .crop = REEL_CROP_RANDOM_RESIZED},
                                           {.views = 10, .flip = 0.5},
                                           {.views = 10, .size = 64, .resize = 63}};
    reel_image image = {0};
    MUST(reel_image_resize_buffer(&image, 8, 8, &err), err);
    for (int64_t i = 0; i < REEL_COUNT(wrong); i++)
        cr_expect_eq(reel_transform_image(&wrong[i], &image, (reel_rng){0}, &scratch, ten, &err),
                     REEL_ERR_INVALID, "case %d", (int)i);
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}
