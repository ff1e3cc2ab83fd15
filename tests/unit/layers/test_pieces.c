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

enum { CLASSES = 5, MOST_PIECES = 6, MOST_IMAGES = 64 };

typedef struct piece_case {
    const char *model;
    const char *text;   /* of the model; NULL: one of the table */
    int64_t size, rows; /* of the images; of a piece */
    reel_dtype dtype;
    reel_head head;
} piece_case;

/* Convolutions with batch norm, some of them by Winograd. */
static const char narrow_vgg[] = "input 3x32x32\n"
                                 "for width in 16 32:\n"
                                 "    Conv2d width 3 padding=1\n"
                                 "    BatchNorm2d\n"
                                 "    ReLU\n"
                                 "    MaxPool2d 2\n"
                                 "repeat 2:\n"
                                 "    Conv2d 64 3 padding=1\n"
                                 "    BatchNorm2d\n"
                                 "    ReLU\n"
                                 "Flatten\n"
                                 "Linear 40\n"
                                 "ReLU\n"
                                 "Dropout 0.4\n"
                                 "Linear classes\n";

/* A weight gradient of 16 MB, which is written past the caches. */
static const char wide_linear[] = "input 1x64x64\n"
                                  "Flatten\n"
                                  "Linear 1024\n"
                                  "ReLU\n"
                                  "Dropout 0.4\n"
                                  "Linear classes\n";

/* Convolution, ReLU and pooling as one operator, over a map of 1 MB an image. */
static const char large_map[] = "input 3x64x64\n"
                                "Conv2d 4 3 padding=1\n"
                                "ReLU\n"
                                "Conv2d 64 3 padding=1\n"
                                "ReLU\n"
                                "MaxPool2d 2\n"
                                "AdaptiveAvgPool2d 1\n"
                                "Flatten\n"
                                "Linear classes\n";

/* A net, its images, and what each piece gives alone. */
typedef struct piece_bench {
    const piece_case *c;
    reel_model *own; /* NULL: one of the table */
    reel_net *net;
    reel_tape *tape;
    reel_tensor images;
    int64_t labels[MOST_IMAGES];
    size_t bytes;                    /* of all parameters */
    char *alone[MOST_PIECES];        /* the gradients of a piece */
    char *averages[MOST_PIECES + 1]; /* running averages, after so many pieces */
} piece_bench;

static void create_net(piece_bench *b)
{
    const piece_case *c = b->c;
    if (c->text)
        cr_assert_eq(reel_model_read_text(&b->own, c->model, c->text, &err), REEL_OK, "%s",
                     err.message);
    const reel_model *model = c->text ? b->own : reel_model_find(c->model);

    reel_model_config config = reel_model_config_default(model);
    config.classes = CLASSES;
    config.image_size = c->size;
    config.dropout = 0.4;
    config.head = c->head;
    cr_assert_eq(reel_model_create(&b->net, model, &config, ctx, c->dtype, &err), REEL_OK, "%s",
                 err.message);

    const int64_t n = MOST_PIECES * c->rows < MOST_IMAGES ? MOST_PIECES * c->rows : MOST_IMAGES;
    const int64_t shape[4] = {n, model->channels ? model->channels : 3, c->size, c->size},
                  count = reel_shape_numel(4, shape);
    void *pixels = malloc((size_t)count * reel_dtype_size(c->dtype));
    cr_assert(pixels);
    reel_rng rng = reel_rng_at(7, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < count; i++)
        if (c->dtype == REEL_F64)
            ((double *)pixels)[i] = reel_rng_normal(&rng);
        else
            ((float *)pixels)[i] = (float)reel_rng_normal(&rng);
    b->images = reel_tensor_of(pixels, c->dtype, 4, shape);
    for (int64_t i = 0; i < n; i++)
        b->labels[i] = i * 7 % CLASSES;
}

