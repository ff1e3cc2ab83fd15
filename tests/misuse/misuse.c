/* misuse [FROM [TO]]: makes every call of misuse_calls in a process of its own and prints those
 * that end by a signal, hang, or fail without a message. Run it in an empty folder. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/misuse/misuse.h"
#include "tests/support/built_as.h"

enum { SECONDS = 20, NO_MESSAGE = 3, SETUP_FAILED = 9 };

struct misuse_good good;
struct misuse_unfinished unfinished;
static reel_error error;

reel_var a_var(int id)
{
    return (reel_var){good.reel_tape, id};
}

void *slots(void)
{
    static void *slot[64];
    return slot;
}

void *memory(void)
{
    static _Alignas(64) unsigned char zeros[1 << 20];
    return zeros;
}

reel_error *fresh_error(void)
{
    error = (reel_error){0};
    return &error;
}

void check_status(reel_status status)
{
    const bool told = error.status == status && error.message[0] && !strchr(error.message, '\n');
    if (status != REEL_OK && !told)
        _exit(NO_MESSAGE);
}

void check_text(const char *text)
{
    if (text && strlen(text) > 1 << 20)
        _exit(NO_MESSAGE);
}

/* ---- good values ---- */

static void must(reel_status status, const char *what)
{
    if (status == REEL_OK)
        return;
    fprintf(stderr, "set-up: %s: %s\n", what, error.message);
    exit(SETUP_FAILED);
}

#define MUST(call) must((call), #call)

static reel_var twice(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    (void)user;
    return reel_add(in[0], in[0]);
}

static reel_status put_nothing(void *user, const char *key, const char *value, reel_error *err)
{
    (void)user;
    (void)key;
    (void)value;
    (void)err;
    return REEL_OK;
}

static reel_var same(const reel_module *m, reel_var x)
{
    good.reel_module = m;
    return x;
}

static int64_t no_sample(const void *self)
{
    (void)self;
    return 0;
}

static int64_t no_label(const void *self, int64_t index)
{
    (void)self;
    (void)index;
    return -1;
}

static reel_status no_bytes(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    (void)self;
    (void)bytes;
    return reel_fail(err, REEL_ERR_IO, "no sample %d", (int)index);
}

static void no_name(const void *self, int64_t index, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "%d", (int)index);
}

static const reel_source empty_source = {.name = "empty",
                                         .size = no_sample,
                                         .label = no_label,
                                         .sample = no_bytes,
                                         .sample_name = no_name};

static const reel_layer keeps_module = {.name = "keeps_module", .forward = same};

static void make_net(void)
{
    MUST(reel_net_create(&good.reel_net, good.reel_ctx, REEL_F32, &error));
    reel_net_conv2d(good.reel_net, .in = 3, .out = 4, .kernel = 3, .padding = 1);
    reel_net_add(good.reel_net, &keeps_module, NULL);
    reel_net_flatten(good.reel_net);
    reel_net_linear(good.reel_net, .in = 4 * 8 * 8, .out = 3);
    MUST(reel_net_build(good.reel_net, &error));
    reel_net_init(good.reel_net);
    good.reel_params = reel_net_params(good.reel_net);
}

static void make_values(void)
{
    static reel_tensor images;
    static reel_var vars[16];
    const int64_t shape[4] = {2, 3, 8, 8};
    static float pixels[2 * 3 * 8 * 8];
    images = reel_tensor_of(pixels, REEL_F32, 4, shape);
    good.reel_tensor = &images;
    for (int i = 0; i < 16; i++)
        vars[i] = reel_input_grad(good.reel_tape, &images);
    good.reel_var = vars;

    reel_net_forward(good.reel_net, good.reel_tape, vars[0]);
    MUST(reel_tape_status(good.reel_tape, &error));
}

/* Two folders with an image each, and a file of weights. */
static void make_files(void)
{
    static reel_image image;
    MUST(reel_image_resize_buffer(&image, 8, 8, &error));
    memset(image.rgb, 99, (size_t)8 * 8 * 3);
    good.reel_image = &image;
    mkdir("set", 0700);
    mkdir("set/cat", 0700);
    mkdir("set/dog", 0700);
    MUST(reel_image_write_png(&image, "set/cat/1.png", &error));
    MUST(reel_image_write_png(&image, "set/dog/1.png", &error));
    MUST(reel_dataset_folder(&good.reel_dataset, "set", &error));

    MUST(reel_weights_writer_create(&good.reel_weights_writer, &error));
    MUST(reel_params_add_to(good.reel_params, good.reel_weights_writer, &error));
    MUST(reel_weights_writer_metadata(good.reel_weights_writer, "key", "value", &error));
    MUST(reel_weights_writer_save(good.reel_weights_writer, "weights.safetensors", &error));
    MUST(reel_weights_read(&good.reel_weights, "weights.safetensors", &error));
    good.reel_weight = reel_weights_at(good.reel_weights, 0);
}

static void make_unfinished(void)
{
    const int64_t shape[1] = {3};
    MUST(reel_tape_create(&unfinished.reel_tape, good.reel_ctx, NULL, &error));
    reel_tape_fail(unfinished.reel_tape, REEL_ERR_INVALID, "the error it keeps");
    MUST(reel_params_create(&unfinished.reel_params, REEL_F32, &error));
    MUST(reel_params_add(unfinished.reel_params, "0.bias", 1, shape, 0, NULL, &error));
    MUST(reel_net_create(&unfinished.reel_net, good.reel_ctx, REEL_F32, &error));
    reel_net_linear(unfinished.reel_net, .in = 3, .out = 2);
    MUST(reel_weights_writer_create(&unfinished.reel_weights_writer, &error));
}

