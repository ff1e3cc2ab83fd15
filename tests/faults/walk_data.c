/* library_walk through data: every kind of dataset, the loader, packing, images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/class_weights.h"
#include "data/codecs/write_image.h"
#include "data/dataset_internal.h"
#include "data/image.h"
#include "data/inspect.h"
#include "data/loader.h"
#include "data/pack.h"
#include "data/sources/cifar.h"
#include "tests/faults/walk.h"

/* Classes in another order, as weights may have them. */
static reel_status order_backwards(reel_dataset *d, reel_error *err)
{
    const char *names[8];
    const int64_t n = reel_dataset_classes(d);
    bool changed;
    for (int64_t c = 0; c < n && c < REEL_COUNT(names); c++)
        names[c] = reel_dataset_class_name(d, n - 1 - c);
    return n <= REEL_COUNT(names) ? reel_dataset_order_as(d, names, n, &changed, err) : REEL_OK;
}

static reel_status read_all(walk *w, reel_error *err) /* number: 0 train, 1 val */
{
    reel_dataset *d = NULL, *part = NULL, *train_part = NULL, *held = NULL;
    reel_bytes bytes = {0};
    reel_image image = {0};
    reel_status status =
        reel_dataset_open(&d, w->argument, w->number ? "val" : "train", NULL, 0, err);
    for (int64_t i = 0; status == REEL_OK && i < reel_dataset_count(d); i++) {
        NEXT(reel_dataset_read(d, i, &bytes, err));
        NEXT(reel_image_decode(&image, bytes.data, bytes.size, err));
        if (status != REEL_OK)
            break;
        walk_note(w, image.rgb, (size_t)(image.width * image.height * 3));
        walk_note_number(w, reel_dataset_label(d, i));
    }
    NEXT(reel_dataset_subset(&part, d, (const int64_t[]){1, 0}, 2, err));
    if (w->number == 0)
        NEXT(reel_dataset_split(&train_part, &held, d, 0.5, 3,
                                err)); /* a val may have one image a class */
    for (int64_t c = 0; status == REEL_OK && c < reel_dataset_classes(d); c++)
        walk_note_text(w, reel_dataset_class_name(d, c));
    NEXT(order_backwards(d, err));
    if (status == REEL_OK && held)
        walk_note_number(w, reel_dataset_count(held));
    NEXT(reel_dataset_widen(d, 30, err));
    reel_dataset_destroy(held);
    reel_dataset_destroy(train_part);
    reel_dataset_destroy(part);
    reel_dataset_destroy(d);
    reel_image_free(&image);
    reel_bytes_free(&bytes);
    return status;
}

typedef struct loading {
    const char *set;
    reel_transform look;
    bool balanced;
} loading;

/* Bad samples are told in the order they come in. */
static void on_bad(void *user, int64_t index, const char *name, const char *reason)
{
    walk_note_number(user, index);
    walk_note_text(user, name);
    walk_note_text(user, reason);
}

static const loading loadings[] = {
    {"set", {.crop = REEL_CROP_RANDOM_RESIZED}, false},
    {"set", {.crop = REEL_CROP_CENTER}, false},
    {"set", {.crop = REEL_CROP_RANDOM}, false},
    {"set", {.crop = REEL_CROP_RANDOM_RESIZED, .hue = 0.2, .lighting = 0.1}, true},
    {"set", {.crop = REEL_CROP_CENTER, .views = 10}, false},
    {"turned", {.crop = REEL_CROP_RANDOM_RESIZED, .exif = REEL_EXIF_APPLY}, true}};

