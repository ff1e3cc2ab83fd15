/* library_walk EVERY FOLDER PTH...: walks through the library scenario by scenario, in an empty FOLDER, with each EVERY-th of
 * its allocations failing in turn. Each time the scenario must end in an error with a message, or in the very result that it
 * has without a fault; and every block must be given back. Each PTH is a weights file of PyTorch's to be read.
 *
 * fail_alloc.c is linked into this program, so that one process can try thousands of failures. One thread computes and one
 * loads: the n-th allocation is the same one each time, but for the loader, which has two threads that allocate. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/gradcheck.h"
#include "core/model_card.h"
#include "core/op.h"
#include "core/ops.h"
#include "core/weights.h"
#include "data/image.h"
#include "data/inspect.h"
#include "data/loader.h"
#include "data/pack.h"
#include "layers/gradcheck.h"
#include "layers/model_file.h"
#include "layers/models.h"
#include "layers/onnx.h"
#include "optim/optim.h"
#include "tests/faults/fail_alloc.h"

#define NEXT(call)                                                                                                             \
    do {                                                                                                                       \
        if (status == REEL_OK) status = (call);                                                                                \
    } while (0)

typedef struct {
    uint64_t sum; /* FNV-1a of all that it computed */
    const char *argument;
    int number;
} walk;

static void note(walk *w, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) w->sum = (w->sum ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

static void note_number(walk *w, int64_t number)
{
    note(w, &number, sizeof number);
}

static void note_text(walk *w, const char *text)
{
    if (text) note(w, text, strlen(text) + 1);
}

static reel_status one_thread(reel_ctx **ctx, reel_error *err)
{
    const reel_ctx_config config = {.threads = 1, .seed = 7};
    return reel_ctx_create(ctx, &config, err);
}

static void add_layers(reel_net *net)
{
    reel_net_begin(net, "features");
    reel_add_conv2d(net, .in = 3, .out = 8, .kernel = 3, .padding = 1, .name = "c");
    reel_add_relu(net);
    reel_add_maxpool(net, .kernel = 2);
    reel_add_conv2d(net, .in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 2, .no_bias = true);
    reel_net_add_batch_norm2d(net, &(reel_batch_norm_config){.channels = 8});
    reel_net_add_leaky_relu(net, &(reel_activation_config){0});
    reel_net_add_lrn(net, &(reel_lrn_config){.size = 3});
    reel_net_add_avgpool(net, &(reel_pool_config){.kernel = 2});
    reel_net_add_adaptive_avgpool(net, &(reel_adaptive_pool_config){.height = 2});
    reel_net_add_sigmoid(net, &(reel_activation_config){0});
    reel_net_end(net);
    reel_add_flatten(net);
    reel_net_add_dropout(net, &(reel_dropout_config){.p = 0.2});
    reel_add_linear(net, .in = 32, .out = 6);
    reel_net_add_tanh(net, &(reel_activation_config){0});
    reel_add_linear(net, .in = 6, .out = 4);
}

static reel_status layers(reel_net **net, const reel_ctx *ctx, reel_error *err)
{
    reel_status status = reel_net_create(net, ctx, REEL_F32, err);
    if (status != REEL_OK) return status;
    add_layers(*net);
    NEXT(reel_net_build(*net, err));
    if (status == REEL_OK) reel_net_init(*net);
    return status;
}

static void note_params(walk *w, const reel_net *net)
{
    const reel_params *all = reel_net_params(net);
    for (int i = 0; i < reel_params_count(all); i++) {
        const reel_param *p = reel_params_at(all, i);
        note_text(w, p->name);
        note(w, p->value.data, reel_tensor_bytes(&p->value));
    }
}

static reel_tensor pictures(void)
{
    static float pixels[2 * 3 * 16 * 16];
    for (int i = 0; i < (int)REEL_COUNT(pixels); i++) pixels[i] = (float)(i * 37 % 101) / 50 - 1;
    return reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){2, 3, 16, 16});
}

