/* Grad-CAM: see gradcam.h. */
#include "train/report/gradcam.h"

#include "core/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAM_MOST_LAYERS = 1024 };

/* ---- the layer ---- */

static bool is_map_layer(const reel_layer_info *info)
{
    return info->ndim == 4 && info->shape[2] * info->shape[3] > 1 && !strstr(info->kind, "Pool") &&
           !strstr(info->kind, "Dropout");
}

/* Is this the layer that owns the parameter? "classifier.6" owns "classifier.6.weight". */
static bool owns(const char *layer, const char *param)
{
    const size_t length = strlen(layer);
    return !strncmp(param, layer, length) && param[length] == '.' &&
           !strchr(param + length + 1, '.');
}

static reel_status find_map_layer(reel_gradcam *out, reel_net *net, const reel_tensor *images,
                                  reel_error *err)
{
    reel_layer_info info[CAM_MOST_LAYERS];
    const int64_t input[4] = {1, images->shape[1], images->shape[2], images->shape[3]};
    const int head = reel_net_output_param(net);
    const char *param = head < 0 ? "" : reel_params_at(reel_net_params(net), head)->name;
    int n;
    REEL_TRY(reel_net_describe(net, input, info, CAM_MOST_LAYERS, &n, err));
    for (int i = 0; i < n && i < CAM_MOST_LAYERS && !owns(info[i].name, param); i++) {
        if (!is_map_layer(&info[i]))
            continue;
        snprintf(out->layer, sizeof out->layer, "%s", info[i].name);
        out->channels = info[i].shape[1];
        out->h = info[i].shape[2];
        out->w = info[i].shape[3];
    }
    return REEL_OK;
}

/* ---- the maps ---- */

void reel_gradcam_map(float *out, const reel_tensor *maps, const reel_tensor *gradient)
{
    const int64_t c = maps->shape[1], h = maps->shape[2], w = maps->shape[3];
    memset(out, 0, (size_t)(h * w) * sizeof *out);
    for (int64_t k = 0; k < c; k++) {
        double alpha = 0;
        for (int64_t i = 0; i < h * w; i++)
            alpha += reel_tensor_get(gradient, (const int64_t[REEL_MAX_DIMS]){0, k, i / w, i % w});
        alpha /= (double)(h * w);
        for (int64_t i = 0; i < h * w; i++)
            out[i] +=
                (float)(alpha *
                        reel_tensor_get(maps, (const int64_t[REEL_MAX_DIMS]){0, k, i / w, i % w}));
    }
    for (int64_t i = 0; i < h * w; i++)
        out[i] = fmaxf(out[i], 0);
}

typedef struct {
    const char *layer;
    reel_var maps; /* of the last forward pass; id -1 = not seen */
} map_watch;

static void watch_maps(void *user, const char *layer, const char *kind, reel_var y)
{
    map_watch *w = user;
    (void)kind;
    if (!strcmp(layer, w->layer))
        w->maps = y;
}

/* What the images pass through, one after the other. */
typedef struct {
    reel_net *net;
    reel_tape *tape;
    const char *layer; /* whose maps are wanted */
} cam_pass;

/* The gradient of one image's score by the layer's maps. map: [h][w] of the layer. */
static reel_status cam_of_image(float *map, const cam_pass *pass, const reel_tensor *image,
                                int64_t class, reel_error *err)
{
    reel_tape *tape = pass->tape;
    map_watch seen = {.layer = pass->layer, .maps = {tape, -1}};
    reel_net_watch(pass->net, watch_maps, &seen);
    const reel_var scores = reel_net_forward(pass->net, tape, reel_input(tape, image));
    reel_net_watch(pass->net, NULL, NULL);
    REEL_TRY(reel_tape_status(tape, err));

    /* scores (1, classes) -> the score of one class */
    const reel_tensor all = reel_value(scores);
    float *memory = reel_tape_alloc(tape, (size_t)reel_tensor_numel(&all) * sizeof *memory);
    REEL_TRY(reel_tape_status(tape, err));
    memset(memory, 0, (size_t)reel_tensor_numel(&all) * sizeof *memory);
    memory[class] = 1;
    const reel_tensor pick = reel_tensor_of(memory, REEL_F32, 2, all.shape);
    REEL_TRY(reel_backward(reel_sum(reel_mul(scores, reel_input(tape, &pick)), 0, false), err));

    /* A score that the maps do not reach has no gradient: its map stays 0. */
    const reel_tensor maps = reel_value(seen.maps), gradient = reel_grad(seen.maps);
    if (maps.data && gradient.data)
        reel_gradcam_map(map, &maps, &gradient);
    reel_tape_reset(tape);
    return REEL_OK;
}

