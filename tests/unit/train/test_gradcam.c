/* Grad-CAM against its formula: by hand, and where it has a closed form (Zhou et al. 2016). */
#include "train/report/gradcam.h"

#include <criterion/criterion.h>
#include <math.h>

Test(gradcam, is_the_formula_on_values_by_hand)
{
    /* alpha = (3, -1): L = max(0, 3 (1, 2, 0) - (3, -1, 5)). */
    float maps[] = {1, 2, 0, 3, -1, 5}, gradient[] = {2, 4, 3, -1, -2, 0}, l[3];
    const int64_t shape[4] = {1, 2, 1, 3};
    const reel_tensor a = reel_tensor_with_layout(maps, REEL_F32, REEL_ROW_MAJOR, 4, shape),
                      g = reel_tensor_with_layout(gradient, REEL_F32, REEL_ROW_MAJOR, 4, shape);
    reel_gradcam_map(l, &a, &g);
    cr_expect(l[0] == 0 && l[1] == 7 && l[2] == 0, "%g %g %g", (double)l[0], (double)l[1],
              (double)l[2]);
}

enum { CAM_SIDE = 7, CAM_MAPS = 4, CAM_CLASSES = 3, CAM_PIXELS = CAM_SIDE * CAM_SIDE };

static reel_ctx *ctx;
static reel_net *net;

static void begin_net(void)
{
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1, .seed = 5}, NULL), REEL_OK);
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, NULL), REEL_OK);
}