static void make_settings(void)
{
    static reel_transform transform = {.size = 8, .resize = 8};
    static reel_loader_config loader = {.batch = 2, .workers = 1, .epochs = 1};
    static reel_conv2d_attrs conv;
    static reel_pool2d_attrs pool = {.kernel_h = 2, .kernel_w = 2};
    static reel_onnx_config onnx = {.channels = 3, .height = 8};
    static reel_pack_config pack;
    static reel_schedule schedule;
    static reel_model_config model;
    static reel_optimizer_config optimizer;
    good.reel_transform = &transform;
    good.reel_loader_config = &loader;
    good.reel_conv2d_attrs = &conv;
    good.reel_pool2d_attrs = &pool;
    good.reel_onnx_config = &onnx;
    pack = reel_pack_config_default();
    good.reel_pack_config = &pack;

    good.reel_schedule_kind = reel_schedule_find("step");
    schedule = reel_schedule_default(good.reel_schedule_kind);
    good.reel_schedule = &schedule;
    good.reel_model = reel_model_find("alexnet");
    const char *lines = "input 3x8x8\nFlatten\nLinear classes\n";
    MUST(reel_text_read(&good.reel_text, "net", lines, strlen(lines), NULL, &error));
    model = reel_model_config_default(good.reel_model);
    good.reel_model_config = &model;
    good.reel_optimizer_kind = reel_optimizer_find("sgd");
    optimizer = reel_optimizer_config_default(good.reel_optimizer_kind);
    good.reel_optimizer_config = &optimizer;
}

/* On a net of its own: a store belongs to one reel_parallel. */
static void make_loop_of_ranks(void)
{
    static reel_net *net;
    static reel_optimizer *steps;
    MUST(reel_net_create(&net, good.reel_ctx, REEL_F32, &error));
    reel_net_linear(net, .in = 2, .out = 2);
    MUST(reel_net_build(net, &error));
    MUST(reel_sgd_create(&steps, reel_net_params(net), good.reel_ctx, NULL, &error));
    MUST(reel_data_parallel_create(&good.reel_data_parallel, good.reel_comm, steps, 4, &error));
}

static void make_ranks(void)
{
    static reel_parallel_config config = {.pieces = 4};
    good.reel_parallel_config = &config;
    MUST(reel_piece_sum_create(&good.reel_piece_sum, good.reel_params, good.reel_ctx, &error));
    MUST(reel_statistics_create(&good.reel_statistics, good.reel_params, 4, &error));
    MUST(reel_comm_open(&good.reel_comm, NULL, &error));
    MUST(reel_parallel_create(&good.reel_parallel, good.reel_comm, good.reel_params, good.reel_ctx,
                              &config, &error));
    make_loop_of_ranks();
}

static void set_up(void)
{
    static const char *const names[] = {"ant", "bee", "cat"}, *const holes[] = {"ant", NULL, "cat"};
    const reel_ctx_config one_thread = {.threads = 1};
    const reel_sgd_config sgd = {.momentum = 0.9};
    good.names = names;
    good.holes = holes;
    MUST(reel_ctx_create(&good.reel_ctx, &one_thread, &error));
    MUST(reel_tape_create(&good.reel_tape, good.reel_ctx, NULL, &error));
    MUST(reel_arena_create(&good.reel_arena, 1 << 20, &error));
    make_net();
    make_values();
    make_files();
    make_settings();
    make_unfinished();
    make_ranks();
    MUST(reel_sgd_create(&good.reel_optimizer, good.reel_params, good.reel_ctx, &sgd, &error));
    MUST(reel_ema_create(&good.reel_ema, good.reel_params, good.reel_ctx, 0.9, &error));

    good.reel_op = reel_op_find("conv2d");
    good.reel_op_case = good.reel_op->cases;
    good.reel_layer = reel_layer_find("linear");
    good.reel_codec = reel_codec_at(0);
    good.reel_source = &empty_source;
    good.reel_gradcheck_fn = twice;
    good.reel_model_card_put = put_nothing;
}

/* ---- the calls ---- */

static void run_call(const misuse_call *call)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(SECONDS);

    if (strncmp(call->label, "reel_loader_", 12) == 0)
        MUST(reel_loader_create(&good.reel_loader, good.reel_dataset, good.reel_transform,
                                good.reel_loader_config, &error));
    call->run();
    keep_line_counts();
    _exit(0);
}

/* Whether the call ended well; says how it did not. */
static bool ends_well(int i)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        run_call(&misuse_calls[i]);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(SETUP_FAILED);
    }

    if (WIFSIGNALED(status))
        printf("%d signal %d: %s\n", i, WTERMSIG(status), misuse_calls[i].label);
    else if (WEXITSTATUS(status) == NO_MESSAGE)
        printf("%d no message: %s\n", i, misuse_calls[i].label);
    else if (WEXITSTATUS(status) != 0)
        printf("%d exit code %d: %s\n", i, WEXITSTATUS(status), misuse_calls[i].label);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    const int from = argc > 1 ? atoi(argv[1]) : 0;
    const int to = argc > 2 ? atoi(argv[2]) : misuse_call_count;
    set_up();
    int bad = 0;
    for (int i = from; i < to && i < misuse_call_count; i++)
        bad += !ends_well(i);

    printf("%d functions, %d calls, %d ended badly\n", misuse_function_count, misuse_call_count,
           bad);
    return bad > 0;
}
