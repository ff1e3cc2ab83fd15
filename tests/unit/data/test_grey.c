/* One channel: PIL's grey before all else, for encoded images and pixels, crops, flips and views.
 */
#include "tests/unit/data/data_test.h"

static reel_error err;
static reel_transform_scratch scratch;

/* Colours and what PIL's convert("L") makes of them. */
static const uint8_t colours[][4] = {{0, 0, 0, 0},        {255, 255, 255, 255}, {255, 0, 0, 76},
                                     {0, 255, 0, 150},    {0, 0, 255, 29},      {1, 2, 3, 2},
                                     {200, 100, 50, 124}, {17, 250, 3, 152},    {254, 255, 1, 226},
                                     {128, 127, 129, 128}};

Test(grey, colours_become_pils_grey)
{
    enum { N = REEL_COUNT(colours) };
    reel_image image = {0};
    float out[N * N];
    MUST(reel_image_resize_buffer(&image, N, N, &err), err);
    for (int64_t i = 0; i < N * N; i++)
        memcpy(image.rgb + 3 * i, colours[i % N], 3);
    const reel_transform t = {.channels = 1, .size = N, .resize = N, .pixel_scale = 1};
    MUST(reel_transform_image(&t, &image, (reel_rng){0}, &scratch, out, &err), err);
    for (int64_t i = 0; i < N * N; i++)
        cr_expect(out[i] == colours[i % N][3], "colour %" PRId64 ": %g, PIL's %d", i % N, out[i],
                  colours[i % N][3]);
    reel_image_free(&image);
    reel_transform_scratch_free(&scratch);
}

/* The pixels of an encoded image in grey, as three equal channels. */
static reel_image greyed(const reel_bytes *bytes)
{
    reel_image image = {0};
    MUST(reel_image_decode(&image, bytes->data, bytes->size, &err), err);
    for (int64_t i = 0; i < image.width * image.height; i++) {
        uint8_t *p = image.rgb + 3 * i;
        p[0] = p[1] = p[2] =
            (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
    }
    return image;
}

/* As if the file had been grey from the start: the first channel of the same transform of it. */
Test(grey, every_transform_is_that_of_a_grey_image)
{
    enum { SIZE = 40, MOST_VIEWS = 10 };
    static float grey[MOST_VIEWS * SIZE * SIZE], three[MOST_VIEWS * SIZE * SIZE * 3];
    const reel_transform all[] = {
        {.size = SIZE, .crop = REEL_CROP_CENTER},
        {.size = SIZE, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5},
        {.size = SIZE, .crop = REEL_CROP_RANDOM, .flip = 1},
        {.size = SIZE, .crop = REEL_CROP_RANDOM_RESIZED, .brightness = 0.4, .contrast = 0.4},
        {.size = SIZE, .resize = 46, .views = 10}};
    for (int png = 0; png < 2; png++) {
        reel_bytes bytes = encoded(90, 70, 3, png);
        reel_image image = greyed(&bytes);
        for (int64_t i = 0; i < REEL_COUNT(all); i++) {
            const reel_rng rng = reel_rng_at(7, REEL_STREAM_AUGMENT, 0, (uint32_t)i);
            reel_transform t = all[i];
            t.mean[0] = 0.4;
            t.std[0] = 0.3;
            MUST(reel_transform_image(&t, &image, rng, &scratch, three, &err), err);
            t.channels = 1;
            MUST(reel_transform_bytes(&t, bytes.data, bytes.size, rng, &scratch, grey, &err), err);
            const int64_t n = (t.views ? t.views : 1) * SIZE * SIZE;
            for (int64_t k = 0; k < n; k++)
                cr_assert(grey[k] == three[3 * k], "transform %" PRId64 ", value %" PRId64, i, k);
        }
        reel_image_free(&image);
        reel_bytes_free(&bytes);
    }
    reel_transform_scratch_free(&scratch);
}

Test(grey, other_numbers_of_channels_are_refused)
{
    const reel_transform t = {.channels = 2};
    reel_transform resolved;
    cr_expect(reel_transform_resolve(&resolved, &t, &err) == REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "2 channels, expected 1 or 3"), "%s", err.message);
}
