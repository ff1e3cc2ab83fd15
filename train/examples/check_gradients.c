/* Checking what you wrote yourself: an operator, a layer and a loss, each in a call or two.
 * `check_gradients wrong` forgets a factor in the operator on purpose, to show what the check says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <reel/reel.h>

/* ---- an operator: y = x^3, dx = 3 x^2 dy ---- */
static void cube_forward(const reel_call *c)
{
    const double *x = c->in[0].data;
    double *y = c->out.data;
    for (int64_t i = 0; i < reel_tensor_numel(&c->out); i++)
        y[i] = x[i] * x[i] * x[i];
}

static void cube_backward(const reel_call *c)
{
    const double factor = *(const double *)c->attrs, *x = c->in[0].data, *dy = c->dout.data;
    double *dx = c->din[0].data;
    for (int64_t i = 0; i < reel_tensor_numel(&c->dout); i++)
        dx[i] += factor * x[i] * x[i] * dy[i];
}

static const reel_op cube_op = {
    .name = "cube",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_INPUTS,
    .forward = {[REEL_F64] = cube_forward}, /* float64 is all a check needs */
    .backward = {[REEL_F64] = cube_backward}};

static double factor = 3;

static reel_var cube(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape, (void)user;
    return reel_apply(&cube_op, &factor, sizeof factor, in, 1);
}

/* ---- a layer with a parameter: y = x sigmoid(g), one gate g a channel ---- */
typedef struct gate_config {
    const char *name;
    int64_t channels;
} gate_config;

static const reel_layer_arg gate_args[] = {
    REEL_ARG("channels", INT, gate_config, channels, .min = 1, .max = INFINITY)};

static reel_status gate_setup(reel_module *m, reel_error *err)
{
    const gate_config *c = reel_module_config(m);
    const reel_param_config gate = {
        .name = "gate", .ndim = 3, .shape = {c->channels, 1, 1}, .init = {REEL_INIT_GAUSSIAN, 1}};
    return reel_module_add_param(m, &gate, err);
}

static reel_var gate_forward(const reel_module *m, reel_var x)
{
    return reel_mul(x, reel_sigmoid(reel_module_param(m, x.tape, 0)));
}

static const reel_layer gate = {.name = "gate",
                                .args = gate_args,
                                .n_args = REEL_COUNT(gate_args),
                                .config_size = sizeof(gate_config),
                                .setup = gate_setup,
                                .forward = gate_forward};

static void add_gate(reel_net *net)
{
    reel_net_add(net, &gate, &(gate_config){.name = "gate", .channels = 3});
}

/* ---- a loss on a net's output: mean of -(1 - p)^2 ln p over the samples, p the probability of the
 * right class (Lin et al. 2017, focal loss) ---- */
static reel_var focal_loss(reel_tape *tape, reel_var logits, void *user)
{
    const reel_var right = reel_input(tape, user); /* 1 at the right class of each sample, else 0 */
    const reel_var log_p = reel_sum(reel_mul(reel_log_softmax(logits), right), 2, false);
    const reel_var miss = reel_sub(reel_scalar(tape, 1), reel_exp(log_p));
    return reel_neg(reel_mean_all(reel_mul(reel_mul(miss, miss), log_p)));
}

static void add_small_net(reel_net *net)
{
    reel_net_conv2d(net, .in = 3, .out = 3, .kernel = 3, .padding = 1);
    add_gate(net);
    reel_net_relu(net);
    reel_net_flatten(net);
    reel_net_linear(net, .in = 3 * 5 * 5, .out = 3);
}

/* ---- the calls ---- */
static int say(const char *what, reel_status status, const reel_gradcheck_report *report,
               const reel_error *err)
{
    if (status != REEL_OK)
        printf("%s: %s\n", what, err->message);
    else if (!report->passed)
        printf("%s: WRONG: %s\n", what, report->message);
    else
        printf("%s: right, %lld elements, worst error %.1e\n", what, (long long)report->checked,
               report->worst_error);
    return status != REEL_OK || !report->passed;
}

int main(int argc, char **argv)
{
    const int64_t images[4] = {2, 3, 5, 5};
    const reel_gradcheck_shape shape = {2, {4, 5}};
    double right[6] = {0, 1, 0, 0, 0, 1};
    reel_tensor labels = reel_tensor_of(right, REEL_F64, 2, (const int64_t[]){2, 3});
    reel_gradcheck_report report = {0};
    reel_error err = {0};
    reel_ctx *ctx;
    reel_net *net;
    int wrong = 0;
    if (argc > 1 && strcmp(argv[1], "wrong") == 0)
        factor = 1;

    reel_status status =
        reel_gradcheck_drawn(NULL, cube, NULL, REEL_DRAW_NORMAL, &shape, 1, NULL, &report, &err);
    wrong += say("operator", status, &report, &err);

    status = reel_layer_gradcheck(NULL, add_gate, images, NULL, &report, &err);
    wrong += say("layer", status, &report, &err);

    if (reel_ctx_create(&ctx, NULL, &err) != REEL_OK ||
        reel_net_create(&net, ctx, REEL_F64, &err) != REEL_OK)
        return EXIT_FAILURE;
    add_small_net(net);
    status = reel_net_build(net, &err);
    if (status == REEL_OK) {
        reel_net_init(net);
        status = reel_net_gradcheck_loss(net, images, focal_loss, &labels, NULL, &report, &err);
    }
    wrong += say("loss", status, &report, &err);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
