/* A batch in pieces on one tape: the gradients of each piece alone, added up along the tree, to the
 * bit. */
#include <stdlib.h>
#include <string.h>

#include "core/kernels/add_into.h"
#include "core/ops.h"
#include "core/pieces.h"
#include "layers/models.h"
#include "tests/unit/layers/net_test.h"

TestSuite(pieces, .init = setup, .fini = teardown);

enum { CLASSES = 5 };

typedef struct piece_case {
    const char *model;
    int64_t size, rows; /* of the images; of a piece */
    reel_dtype dtype;
} piece_case;

static reel_net *piece_net(const piece_case *c)
{
    reel_net *net;
    reel_model_config config = reel_model_config_default(reel_model_find(c->model));
    config.classes = CLASSES;
    config.image_size = c->size;
    config.dropout = 0.4;
    cr_assert_eq(reel_model_create(&net, reel_model_find(c->model), &config, ctx, c->dtype, &err),
                 REEL_OK, "%s", err.message);
    return net;
}

/* Backward of rows [first, first + count) of a batch, as `pieces` pieces. */
static void sweep(reel_net *net, const reel_tensor *batch, const int64_t *labels, reel_pieces part,
                  int64_t pieces)
{
    reel_tape *tape;
    reel_tensor images = *batch;
    images.shape[0] = part.count;
    images.data = (char *)batch->data +
                  (size_t)(part.first * (int64_t)reel_tensor_bytes(&images)) / (size_t)part.count;
    cr_assert_eq(reel_tape_create(&tape, ctx, &(reel_tape_config){.dtype = batch->dtype}, &err),
                 REEL_OK);
    reel_tape_set_step(tape, 3);
    reel_tape_set_first_row(tape, part.first);
    reel_tape_set_pieces(tape, pieces);
    const reel_var logits = reel_net_forward(net, tape, reel_input(tape, &images));
    reel_tape_set_pieces(tape, 1);

    reel_var sum = {tape, -1};
    const int64_t rows = part.count / pieces;
    for (int64_t p = 0; p < pieces; p++) {
        const reel_var own = reel_slice(logits, 0, p * rows, (p + 1) * rows);
        const reel_var loss = reel_cross_entropy(own, labels + part.first + p * rows, rows, NULL);
        sum = p == 0 ? loss : reel_add(sum, loss);
    }
    cr_assert_eq(reel_backward_scaled(sum, 0.25, &err), REEL_OK, "%s", err.message);
    reel_tape_destroy(tape);
}

/* All gradients of a net, one behind the other. */
static char *gradients_of(reel_net *net, size_t *bytes)
{
    reel_params *params = reel_net_params(net);
    *bytes = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        *bytes += reel_tensor_bytes(&reel_params_at(params, i)->grad);
    char *all = calloc(*bytes, 1), *at = all;
    cr_assert(all);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (p->has_grad)
            memcpy(at, p->grad.data, reel_tensor_bytes(&p->grad));
        at += reel_tensor_bytes(&p->grad);
    }
    return all;
}

/* The sum over `part`, each piece alone on a tape of its own. */
static char *tree_of(reel_net *net, const reel_tensor *batch, const int64_t *labels,
                     reel_pieces part, int64_t rows)
{
    size_t bytes;
    if (part.count == 1) {
        reel_params_zero_grad(reel_net_params(net));
        sweep(net, batch, labels, (reel_pieces){part.first * rows, rows}, 1);
        return gradients_of(net, &bytes);
    }
    const int64_t left = reel_pieces_left(part.count);
    char *sum = tree_of(net, batch, labels, (reel_pieces){part.first, left}, rows);
    char *rest =
        tree_of(net, batch, labels, (reel_pieces){part.first + left, part.count - left}, rows);
    free(gradients_of(net, &bytes));
    const int64_t n = (int64_t)(bytes / reel_dtype_size(batch->dtype));
    const reel_tensor to = reel_tensor_of(sum, batch->dtype, 1, &n),
                      from = reel_tensor_of(rest, batch->dtype, 1, &n);
    reel_add_into(ctx, &to, &from);
    free(rest);
    return sum;
}

static void *drawn_batch(reel_tensor *images, const piece_case *c, int64_t n, int64_t channels)
{
    const int64_t shape[4] = {n, channels, c->size, c->size}, count = reel_shape_numel(4, shape);
    void *pixels = malloc((size_t)count * reel_dtype_size(c->dtype));
    cr_assert(pixels);
    reel_rng rng = reel_rng_at(7, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < count; i++)
        if (c->dtype == REEL_F64)
            ((double *)pixels)[i] = reel_rng_normal(&rng);
        else
            ((float *)pixels)[i] = (float)reel_rng_normal(&rng);
    *images = reel_tensor_of(pixels, c->dtype, 4, shape);
    return pixels;
}