/* ---- scenarios ---- */
static reel_status train(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_tape *tape = NULL;
    reel_optimizer *opt = NULL;
    reel_net_memory plan;
    reel_layer_info info[40];
    int rows = 0;
    const reel_tensor x = pictures();
    const int64_t shape[4] = {2, 3, 16, 16}, labels[2] = {1, 3};
    reel_status status = one_thread(&ctx, err);
    NEXT(layers(&net, ctx, err));
    NEXT(reel_net_describe(net, shape, info, 40, &rows, err));
    NEXT(reel_net_plan(net, shape, true, &plan, err));
    NEXT(reel_net_calibrate(net, &x, 1, err));
    NEXT(reel_tape_create(&tape, ctx, NULL, err));
    NEXT(reel_sgd_create(&opt, reel_net_params(net), ctx, &(reel_sgd_config){.momentum = 0.9, .weight_decay = 1e-3}, err));
    NEXT(reel_optimizer_group(opt, &(reel_group){.pattern = "*.bias", .lr_mult = 2}, err));
    for (int step = 0; step < 2 && status == REEL_OK; step++) {
        reel_tape_set_step(tape, step);
        const reel_var loss = reel_cross_entropy(reel_net_forward(net, tape, reel_input(tape, &x)), labels, 2, NULL);
        NEXT(reel_backward(loss, err));
        NEXT(reel_optimizer_step(opt, 0.1, err));
        reel_params_zero_grad(reel_net_params(net));
        reel_tape_reset(tape);
    }
    note_number(w, rows);
    if (status == REEL_OK) note_params(w, net);
    reel_optimizer_destroy(opt);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

static reel_status model(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    const reel_model_config config = {.classes = 3, .dropout = -1, .image_size = 64, .head = (reel_head)w->number};
    reel_status status = one_thread(&ctx, err);
    NEXT(reel_model_create(&net, reel_model_find("tiny"), &config, ctx, REEL_F32, err));
    if (status == REEL_OK) note_params(w, net);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

static void note_file(walk *w, const char *path)
{
    uint8_t bytes[4096];
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n; file >= 0 && (n = read(file, bytes, sizeof bytes)) > 0;) note(w, bytes, (size_t)n);
    if (file >= 0) close(file);
}

static reel_status write_weights(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_weights_writer *writer = NULL;
    reel_status status = one_thread(&ctx, err);
    NEXT(layers(&net, ctx, err));
    NEXT(reel_weights_writer_create(&writer, err));
    NEXT(reel_params_add_to(reel_net_params(net), writer, err));
    NEXT(reel_weights_writer_metadata(writer, "key", "value", err));
    NEXT(reel_weights_writer_save(writer, "net.safetensors", err));
    NEXT(reel_net_save_onnx(net, &(reel_onnx_config){.height = 16}, "net.onnx", err));
    if (status == REEL_OK) note_file(w, "net.safetensors"), note_file(w, "net.onnx");
    reel_weights_writer_destroy(writer);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

static reel_status load_weights(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_weights *weights = NULL;
    int loaded = 0;
    reel_status status = one_thread(&ctx, err);
    NEXT(layers(&net, ctx, err));
    NEXT(reel_weights_read(&weights, "net.safetensors", err));
    NEXT(reel_weights_verify(weights, err));
    NEXT(reel_params_load(reel_net_params(net), weights, err));
    NEXT(reel_params_load_matching(reel_net_params(net), weights, NULL, NULL, &loaded, err));
    if (status == REEL_OK) note_params(w, net);
    reel_weights_destroy(weights);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

static reel_status read_weights(walk *w, reel_error *err)
{
    reel_weights *weights = NULL;
    float values[64];
    reel_status status = reel_weights_read(&weights, w->argument, err);
    for (int i = 0; status == REEL_OK && i < reel_weights_count(weights); i++) {
        const reel_weight *t = reel_weights_at(weights, i);
        const reel_tensor to = reel_tensor_of(values, REEL_F32, t->ndim, t->shape);
        note_text(w, t->name);
        if (reel_tensor_numel(&to) > 64) continue;
        memset(values, 0, sizeof values);
        NEXT(reel_weight_to_tensor(t, &to, err));
        note(w, values, sizeof values);
    }
    reel_weights_destroy(weights);
    return status;
}

static reel_status check_operator(walk *w, reel_error *err)
{
    reel_gradcheck_report report = {0};
    const reel_op *op = reel_op_at(w->number);
    reel_status status = REEL_OK;
    if (op->n_cases) NEXT(reel_gradcheck_case(NULL, &op->cases[0], &(reel_gradcheck_config){.max_elements = 8}, &report, err));
    if (status == REEL_OK) note_number(w, report.checked), note_number(w, report.passed);
    return status;
}

static reel_status check_layer(walk *w, reel_error *err)
{
    reel_gradcheck_report report = {0};
    const reel_gradcheck_config config = {.max_elements = 8};
    const reel_status status = reel_layer_gradcheck_random(NULL, w->number, 1, &config, &report, err);
    if (status == REEL_OK) note_number(w, report.checked), note_number(w, report.passed);
    return status;
}

static reel_status read_all(walk *w, reel_error *err)
{
    reel_dataset *d = NULL, *part = NULL, *train_part = NULL, *held = NULL;
    reel_bytes bytes = {0};
    reel_image image = {0};
    reel_status status = reel_dataset_open(&d, w->argument, "train", NULL, 0, err);
    for (int64_t i = 0; status == REEL_OK && i < reel_dataset_count(d); i++) {
        NEXT(reel_dataset_read(d, i, &bytes, err));
        NEXT(reel_image_decode(&image, bytes.data, bytes.size, err));
        if (status != REEL_OK) break;
        note(w, image.rgb, (size_t)(image.width * image.height * 3));
        note_number(w, reel_dataset_label(d, i));
    }
    NEXT(reel_dataset_subset(&part, d, (const int64_t[]){1, 0}, 2, err));
    NEXT(reel_dataset_split(&train_part, &held, d, 0.5, 3, err));
    for (int64_t c = 0; status == REEL_OK && c < reel_dataset_classes(d); c++) note_text(w, reel_dataset_class_name(d, c));
    if (status == REEL_OK) note_number(w, reel_dataset_count(held));
    NEXT(reel_dataset_widen(d, 30, err));
    reel_dataset_destroy(held);
    reel_dataset_destroy(train_part);
    reel_dataset_destroy(part);
    reel_dataset_destroy(d);
    reel_image_free(&image);
    reel_bytes_free(&bytes);
    return status;
}

static reel_status load(walk *w, reel_error *err)
{
    reel_dataset *d = NULL;
    reel_loader *loader = NULL;
    reel_batch batch = {0};
    const reel_transform look = {.size = 12, .crop = (reel_crop)w->number, .resize = 14, .scale = {0.5, 1}, .flip = 0.5};
    const reel_loader_config config = {.batch = 3, .workers = 1, .epochs = 1, .shuffle = true};
    reel_status status = reel_dataset_open(&d, "set", "train", NULL, 0, err);
    NEXT(reel_loader_create(&loader, d, &look, &config, err));
    do {
        NEXT(reel_loader_next(loader, &batch, err));
        if (status == REEL_OK && batch.n) note(w, batch.images.data, reel_tensor_bytes(&batch.images));
    } while (status == REEL_OK && batch.n);
    reel_loader_destroy(loader);
    reel_dataset_destroy(d);
    return status;
}

static void remove_shards(void)
{
    static const char *const ends[] = {"tar", "idx", "tar.part", "idx.part"};
    char name[100];
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            snprintf(name, sizeof name, "again/train-%05d.%s", i, ends[k]);
            unlink(name);
        }
}

static reel_status pack(walk *w, reel_error *err)
{
    reel_dataset *d = NULL;
    reel_pack_result result = {0};
    const reel_pack_config config = {.size = 16, .quality = 90, .per_shard = 2, .threads = 1, .raw = w->number};
    remove_shards();
    reel_status status = reel_dataset_open(&d, "set", "train", NULL, 0, err);
    NEXT(reel_pack_split(&result, d, w->argument, "train", &config, err));
    NEXT(reel_pack_verify(w->argument, "train", reel_pack_shards(reel_dataset_count(d), 2), &config, err));
    if (status == REEL_OK) note_number(w, result.images), note_number(w, (int64_t)result.bytes);
    reel_dataset_destroy(d);
    return status;
}

static reel_status images(walk *w, reel_error *err)
{
    reel_image image = {0}, small = {0};
    reel_bytes bytes = {0};
    reel_status status = reel_image_resize_buffer(&image, 20, 18, err);
    if (status == REEL_OK)
        for (int i = 0; i < 20 * 18 * 3; i++) image.rgb[i] = (uint8_t)(i * 7);
    NEXT(reel_image_encode_png(&image, &bytes, err));
    NEXT(reel_image_decode(&small, bytes.data, bytes.size, err));
    if (status == REEL_OK) note(w, small.rgb, 20 * 18 * 3);
    NEXT(reel_image_encode_jpeg(&image, &bytes, 80, false, err));
    NEXT(reel_image_decode(&small, bytes.data, bytes.size, err));
    if (status == REEL_OK) note(w, small.rgb, 20 * 18 * 3);
    reel_bytes_free(&bytes);
    reel_image_free(&small);
    reel_image_free(&image);
    return status;
}

/* ---- the walk ---- */
static char where[200] = "before the walk";
static long at_now;

static void crashed(int number)
{
    char text[300];
    const int n = snprintf(text, sizeof text, "%s: allocation %ld fails: signal %d\n", where, at_now, number);
    if (write(2, text, (size_t)n) < 0) _exit(4);
    _exit(3);
}

static int findings;
static void complain(const char *what, long at, long n, const char *more)
{
    printf("%s: allocation %ld of %ld fails: %s%s\n", where, at, n, what, more);
    if (++findings >= 40) exit(1);
}

static void try(const char *name, reel_status (*scenario)(walk *w, reel_error *err), const char *argument, int number,
                long every)
{
    reel_error err = {0};
    walk w = {14695981039346656037u, argument, number};
    long errors = 0;
    snprintf(where, sizeof where, "%s %s %d", name, argument ? argument : "", number);
    at_now = 0;
    fail_alloc_begin(0);
    const reel_status status = scenario(&w, &err);
    const long n = fail_alloc_calls(), kept = fail_alloc_live();
    const uint64_t right = w.sum;
    if (status != REEL_OK) complain("an error without any fault: ", 0, n, err.message);
    if (kept) complain("blocks are not given back, or were not before", 0, n, "");
    for (long at = 1; at <= n; at += every) {
        char text[60];
        w.sum = 14695981039346656037u;
        err = (reel_error){0};
        at_now = at;
        fail_alloc_begin(at);
        const reel_status ended = scenario(&w, &err);
        fail_alloc_begin(0);
        snprintf(text, sizeof text, "%ld, one from %p", fail_alloc_live() - kept, fail_alloc_place());
        if (fail_alloc_live() != kept) complain("blocks are not given back: ", at, n, text);
        if (ended == REEL_OK && w.sum != right) complain("no error, and another result", at, n, "");
        if (ended != REEL_OK && (!err.message[0] || err.status != ended)) complain("an error without a message", at, n, "");
        if (fail_alloc_live() != kept) return; /* what follows would be counted wrongly */
        errors += ended != REEL_OK;
    }
    printf("%-60s %6ld allocations, %ld errors\n", where, n, errors);
}

static void file(const char *path, size_t size)
{
    static uint8_t bytes[3073 * 3];
    const int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bytes[0] = 1;
    if (to < 0 || write(to, bytes, size) != (ssize_t)size) exit(2);
    close(to);
}

static void prepare(void)
{
    static uint8_t rgb[30 * 24 * 3];
    static const uint8_t idx[2][16 + 2 * 64] = {{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8},
                                                {0, 0, 8, 1, 0, 0, 0, 2, 1, 1}};
    static const char *const folders[] = {"set",   "set/train", "set/train/a", "set/train/b",
                                          "cifar", "mnist",     "packed",      "again"};
    reel_error err;
    for (int i = 0; i < (int)REEL_COUNT(folders); i++) mkdir(folders[i], 0777);
    for (int i = 0; i < 4; i++) {
        char path[60];
        for (int k = 0; k < (int)sizeof rgb; k++) rgb[k] = (uint8_t)(k * (i + 3) / 5);
        const reel_image image = {.width = 30, .height = 24, .rgb = rgb};
        snprintf(path, sizeof path, "set/train/%c/%d.%s", "ab"[i % 2], i, i < 3 ? "jpg" : "png");
        if ((i < 3 ? reel_image_write_jpeg(&image, path, 90, false, &err) : reel_image_write_png(&image, path, &err)) !=
            REEL_OK)
            exit(2);
    }
    FILE *list = fopen("list.txt", "w");
    if (!list) exit(2);
    fputs("set/train/a/0.jpg 0\nset/train/b/1.jpg 1\nset/train/b/3.png 1\n", list);
    fclose(list);
    file("cifar/data_batch_1.bin", 3073 * 3);
    for (int k = 0; k < 2; k++) {
        FILE *to = fopen(k ? "mnist/train-labels-idx1-ubyte" : "mnist/train-images-idx3-ubyte", "w");
        if (!to || fwrite(idx[k], 1, k ? 10 : sizeof idx[k], to) == 0) exit(2);
        fclose(to);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3 || chdir(argv[2]) != 0) return fprintf(stderr, "usage: library_walk EVERY FOLDER PTH...\n"), 2;
    const long every = atol(argv[1]);
    for (int number = 0; number < 2; number++) signal((const int[]){SIGSEGV, SIGABRT}[number], crashed);
    prepare();
    setvbuf(stdout, NULL, _IOLBF, 0);
    try("train", train, NULL, 0, every);
    for (int head = 0; head < 3; head++) try("model", model, NULL, head, every);
    try("write_weights", write_weights, NULL, 0, every);
    try("load_weights", load_weights, NULL, 0, every);
    try("read_weights", read_weights, "net.safetensors", 0, every);
    for (int i = 3; i < argc; i++) try("read_weights", read_weights, argv[i], 0, every);
    for (int i = 0; i < reel_op_count(); i++) try(reel_op_at(i)->name, check_operator, NULL, i, every);
    for (int i = 0; i < reel_layer_kinds(); i++) try(reel_layer_kind_name(i), check_layer, NULL, i, every);
    try("images", images, NULL, 0, every);
    try("pack", pack, "packed", 0, 1000000);
    for (int raw = 0; raw < 2; raw++) try("pack", pack, "again", raw, every);
    static const char *const sets[] = {"set", "list.txt", "cifar", "mnist", "packed", "synth:train=4,val=2,classes=2,size=32"};
    for (int i = 0; i < (int)REEL_COUNT(sets); i++) try("read_all", read_all, sets[i], 0, every);
    for (int crop = 0; crop < 3; crop++) try("load", load, NULL, crop, every);
    if (findings) printf("%d findings\n", findings);
    return findings ? 1 : 0;
}
