/* One image classified from an RGB buffer in memory, as a program with a camera or a window would: no image file, no dataset.
 *
 *     classify_rgb WEIGHTS.safetensors IMAGE.ppm|- [MODEL [CLASSES]]
 *
 * The image comes as a binary PPM (P6), the simplest container of raw RGB bytes; what counts is `rgb`, `width` and `height`. */
#include <stdio.h>
#include <stdlib.h>

#include "core/weights.h"
#include "data/transform.h"
#include "layers/models.h"

static int stop(const char *what)
{
    fprintf(stderr, "classify_rgb: %s\n", what);
    return EXIT_FAILURE;
}

static bool read_ppm(const char *path, reel_image *image, reel_error *err)
{
    int width, height, most;
    FILE *file = path[0] == '-' && !path[1] ? stdin : fopen(path, "rb");
    bool fine = file && fscanf(file, "P6 %d %d %d", &width, &height, &most) == 3 && most == 255 && fgetc(file) != EOF &&
                width > 0 && height > 0 && reel_image_resize_buffer(image, width, height, err) == REEL_OK;
    if (fine) fine = fread(image->rgb, 3, (size_t)width * (size_t)height, file) == (size_t)width * (size_t)height;
    if (file && file != stdin) fclose(file);
    if (!fine) reel_fail(err, REEL_ERR_FORMAT, "%s: expected a binary PPM (P6) with 8 bits a colour", path);
    return fine;
}

/* Everything between pixels and probabilities. probabilities receives as many numbers as the net has classes. */
static reel_status classify(reel_net *net, const reel_model *model, const reel_image *image, float *probabilities,
                            int64_t classes, reel_error *err)
{
    reel_tape *tape;
    reel_transform look = {.size = model->image_size, .crop = REEL_CROP_CENTER};
    reel_transform_scratch scratch = {0};
    float *pixels = malloc((size_t)(3 * model->image_size * model->image_size) * sizeof *pixels);
    const reel_tensor x = reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){1, 3, model->image_size, model->image_size});
    reel_transform_imagenet_norm(&look);
    reel_status status = pixels ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    if (status == REEL_OK) status = reel_transform_image(&look, image, (reel_rng){0}, &scratch, pixels, err);
    if (status == REEL_OK) status = reel_tape_create(&tape, reel_net_ctx(net), &(reel_tape_config){.no_grad = true}, err);
    if (status == REEL_OK) {
        const reel_tensor p = reel_value(reel_softmax(reel_net_forward(net, tape, reel_input(tape, &x))));
        status = reel_tape_status(tape, err);
        for (int64_t c = 0; c < classes && status == REEL_OK; c++) probabilities[c] = ((const float *)p.data)[c];
        reel_tape_destroy(tape);
    }
    reel_transform_scratch_free(&scratch);
    free(pixels);
    return status;
}

int main(int argc, char **argv)
{
    reel_error err = {0};
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_weights *weights = NULL;
    reel_image image = {0};
    if (argc < 3) return stop("usage: classify_rgb WEIGHTS.safetensors IMAGE.ppm|- [MODEL [CLASSES]]"), 2;
    const reel_model *model = reel_model_find(argc > 3 ? argv[3] : "alexnet");
    const int64_t classes = argc > 4 ? atoll(argv[4]) : 1000;
    float *probabilities = calloc((size_t)classes, sizeof *probabilities);
    if (!model || !probabilities) return stop("no such model, or no memory");

    int exit_code = EXIT_FAILURE;
    const reel_model_config config = {.classes = classes, .dropout = -1};
    if (read_ppm(argv[2], &image, &err) && reel_ctx_create(&ctx, NULL, &err) == REEL_OK &&
        reel_model_create(&net, model, &config, ctx, REEL_F32, &err) == REEL_OK &&
        reel_weights_read(&weights, argv[1], &err) == REEL_OK &&
        reel_params_load(reel_net_params(net), weights, &err) == REEL_OK) {
        reel_net_set_training(net, false);
        if (classify(net, model, &image, probabilities, classes, &err) == REEL_OK) {
            int64_t best = 0;
            for (int64_t c = 1; c < classes; c++)
                if (probabilities[c] > probabilities[best]) best = c;
            printf("class %lld, probability %.4f\n", (long long)best, (double)probabilities[best]);
            exit_code = EXIT_SUCCESS;
        }
    }
    if (exit_code != EXIT_SUCCESS) stop(err.message);
    reel_image_free(&image);
    reel_weights_destroy(weights);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    free(probabilities);
    return exit_code;
}
