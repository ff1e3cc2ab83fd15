/* Two small networks in bf16: the gradient of each parameter is no farther from float64 than
 * PyTorch's bf16 gradient. The stored distances of PyTorch are in tests/support/torch_bf16.tsv;
 * make_torch_bf16.py, which wrote it, says what its columns are. Weights and images are drawn here
 * by the same formulas. A distance is the root mean square over the seeds: one draw is a matter of
 * luck, because ReLU and max-pooling choose by rounded numbers.
 *
 * REEL_TEST_SHOW=1 prints the ratios of the distances. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "core/tape.h"
#include "layers/models.h"
#include "tests/support/must.h"

enum { BATCH = 16, CLASSES = 10, SEEDS = 40, MOST_PARAMS = 16, MOST_ROWS = 64, MOST_WAYS = 6 };
enum { TEXTURES = 1, WEIGHTS = 100, PROJECTIONS = 200, IMAGES = 300 }; /* streams */
#define RATE 0.05

static const char plain[] = "input 3x47x47\n"
                            "features:\n"
                            "    Conv2d 16 11 stride=4 padding=2\n"
                            "    ReLU\n"
                            "    MaxPool2d 3 2\n"
                            "    Conv2d 32 5 padding=2\n"
                            "    ReLU\n"
                            "    Conv2d 32 3 padding=1\n"
                            "    ReLU\n"
                            "    MaxPool2d 3 2\n"
                            "Flatten\n"
                            "classifier:\n"
                            "    Linear 256\n"
                            "    ReLU\n"
                            "    Linear classes\n";
static const char normed[] = "input 3x18x18\n"
                             "features:\n"
                             "    Conv2d 16 3 padding=1 bias=false\n"
                             "    BatchNorm2d\n"
                             "    ReLU\n"
                             "    residual:\n"
                             "        Conv2d 16 3 padding=1 bias=false\n"
                             "        BatchNorm2d\n"
                             "        ReLU\n"
                             "        Conv2d 16 3 padding=1 bias=false\n"
                             "        BatchNorm2d\n"
                             "    ReLU\n"
                             "    MaxPool2d 3 2\n"
                             "    Conv2d 32 1\n"
                             "    ReLU\n"
                             "    GlobalAvgPool2d\n"
                             "classifier:\n"
                             "    Linear classes\n";

static reel_error err;

/* ---- what PyTorch gave ---- */

typedef struct torch_row {
    char net[16], parameter[32];
    int steps;
    double norm, projection, error;
} torch_row;

static int read_rows(torch_row *rows)
{
    const char *root = getenv("REEL_SOURCE");
    char path[4096], line[256];
    snprintf(path, sizeof path, "%s/tests/support/torch_bf16.tsv", root ? root : ".");
    FILE *in = fopen(path, "r");
    cr_assert(in, "cannot open %s (REEL_SOURCE names the source tree)", path);
    int n = 0;
    while (fgets(line, sizeof line, in)) {
        if (line[0] == '#')
            continue;
        cr_assert_lt(n, MOST_ROWS);
        torch_row *r = &rows[n++];
        cr_assert_eq(sscanf(line, "%15s %d %31s %lf %lf %lf", r->net, &r->steps, r->parameter,
                            &r->norm, &r->projection, &r->error),
                     6, "%s: %s", path, line);
    }
    fclose(in);
    return n;
}

/* ---- drawn numbers ---- */

