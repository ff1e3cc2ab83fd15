/* From the bytes of a weights file to a net and to probabilities by name. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/transforms/transform.h"
#include "layers/model_file.h"

/* The bytes of a file that holds a small net, its card as given; the caller frees them. */
static void *written(const reel_ctx *ctx, const reel_model_card *card, const char *key,
                     const char *value, size_t *size)
{
    char path[] = "/tmp/reel_model_file_XXXXXX";
    reel_net *net;
    reel_weights_writer *w;
    reel_error err = {0};
    const reel_model_config config = {.classes = card->classes, .dropout = 0.5};
    cr_assert_eq(reel_model_create(&net, reel_model_find("tiny"), &config, ctx, REEL_F32, &err),
                 REEL_OK, "%s", err.message);
    cr_assert_eq(reel_weights_writer_create(&w, &err), REEL_OK);
    cr_assert_eq(reel_params_add_to(reel_net_params(net), w, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(key ? reel_weights_writer_metadata(w, key, value, &err)
                     : reel_model_card_write(card, w, &err),
                 REEL_OK, "%s", err.message);
    const int fd = mkstemp(path);
    cr_assert_eq(reel_weights_writer_save(w, path, &err), REEL_OK, "%s", err.message);
    close(fd);
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    void *bytes = malloc(*size);
    cr_assert_eq(fread(bytes, 1, *size, f), *size);
    fclose(f);
    unlink(path);
    reel_weights_writer_destroy(w);
    reel_net_destroy(net);
    return bytes;
}

static reel_model_card card_of_three(void)
{
    static const char *const names[3] = {"bird", "böat", "cat"};
    reel_model_card card = {
        .arch = "tiny", .head = "flatten", .image_size = reel_model_find("tiny")->image_size};
    card.preprocessing = (reel_preprocessing){.size = reel_model_find("tiny")->image_size,
                                              .resize = 41,
                                              .mean = {0.1, 0.2, 0.3},
                                              .std = {0.4, 0.5, 0.6},
                                              .pixel_scale = 0.01,
                                              .upright = true};
    cr_assert_eq(reel_model_card_make_names(&card, 3, NULL), REEL_OK);
    for (int c = 0; c < 3; c++)
        cr_assert_eq(reel_model_card_set_name(&card, c, names[c], NULL), REEL_OK);
    return card;
}

Test(model_file, a_card_comes_back_from_memory_as_it_was_written)
{
    reel_error err = {0};
    reel_ctx *ctx;
    reel_net *net;
    size_t size;
    char text[32];
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    reel_model_card card = card_of_three(), got;
    void *bytes = written(ctx, &card, NULL, NULL, &size);
    cr_assert_eq(
        reel_model_open_memory(&net, &got, bytes, size, "bytes", NULL, ctx, REEL_F32, &err),
        REEL_OK, "%s", err.message);
    memset(bytes, 0xff, size); /* no longer needed */
    cr_assert_str_eq(got.arch, "tiny");
    cr_assert_str_eq(got.head, "flatten");
    cr_assert_eq(got.classes, 3);
    for (int c = 0; c < 3; c++)
        cr_assert_str_eq(reel_model_card_class(&got, c, text, sizeof text), card.class_names[c]);
    cr_assert_eq(got.image_size, card.image_size);
    const reel_preprocessing *a = &card.preprocessing, *b = &got.preprocessing;
    cr_assert(a->size == b->size && a->resize == b->resize && a->upright == b->upright &&
              a->pixel_scale == b->pixel_scale);
    for (int c = 0; c < 3; c++)
        cr_assert(a->mean[c] == b->mean[c] && a->std[c] == b->std[c], "channel %d differs", c);
    reel_net_destroy(net);
    reel_model_card_free(&got);
    reel_model_card_free(&card);
    reel_ctx_destroy(ctx);
    free(bytes);
}

Test(model_file, prediction_leaves_the_nets_mode_and_sums_to_one)
{
    reel_error err = {0};
    reel_ctx *ctx;
    reel_net *net;
    size_t size;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    reel_model_card card = card_of_three();
    void *bytes = written(ctx, &card, NULL, NULL, &size);
    reel_model_card_free(&card);
    cr_assert_eq(
        reel_model_open_memory(&net, &card, bytes, size, "bytes", NULL, ctx, REEL_F32, &err),
        REEL_OK);
    uint8_t *rgb = malloc(50 * 60 * 3);
    for (int i = 0; i < 50 * 60 * 3; i++)
        rgb[i] = (uint8_t)(i * 37 % 251);
    const int64_t side = card.preprocessing.size;
    float *pixels = malloc((size_t)(3 * side * side) * sizeof *pixels), p[2][3];
    cr_assert_eq(reel_preprocess_rgb(&card.preprocessing, rgb, 50, 60, pixels, &err), REEL_OK, "%s",
                 err.message);
    const reel_tensor image =
        reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){1, 3, side, side});
    reel_net_set_training(net, true);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(reel_net_predict(net, &image, p[i], &err), REEL_OK, "%s", err.message);
    cr_assert(reel_net_training(net));
    for (int c = 0; c < 3; c++)
        cr_assert_eq(p[0][c], p[1][c], "class %d: %g, then %g", c, (double)p[0][c],
                     (double)p[1][c]);
    cr_assert_float_eq(p[0][0] + p[0][1] + p[0][2], 1, 1e-6);
    for (int64_t i = 0; i < 3 * side * side; i++)
        pixels[i] = NAN;
    cr_assert_eq(reel_net_predict(net, &image, p[0], &err), REEL_ERR_NONFINITE);
    free(pixels);
    free(rgb);
    free(bytes);
    reel_net_destroy(net);
    reel_model_card_free(&card);
    reel_ctx_destroy(ctx);
}

