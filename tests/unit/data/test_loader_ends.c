/* A loader that is closed at any moment leaves nothing behind: no thread, no descriptor, no byte;
 * and one that goes on takes no more memory. A plain program, for ThreadSanitizer and valgrind as
 * well. */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/codecs/write_image.h"
#include "data/loader.h"
#include "data/pack.h"

enum { IMAGES = 24, ROUNDS = 14 };
static char root[] = "/tmp/reel_ends_XXXXXX";
static const char *const kinds[] = {"folder", "packed", "tars", "gzipped"};

static void fail(const char *what, const reel_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->message : "failed");
    exit(1);
}

static const char *at(const char *name)
{
    static char text[4][300];
    static int turn;
    char *to = text[turn++ & 3];
    snprintf(to, sizeof text[0], "%s/%s", root, name);
    return to;
}

static void put_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        fail(path, NULL);
}

/* A folder with one damaged image in eight, and the same packed, as a plain tar and as a gzipped
 * one. */
static void make_sources(void)
{
    reel_error err;
    reel_image image = {0};
    if (!mkdtemp(root) || mkdir(at("folder"), 0777) || mkdir(at("folder/train"), 0777) ||
        mkdir(at("packed"), 0777) || mkdir(at("tars"), 0777) || mkdir(at("gzipped"), 0777))
        fail(root, NULL);
    if (reel_image_resize_buffer(&image, 40, 30, &err))
        fail("image", &err);
    for (int i = 0; i < 40 * 30 * 3; i++)
        image.rgb[i] = (uint8_t)(i * i >> 4);
    for (int c = 0; c < 2; c++) {
        char name[60];
        snprintf(name, sizeof name, "folder/train/%c", 'a' + c);
        mkdir(at(name), 0777);
        for (int i = 0; i < IMAGES / 2; i++) {
            snprintf(name, sizeof name, "folder/train/%c/%02d.jpg", 'a' + c, i);
            if (i % 8 == 5)
                put_text(at(name), "no image");
            else if (reel_image_write_jpeg(&image, at(name), 90, false, &err))
                fail(name, &err);
        }
    }
    reel_image_free(&image);
    reel_dataset *data;
    reel_pack_result packed;
    const reel_pack_config config = {.quality = 90, .per_shard = 100, .threads = 2, .max_bad = 0.5};
    if (reel_dataset_open(&data, at("folder"), "train", NULL, 0, &err))
        fail("folder", &err);
    if (reel_pack_split(&packed, data, at("packed"), "train", &config, &err))
        fail("packed", &err);
    reel_dataset_destroy(data);
    put_text(at("packed/classes.txt"), "a\nb\n");
    put_text(at("packed/pack.json"),
             "{\"format\": \"reel-pack\", \"splits\": {\"train\": {\"shards\": 1}}}");
    FILE *tar = fopen(at("packed/train-00000.tar"), "rb"),
         *plain = fopen(at("tars/train-00000.tar"), "wb");
    gzFile zipped = gzopen(at("gzipped/train-00000.tar.gz"), "wb");
    if (!tar || !plain || !zipped)
        fail("tar", NULL);
    char block[512];
    while (fread(block, sizeof block, 1, tar) == 1)
        if (fwrite(block, sizeof block, 1, plain) != 1 ||
            gzwrite(zipped, block, sizeof block) != sizeof block)
            fail("tar", NULL);
    fclose(tar);
    if (fclose(plain) || gzclose(zipped) != Z_OK)
        fail("tar", NULL);
}

static void remove_sources(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    if (system(command) != 0)
        fprintf(stderr, "%s stays\n", root);
}

static int entries(const char *folder)
{
    int n = 0;
    DIR *d = opendir(folder);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static size_t heap_in_use(void)
{
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static reel_loader *open_loader(const reel_dataset *data, int workers, int64_t epochs)
{
    reel_error err;
    reel_loader *l;
    const reel_transform t = {.size = 24, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5};
    const reel_loader_config config = {.batch = 4,
                                       .workers = workers,
                                       .shuffle = true,
                                       .epochs = epochs,
                                       .max_bad = 0.5,
                                       .in_turns = workers == 2};
    if (reel_loader_create(&l, data, &t, &config, &err))
        fail("loader", &err);
    return l;
}

/* A dataset opened, so many batches taken, a while waited, all closed. */
static void use(const char *kind, int workers, int batches, unsigned microseconds)
{
    reel_error err;
    reel_dataset *data;
    reel_batch b;
    if (reel_dataset_open(&data, at(kind), "train", NULL, 0, &err))
        fail(kind, &err);
    reel_loader *l = open_loader(data, workers, 2);
    for (int i = 0; i < batches; i++)
        if (reel_loader_next(l, &b, &err))
            fail(kind, &err);
    usleep(microseconds);
    reel_loader_destroy(l);
    reel_dataset_destroy(data);
}

static int closing(void)
{
    int threads = 0, descriptors = 0, wrong = 0;
    size_t heap = 0;
    unsigned random = 1;
    for (int round = 0; round < 2; round++) /* the first time, libraries set themselves up */
        for (int k = 0; k < REEL_COUNT(kinds); k++)
            for (int i = 0; i < 3 * ROUNDS; i++) {
                random = random * 1103515245u + 12345u;
                use(kinds[k], 1 << i % 3, i / 3, i % 2 ? random / 65536 % 3000 : 0);
                int t = entries("/proc/self/task");
                const int d = entries("/proc/self/fd");
                /* A thread that was joined may stand in the system's table for a moment more. */
                for (int wait = 0; wait < 2000 && threads && t > threads; wait++) {
                    usleep(1000);
                    t = entries("/proc/self/task");
                }
                if (round == 0 && k == 0 && i == 0)
                    threads = t, descriptors = d;
                wrong += t > threads || d > descriptors;
                if (t > threads || d > descriptors)
                    fprintf(stderr,
                            "%s, closed after %d batches: %d threads, expected %d; %d descriptors, "
                            "expected %d\n",
                            kinds[k], i / 3, t, threads, d, descriptors);
                if (round == 0 && k == REEL_COUNT(kinds) - 1)
                    heap = heap_in_use();
            }
    const size_t after = heap_in_use();
    fprintf(stderr, "closed %zu times: %zu bytes in use, then %zu\n",
            (size_t)2 * 3 * ROUNDS * REEL_COUNT(kinds), heap, after);
    return wrong + (after > heap + 16384);
}

/* 4,000 batches, bad images among them. */
static int going_on(void)
{
    reel_error err;
    reel_dataset *data;
    reel_batch b;
    if (reel_dataset_open(&data, at("folder"), "train", NULL, 0, &err))
        fail("folder", &err);
    reel_loader *l = open_loader(data, 3, 0);
    size_t early = 0;
    for (int i = 0; i < 4000; i++) {
        if (reel_loader_next(l, &b, &err))
            fail("folder", &err);
        if (i == 200)
            early = heap_in_use();
    }
    const size_t late = heap_in_use();
    fprintf(stderr, "after 200 batches %zu bytes in use, after 4,000 %zu\n", early, late);
    reel_loader_destroy(l);
    reel_dataset_destroy(data);
    return late > early + 65536; /* what workers hold at the moment */
}

int main(void)
{
    make_sources();
    const int wrong = closing() + going_on();
    remove_sources();
    return wrong > 0;
}
