/* Whole training steps have the same bits with 1, 2, 3, 4 and 8 threads: loss and every parameter
 * after two steps, so that gradients, clipping, momentum, dropout and initial values are all in it.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "layers/models.h"
#include "optim/optim.h"

/* Trains two steps; *loss is the last one. The net is the caller's. */
static reel_net *train(const reel_model *model, reel_head head, int64_t size, int64_t batch,
                       int threads, reel_ctx **ctx, float *loss)
{
    reel_net *net;
    reel_tape *tape;
    reel_optimizer *opt;
    reel_error err = {0};
    const reel_model_config config = {
        .classes = 1000, .head = head, .dropout = 0.5, .image_size = size};
    cr_assert_eq(reel_ctx_create(ctx, &(reel_ctx_config){.threads = threads, .seed = 5}, &err),
                 REEL_OK, "%s", err.message);
    cr_assert_eq(reel_model_create(&net, model, &config, *ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_tape_create(&tape, *ctx, NULL, &err), REEL_OK, "%s", err.message);
    const reel_sgd_config sgd = {.momentum = 0.9, .weight_decay = 5e-4};
    cr_assert_eq(reel_sgd_create(&opt, reel_net_params(net), *ctx, &sgd, &err), REEL_OK, "%s",
                 err.message);
    const int64_t shape[4] = {batch, 3, size, size}, count = reel_shape_numel(4, shape);
    float *pixels = malloc((size_t)count * sizeof *pixels);
    int64_t *labels = malloc((size_t)batch * sizeof *labels);
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < count; i++)
        pixels[i] = (float)reel_rng_range(&rng, -2, 2);
    for (int64_t i = 0; i < batch; i++)
        labels[i] = (int64_t)reel_rng_below(&rng, 1000);
    const reel_tensor images = reel_tensor_of(pixels, REEL_F32, 4, shape);
    for (int step = 0; step < 2; step++) {
        reel_tape_set_step(tape, step);
        const reel_var y = reel_cross_entropy(
            reel_net_forward(net, tape, reel_input(tape, &images)), labels, batch, NULL);
        cr_assert_eq(reel_backward(y, &err), REEL_OK, "%s", err.message);
        reel_clip_grad_norm(reel_net_params(net), *ctx, 1);
        cr_assert_eq(reel_optimizer_step(opt, 0.01, &err), REEL_OK, "%s", err.message);
        reel_params_zero_grad(reel_net_params(net));
        *loss = *(const float *)reel_value(y).data;
        reel_tape_reset(tape);
    }
    free(pixels);
    free(labels);
    reel_optimizer_destroy(opt);
    reel_tape_destroy(tape);
    return net;
}

static void check(const reel_model *model, reel_head head, int64_t size, int64_t batch)
{
    static const int counts[] = {2, 3, 4, 8};
    float loss_one, loss;
    reel_ctx *ctx_one, *ctx;
    reel_net *one = train(model, head, size, batch, 1, &ctx_one, &loss_one);
    for (int t = 0; t < REEL_COUNT(counts); t++) {
        reel_net *net = train(model, head, size, batch, counts[t], &ctx, &loss);
        cr_expect(memcmp(&loss, &loss_one, sizeof loss) == 0,
                  "%s: loss %.9g with 1 thread, %.9g with %d", model->name, (double)loss_one,
                  (double)loss, counts[t]);
        for (int i = 0; i < reel_params_count(reel_net_params(one)); i++) {
            const reel_param *p = reel_params_at(reel_net_params(one), i),
                             *q = reel_params_at(reel_net_params(net), i);
            const float *a = p->value.data, *b = q->value.data;
            int64_t k = 0;
            if (memcmp(a, b, reel_tensor_bytes(&p->value)) == 0)
                continue;
            while (memcmp(a + k, b + k, sizeof *a) == 0)
                k++;
            cr_expect(false, "%s: %s, element %lld: %.9g with 1 thread, %.9g with %d", model->name,
                      p->name, (long long)k, (double)a[k], (double)b[k], counts[t]);
        }
        reel_net_destroy(net);
        reel_ctx_destroy(ctx);
    }
    reel_net_destroy(one);
    reel_ctx_destroy(ctx_one);
}

Test(thread_bits, a_step_of_alexnet)
{
    check(reel_model_find("alexnet"), REEL_HEAD_FLATTEN, 224, 3);
}

Test(thread_bits, a_step_of_alexnet_with_a_batch_that_fills_winograd_groups)
{
    check(reel_model_find("alexnet"), REEL_HEAD_GAP, 127, 33);
}

Test(thread_bits, a_step_of_alexnet2012)
{
    check(reel_model_find("alexnet2012"), REEL_HEAD_GMP, 115, 5);
}

Test(thread_bits, a_step_of_tiny)
{
    check(reel_model_find("tiny"), REEL_HEAD_FLATTEN, 37, 19);
}
