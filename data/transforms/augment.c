/* A choice of operations applied to an image. */
#include "data/transforms/augment.h"

#include <string.h>

static void apply_chain(const reel_augment_chain *chain, reel_picture *p, reel_interpolation how)
{
    for (int i = 0; i < chain->n; i++)
        reel_operation_apply(chain->step[i].operation, p, chain->step[i].magnitude, how);
}

/* sum += share * rgb, in single precision, as torch adds uint8 tensors that a float scales. */
static void add_share(float *restrict sum, const uint8_t *restrict rgb, int64_t n, float share)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += share * (float)rgb[i];
}

reel_status reel_augment_apply(const reel_augment_choice *choice, uint8_t *rgb, int64_t width,
                               int64_t height, reel_interpolation how, reel_buffer *memory,
                               reel_error *err)
{
    const int64_t n = width * height * 3;
    const size_t bytes = (size_t)n, sums = bytes * sizeof(float);
    REEL_TRY(reel_buffer_reserve(memory, choice->mixed ? sums + 2 * bytes : bytes, err));
    if (!choice->mixed) {
        reel_picture p = {rgb, memory->data, width, height};
        apply_chain(&choice->chain[0], &p, how);
        if (p.rgb != rgb)
            memcpy(rgb, p.rgb, bytes);
        return REEL_OK;
    }

    /* The sums, then a copy of the image, then what operations need. */
    float *sum = memory->data;
    memset(sum, 0, sums);
    add_share(sum, rgb, n, choice->own);
    for (int c = 0; c < REEL_AUGMENT_CHAINS; c++) {
        reel_picture p = {(uint8_t *)memory->data + sums, (uint8_t *)memory->data + sums + bytes,
                          width, height};
        memcpy(p.rgb, rgb, bytes);
        apply_chain(&choice->chain[c], &p, how);
        add_share(sum, p.rgb, n, choice->share[c]);
    }

    for (int64_t i = 0; i < n; i++)
        rgb[i] = (uint8_t)(sum[i] < 255 ? sum[i] : 255);
    return REEL_OK;
}
