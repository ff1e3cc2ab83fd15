/* The picture of the first layer's filters. */
#include "train/run/filters.h"

#include <math.h>
#include <string.h>

uint8_t reel_grey_level(double value)
{
    if (value <= 0)
        return 0;
    return value >= 1 ? 255 : (uint8_t)lround(255 * value);
}

static const reel_param *filters_of_first_layer(const reel_net *net)
{
    const reel_params *params = reel_net_params(net);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (p->value.ndim == 4)
            return p->value.shape[1] == 3 || p->value.shape[1] == 1 ? p : NULL;
    }
    return NULL;
}

static double filter_weight(const reel_tensor *w, int64_t filter, int64_t channel, int64_t y,
                            int64_t x)
{
    return reel_tensor_get(w, (const int64_t[REEL_MAX_DIMS]){filter, channel, y, x});
}

static double filter_largest(const reel_tensor *w, int64_t filter)
{
    double most = 0;
    for (int64_t c = 0; c < w->shape[1]; c++)
        for (int64_t y = 0; y < w->shape[2]; y++)
            for (int64_t x = 0; x < w->shape[3]; x++)
                most = fmax(most, fabs(filter_weight(w, filter, c, y, x)));
    return most;
}

/* Paints filter f of w with its top left corner at (left, top), each value as scale x scale pixels.
 */
static void paint_filter(reel_image *out, const reel_tensor *w, int64_t f, int64_t left,
                         int64_t top, int64_t scale)
{
    const int64_t height = w->shape[2] * scale, width = w->shape[3] * scale;
    const double most = filter_largest(w, f), factor = most > 0 && isfinite(most) ? 0.5 / most : 0;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            uint8_t *pixel = out->rgb + ((top + y) * out->width + left + x) * 3;
            for (int64_t c = 0; c < 3; c++)
                pixel[c] = reel_grey_level(
                    0.5 + factor * filter_weight(w, f, c % w->shape[1], y / scale, x / scale));
        }
}

reel_status reel_filters_image(reel_image *out, const reel_net *net, reel_error *err)
{
    const int64_t side = 33, gap = 2; /* pixels of a filter at least, and between two */
    const reel_param *p = filters_of_first_layer(net);
    if (!p)
        return reel_fail(err, REEL_ERR_INVALID,
                         "filters: expected a first convolution over 3 channels, or 1");

    const reel_tensor *w = &p->value; /* (filters, 3 or 1, kh, kw) */
    const int64_t filters = w->shape[0], kh = w->shape[2], kw = w->shape[3];
    const int64_t scale = (side + kw - 1) / kw, across = filters < 64 ? 8 : 16,
                  down = (filters + across - 1) / across;
    const int64_t step_x = kw * scale + gap, step_y = kh * scale + gap;
    REEL_TRY(reel_image_resize_buffer(out, across * step_x - gap, down * step_y - gap, err));

    memset(out->rgb, 255, (size_t)(out->width * out->height * 3));
    for (int64_t f = 0; f < filters; f++)
        paint_filter(out, w, f, f % across * step_x, f / across * step_y, scale);
    return REEL_OK;
}