/* Running averages move with every sweep: they are put back, and compared as well. */
static void check_pieces(const piece_case *c, int64_t pieces)
{
    const reel_model *model = reel_model_find(c->model);
    reel_net *joint = piece_net(c), *alone = piece_net(c);
    reel_tensor images;
    int64_t labels[64];
    const int64_t n = pieces * c->rows;
    void *pixels = drawn_batch(&images, c, n, model->channels ? model->channels : 3);
    for (int64_t i = 0; i < n; i++)
        labels[i] = i * 7 % CLASSES;

    size_t bytes;
    sweep(joint, &images, labels, (reel_pieces){0, n}, pieces);
    char *got = gradients_of(joint, &bytes);
    char *want = tree_of(alone, &images, labels, (reel_pieces){0, pieces}, c->rows);
    cr_expect(memcmp(got, want, bytes) == 0, "%s, %d pieces of %d images: other gradients",
              c->model, (int)pieces, (int)c->rows);

    const reel_params *a = reel_net_params(joint), *b = reel_net_params(alone);
    for (int i = 0; i < reel_params_count(a); i++)
        cr_expect(memcmp(reel_params_at(a, i)->value.data, reel_params_at(b, i)->value.data,
                         reel_tensor_bytes(&reel_params_at(a, i)->value)) == 0,
                  "%s: other %s", c->model, reel_params_at(a, i)->name);
    free(got);
    free(want);
    free(pixels);
    reel_net_destroy(joint);
    reel_net_destroy(alone);
}

/* Rows of a piece up to and beyond those that products treat apart. */
Test(pieces, of_small_nets)
{
    const piece_case cases[] = {{"tiny", 32, 1, REEL_F32},   {"tiny", 32, 3, REEL_F32},
                                {"tiny", 32, 9, REEL_F32},   {"tiny", 32, 2, REEL_F64},
                                {"lenet5", 28, 1, REEL_F32}, {"lenet5", 28, 4, REEL_F32},
                                {"lenet5", 28, 9, REEL_F32}};
    for (int i = 0; i < REEL_COUNT(cases); i++)
        for (int64_t pieces = 2; pieces <= 6; pieces++)
            check_pieces(&cases[i], pieces);
}

Test(pieces, of_alexnet)
{
    const piece_case cases[] = {{"alexnet", 64, 2, REEL_F32}, {"alexnet2012", 67, 3, REEL_F32}};
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_pieces(&cases[i], 3);
}

/* Batch norm takes the statistics of each piece, and moves its running averages piece by piece. */
Test(pieces, with_batch_norm)
{
    const piece_case cases[] = {{"resnet18", 32, 3, REEL_F32},
                                {"mobilenet_v2", 32, 4, REEL_F32},
                                {"mobilenet_v3_small", 32, 4, REEL_F32},
                                {"vgg11_bn", 32, 2, REEL_F64},
                                {"squeezenet1_1", 48, 2, REEL_F32}};
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_pieces(&cases[i], 3);
}

/* Two pieces of the same images get other masks; masks follow the row's place in the whole batch.
 */
Test(pieces, masks_follow_the_row)
{
    enum { ROWS = 6, WIDTH = 700 };
    static float ones[ROWS * WIDTH], whole[ROWS * WIDTH];
    const int64_t shape[2] = {ROWS, WIDTH}, half[2] = {ROWS / 2, WIDTH};
    const size_t part = sizeof whole / 2;
    reel_tape *tape;
    for (int i = 0; i < ROWS * WIDTH; i++)
        ones[i] = 1;
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);

    const reel_tensor all = reel_tensor_of(ones, REEL_F32, 2, shape);
    const reel_var y = reel_dropout(reel_input(tape, &all), 0.5, 1);
    memcpy(whole, reel_value(y).data, sizeof whole);
    cr_expect(memcmp(whole, (char *)whole + part, part) != 0);

    for (int p = 0; p < 2; p++) {
        const reel_tensor rows = reel_tensor_of(ones, REEL_F32, 2, half);
        reel_tape_set_first_row(tape, p * ROWS / 2);
        const reel_var z = reel_dropout(reel_input(tape, &rows), 0.5, 1);
        cr_expect(memcmp(reel_value(z).data, (char *)whole + (size_t)p * part, part) == 0,
                  "half %d", p);
    }
    reel_tape_destroy(tape);
}

/* What cannot be taken in pieces says so, and nothing is computed wrongly. */
Test(pieces, refusals)
{
    static float numbers[24];
    const int64_t shape[2] = {6, 4};
    const reel_tensor x = reel_tensor_of(numbers, REEL_F32, 2, shape);
    reel_tape *tape;
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);

    reel_tape_set_pieces(tape, 4);
    reel_input(tape, &x);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "4 pieces"), "%s", err.message);
    reel_tape_reset(tape);

    reel_tape_set_pieces(tape, 3);
    reel_mean_all(reel_input(tape, &x));
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "mean"), "%s", err.message);
    reel_tape_reset(tape);

    reel_reshape(reel_input(tape, &x), 2, (const int64_t[]){4, 6});
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "reshape"), "%s", err.message);
    reel_tape_destroy(tape);
}

/* A weight of two layers: the sum over both and over pieces would have another order. */
Test(pieces, a_shared_weight_is_refused)
{
    static float numbers[16] = {1};
    const int64_t shape[2] = {4, 4};
    const reel_tensor x = reel_tensor_of(numbers, REEL_F32, 2, shape);
    reel_params *params;
    reel_tape *tape;
    int w;
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "w", 2, shape, 0, &w, &err), REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);

    reel_tape_set_pieces(tape, 2);
    const reel_var v = reel_param_var(tape, params, w);
    const reel_var y = reel_linear(reel_linear(reel_input(tape, &x), v, REEL_NONE), v, REEL_NONE);
    reel_tape_set_pieces(tape, 1);
    cr_expect_eq(reel_backward(reel_mean_all(y), &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "more than once"), "%s", err.message);
    reel_tape_destroy(tape);
    reel_params_destroy(params);
}
