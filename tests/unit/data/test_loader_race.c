/* A plain program for ThreadSanitizer, which Criterion does not survive: loaders that are used and
 * dropped at every stage, with bad samples in between. Its exit code tells; the sanitizer tells
 * more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/codecs/write_image.h"
#include "data/loader.h"

static int64_t bad_seen, slow_seen; /* how many of the latter depends on the scheduler */

static void on_bad(void *user, int64_t index, const char *name, const char *reason)
{
    (void)user, (void)index, (void)name, (void)reason;
    bad_seen++;
}

static void on_slow(void *user, int64_t index, const char *name, double spent)
{
    (void)user, (void)index, (void)name, (void)spent;
    slow_seen++;
}

static int fail(const reel_error *err)
{
    fprintf(stderr, "%s\n", err->message);
    return 1;
}

static int run(const char *root, int round)
{
    reel_error err;
    reel_dataset *data;
    if (reel_dataset_folder(&data, root, &err) != REEL_OK)
        return fail(&err);
    const reel_transform t = {.size = 24, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5};
    const reel_loader_config config = {.batch = 5,
                                       .workers = 4,
                                       .prefetch = 3,
                                       .shuffle = true,
                                       .epochs = 3,
                                       .max_bad = 0.5,
                                       .on_bad = on_bad,
                                       .on_slow = on_slow,
                                       .slow_seconds = 1e-9};
    reel_loader *l;
    if (reel_loader_create(&l, data, &t, &config, &err) != REEL_OK)
        return fail(&err);
    float sum = 0;
    for (int i = 0; i < round; i++) {
        reel_batch b;
        if (reel_loader_next(l, &b, &err) != REEL_OK)
            return fail(&err);
        if (b.n == 0)
            break;
        for (int64_t k = 0; k < b.n; k++)
            sum += ((const float *)b.images.data)[k * 24 * 24 * 3];
    }
    reel_loader_destroy(l);
    reel_dataset_destroy(data);
    return sum >= 0 ? 0 : 1;
}

int main(void)
{
    char root[] = "/tmp/reel_race_XXXXXX", folder[100], path[200];
    if (!mkdtemp(root))
        return 1;
    snprintf(folder, sizeof folder, "%s/a", root);
    mkdir(folder, 0777);
    reel_image image = {0};
    reel_error err;
    if (reel_image_resize_buffer(&image, 40, 30, &err) != REEL_OK)
        return fail(&err);
    memset(image.rgb, 100, 40 * 30 * 3);
    int result = 0;
    for (int i = 0; i < 23; i++) {
        snprintf(path, sizeof path, "%s/%02d.jpg", folder, i);
        FILE *file = i % 6 == 5 ? fopen(path, "w") : NULL; /* empty: bad */
        if (file)
            fclose(file);
        if (i % 6 != 5 && reel_image_write_jpeg(&image, path, 90, false, &err) != REEL_OK)
            result = fail(&err);
    }
    for (int round = 0; round < 18 && result == 0; round++)
        result = run(root, round);
    for (int i = 0; i < 23; i++) {
        snprintf(path, sizeof path, "%s/%02d.jpg", folder, i);
        unlink(path);
    }
    rmdir(folder);
    rmdir(root);
    reel_image_free(&image);
    if (result == 0 && bad_seen == 0) {
        fprintf(stderr, "no bad sample was met\n");
        result = 1;
    }
    return result;
}