static void end_net(void)
{
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

static void build_net(void)
{
    reel_error err = {0};
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
}

typedef struct {
    const char *layer;
    double value[2][CAM_MAPS][CAM_PIXELS];
} seen_maps;

static void see_maps(void *user, const char *layer, const char *kind, reel_var y)
{
    seen_maps *s = user;
    (void)kind;
    const reel_tensor t = reel_value(y);
    if (strcmp(layer, s->layer) != 0)
        return;
    for (int64_t i = 0; i < 2; i++)
        for (int64_t k = 0; k < CAM_MAPS; k++)
            for (int64_t p = 0; p < CAM_PIXELS; p++)
                s->value[i][k][p] =
                    reel_tensor_get(&t, (const int64_t[]){i, k, p / CAM_SIDE, p % CAM_SIDE});
}

/* Two images, (2, 3, side, side). */
static reel_tensor draw_images(void)
{
    static float images[2 * CAM_PIXELS * 3];
    for (int i = 0; i < REEL_COUNT(images); i++)
        images[i] = (float)((i * 37) % 101) / 50 - 1;
    return reel_tensor_of(images, REEL_F32, 4, (const int64_t[]){2, 3, CAM_SIDE, CAM_SIDE});
}

/* Behind the maps A come their means and a linear layer W: dy_c/dA_k = W(c, k) / (h w), so that
 * L = max(0, sum_k W(c, k) A_k) / (h w). */
static void check_closed_form(const char *layer, const char *weight)
{
    const int64_t class[2] = {2, 0};
    static seen_maps seen;
    reel_gradcam cam;
    reel_error err = {0};
    reel_tape *tape;
    const reel_tensor x = draw_images();
    cr_assert_eq(reel_gradcam_of(&cam, net, &x, class, &err), REEL_OK, "%s", err.message);
    cr_assert_str_eq(cam.layer, layer);
    cr_assert(cam.h == CAM_SIDE && cam.w == CAM_SIDE && cam.channels == CAM_MAPS);
    cr_expect(reel_net_training(net), "the net's mode was changed");

    seen.layer = layer;
    cr_assert_eq(reel_tape_create(&tape, ctx, &(reel_tape_config){.no_grad = true}, NULL), REEL_OK);
    reel_net_set_training(net, false);
    reel_net_set_fusion(net, false);
    reel_net_watch(net, see_maps, &seen);
    reel_net_forward(net, tape, reel_input(tape, &x));
    reel_tape_destroy(tape);

    const reel_tensor w = reel_params_find(reel_net_params(net), weight)->value;
    double largest = 0;
    for (int64_t i = 0; i < 2; i++)
        for (int64_t p = 0; p < CAM_PIXELS; p++) {
            double want = 0;
            for (int64_t k = 0; k < CAM_MAPS; k++)
                want += reel_tensor_get(&w, (const int64_t[]){class[i], k}) * seen.value[i][k][p];
            want = fmax(want, 0) / CAM_PIXELS;
            largest = fmax(largest, want);
            const double got = (double)cam.map[i * CAM_PIXELS + p];
            cr_expect(fabs(got - want) < 1e-8 + 1e-5 * want, "image %d, pixel %d: %g, expected %g",
                      (int)i, (int)p, got, want);
        }
    cr_expect(largest > 1e-4, "all maps are 0: nothing was checked");
    reel_gradcam_free(&cam);
}

Test(gradcam, is_cam_behind_a_mean_and_a_linear_layer, .init = begin_net, .fini = end_net)
{
    reel_net_conv2d(net, .in = 3, .out = CAM_MAPS, .kernel = 3, .padding = 1);
    reel_net_relu(net);
    reel_net_dropout(net, .p = 0.5);
    reel_net_global_avg_pool(net);
    reel_net_flatten(net);
    reel_net_linear(net, .name = "fc", .in = CAM_MAPS, .out = CAM_CLASSES);
    build_net();
    check_closed_form("1", "fc.weight");
}

Test(gradcam, takes_the_sum_of_a_residual_block, .init = begin_net, .fini = end_net)
{
    reel_net_conv2d(net, .in = 3, .out = CAM_MAPS, .kernel = 1);
    reel_net_begin_join(net, REEL_JOIN_ADD);
    reel_net_begin_branch(net);
    reel_net_conv2d(net, .name = "inner", .in = CAM_MAPS, .out = CAM_MAPS, .kernel = 3,
                    .padding = 1);
    reel_net_end(net);
    reel_net_begin_branch(net);
    reel_net_end(net);
    reel_net_end(net);
    reel_net_global_avg_pool(net);
    reel_net_flatten(net);
    reel_net_linear(net, .name = "fc", .in = CAM_MAPS, .out = CAM_CLASSES);
    build_net();
    reel_layer_info info[10];
    int n;
    const int64_t input[4] = {1, 3, CAM_SIDE, CAM_SIDE};
    cr_assert_eq(reel_net_describe(net, input, info, 10, &n, NULL), REEL_OK);
    cr_assert_str_eq(info[2].kind, "Add");
    check_closed_form(info[2].name, "fc.weight");
}

Test(gradcam, a_net_without_maps_has_none, .init = begin_net, .fini = end_net)
{
    reel_gradcam cam;
    const int64_t class[2] = {0, 1};
    reel_net_flatten(net);
    reel_net_linear(net, .in = CAM_PIXELS * 3, .out = CAM_CLASSES);
    build_net();
    const reel_tensor x = draw_images();
    cr_assert_eq(reel_gradcam_of(&cam, net, &x, class, NULL), REEL_OK);
    cr_expect(cam.map == NULL && !cam.layer[0]);
    reel_gradcam_free(&cam);
}

/* Maps whose head is a convolution (SqueezeNet): those in front of it, not its scores. */
Test(gradcam, a_head_of_convolutions_is_no_map, .init = begin_net, .fini = end_net)
{
    reel_gradcam cam;
    const int64_t class[2] = {0, 1};
    reel_net_conv2d(net, .name = "last", .in = 3, .out = CAM_MAPS, .kernel = 3);
    reel_net_conv2d(net, .name = "head", .in = CAM_MAPS, .out = CAM_CLASSES, .kernel = 1);
    reel_net_relu(net);
    reel_net_global_avg_pool(net);
    reel_net_flatten(net);
    build_net();
    const reel_tensor x = draw_images();
    cr_assert_eq(reel_gradcam_of(&cam, net, &x, class, NULL), REEL_OK);
    cr_expect_str_eq(cam.layer, "last");
    reel_gradcam_free(&cam);
}

Test(gradcam, lies_between_pixel_centres)
{
    float map[] = {0, 4, 8, 12};
    const reel_gradcam cam = {.n = 1, .h = 2, .w = 2, .map = map};
    static const double at[][3] = {{0, 0, 0},     {0.25, 0.25, 0}, {0.5, 0.25, 2},
                                   {0.5, 0.5, 6}, {1, 0, 4},       {0.375, 0.75, 9}};
    for (int i = 0; i < REEL_COUNT(at); i++)
        cr_expect(fabs(reel_gradcam_at(&cam, 0, at[i][0], at[i][1]) - at[i][2]) < 1e-12,
                  "at %g, %g: %g", at[i][0], at[i][1],
                  reel_gradcam_at(&cam, 0, at[i][0], at[i][1]));

    /* A picture of four pixels: black stays black where L is 0, red where it is largest. */
    uint8_t rgb[12] = {0};
    reel_image picture = {.width = 2, .height = 2, .rgb = rgb};
    reel_gradcam_paint(&picture, &cam, 0);
    cr_expect(rgb[0] == 0 && rgb[1] == 0 && rgb[9] == 191 && rgb[10] == 0 && rgb[11] == 0);
}