/* The end of splitmix64. */
static uint64_t mixed_bits(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* The i-th number of a stream, from -1 to 1 with 24 bits. */
static double drawn_number(int seed, int stream, int64_t i)
{
    const uint64_t key = mixed_bits((uint64_t)(seed * 1000 + stream)),
                   z = mixed_bits(key + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15);
    return (double)(z >> 40) / (1 << 23) - 1;
}

/* Moves a row-major index on; false behind the last. */
static bool next_index(const reel_tensor *t, int64_t *index)
{
    for (int d = t->ndim - 1; d >= 0; d--) {
        if (++index[d] < t->shape[d])
            return true;
        index[d] = 0;
    }
    return false;
}

/* Weights u (6 / fan_in)^(1/2), batch norm's 1 + u / 4, biases u / 8; in float32. */
static double begun_number(const reel_param *p, double u)
{
    if (p->value.ndim > 1)
        return (double)(float)(u * sqrt(6.0 / (double)(reel_tensor_numel(&p->value) /
                                                       p->value.shape[0])));
    return (double)(float)(strstr(p->name, "bias") ? u / 8 : 1 + u / 4);
}

/* ---- a network and its steps ---- */

typedef struct trained {
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_param *param[MOST_PARAMS]; /* those with a gradient, in PyTorch's order */
    int params;
} trained;

static void open_trained(trained *t, const char *text, const reel_ctx_config *config,
                         reel_dtype dtype)
{
    reel_model *model;
    *t = (trained){0};
    MUST(reel_ctx_create(&t->ctx, config, &err), err);
    MUST(reel_model_read_text(&model, "case.net", text, &err), err);
    reel_model_config like = reel_model_config_default(model);
    like.classes = CLASSES;
    MUST(reel_model_create(&t->net, model, &like, t->ctx, dtype, &err), err);
    MUST(reel_tape_create(&t->tape, t->ctx, &(reel_tape_config){.dtype = dtype}, &err), err);
    reel_model_free(model);
    reel_net_set_training(t->net, true);

    reel_params *all = reel_net_params(t->net);
    for (int i = 0; i < reel_params_count(all); i++)
        if (!(reel_params_at(all, i)->flags & REEL_PARAM_BUFFER)) {
            cr_assert_lt(t->params, MOST_PARAMS);
            t->param[t->params++] = reel_params_at(all, i);
        }
}

static void close_trained(trained *t)
{
    reel_tape_destroy(t->tape);
    reel_net_destroy(t->net);
    reel_ctx_destroy(t->ctx);
}

static void begin_weights(trained *t, int seed)
{
    for (int k = 0; k < t->params; k++) {
        const reel_param *p = t->param[k];
        int64_t index[REEL_MAX_DIMS] = {0}, i = 0;
        do
            reel_tensor_set(&p->value, index,
                            begun_number(p, drawn_number(seed, WEIGHTS + k, i++)));
        while (next_index(&p->value, index));
    }
}

/* The gradients for batch `step`: half noise, half the texture of the class. */
static void step_gradients(trained *t, int64_t size, int seed, int step)
{
    const int64_t shape[4] = {BATCH, 3, size, size};
    double *x = malloc((size_t)reel_shape_numel(4, shape) * sizeof *x);
    const reel_tensor images = reel_tensor_with_layout(x, REEL_F64, REEL_ROW_MAJOR, 4, shape);
    int64_t labels[BATCH], index[4] = {0}, i = 0;
    for (int k = 0; k < BATCH; k++)
        labels[k] = (7 * k + step) % CLASSES;
    do {
        const int64_t texel =
            ((labels[index[0]] * 3 + index[1]) * 8 + index[2] % 8) * 8 + index[3] % 8;
        const double pixel =
            drawn_number(seed, IMAGES + step, i) / 2 + drawn_number(seed, TEXTURES, texel) / 2;
        x[i++] = (double)(float)pixel;
    } while (next_index(&images, index));

    reel_params_zero_grad(reel_net_params(t->net));
    const reel_var logits = reel_net_forward(t->net, t->tape, reel_input(t->tape, &images));
    MUST(reel_tape_status(t->tape, &err), err);
    MUST(reel_backward(reel_cross_entropy(logits, labels, BATCH, NULL), &err), err);
    reel_tape_reset(t->tape);
    free(x);
}

/* SGD in float64; the weights end in float32. */
static void train_weights(trained *t, int64_t size, int seed, int steps)
{
    for (int s = 0; s < steps; s++) {
        step_gradients(t, size, seed, s);
        for (int k = 0; k < t->params; k++) {
            double *w = t->param[k]->value.data;
            const double *g = t->param[k]->grad.data;
            for (int64_t i = 0; i < reel_tensor_numel(&t->param[k]->value); i++)
                w[i] -= RATE * g[i];
        }
    }
    for (int k = 0; k < t->params; k++) {
        double *w = t->param[k]->value.data;
        for (int64_t i = 0; i < reel_tensor_numel(&t->param[k]->value); i++)
            w[i] = (double)(float)w[i];
    }
}

/* ---- comparison ---- */

/* A way to compute in bf16. */
typedef struct bf16_way {
    const char *name;
    reel_ctx_config config;
    trained half;
    double error[MOST_PARAMS]; /* mean square over the seeds */
} bf16_way;

/* Of the float64 gradients; means over the seeds. */
typedef struct gradient_means {
    double square[MOST_PARAMS], projection[MOST_PARAMS];
} gradient_means;

static void add_gradient(gradient_means *means, const reel_param *p, int seed, int k)
{
    int64_t index[REEL_MAX_DIMS] = {0}, i = 0;
    do {
        const double g = reel_tensor_get(&p->grad, index) / SEEDS;
        means->square[k] += g * g * SEEDS;
        means->projection[k] += g * drawn_number(seed, PROJECTIONS + k, i++);
    } while (next_index(&p->grad, index));
}

/* |half - full|^2 / |full|^2 */
static double gradient_error(const reel_param *half, const reel_param *full)
{
    int64_t index[REEL_MAX_DIMS] = {0};
    double size = 0, off = 0;
    do {
        const double a = reel_tensor_get(&half->grad, index),
                     b = reel_tensor_get(&full->grad, index);
        size += b * b;
        off += (a - b) * (a - b);
    } while (next_index(&full->grad, index));
    return off / size;
}

static void add_draw(bf16_way *ways, int n_ways, trained *full, gradient_means *means, int64_t size,
                     int seed, int steps)
{
    begin_weights(full, seed);
    train_weights(full, size, seed, steps);
    step_gradients(full, size, seed, steps);
    for (int k = 0; k < full->params; k++)
        add_gradient(means, full->param[k], seed, k);

    for (int w = 0; w < n_ways; w++) {
        trained *half = &ways[w].half;
        for (int k = 0; k < full->params; k++)
            cr_assert_eq(reel_tensor_copy(&half->param[k]->value, &full->param[k]->value), REEL_OK);
        step_gradients(half, size, seed, steps);
        for (int k = 0; k < full->params; k++)
            ways[w].error[k] += gradient_error(half->param[k], full->param[k]) / SEEDS;
    }
}

/* `row`: that of the first parameter. */
static void expect_rows(const torch_row *row, const bf16_way *ways, int n_ways, const trained *full,
                        const gradient_means *means)
{
    for (int k = 0; k < full->params; k++) {
        const torch_row *r = &row[k];
        const double norm = sqrt(means->square[k]);
        cr_assert_str_eq(full->param[k]->name, r->parameter);
        cr_expect(fabs(norm - r->norm) <= 1e-6 * r->norm &&
                      fabs(means->projection[k] - r->projection) <= 1e-6 * r->norm,
                  "%s, %d steps, %s in float64: size %.9g and projection %.9g, PyTorch has %.9g "
                  "and %.9g",
                  r->net, r->steps, r->parameter, norm, means->projection[k], r->norm,
                  r->projection);

        for (int w = 0; w < n_ways; w++) {
            const double error = sqrt(ways[w].error[k]);
            cr_expect(error <= r->error,
                      "%s, %s, %d steps, %s: error %.4g, PyTorch's bf16 has %.4g", ways[w].name,
                      r->net, r->steps, r->parameter, error, r->error);
            if (getenv("REEL_TEST_SHOW"))
                printf("%-8s %-6s %2d %-19s %.2e %.2e %.2f\n", ways[w].name, r->net, r->steps,
                       r->parameter, error, r->error, error / r->error);
        }
    }
}

/* Those of the instruction sets that this machine has, and a CPU's own instructions for bf16. */
static int offered_ways(bf16_way *ways)
{
    static const char *const names[MOST_WAYS] = {"portable", "avx2", "avx512",
                                                 "amx",      "neon", "native"};
    int n = 0;
    for (int i = 0; i < MOST_WAYS; i++) {
        const bool native = strcmp(names[i], "native") == 0;
        const reel_ctx_config config = {.threads = 2,
                                        .isa = native ? NULL : names[i],
                                        .precision = REEL_PRECISION_BF16,
                                        .widen_bf16 = !native};
        reel_ctx *ctx;
        if (reel_ctx_create(&ctx, &config, &err))
            continue;
        if (!native || reel_ctx_multiplies_bf16(ctx))
            ways[n++] = (bf16_way){.name = names[i], .config = config};
        reel_ctx_destroy(ctx);
    }
    return n;
}

static void compare_net(const char *name, const char *text, int64_t size, int steps)
{
    static torch_row rows[MOST_ROWS];
    const int n_rows = read_rows(rows);
    int first = 0;
    while (first < n_rows && (strcmp(rows[first].net, name) != 0 || rows[first].steps != steps))
        first++;
    cr_assert_lt(first, n_rows, "%s, %d steps: not stored", name, steps);

    bf16_way ways[MOST_WAYS];
    trained full;
    gradient_means means = {0};
    setenv("REEL_BF16", "native", 1); /* also where float32 would be faster */
    const int n_ways = offered_ways(ways);
    for (int w = 0; w < n_ways; w++)
        open_trained(&ways[w].half, text, &ways[w].config, REEL_F32);
    open_trained(&full, text, &(reel_ctx_config){.threads = 2}, REEL_F64);

    for (int seed = 1; seed <= SEEDS; seed++)
        add_draw(ways, n_ways, &full, &means, size, seed, steps);
    expect_rows(&rows[first], ways, n_ways, &full, &means);

    for (int w = 0; w < n_ways; w++)
        close_trained(&ways[w].half);
    close_trained(&full);
}

Test(bf16_against_torch, fresh_weights_of_convolutions_and_linear_layers)
{
    compare_net("plain", plain, 47, 0);
}

Test(bf16_against_torch, trained_weights_of_convolutions_and_linear_layers)
{
    compare_net("plain", plain, 47, 20);
}

Test(bf16_against_torch, fresh_weights_with_batch_norm_and_a_sum)
{
    compare_net("normed", normed, 18, 0);
}

Test(bf16_against_torch, trained_weights_with_batch_norm_and_a_sum)
{
    compare_net("normed", normed, 18, 20);
}