/* Backward of the images of `part`, as so many pieces. */
static void sweep(piece_bench *b, reel_pieces part, int64_t pieces)
{
    const int64_t rows = b->c->rows, first = part.first * rows, n = part.count * rows;
    reel_tensor images = b->images;
    images.shape[0] = n;
    images.data =
        (char *)b->images.data + (size_t)(first * (int64_t)reel_tensor_bytes(&images)) / (size_t)n;

    reel_params_zero_grad(reel_net_params(b->net));
    reel_tape_set_step(b->tape, 3);
    reel_tape_set_first_row(b->tape, first);
    reel_tape_set_pieces(b->tape, pieces);
    const reel_var logits = reel_net_forward(b->net, b->tape, reel_input(b->tape, &images));
    reel_tape_set_pieces(b->tape, 1);

    reel_var sum = {b->tape, -1};
    for (int64_t p = 0; p < part.count; p++) {
        const reel_var own = reel_slice(logits, 0, p * rows, (p + 1) * rows);
        const reel_var loss = reel_cross_entropy(own, b->labels + first + p * rows, rows, NULL);
        sum = p == 0 ? loss : reel_add(sum, loss);
    }
    cr_assert_eq(reel_backward_scaled(sum, 0.25, &err), REEL_OK, "%s", err.message);
    reel_tape_reset(b->tape);
}

/* All gradients of the net, one behind the other. */
static char *gradients_of(const piece_bench *b)
{
    const reel_params *params = reel_net_params(b->net);
    char *all = calloc(b->bytes, 1), *at = all;
    cr_assert(all);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (p->has_grad)
            memcpy(at, p->grad.data, reel_tensor_bytes(&p->grad));
        at += reel_tensor_bytes(&p->value);
    }
    return all;
}

/* The running averages of the net, one behind the other: a copy, or written back. */
static char *averages_of(const piece_bench *b)
{
    const reel_params *params = reel_net_params(b->net);
    char *all = calloc(b->bytes, 1), *at = all;
    cr_assert(all);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!(p->flags & REEL_PARAM_BUFFER))
            continue;
        memcpy(at, p->value.data, reel_tensor_bytes(&p->value));
        at += reel_tensor_bytes(&p->value);
    }
    return all;
}

static void put_averages(piece_bench *b, const char *at)
{
    reel_params *params = reel_net_params(b->net);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!(p->flags & REEL_PARAM_BUFFER))
            continue;
        memcpy(p->value.data, at, reel_tensor_bytes(&p->value));
        at += reel_tensor_bytes(&p->value);
    }
}

/* The sum over `part` of what the pieces give alone. */
static char *tree_of(const piece_bench *b, reel_pieces part)
{
    if (part.count == 1) {
        char *own = malloc(b->bytes);
        cr_assert(own);
        memcpy(own, b->alone[part.first], b->bytes);
        return own;
    }
    const int64_t left = reel_pieces_left(part.count);
    char *sum = tree_of(b, (reel_pieces){part.first, left});
    char *rest = tree_of(b, (reel_pieces){part.first + left, part.count - left});
    const int64_t n = (int64_t)(b->bytes / reel_dtype_size(b->c->dtype));
    const reel_tensor to = reel_tensor_of(sum, b->c->dtype, 1, &n),
                      from = reel_tensor_of(rest, b->c->dtype, 1, &n);
    reel_add_tensor(ctx, &to, &from);
    free(rest);
    return sum;
}

/* The net with the running averages of the beginning, over a batch of `pieces`. */
static void compare_joint(piece_bench *b, int64_t pieces)
{
    put_averages(b, b->averages[0]);
    sweep(b, (reel_pieces){0, pieces}, pieces);
    char *got = gradients_of(b), *want = tree_of(b, (reel_pieces){0, pieces}),
         *averages = averages_of(b);
    cr_expect(memcmp(got, want, b->bytes) == 0, "%s, %d pieces of %d images: other gradients",
              b->c->model, (int)pieces, (int)b->c->rows);
    cr_expect(memcmp(averages, b->averages[pieces], b->bytes) == 0,
              "%s, %d pieces of %d images: other running averages", b->c->model, (int)pieces,
              (int)b->c->rows);
    free(got);
    free(want);
    free(averages);
}

