/* One image classified from an RGB buffer in memory, as a program with a camera or a window would:
 * no image file, no dataset.
 *
 *     classify_rgb WEIGHTS|- IMAGE.ppm
 *
 * WEIGHTS is what training wrote (best.safetensors), or a .pth; - reads its bytes from stdin, as a
 * program with the weights built in or downloaded would have them. Network, class names and
 * preprocessing stand in the file. The image comes as a binary PPM (P6), the simplest container of
 * raw RGB bytes; what counts is `rgb`, `width` and `height`. C and C++ compile this. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <reel/reel.h>

/* All there is to it, once the net is open. probabilities receives card->classes numbers. */
static reel_status classify(reel_net *net, const reel_model_card *card, const uint8_t *rgb,
                            int64_t width, int64_t height, float *probabilities, reel_error *err)
{
    const int64_t side = card->preprocessing.size,
                  channels = card->preprocessing.channels == 1 ? 1 : 3; /* 1: grey */
    const int64_t shape[4] = {1, channels, side, side};
    float *pixels = (float *)malloc((size_t)(channels * side * side) * sizeof *pixels);
    if (!pixels)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    const reel_tensor image = reel_tensor_of(pixels, REEL_F32, 4, shape);
    reel_status status = reel_preprocess_rgb(&card->preprocessing, rgb, width, height, pixels, err);
    if (status == REEL_OK)
        status = reel_net_predict(net, &image, probabilities, err);
    free(pixels);
    return status;
}

static reel_status open_net(reel_net **net, reel_model_card *card, const char *path,
                            const reel_ctx *ctx, reel_error *err)
{
    if (path[0] != '-' || path[1])
        return reel_model_open(net, card, path, NULL, ctx, REEL_F32, err);
    size_t size = 0, room = 0;
    char *bytes = NULL, *more;
    do {
        room = room ? 2 * room : 1 << 20;
        if (!(more = (char *)realloc(bytes, room)))
            break;
        size += fread((bytes = more) + size, 1, room - size, stdin);
    } while (size == room);
    const reel_status status =
        more ? reel_model_open_memory(net, card, bytes, size, "stdin", NULL, ctx, REEL_F32, err)
             : reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    free(bytes);
    return status;
}

static uint8_t *read_ppm(const char *path, int *width, int *height, reel_error *err)
{
    int most;
    uint8_t *rgb = NULL;
    FILE *file = fopen(path, "rb");
    bool fine = file && fscanf(file, "P6 %d %d %d", width, height, &most) == 3 && most == 255 &&
                fgetc(file) != EOF && *width > 0 && *height > 0 &&
                (rgb = (uint8_t *)calloc((size_t)*width * (size_t)*height, 3)) != NULL;
    if (fine)
        fine = fread(rgb, 3, (size_t)*width * (size_t)*height, file) ==
               (size_t)*width * (size_t)*height;
    if (file)
        fclose(file);
    if (fine)
        return rgb;
    free(rgb);
    reel_fail(err, REEL_ERR_FORMAT, "%s: expected a binary PPM (P6) with 8 bits a colour", path);
    return NULL;
}

int main(int argc, char **argv)
{
    reel_error err = {REEL_ERR_MEMORY, "out of memory"};
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_model_card card;
    float *probabilities = NULL;
    int width, height, exit_code = EXIT_FAILURE;
    memset(&card, 0, sizeof card);
    if (argc != 3)
        return fprintf(stderr, "usage: classify_rgb WEIGHTS|- IMAGE.ppm\n"), 2;
    uint8_t *rgb = read_ppm(argv[2], &width, &height, &err);
    if (rgb && reel_ctx_create(&ctx, NULL, &err) == REEL_OK &&
        open_net(&net, &card, argv[1], ctx, &err) == REEL_OK &&
        (probabilities = (float *)calloc((size_t)card.classes, sizeof *probabilities)) != NULL &&
        classify(net, &card, rgb, width, height, probabilities, &err) == REEL_OK) {
        int64_t best = 0;
        char text[32];
        for (int64_t c = 1; c < card.classes; c++)
            if (probabilities[c] > probabilities[best])
                best = c;
        printf("%s %.9g\n", reel_model_card_class(&card, best, text, sizeof text),
               (double)probabilities[best]);
        exit_code = EXIT_SUCCESS;
    } else {
        fprintf(stderr, "classify_rgb: %s\n", err.message);
    }
    free(probabilities);
    free(rgb);
    reel_net_destroy(net);
    reel_model_card_free(&card);
    reel_ctx_destroy(ctx);
    return exit_code;
}