reel_status reel_gradcam_of(reel_gradcam *out, reel_net *net, const reel_tensor *images,
                            const int64_t *class, reel_error *err)
{
    const int64_t n = images->shape[0];
    *out = (reel_gradcam){.n = n};
    REEL_TRY(find_map_layer(out, net, images, err));
    if (!out->layer[0])
        return REEL_OK;

    /* The tape keeps the gradients of values in between. */
    const reel_tape_config config = {.dtype = REEL_F32, .retain = true};
    const bool training = reel_net_training(net);
    cam_pass pass = {.net = net, .layer = out->layer};
    reel_status status;
    reel_net_set_training(net, false);
    reel_net_set_fusion(net, false);
    out->map = calloc((size_t)(n * out->h * out->w), sizeof *out->map);
    if (!out->map) {
        status = reel_fail(err, REEL_ERR_MEMORY, "Grad-CAM: out of memory");
        goto done;
    }
    REEL_TRY_GOTO(reel_tape_create(&pass.tape, reel_net_ctx(net), &config, err), done);

    for (int64_t i = 0; i < n; i++) {
        const reel_tensor image = reel_tensor_slice(*images, 0, i, 1);
        float *map = out->map + i * out->h * out->w;
        REEL_TRY_GOTO(cam_of_image(map, &pass, &image, class[i], err), done);
    }
done:
    reel_net_set_fusion(net, true);
    reel_net_set_training(net, training);
    reel_params_zero_grad(reel_net_params(net));
    reel_tape_destroy(pass.tape);
    if (status != REEL_OK)
        reel_gradcam_free(out);
    return status;
}

void reel_gradcam_free(reel_gradcam *cam)
{
    free(cam->map);
    *cam = (reel_gradcam){0};
}

/* ---- on the picture ---- */

/* Between two pixel centres of a row of n: the first, and the share of the second. */
static int64_t cell_of(double share, int64_t n, double *part)
{
    const double at = fmin(fmax(share * (double)n - 0.5, 0), (double)(n - 1));
    const int64_t first = n > 1 && at >= (double)(n - 1) ? n - 2 : (int64_t)at;
    *part = at - (double)first;
    return first;
}

double reel_gradcam_at(const reel_gradcam *cam, int64_t i, double x, double y)
{
    const float *map = cam->map + i * cam->h * cam->w;
    double right, down;
    const int64_t column = cell_of(x, cam->w, &right), row = cell_of(y, cam->h, &down),
                  beside = cam->w > 1, below = cam->h > 1 ? cam->w : 0;
    const float *at = map + row * cam->w + column;
    const double upper = (1 - right) * (double)at[0] + right * (double)at[beside],
                 lower = (1 - right) * (double)at[below] + right * (double)at[below + beside];
    return (1 - down) * upper + down * lower;
}

void reel_gradcam_paint(reel_image *picture, const reel_gradcam *cam, int64_t i)
{
    const int64_t width = picture->width, height = picture->height, cells = cam->h * cam->w;
    const float *map = cam->map + i * cells;
    float most = 0;
    for (int64_t k = 0; k < cells; k++)
        if (map[k] > most)
            most = map[k];

    for (int64_t p = 0; p < width * height && most > 0; p++) {
        const double x = ((double)(p % width) + 0.5) / (double)width,
                     y = ((double)(p / width) + 0.5) / (double)height,
                     share = reel_gradcam_at(cam, i, x, y) / (double)most, opaque = 0.75 * share;
        const double colour[3] = {255, 220 * (1 - share), 0};
        for (int64_t c = 0; c < 3; c++) {
            uint8_t *value = &picture->rgb[p * 3 + c];
            *value = (uint8_t)lround((1 - opaque) * *value + opaque * colour[c]);
        }
    }
}
