/* AlexNet in files that PyTorch wrote: every bit arrives, and the logits are PyTorch's. The folder
 * REEL_TORCH_DIR holds what tests/support/make_torch_alexnet.py makes, as
 * tests/integration/torch_alexnet.sh has it do; without it nothing is tried. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/weights.h"
#include "layers/models.h"

#define NEEDS_FILES                                                                                \
    if (!getenv("REEL_TORCH_DIR")) {                                                               \
        printf("not tried: REEL_TORCH_DIR is not set\n");                                          \
        return;                                                                                    \
    }

static const char *const files[] = {"alexnet.safetensors", "alexnet.pth", "alexnet-legacy.pth",
                                    "wrapped.pth"};

static const char *in_folder(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", getenv("REEL_TORCH_DIR"), name);
    return path;
}

static reel_weights *read(const char *name)
{
    char path[2048];
    reel_error err = {0};
    reel_weights *weights = NULL;
    cr_assert_eq(reel_weights_read(&weights, in_folder(name, path, sizeof path), &err), REEL_OK,
                 "%s", err.message);
    return weights;
}

static void expect_equal_bits(const reel_weights *a, const reel_weights *b, const char *label)
{
    cr_assert_eq(reel_weights_count(a), reel_weights_count(b), "%s: %d tensors", label,
                 reel_weights_count(a));
    for (int i = 0; i < reel_weights_count(b); i++) {
        const reel_weight *want = reel_weights_at(b, i), *got = reel_weights_find(a, want->name);
        cr_assert(got, "%s: no tensor %s", label, want->name);
        cr_assert(got->dtype == want->dtype && got->ndim == want->ndim && got->bytes == want->bytes,
                  "%s: %s: %d dimensions, %zu "
                  "bytes",
                  label, want->name, got->ndim, got->bytes);
        for (int d = 0; d < want->ndim; d++)
            cr_assert_eq(got->shape[d], want->shape[d], "%s: %s: size %lld at %d", label,
                         want->name, (long long)got->shape[d], d);
        for (size_t k = 0; memcmp(got->data, want->data, want->bytes) != 0 && k < want->bytes / 4;
             k++)
            cr_assert_eq(((const uint32_t *)got->data)[k], ((const uint32_t *)want->data)[k],
                         "%s: %s: element %zu is %08x, expected "
                         "%08x",
                         label, want->name, k, ((const uint32_t *)got->data)[k],
                         ((const uint32_t *)want->data)[k]);
    }
}

Test(alexnet_files, every_kind_of_file_has_the_same_bits)
{
    NEEDS_FILES
    reel_weights *want = read(files[0]);
    for (int i = 1; i < REEL_COUNT(files); i++) {
        reel_weights *got = read(files[i]);
        expect_equal_bits(got, want, files[i]);
        reel_weights_destroy(got);
    }
    reel_weights_destroy(want);
}

/* L2 of the difference over L2 of what is wanted, each class's mean over the batch removed: what
 * depends on the image. */
static double distance(const float *got, const float *want, int64_t images, int64_t classes)
{
    double difference = 0, norm = 0;
    for (int64_t c = 0; c < classes; c++) {
        double mean_got = 0, mean_want = 0;
        for (int64_t i = 0; i < images; i++) {
            mean_got += (double)got[i * classes + c] / (double)images;
            mean_want += (double)want[i * classes + c] / (double)images;
        }
        for (int64_t i = 0; i < images; i++) {
            const double w = (double)want[i * classes + c] - mean_want,
                         g = (double)got[i * classes + c] - mean_got;
            difference += (g - w) * (g - w);
            norm += w * w;
        }
    }
    return sqrt(difference / norm);
}

/* A net made of the file, and written again where `out` names a file. */
static void expect_logits(const char *name, const reel_ctx *ctx, const reel_weights *probe,
                          const char *out)
{
    const reel_weight *input = reel_weights_find(probe, "input"),
                      *logits = reel_weights_find(probe, "logits");
    cr_assert(input && logits && input->ndim == 4 && logits->ndim == 2,
              "probe.safetensors: expected input and logits");
    reel_error err = {0};
    reel_net *net;
    reel_tape *tape;
    reel_weights *weights = read(name);
    const reel_model_config config = {.classes = logits->shape[1], .dropout = 0.5};
    float *pixels = malloc(input->bytes);
    const reel_tensor x = reel_tensor_of(pixels, REEL_F32, 4, input->shape);
    cr_assert_eq(reel_weight_to_tensor(input, &x, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_model_create(&net, reel_model_find("alexnet"), &config, ctx, REEL_F32, &err),
                 REEL_OK, "%s", err.message);
    cr_assert_eq(reel_params_load(reel_net_params(net), weights, &err), REEL_OK, "%s: %s", name,
                 err.message);
    reel_weights_destroy(weights);
    reel_net_set_training(net, false);
    cr_assert_eq(
        reel_tape_create(&tape, ctx, &(reel_tape_config){.dtype = REEL_F32, .no_grad = true}, &err),
        REEL_OK, "%s", err.message);
    const reel_tensor y = reel_value(reel_net_forward(net, tape, reel_input(tape, &x)));
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    const double error = distance(y.data, logits->data, logits->shape[0], logits->shape[1]);
    printf("%s: logits differ from PyTorch's by %.2g\n", name, error);
    cr_assert_lt(error, 1e-5, "%s: logits: relative error %g, expected less than 1e-5", name,
                 error);
    reel_tape_destroy(tape);
    if (out) {
        char path[2048];
        reel_weights_writer *writer;
        cr_assert_eq(reel_weights_writer_create(&writer, &err), REEL_OK);
        cr_assert_eq(reel_params_add_to(reel_net_params(net), writer, &err), REEL_OK, "%s",
                     err.message);
        cr_assert_eq(reel_weights_writer_save(writer, in_folder(out, path, sizeof path), &err),
                     REEL_OK, "%s", err.message);
        reel_weights_writer_destroy(writer);
    }
    reel_net_destroy(net);
    free(pixels);
}

Test(alexnet_files, the_logits_are_those_of_pytorch_and_the_bits_go_back)
{
    NEEDS_FILES
    reel_ctx *ctx;
    reel_error err = {0};
    reel_weights *probe = read("probe.safetensors");
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK, "%s", err.message);
    for (int i = 0; i < REEL_COUNT(files); i++)
        expect_logits(files[i], ctx, probe, i == 1 ? "reel.safetensors" : NULL);
    reel_ctx_destroy(ctx);
    reel_weights_destroy(probe);
    reel_weights *want = read(files[0]), *got = read("reel.safetensors");
    expect_equal_bits(got, want, "reel.safetensors");
    reel_weights_destroy(got);
    reel_weights_destroy(want);
}
