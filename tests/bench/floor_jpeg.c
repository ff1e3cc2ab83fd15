/* The floor under `reel bench loader`: the same crops of the same files, decoded by libjpeg-turbo
 * and thrown away. No file is read while the clock runs, nothing is resized, normalised or stored,
 * and there is no margin of more pixels than the quality needs.
 *
 *   bench_floor_jpeg FOLDER [-j 2] [--images 3000] [--exact]
 *
 * FOLDER holds a folder of JPEGs per class. Prints images_per_second as JSON. */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/dataset.h"
#include "data/transforms/geometry.h"

#include <jpeglib.h>

static reel_bytes *files;
static int64_t count, images = 3000;
static bool exact;
static atomic_llong next_image;

static reel_rect crop_of(int64_t number, int64_t width, int64_t height)
{
    const double scale[2] = {0.08, 1}, ratio[2] = {3.0 / 4, 4.0 / 3};
    reel_rng rng =
        reel_rng_at(0, REEL_STREAM_AUGMENT, (uint32_t)(number / count), (uint32_t)(number % count));
    return reel_random_resized_rect(width, height, scale, ratio, &rng);
}

static void decode(j_decompress_ptr c, const reel_bytes *file, int64_t number, uint8_t **row,
                   size_t *capacity)
{
    jpeg_mem_src(c, file->data, file->size);
    jpeg_read_header(c, TRUE);
    const reel_rect want = crop_of(number, c->image_width, c->image_height);
    c->out_color_space = JCS_RGB;
    c->dct_method = exact ? JDCT_ISLOW : JDCT_IFAST;
    c->do_fancy_upsampling = exact;
    jpeg_start_decompress(c);
    const int64_t margin = exact ? 16 : 0, left = want.x > margin ? want.x - margin : 0;
    const int64_t top = want.y > margin ? want.y - margin : 0, width = c->output_width;
    const int64_t right = want.x + want.w + margin < width ? want.x + want.w + margin : width;
    JDIMENSION x = (JDIMENSION)left, w = (JDIMENSION)(right - left);
    if (w < c->output_width)
        jpeg_crop_scanline(c, &x, &w);
    if (top > 0)
        jpeg_skip_scanlines(c, (JDIMENSION)top);
    if (*capacity < (size_t)w * 3)
        *row = realloc(*row, *capacity = (size_t)w * 3);
    while (c->output_scanline < want.y + want.h)
        jpeg_read_scanlines(c, row, 1);
    jpeg_abort_decompress(c);
}

static void *work(void *unused)
{
    struct jpeg_decompress_struct c = {0};
    struct jpeg_error_mgr errors;
    uint8_t *row = NULL;
    size_t capacity = 0;
    c.err = jpeg_std_error(&errors); /* ends the program at a broken file */
    jpeg_create_decompress(&c);
    for (int64_t i; (i = atomic_fetch_add(&next_image, 1)) < images;)
        decode(&c, &files[i % count], i, &row, &capacity);
    jpeg_destroy_decompress(&c);
    free(row);
    return unused;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    enum { MOST = 256 };
    int workers = 2;
    reel_error err = {0};
    reel_dataset *data = NULL;
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--exact"))
            exact = true;
        if (!strcmp(argv[i], "-j") && i + 1 < argc)
            workers = atoi(argv[++i]);
        if (!strcmp(argv[i], "--images") && i + 1 < argc)
            images = atoll(argv[++i]);
    }
    if (argc < 2 || workers < 1 || workers > MOST || images < 1)
        return fprintf(stderr, "bench_floor_jpeg FOLDER [-j N]\n"), 2;
    if (reel_dataset_folder(&data, argv[1], &err) != REEL_OK)
        return fprintf(stderr, "%s\n", err.message), 1;
    count = reel_dataset_count(data);
    files = calloc((size_t)count, sizeof *files);
    for (int64_t i = 0; i < count; i++)
        if (!files || reel_dataset_read(data, i, &files[i], &err) != REEL_OK)
            return fprintf(stderr, "%s\n", err.message), 1;
    pthread_t threads[MOST];
    const double begin = now();
    for (int i = 0; i < workers; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
    printf("{\"floor\": \"libjpeg-turbo alone\", \"workers\": %d, \"images_per_second\": %.1f}\n",
           workers, (double)images / (now() - begin));
    for (int64_t i = 0; i < count; i++)
        reel_bytes_free(&files[i]);
    free(files);
    reel_dataset_destroy(data);
    return 0;
}