/* The card's preprocessing with one field changed: {field, value, words of the refusal}. */
Test(model_file, a_number_of_the_preprocessing_that_cannot_be_is_refused_by_its_field)
{
    static const char *const cases[][3] = {
        {"\"std\":[0.2,0.3,0.4]", "\"std\":[0.2,0,0.4]", "std[1]"},
        {"\"std\":[0.2,0.3,0.4]", "\"std\":[0,0,0]", "std[0]"},
        {"\"std\":[0.2,0.3,0.4]", "\"std\":[0.2,0.3,-0.4]", "std[2]"},
        {"\"std\":[0.2,0.3,0.4]", "\"std\":[1e-30,0.3,0.4]", "std[0]"},
        {"\"std\":[0.2,0.3,0.4]", "\"std\":[0.2,1e30,0.4]", "std[1]"},
        {"\"std\":[0.2,0.3,0.4]", "\"std\":[NaN,0.3,0.4]", "preprocessing"},
        {"\"std\":[0.2,0.3,0.4]", "\"std\":[0.2,0.3,1e999]", "preprocessing"},
        {"\"mean\":[0.4,0.5,0.6]", "\"mean\":[0.4,1e30,0.6]", "mean[1]"},
        {"\"size\":32", "\"size\":0", "size"},
        {"\"size\":32", "\"size\":1000000", "size"},
        {"\"resize\":37", "\"resize\":-1", "resize"},
        {"\"pixel_scale\":0", "\"pixel_scale\":-1", "pixel_scale"},
        {"\"pixel_scale\":0", "\"pixel_scale\":1e30", "pixel_scale"},
    };
    static const char sound[] = "{\"size\":32,\"resize\":37,\"mean\":[0.4,0.5,0.6],"
                                "\"std\":[0.2,0.3,0.4],\"pixel_scale\":0}";
    reel_error err = {0};
    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    reel_model_card card = card_of_three(), got;
    for (int i = -1; i < REEL_COUNT(cases); i++) {
        char text[300];
        size_t size;
        reel_net *net;
        snprintf(text, sizeof text, "%s", sound);
        if (i >= 0) {
            const size_t at = (size_t)(strstr(sound, cases[i][0]) - sound);
            snprintf(text + at, sizeof text - at, "%s%s", cases[i][1],
                     sound + at + strlen(cases[i][0]));
        }
        void *bytes = written(ctx, &card, "preprocessing", text, &size);
        const reel_status status =
            reel_model_open_memory(&net, &got, bytes, size, "bytes", "tiny", ctx, REEL_F32, &err);
        cr_expect_eq(status, i < 0 ? REEL_OK : REEL_ERR_FORMAT, "%s", text);
        if (i >= 0)
            cr_expect(strstr(err.message, cases[i][2]), "%s: %s", text, err.message);
        if (status == REEL_OK) {
            reel_net_destroy(net);
            reel_model_card_free(&got);
        }
        free(bytes);
    }
    reel_model_card_free(&card);
    reel_ctx_destroy(ctx);
}

