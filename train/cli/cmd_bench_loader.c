/* `reel bench loader`: how many images a second the loader turns into batches, with nobody who uses
 * them. */
#include "data/dataset.h"
#include "train/cli/command.h"
#include "train/cli/option_words.h"
#include "train/run/progress.h"

#include "data/loader.h"

#include <string.h>

static const reel_option options_table[] = {
    REEL_SHARED("workers", .help = "threads that load images; 0: one for each core"),
    REEL_SHARED("batch"),
    REEL_OPTION(INT, .name = "images", .letter = 'n', .value = "N", .initial = "3000", .min = 1,
                .max = 1e9, .help = "images to load; small data sets are read several times"),
    REEL_SHARED("size", .initial = "224", .help = "side of the images in pixels"),
    REEL_SHARED("decode", .help = "how JPEGs are decoded"),
    REEL_SHARED("exif", .help = "apply: rotate camera photographs upright"),
    REEL_SHARED("crop", .help = "how images are cropped"),
    REEL_SHARED("image-column"),
    REEL_SHARED("label-column"),
    REEL_SHARED("interpolation", .help = "how images are resized"),
    REEL_SHARED("auto-augment"),
    REEL_SHARED("random-erase"),
    REEL_SHARED("seed"),
    REEL_SHARED_OUTPUT,
};

typedef struct result {
    double seconds, waited;
    int64_t images, bad;
} result;

/* The clock runs from before the workers are started until the last batch is there. */
static reel_status loader_measure(result *r, const reel_dataset *data, const reel_transform *t,
                                  const reel_loader_config *config, int64_t images, reel_error *err)
{
    *r = (result){0};
    const double begin = reel_seconds_now();
    reel_loader *loader;
    REEL_TRY(reel_loader_create(&loader, data, t, config, err));
    reel_status status = REEL_OK;
    while (status == REEL_OK && r->images < images) {
        reel_batch batch;
        status = reel_loader_next(loader, &batch, err);
        r->images += batch.n;
    }
    r->seconds = reel_seconds_now() - begin;
    r->waited = reel_loader_wait_seconds(loader);
    r->bad = reel_loader_bad_count(loader);
    reel_loader_destroy(loader);
    return status;
}

static int bench_loader_run(reel_options *o)
{
    reel_error err = {0};
    reel_dataset *data = NULL;
    const char *decode = reel_options_text(o, "decode"), *crop = reel_options_text(o, "crop");
    reel_transform t = {.size = reel_options_int(o, "size"),
                        .crop = reel_crop_from(crop),
                        .flip = 0.5,
                        .decode = reel_decode_from(decode),
                        .exif = reel_exif_from(reel_options_text(o, "exif"))};
    enum { RA_MAGNITUDE = 9 }; /* as in training */
    t.interpolation = reel_interpolation_from(reel_options_text(o, "interpolation"));
    t.auto_augment = reel_augment_policy_find(reel_options_text(o, "auto-augment"));
    t.ra_magnitude = RA_MAGNITUDE;
    t.random_erase = reel_options_real(o, "random-erase");
    reel_transform_imagenet_norm(&t);

    reel_loader_config config = {.batch = reel_options_int(o, "batch"),
                                 .workers = (int)reel_options_int(o, "workers"),
                                 .seed = (uint64_t)reel_options_int(o, "seed"),
                                 .shuffle = true,
                                 .max_bad = 1};
    if (config.workers == 0)
        config.workers = reel_available_cpus();

    result r;
    reel_data_request request = {.data = reel_options_arg(o, 0),
                                 .split = "train",
                                 .image_column = reel_options_text(o, "image-column"),
                                 .label_column = reel_options_text(o, "label-column")};
    /* A folder of classes serves as well as one with train/ in it. */
    if (!reel_dataset_has_as(&request))
        request.split = NULL;
    reel_status status = reel_dataset_open_as(&data, &request, NULL, 0, &err);
    if (status == REEL_OK)
        status = loader_measure(&r, data, &t, &config, reel_options_int(o, "images"), &err);
    reel_dataset_destroy(data);

    if (status != REEL_OK)
        return reel_complain("bench loader", &err);
    const double rate = (double)r.images / r.seconds;
    if (!reel_options_flag(o, "json")) {
        printf("%.1f images/s: %lld images in %.2f s, %d workers, %s decoding, %s crop to %lld, "
               "batch %lld\n",
               rate, (long long)r.images, r.seconds, config.workers, decode, crop,
               (long long)t.size, (long long)config.batch);
        if (r.bad)
            printf("%lld files could not be read\n", (long long)r.bad);
        return REEL_EXIT_OK;
    }

    return reel_print_json(json_pack(
        "{s:f, s:f, s:I, s:i, s:s, s:s, s:I, s:I, s:I, s:s}", "images_per_second", rate, "seconds",
        r.seconds, "images", (json_int_t)r.images, "workers", config.workers, "decode", decode,
        "crop", crop, "size", (json_int_t)t.size, "batch", (json_int_t)config.batch, "bad",
        (json_int_t)r.bad, "isa", reel_isa_name(reel_isa_default())));
}

const reel_command reel_command_bench_loader = REEL_COMMAND(
    options_table, .name = "bench loader", .arguments = "DATA", .group = REEL_COMMAND_MEASURING,
    .rank = 3, .run = bench_loader_run,
    .summary = "Time the loader: from files to batches, nothing else",
    .notes = "DATA holds train/ with one folder of images per class, or is such a folder itself. "
             "Every image is decoded, cropped, resized, flipped and normalised into a batch.",
    .examples = {{"reel bench loader photos -j 4", "Images a second with four workers."}});
