/* The parts of a report that compute something: saliency maps, the filters' picture, axes,
 * checksums. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/report/chart.h"
#include "train/report/insight.h"
#include "train/run/events.h"

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { SIZE = 6, CLASSES = 3, INPUTS = SIZE * SIZE * 3 };

/* One linear layer: the score's gradient is its weights, whatever the picture. */
static reel_net *linear_net(reel_ctx **ctx)
{
    reel_error err;
    reel_net *net;
    cr_assert(reel_ctx_create(ctx, &(reel_ctx_config){.threads = 1, .seed = 7}, &err) == REEL_OK);
    cr_assert(reel_net_create(&net, *ctx, REEL_F32, &err) == REEL_OK);
    reel_net_flatten(net);
    reel_net_linear(net, .in = INPUTS, .out = CLASSES);
    cr_assert(reel_net_build(net, &err) == REEL_OK, "%s", err.message);
    reel_net_init(net);
    return net;
}

Test(report, saliency_of_a_linear_net_is_its_weights)
{
    reel_ctx *ctx;
    reel_net *net = linear_net(&ctx);
    float images[2 * INPUTS];
    for (int i = 0; i < 2 * INPUTS; i++)
        images[i] = (float)((i * 37) % 101) / 50 - 1;
    reel_saliency s;
    reel_error err;
    const reel_tensor x = reel_tensor_of(images, REEL_F32, 4, (const int64_t[]){2, 3, SIZE, SIZE});
    cr_assert(reel_saliency_of(&s, net, &x, &err) == REEL_OK, "%s", err.message);
    const reel_param *w = reel_params_find(reel_net_params(net), "1.weight");
    for (int64_t n = 0; n < 2; n++) {
        /* The best class by hand. Features of a flattened image are in order (channel, y, x). */
        double score[CLASSES], sum = 0;
        int64_t best = 0;
        for (int64_t c = 0; c < CLASSES; c++) {
            score[c] =
                reel_tensor_get(&reel_params_find(reel_net_params(net), "1.bias")->value, &c);
            for (int64_t i = 0; i < INPUTS; i++)
                score[c] += reel_tensor_get(&w->value, (const int64_t[]){c, i}) *
                            (double)images[n * INPUTS + i % (SIZE * SIZE) * 3 + i / (SIZE * SIZE)];
            if (score[c] > score[best])
                best = c;
        }
        for (int64_t c = 0; c < CLASSES; c++)
            sum += exp(score[c] - score[best]);
        cr_expect_eq(s.predicted[n], best);
        cr_expect(fabs(s.probability[n] - 1 / sum) < 1e-5, "%g, expected %g", s.probability[n],
                  1 / sum);
        double value[SIZE * SIZE], sorted[SIZE * SIZE];
        for (int64_t i = 0; i < SIZE * SIZE; i++) {
            value[i] = 0;
            for (int64_t c = 0; c < 3; c++)
                value[i] = fmax(
                    value[i],
                    fabs(reel_tensor_get(&w->value, (const int64_t[]){best, c * SIZE * SIZE + i})));
            sorted[i] = value[i];
        }
        qsort(sorted, SIZE * SIZE, sizeof *sorted, ascending);
        const double most = sorted[(int)(0.995 * (SIZE * SIZE - 1))];
        for (int64_t i = 0; i < SIZE * SIZE; i++) {
            const double want = fmin(255, 255 * value[i] / most), got = s.map[n * SIZE * SIZE + i];
            cr_expect(fabs(got - want) < 1, "image %d, pixel %d: %g, expected %g", (int)n, (int)i,
                      got, want);
        }
    }
    cr_expect(reel_net_training(net), "the net's mode was changed");
    reel_saliency_free(&s);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(report, a_net_without_a_convolution_over_colours_has_no_filters_to_show)
{
    reel_ctx *ctx;
    reel_net *net = linear_net(&ctx);
    reel_image image = {0};
    reel_error err;
    cr_expect(reel_filters_image(&image, net, &err) == REEL_ERR_INVALID);
    reel_image_free(&image);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(report, filters_lie_in_a_grid_and_0_is_grey)
{
    enum { FILTERS = 9, KERNEL = 3 };
    reel_ctx *ctx;
    reel_net *net;
    reel_error err;
    reel_image image = {0};
    cr_assert(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err) == REEL_OK);
    cr_assert(reel_net_create(&net, ctx, REEL_F32, &err) == REEL_OK);
    reel_net_conv2d(net, .in = 3, .out = FILTERS, .kernel = KERNEL);
    cr_assert(reel_net_build(net, &err) == REEL_OK);
    reel_tensor w = reel_params_at(reel_net_params(net), 0)->value;
    for (int64_t f = 0; f < FILTERS; f++) /* a row from black over grey to white in red, twice as
                                             strong in each further filter */
        for (int64_t x = 0; x < KERNEL; x++)
            reel_tensor_set(&w, (const int64_t[]){f, 0, 1, x}, (double)(x - 1) * (double)(1 << f));
    cr_assert(reel_filters_image(&image, net, &err) == REEL_OK, "%s", err.message);
    const int64_t side = 33, step = side + 2;
    cr_assert_eq(image.width, 8 * step - 2);
    cr_assert_eq(image.height, 2 * step - 2);
    for (int64_t f = 0; f < FILTERS; f++)
        for (int64_t x = 0; x < KERNEL; x++) {
            const uint8_t *p =
                image.rgb +
                ((f / 8 * step + side / 2) * image.width + f % 8 * step + x * 11 + 5) * 3;
            cr_expect(abs(p[0] - (int)(x * 255 / 2)) <= 1 && abs(p[1] - 128) <= 1,
                      "filter %d, column %d: %d, %d", (int)f, (int)x, p[0], p[1]);
        }
    reel_image_free(&image);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(report, pixels_come_back_from_a_normalised_image)
{
    reel_transform t = {.size = 2};
    reel_transform_imagenet_norm(&t);
    float x[12];
    reel_image image = {0};
    reel_error err;
    for (int i = 0; i < 12; i++)
        x[i] = (float)(((double)(i * 20) / 255 - t.mean[i % 3]) / t.std[i % 3]);
    cr_assert(reel_pixels_of(&image, x, &t, &err) == REEL_OK);
    for (int i = 0; i < 12; i++)
        cr_expect_eq(image.rgb[i], i * 20, "value %d: %d", i, image.rgb[i]);
    reel_image_free(&image);
}

Test(report, axes_step_by_1_2_or_5)
{
    static const double range[] = {1, 3, 7, 0.013, 12345, 1e-7, 8e9};
    for (int i = 0; i < 7; i++) {
        const double step = reel_nice_step(range[i], 5),
                     digit = step / pow(10, floor(log10(step) + 1e-9));
        cr_expect(range[i] / step <= 5 + 1e-9 && range[i] / step > 1.9, "%g: %g", range[i], step);
        cr_expect(fabs(digit - 1) < 1e-6 || fabs(digit - 2) < 1e-6 || fabs(digit - 5) < 1e-6,
                  "%g: %g", range[i], step);
    }
}

Test(report, checksums_are_castagnolis)
{
    cr_expect_eq(reel_crc32c("123456789", 9), 0xe3069283u); /* RFC 3720's check value */
    cr_expect_eq(reel_crc32c("", 0), 0u);
}

/* Number of records in the file, each with right checksums; -1 = not whole records. */
static int whole_records(const char *path)
{
    static unsigned char bytes[1 << 16];
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = read(file, bytes, sizeof bytes);
    close(file);
    int n = 0;
    for (ssize_t at = 0; at < size; n++) {
        uint64_t length;
        uint32_t sum[2];
        if (size - at < 16)
            return -1;
        memcpy(&length, bytes + at, 8);
        memcpy(&sum[0], bytes + at + 8, 4);
        if (sum[0] != reel_crc32c_masked(&length, 8) || length > (uint64_t)(size - at - 16))
            return -1;
        memcpy(&sum[1], bytes + at + 12 + length, 4);
        if (sum[1] != reel_crc32c_masked(bytes + at + 12, length))
            return -1;
        at += 16 + (ssize_t)length;
    }
    return n;
}

Test(report, events_stay_readable_when_the_disk_was_full_in_between)
{
    char folder[] = "/tmp/reel-events-XXXXXX";
    reel_events *events;
    reel_error err = {0};
    cr_assert(mkdtemp(folder));
    cr_assert_eq(reel_events_open(&events, folder, 0, &err), REEL_OK, "%s", err.message);
    json_t *line = json_pack("{s:s, s:i, s:f}", "event", "step", "step", 3, "loss", 0.5);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    struct stat info;
    cr_assert_eq(stat(reel_events_path(events), &info), 0);
    getrlimit(RLIMIT_FSIZE, &limit);
    const struct rlimit full = {(rlim_t)info.st_size + 20, limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
    cr_expect_eq(reel_events_line(events, line, &err), REEL_ERR_IO, "a full disk was not told");
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_expect_eq(reel_events_line(events, line, &err), REEL_OK, "%s", err.message);
    cr_expect_eq(whole_records(reel_events_path(events)), 3, "%d whole records, expected 3",
                 whole_records(reel_events_path(events)));
    json_decref(line);
    unlink(reel_events_path(events));
    rmdir(folder);
    reel_events_close(events);
}