/* Batches of `least` to `most` pieces. */
static void check_pieces(const piece_case *c, int64_t least, int64_t most)
{
    piece_bench b = {.c = c};
    create_net(&b);
    cr_assert_eq(reel_tape_create(&b.tape, ctx, &(reel_tape_config){.dtype = c->dtype}, &err),
                 REEL_OK);
    const reel_params *params = reel_net_params(b.net);
    for (int i = 0; i < reel_params_count(params); i++)
        b.bytes += reel_tensor_bytes(&reel_params_at(params, i)->value);

    b.averages[0] = averages_of(&b);
    for (int64_t p = 0; p < most; p++) {
        sweep(&b, (reel_pieces){p, 1}, 1);
        b.alone[p] = gradients_of(&b);
        b.averages[p + 1] = averages_of(&b);
    }
    for (int64_t pieces = least; pieces <= most; pieces++)
        compare_joint(&b, pieces);

    for (int64_t p = 0; p <= most; p++) {
        free(b.averages[p]);
        free(p < most ? b.alone[p] : NULL);
    }
    free(b.images.data);
    reel_tape_destroy(b.tape);
    reel_net_destroy(b.net);
    reel_model_free(b.own);
}

/* Rows of a piece up to and beyond those that products treat apart. */
Test(pieces, of_small_nets)
{
    const piece_case cases[] = {{.model = "tiny", .size = 32, .rows = 1},
                                {.model = "tiny", .size = 32, .rows = 3},
                                {.model = "tiny", .size = 32, .rows = 9},
                                {.model = "tiny", .size = 32, .rows = 2, .dtype = REEL_F64},
                                {.model = "lenet5", .size = 28, .rows = 1},
                                {.model = "lenet5", .size = 28, .rows = 4},
                                {.model = "lenet5", .size = 28, .rows = 9}};
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_pieces(&cases[i], 2, MOST_PIECES);
}

/* With 4 images a piece has tiles enough for Winograd in conv2, with fewer only the batch has. */
Test(pieces, of_alexnet)
{
    const piece_case cases[] = {
        {.model = "alexnet", .size = 67, .rows = 2, .head = REEL_HEAD_GAP},
        {.model = "alexnet", .size = 67, .rows = 4, .head = REEL_HEAD_GAP},
        {.model = "alexnet2012", .size = 67, .rows = 3, .head = REEL_HEAD_GAP}};
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_pieces(&cases[i], 3, 3);
}

/* Two steps for each piece; pieces two by two. */
Test(pieces, whose_maps_leave_the_cache)
{
    const piece_case cases[] = {{.model = "large_map", .text = large_map, .size = 64, .rows = 20},
                                {.model = "large_map", .text = large_map, .size = 64, .rows = 6}};
    check_pieces(&cases[0], 2, 2);
    check_pieces(&cases[1], 5, 5);
}

Test(pieces, of_a_wide_linear_layer)
{
    check_pieces(&(piece_case){.model = "wide_linear", .text = wide_linear, .size = 64, .rows = 3},
                 3, 3);
}

/* Batch norm takes the statistics of each piece, and moves its running averages piece by piece. */
Test(pieces, with_batch_norm)
{
    const piece_case cases[] = {
        {.model = "resnet18", .size = 32, .rows = 3},
        {.model = "mobilenet_v2", .size = 32, .rows = 4},
        {.model = "mobilenet_v3_small", .size = 32, .rows = 4},
        {.model = "narrow_vgg", .text = narrow_vgg, .size = 32, .rows = 2},
        {.model = "narrow_vgg", .text = narrow_vgg, .size = 32, .rows = 2, .dtype = REEL_F64},
        {.model = "squeezenet1_1", .size = 48, .rows = 2}};
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_pieces(&cases[i], 3, 3);
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

    const reel_var batch = reel_input(tape, &x);
    reel_linear(batch, batch, REEL_NONE);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "as no other"), "%s", err.message);
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
