/* A training loop of one's own on several processes: the same weights, to the bit, whatever their
 * number. `mpirun -n 4 train_on_many weights.safetensors`, or without mpirun alone.
 *
 * The five lines that end in "ranks" make the loop parallel. A batch is 8 pieces of 4 drawn images;
 * each rank computes its pieces, and updates its share of the weights. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <reel/reel.h>

enum { PIECES = 8, IMAGES = 4, SIDE = 8, CLASSES = 3, STEPS = 60 };

typedef struct training {
    reel_comm *comm;
    reel_net *net;
    reel_tape *tape;
    int step;
    double loss[PIECES]; /* of this rank's pieces; 0 elsewhere */
} training;

static training run;
static reel_error err;

/* Ends all ranks if a call fails on one. */
static void check(reel_status status)
{
    if (status == REEL_OK)
        return;
    fprintf(stderr, "%s\n", err.message);
    reel_comm_abort(run.comm, EXIT_FAILURE);
    exit(EXIT_FAILURE); /* there is no comm yet */
}

static void lose_rank(void *user, const char *message)
{
    (void)user;
    fprintf(stderr, "%s\n", message);
    reel_comm_abort(run.comm, EXIT_FAILURE);
    _exit(EXIT_FAILURE); /* the ranks were not connected yet */
}

/* Stripes across, down or along the diagonal, with noise: image `index` of the endless data set,
 * the same on every rank. */
static int64_t draw_stripes(float *pixels, uint32_t index)
{
    reel_rng rng = reel_rng_at(1, REEL_STREAM_USER, 0, index);
    const int64_t label = (int64_t)reel_rng_below(&rng, CLASSES);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const int along[CLASSES] = {x, y, x + y};
            pixels[y * SIDE + x] = (float)((along[label] / 2 % 2 ? 1 : -1) + reel_rng_normal(&rng));
        }
    return label;
}

/* Forward and backward of one piece: its share of the mean over the batch is 1 / PIECES. */
static reel_status compute_piece(void *user, reel_pieces piece, reel_error *error)
{
    training *t = user;
    const int64_t shape[4] = {IMAGES, 1, SIDE, SIDE};
    float pixels[IMAGES * SIDE * SIDE];
    int64_t labels[IMAGES];
    const int64_t first = ((int64_t)t->step * PIECES + piece.first) * IMAGES;
    for (int i = 0; i < IMAGES; i++)
        labels[i] = draw_stripes(pixels + i * SIDE * SIDE, (uint32_t)(first + i));

    const reel_tensor images = reel_tensor_of(pixels, REEL_F32, 4, shape);
    const reel_var logits = reel_net_forward(t->net, t->tape, reel_input(t->tape, &images));
    const reel_var loss = reel_cross_entropy(logits, labels, IMAGES, NULL);
    REEL_TRY(reel_tape_status(t->tape, error));
    t->loss[piece.first] = *(const float *)reel_value(loss).data;
    REEL_TRY(reel_backward_scaled(loss, 1.0 / PIECES, error));
    reel_tape_reset(t->tape);
    return REEL_OK;
}

/* The sum over pieces in their order, whoever has computed them. */
static double mean_loss(void)
{
    double sum = 0;
    check(reel_comm_add_up(run.comm, run.loss, PIECES, "the losses", &err)); /* ranks */
    for (int i = 0; i < PIECES; i++) {
        sum += run.loss[i];
        run.loss[i] = 0;
    }
    return sum / PIECES;
}

static void make_net(const reel_ctx *ctx)
{
    check(reel_net_create(&run.net, ctx, REEL_F32, &err));
    reel_net_conv2d(run.net, .in = 1, .out = 8, .kernel = 3, .padding = 1);
    reel_net_relu(run.net);
    reel_net_max_pool2d(run.net, .kernel = 2);
    reel_net_flatten(run.net);
    reel_net_linear(run.net, .in = 8 * SIDE * SIDE / 4, .out = CLASSES);
    check(reel_net_build(run.net, &err));
    reel_net_init(run.net);
}

static void save(const reel_params *params, const char *path)
{
    reel_weights_writer *writer;
    check(reel_weights_writer_create(&writer, &err));
    check(reel_params_add_to(params, writer, &err));
    check(reel_weights_writer_save(writer, path, &err));
    reel_weights_writer_destroy(writer);
}

int main(int argc, char **argv)
{
    reel_ctx *ctx;
    reel_optimizer *optimizer;
    reel_data_parallel *parallel;
    const reel_comm_config config = {.on_lost = lose_rank};
    const reel_sgd_config sgd = {.momentum = 0.9};
    if (argc != 2)
        return fprintf(stderr, "usage: [mpirun -n RANKS] train_on_many WEIGHTS\n"), 2;

    check(reel_comm_open(&run.comm, &config, &err)); /* ranks */
    check(reel_ctx_create(&ctx, NULL, &err));
    check(reel_tape_create(&run.tape, ctx, NULL, &err));
    make_net(ctx);
    reel_params *params = reel_net_params(run.net);
    check(reel_sgd_create(&optimizer, params, ctx, &sgd, &err));
    check(reel_data_parallel_create(&parallel, run.comm, optimizer, PIECES, &err)); /* ranks */

    const bool talks = reel_comm_rank(run.comm) == 0;
    for (run.step = 0; run.step < STEPS; run.step++) {
        check(reel_data_parallel_backward(parallel, compute_piece, &run, &err)); /* ranks */
        check(reel_data_parallel_step(parallel, 0.02, &err));                    /* ranks */

        const double loss = mean_loss();
        if (talks && run.step % 10 == 9)
            printf("step %d: loss %.4f\n", run.step + 1, loss);
    }
    if (talks)
        save(params, argv[1]);

    reel_data_parallel_destroy(parallel);
    reel_optimizer_destroy(optimizer);
    reel_comm_close(run.comm);
    reel_net_destroy(run.net);
    reel_tape_destroy(run.tape);
    reel_ctx_destroy(ctx);
}