/* Files of earlier versions say 0 for 1 where pixels are only scaled, or lose a mean pixel. */
Test(model_file, deviations_of_0_in_early_files_are_1)
{
    static const char *const early[] = {
        "{\"size\":32,\"resize\":37,\"mean\":[0,0,0],\"std\":[0,0,0],\"pixel_scale\":0}",
        "{\"size\":32,\"resize\":37,\"mean\":[122.68,116.67,104.01],\"std\":[0,0,0],"
        "\"pixel_scale\":1}"};
    reel_error err = {0};
    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    reel_model_card card = card_of_three(), got;
    for (int i = 0; i < REEL_COUNT(early); i++) {
        size_t size;
        reel_net *net;
        void *bytes = written(ctx, &card, "preprocessing", early[i], &size);
        cr_assert_eq(
            reel_model_open_memory(&net, &got, bytes, size, "bytes", "tiny", ctx, REEL_F32, &err),
            REEL_OK, "%s", err.message);
        for (int c = 0; c < 3; c++)
            cr_expect_eq(got.preprocessing.std[c], 1);
        reel_net_destroy(net);
        reel_model_card_free(&got);
        free(bytes);
    }
    reel_model_card_free(&card);
    reel_ctx_destroy(ctx);
}

Test(model_file, a_card_that_cannot_be_is_refused_by_name)
{
    static const char *const cases[][3] = {
        {"arch", "resnet50", "resnet50"},
        {"arch", "a_network_with_a_name_that_is_longer_than_any_name_here",
         "a_network_with_a_name"},
        {"image_size", "99999999999", "image_size"},
        {"image_size", "-3", "image_size"},
        {"image_size", "wide", "image_size"},
        {"head", "attention", "attention"},
        {"classes", "[\"one\"]", "classes"},
        {"classes", "[1, 2, 3]", "entry 0"},
        {"preprocessing", "{}", "preprocessing"},
        {"preprocessing",
         "{\"size\":32,\"resize\":0,\"mean\":[0,0,0],\"std\":[1,1,1],\"pixel_scale\":1,\"exif\":"
         "\"mirror\"}",
         "preprocessing"},
        {"reel.format", "2", "newer"},
        {"reel.kind", "checkpoint", "--resume"},
    };
    reel_error err = {0};
    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    reel_model_card card = card_of_three(), got;
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        size_t size;
        reel_net *net;
        void *bytes = written(ctx, &card, cases[i][0], cases[i][1], &size);
        cr_expect_eq(
            reel_model_open_memory(&net, &got, bytes, size, "bytes", "tiny", ctx, REEL_F32, &err),
            REEL_ERR_FORMAT, "%s = %s", cases[i][0], cases[i][1]);
        cr_expect(strstr(err.message, "bytes") && strstr(err.message, cases[i][2]), "%s",
                  err.message);
        cr_expect_null(net);
        free(bytes);
    }
    cr_assert_eq(reel_model_card_set_name(&card, 1, "\xff", &err), REEL_ERR_INVALID);
    cr_assert_str_eq(card.class_names[1], "böat");
    reel_model_card_free(&card);
    reel_ctx_destroy(ctx);
}