static reel_status load(walk *w, reel_error *err)
{
    reel_dataset *d = NULL;
    reel_loader *loader = NULL;
    reel_batch batch = {0};
    const loading *what = &loadings[w->number];
    reel_transform look = what->look;
    look.size = 12;
    look.resize = 14;
    look.scale[0] = 0.5;
    look.scale[1] = 1;
    look.flip = look.views ? 0 : 0.5;
    const reel_loader_config config = {.batch = 3,
                                       .workers = 1,
                                       .epochs = 2,
                                       .shuffle = true,
                                       .max_bad = 0.6,
                                       .on_bad = on_bad,
                                       .user = w,
                                       .class_balanced = what->balanced};
    reel_status status = reel_dataset_open(&d, what->set, "train", NULL, 0, err);
    NEXT(reel_loader_create(&loader, d, &look, &config, err));
    do {
        NEXT(reel_loader_next(loader, &batch, err));
        if (status == REEL_OK && batch.n)
            walk_note(w, batch.images.data, reel_tensor_bytes(&batch.images));
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
    const reel_pack_config config = {
        .size = 16, .quality = 90, .per_shard = 2, .threads = 1, .raw = w->number};
    remove_shards();
    reel_status status = reel_dataset_open(&d, "set", "train", NULL, 0, err);
    NEXT(reel_pack_split(&result, d, w->argument, "train", &config, err));
    NEXT(reel_pack_verify(w->argument, "train", reel_pack_shards(reel_dataset_count(d), 2), &config,
                          err));
    if (status == REEL_OK)
        walk_note_number(w, result.images), walk_note_number(w, (int64_t)result.bytes);
    reel_dataset_destroy(d);
    return status;
}

static reel_status images(walk *w, reel_error *err)
{
    reel_image image = {0}, small = {0};
    reel_bytes bytes = {0};
    reel_status status = reel_image_resize_buffer(&image, 20, 18, err);
    if (status == REEL_OK)
        for (int i = 0; i < 20 * 18 * 3; i++)
            image.rgb[i] = (uint8_t)(i * 7);
    NEXT(reel_image_encode_png(&image, &bytes, err));
    NEXT(reel_image_decode(&small, bytes.data, bytes.size, err));
    if (status == REEL_OK)
        walk_note(w, small.rgb, 20 * 18 * 3);
    NEXT(reel_image_encode_jpeg(&image, &bytes, 80, false, err));
    NEXT(reel_image_decode(&small, bytes.data, bytes.size, err));
    if (status == REEL_OK)
        walk_note(w, small.rgb, 20 * 18 * 3);
    reel_bytes_free(&bytes);
    reel_image_free(&small);
    reel_image_free(&image);
    return status;
}

static reel_status doubts(walk *w, reel_error *err)
{
    reel_dataset *train = NULL, *val = NULL;
    reel_doubt lines[8];
    reel_status status = reel_dataset_open(&train, w->argument, "train", NULL, 0, err);
    NEXT(reel_dataset_open(&val, w->argument, "val", NULL, 0, err));
    NEXT(reel_dataset_align(train, val, err));
    NEXT(reel_dataset_same_classes(train, val, err));
    const int said =
        status == REEL_OK ? reel_dataset_doubts(train, val, lines, REEL_COUNT(lines)) : 0;
    for (int i = 0; i < said; i++) {
        if (strncmp(lines[i], "no memory", 9) == 0)
            NEXT(reel_fail(err, REEL_ERR_MEMORY, "%s", lines[i]));
        walk_note_text(w, lines[i]);
    }
    reel_dataset_destroy(val);
    reel_dataset_destroy(train);
    return status;
}

/* Classes a and b of "set". */
static reel_status class_weights(walk *w, reel_error *err)
{
    reel_dataset *d = NULL;
    double weights[2];
    reel_status status = reel_dataset_open(&d, "set", "train", NULL, 0, err);
    NEXT(reel_class_weights_read(weights, "weights.csv", d, err));
    if (status == REEL_OK)
        walk_note(w, weights, sizeof weights);
    NEXT(reel_class_weights_balance(weights, d, err));
    if (status == REEL_OK)
        walk_note(w, weights, sizeof weights);
    reel_dataset_destroy(d);
    return status;
}

static reel_status cifar_in_memory(walk *w, reel_error *err)
{
    static uint8_t bytes[3074 * 2];
    reel_dataset *d = NULL;
    reel_bytes read = {0};
    reel_opened opened;
    reel_status status =
        reel_cifar_memory(&opened, bytes, (size_t)(3073 + w->number) * 2, w->number, err);
    NEXT(reel_dataset_of(&d, &opened, err));
    NEXT(reel_dataset_read(d, 1, &read, err));
    if (status == REEL_OK)
        walk_note(w, read.data, read.size);
    reel_bytes_free(&read);
    reel_dataset_destroy(d);
    return status;
}

static reel_status inspect(walk *w, reel_error *err)
{
    reel_dataset *d = NULL;
    reel_bytes bytes = {0};
    reel_image image = {0};
    reel_image_facts facts;
    reel_status status = reel_dataset_open(&d, w->argument, "train", NULL, 0, err);
    for (int64_t i = 0; status == REEL_OK && i < reel_dataset_count(d); i++) {
        NEXT(reel_dataset_read(d, i, &bytes, err));
        NEXT(reel_image_inspect(&facts, &image, "a.png", bytes.data, bytes.size, err));
        if (status == REEL_OK)
            walk_note_number(w, (int64_t)facts.hash), walk_note_number(w, (int64_t)facts.sum[1]);
    }
    reel_image_free(&image);
    reel_bytes_free(&bytes);
    reel_dataset_destroy(d);
    return status;
}

/* ---- what they read ---- */
/* Three images from a camera that was held sideways, and one that is cut. */
static void prepare_turned(void)
{
    static const uint8_t exif[] = {0xff, 0xd8, 0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f',  0, 0, 'I',
                                   'I',  42,   0,    8,    0, 0,  0,   1,   0,   0x12, 1, 3, 0,
                                   1,    0,    0,    0,    6, 0,  0,   0,   0,   0,    0, 0};
    static uint8_t bytes[1 << 16];
    FILE *from = fopen("set/train/a/0.jpg", "r");
    const size_t size = from ? fread(bytes, 1, sizeof bytes, from) : 0;
    if (from)
        fclose(from);
    for (int i = 0; i < 4; i++) {
        char path[60];
        snprintf(path, sizeof path, "turned/train/%c/%d.jpg", "aB"[i % 2], i);
        FILE *to = fopen(path, "w");
        if (!to || !size || fwrite(exif, sizeof exif, 1, to) != 1 ||
            fwrite(bytes + 2, i == 3 ? size / 4 : size - 2, 1, to) != 1)
            exit(2);
        fclose(to);
    }
}

static void prepare(void)
{
    static uint8_t rgb[30 * 24 * 3];
    static const char *const folders[] = {"set",          "set/train",      "set/train/a",
                                          "set/train/b",  "again",          "turned",
                                          "turned/train", "turned/train/a", "turned/train/B"};
    reel_error err;
    for (int i = 0; i < (int)REEL_COUNT(folders); i++)
        mkdir(folders[i], 0777);
    for (int i = 0; i < 4; i++) {
        char path[60];
        for (int k = 0; k < (int)sizeof rgb; k++)
            rgb[k] = (uint8_t)(k * (i + 3) / 5);
        const reel_image image = {.width = 30, .height = 24, .rgb = rgb};
        snprintf(path, sizeof path, "set/train/%c/%d.%s", "ab"[i % 2], i, i < 3 ? "jpg" : "png");
        if ((i < 3 ? reel_image_write_jpeg(&image, path, 90, false, &err)
                   : reel_image_write_png(&image, path, &err)) != REEL_OK)
            exit(2);
    }
    prepare_turned();
    FILE *to = fopen("weights.csv", "w");
    if (!to || fputs("class,weight\nb,0.5\n\"a\",2\n", to) < 0 || fclose(to))
        exit(2);
}

void walk_data(char *const *sets, int count)
{
    static const char *const own[] = {"set", "synth:train=4,val=2,classes=2,size=32"};
    prepare();
    walk_try("images", images, NULL, 0);
    for (int raw = 0; raw < 2; raw++)
        walk_try("pack", pack, "again", raw);
    walk_means_memory = true;
    for (int i = 0; i < (int)REEL_COUNT(own); i++)
        walk_try("read_all", read_all, own[i], 0);
    for (int i = 0; i < 2 * count; i++)
        walk_try("read_all", read_all, sets[i / 2], i % 2);
    for (int i = 0; i < count; i++)
        walk_try("doubts", doubts, sets[i], 0);
    walk_means_memory = false;
    for (int hundred = 0; hundred < 2; hundred++)
        walk_try("cifar_in_memory", cifar_in_memory, NULL, hundred);
    walk_try("class_weights", class_weights, NULL, 0);
    walk_try("inspect", inspect, "set", 0);
    for (int i = 0; i < (int)REEL_COUNT(loadings); i++)
        walk_try("load", load, NULL, i);
}
