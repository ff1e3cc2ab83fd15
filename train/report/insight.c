/* Saliency maps: see insight.h. */
#include "train/report/insight.h"

#include "core/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The map of one image from the gradient of its score. */
static reel_status saliency_map(uint8_t *map, const reel_tensor *gradient, int64_t image,
                                int64_t size, reel_error *err)
{
    const int64_t pixels = size * size;
    double *value = malloc((size_t)(2 * pixels) * sizeof *value);
    if (!value)
        return reel_fail(err, REEL_ERR_MEMORY, "saliency: out of memory");
    double *sorted = value + pixels;

    for (int64_t i = 0; i < pixels; i++) {
        value[i] = 0;
        for (int64_t c = 0; c < gradient->shape[1]; c++)
            value[i] =
                fmax(value[i], fabs(reel_tensor_get(gradient, (const int64_t[REEL_MAX_DIMS]){
                                                                  image, c, i / size, i % size})));
    }

    /* The brightest 0.5 % are cut: a single pixel would darken the rest. */
    memcpy(sorted, value, (size_t)pixels * sizeof *value);
    qsort(sorted, (size_t)pixels, sizeof *sorted, compare_doubles);
    const double most = sorted[(int64_t)(0.995 * (double)(pixels - 1))];

    for (int64_t i = 0; i < pixels; i++)
        map[i] = reel_grey_level(most > 0 ? value[i] / most : 0);
    free(value);
    return REEL_OK;
}

/* The best class of each row, its probability, and a tensor that picks its score. */
static void judge_rows(const reel_tensor *logits, reel_saliency *out, float *pick)
{
    const int64_t n = logits->shape[0], classes = logits->shape[1];
    for (int64_t i = 0; i < n; i++) {
        const float *row = (const float *)logits->data + i * classes;
        int64_t best = 0;
        double sum = 0;
        for (int64_t c = 1; c < classes; c++)
            if (row[c] > row[best])
                best = c;
        for (int64_t c = 0; c < classes; c++)
            sum += exp((double)row[c] - (double)row[best]);
        out->predicted[i] = best;
        out->probability[i] = 1 / sum;
        pick[i * classes + best] = 1;
    }
}

/* The gradient of each image's best score by its pixels. input: (n, channels, size, size). */
static reel_status backward_from_scores(reel_saliency *out, reel_net *net, reel_tape *tape,
                                        const reel_tensor *input, reel_error *err)
{
    const int64_t n = input->shape[0], size = input->shape[2];
    const reel_var x = reel_input_grad(tape, input), scores = reel_net_forward(net, tape, x);
    REEL_TRY(reel_tape_status(tape, err));

    /* logits (n, classes) -> the sum of the best score of each row */
    const reel_tensor logits = reel_value(scores);
    float *memory = reel_tape_alloc(tape, (size_t)reel_tensor_numel(&logits) * sizeof *memory);
    REEL_TRY(reel_tape_status(tape, err));
    memset(memory, 0, (size_t)reel_tensor_numel(&logits) * sizeof *memory);

    judge_rows(&logits, out, memory);
    const reel_tensor pick = reel_tensor_of(memory, REEL_F32, 2, logits.shape);
    REEL_TRY(reel_backward(reel_sum(reel_mul(scores, reel_input(tape, &pick)), 0, false), err));

    const reel_tensor gradient = reel_grad(x);
    for (int64_t i = 0; i < n; i++)
        REEL_TRY(saliency_map(out->map + i * size * size, &gradient, i, size, err));
    return REEL_OK;
}

reel_status reel_saliency_of(reel_saliency *out, reel_net *net, const reel_tensor *images,
                             reel_error *err)
{
    const int64_t n = images->shape[0], size = images->shape[2];
    *out = (reel_saliency){.predicted = calloc((size_t)n, sizeof *out->predicted),
                           .probability = calloc((size_t)n, sizeof *out->probability),
                           .map = calloc((size_t)(n * size), (size_t)size)};

    reel_tape *tape = NULL;
    reel_status status = out->predicted && out->probability && out->map
                             ? reel_tape_create(&tape, reel_net_ctx(net), NULL, err)
                             : reel_fail(err, REEL_ERR_MEMORY, "saliency: out of memory");

    /* Dropout must be off; the caller's mode and gradients are restored. */
    const bool training = reel_net_training(net);
    reel_net_set_training(net, false);

    if (status == REEL_OK)
        status = backward_from_scores(out, net, tape, images, err);

    reel_net_set_training(net, training);
    reel_params_zero_grad(reel_net_params(net));
    reel_tape_destroy(tape);
    if (status != REEL_OK)
        reel_saliency_free(out);
    return status;
}

void reel_saliency_free(reel_saliency *s)
{
    free(s->predicted);
    free(s->probability);
    free(s->map);
    *s = (reel_saliency){0};
}

reel_status reel_pixels_of(reel_image *out, const float *image, const reel_transform *t,
                           reel_error *err)
{
    const int64_t size = t->size ? t->size : 224;
    const double scale = t->pixel_scale > 0 ? t->pixel_scale : 1.0 / 255;
    REEL_TRY(reel_image_resize_buffer(out, size, size, err));
    const bool grey = t->channels == 1;
    for (int64_t i = 0; i < size * size * 3; i++) {
        const int64_t c = grey ? 0 : i % 3;
        const double std = t->std[c] != 0 ? t->std[c] : 1, value = (double)image[grey ? i / 3 : i];
        out->rgb[i] = reel_grey_level((value * std + t->mean[c]) / scale / 255);
    }
    return REEL_OK;
}
