/* Maps in bf16 for implementations that take float32: a part of the batch at a time is copied,
 * while its copies stay in the caches.
 *
 * How a batch is divided depends on its shape alone, and so do the sums of a weight gradient, which
 * is added up part by part. */
#include "core/kernels/bf16.h"
#include "core/kernels/conv_shape.h"
#include "core/memory.h"

enum { PART_BYTES = 8 << 20 }; /* of float32 copies */

/* The way through a batch: numbers of an image of x and of y. */
typedef struct conv_parts {
    int64_t parts, x_image, y_image;
} conv_parts;

static conv_parts conv_parts_of(const reel_conv_shape *s)
{
    conv_parts d = {.x_image = s->h * s->w * s->c, .y_image = s->oh * s->ow * s->oc};
    const int64_t image = (d.x_image + d.y_image) * (int64_t)sizeof(float);
    const int64_t most = image < PART_BYTES ? PART_BYTES / image : 1;
    d.parts = (s->n + most - 1) / most;
    return d;
}

static size_t conv_copy_bytes(int64_t images, int64_t image)
{
    return reel_whole_lines((size_t)(images * image) * sizeof(float));
}

size_t reel_conv_copies_scratch(const reel_ctx *ctx, const reel_conv_kind *kind,
                                const reel_conv_shape *s, reel_conv_pass pass)
{
    const conv_parts d = conv_parts_of(s);
    reel_conv_shape smaller = *s, larger = *s;
    smaller.n = s->n / d.parts;
    larger.n = (s->n + d.parts - 1) / d.parts;
    const size_t a = kind->scratch(ctx, &smaller, pass, false),
                 b = kind->scratch(ctx, &larger, pass, false);
    return conv_copy_bytes(larger.n, d.x_image) + conv_copy_bytes(larger.n, d.y_image) +
           (a > b ? a : b);
}

/* Images [first, first + n) of each map; copies lie at `room`, which moves on. */
typedef struct map_part {
    const reel_ctx *ctx;
    int64_t first, n;
    char *room;
} map_part;

/* Those images where they lie, or a copy. */
static const void *part_of_map(map_part *part, const void *map, bool bf16, int64_t image)
{
    if (!map)
        return NULL;
    if (!bf16)
        return (const float *)map + part->first * image;
    float *copy = (float *)part->room;
    reel_bf16_widen(part->ctx, (const reel_bf16 *)map + part->first * image, copy, part->n * image);
    part->room += conv_copy_bytes(part->n, image);
    return copy;
}

/* The part that is written. Its copy holds the old values where the pass adds to them. */
static void *part_of_result(map_part *part, const reel_conv_job *job, int64_t image)
{
    if (!job->out_bf16 || job->accumulate)
        return (void *)part_of_map(part, job->out, job->out_bf16, image);
    void *copy = part->room;
    part->room += conv_copy_bytes(part->n, image);
    return copy;
}

void reel_conv_run_copies(const reel_ctx *ctx, const reel_conv_kind *kind, const reel_conv_job *job,
                          reel_conv_pass pass)
{
    const conv_parts d = conv_parts_of(job->s);
    reel_conv_shape s = *job->s;
    const int64_t written = pass == REEL_CONV_FORWARD ? d.y_image : d.x_image;
    for (int64_t k = 0; k < d.parts; k++) {
        const int64_t first = job->s->n * k / d.parts;
        s.n = job->s->n * (k + 1) / d.parts - first;

        map_part part = {ctx, first, s.n, job->scratch};
        reel_conv_job one = {.s = &s, .w = job->w, .bias = job->bias, .relu = job->relu};
        one.x = part_of_map(&part, job->x, job->x_bf16, d.x_image);
        one.dy = part_of_map(&part, job->dy, job->dy_bf16, d.y_image);
        if (pass == REEL_CONV_WEIGHT_GRAD) {
            one.out = job->out;
            one.accumulate = job->accumulate || k > 0;
        } else {
            one.out = part_of_result(&part, job, written);
            one.accumulate = job->accumulate;
        }
        one.scratch = part.room;

        kind->run(ctx, &one, pass, false);
        if (one.relu && !kind->ends_in_relu)
            reel_conv_rectify(ctx, &one, false);
        if (job->out_bf16)
            reel_bf16_round(ctx, one.out, (reel_bf16 *)job->out + first * written, s.n * written);
    }
}
