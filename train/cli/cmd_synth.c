/* `reel synth DIR`: draws a labelled image folder of JPEGs, so that everything can be tried without
 * a download. A file depends on (seed, class, number, size, quality) only: it has the same bytes
 * for any number of threads. */
#include "data/codecs/write_image.h"
#include "data/synth/synth.h"
#include "train/cli/command.h"
#include "train/run/json_util.h"

#include "core/ctx.h"
#include "core/system_error.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const reel_option options_table[] = {
    REEL_OPTION(INT, .name = "train", .value = "N", .initial = "200", .min = 1, .max = 1e6,
                .help = "training images of each class"),
    REEL_OPTION(INT, .name = "val", .value = "N", .initial = "50", .min = 0, .max = 1e6,
                .help = "validation images of each class; 0: a plain folder of classes, without "
                        "train/ and val/"),
    REEL_OPTION(INT, .name = "classes", .value = "N", .initial = "10", .min = 2,
                .max = REEL_SYNTH_CLASSES,
                .help = "how many of the ten classes, in the order of their names"),
    REEL_OPTION(INT, .name = "size", .value = "PX", .initial = "256", .min = REEL_SYNTH_MIN_SIZE,
                .max = REEL_SYNTH_MAX_SIZE, .help = "shorter side of an image"),
    REEL_SHARED("quality"),
    REEL_SHARED("seed"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

typedef struct synth_job {
    const char *dir;
    int64_t classes, train, val, size;
    int quality, threads;
    uint64_t seed;
} synth_job;

/* A new or empty folder is fine: nothing is ever overwritten. */
static reel_status make_synth_folder(const char *path, bool must_be_empty, reel_error *err)
{
    if (mkdir(path, 0777) == 0)
        return REEL_OK;
    if (errno != EEXIST)
        return reel_fail_system(err, errno, "%s: cannot make the folder", path);
    if (!must_be_empty)
        return REEL_OK;

    /* It exists: only an empty folder will do. */
    DIR *dir = opendir(path);
    if (!dir)
        return reel_fail_system(err, errno, "%s: cannot open the folder", path);
    int entries = 0;
    for (const struct dirent *e; (e = readdir(dir));)
        entries += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);

    if (entries)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected a new or an empty folder, found %d entries", path, entries);
    return REEL_OK;
}

/* The folder of a set below DIR: a plain folder of classes has none. */
static const char *synth_set(const synth_job *job, bool val)
{
    if (job->val == 0)
        return "";
    return val ? "/val" : "/train";
}

static reel_status make_synth_folders(const synth_job *job, reel_error *err)
{
    char path[4096];
    REEL_TRY(make_synth_folder(job->dir, true, err));
    for (int set = 0; set < (job->val ? 2 : 1); set++) {
        snprintf(path, sizeof path, "%s%s", job->dir, synth_set(job, set));
        REEL_TRY(make_synth_folder(path, false, err));
        for (int64_t c = 0; c < job->classes; c++) {
            snprintf(path, sizeof path, "%s%s/%s", job->dir, synth_set(job, set),
                     reel_synth_names[c]);
            REEL_TRY(make_synth_folder(path, false, err));
        }
    }
    return REEL_OK;
}

/* Image `index` of the whole set: train first, class by class. */
static reel_status draw_synth_image(const synth_job *job, int64_t index, reel_synth_work *work,
                                    reel_image *image, reel_error *err)
{
    const bool val = index >= job->classes * job->train;
    const int64_t within = val ? index - job->classes * job->train : index,
                  each = val ? job->val : job->train;
    const int64_t class_index = within / each, number = within % each;

    char path[4096];
    snprintf(path, sizeof path, "%s%s/%s/%s-%05lld.jpg", job->dir, synth_set(job, val),
             reel_synth_names[class_index], reel_synth_names[class_index], (long long)number);

    const reel_synth_picture picture = {.seed = job->seed,
                                        .kind = (reel_synth_kind)class_index,
                                        .image =
                                            (uint32_t)(number + (val ? REEL_SYNTH_VALIDATION : 0)),
                                        .size = job->size};
    REEL_TRY(reel_synth_draw(work, image, &picture, err));
    return reel_image_write_jpeg(image, path, job->quality, false, err);
}

static reel_status draw_synth_set(const synth_job *job, reel_error *err)
{
    const int64_t total = job->classes * (job->train + job->val);
    reel_error first = {.status = REEL_OK};
#pragma omp parallel num_threads(job->threads)
    {
        reel_synth_work work = {0};
        reel_image image = {0};
        reel_error mine;

#pragma omp for schedule(dynamic, 8)
        for (int64_t i = 0; i < total; i++) {
            /* After the first error the remaining images are skipped: no break in a parallel loop.
             */
            reel_status so_far;
#pragma omp atomic read
            so_far = first.status;

            if (so_far != REEL_OK || draw_synth_image(job, i, &work, &image, &mine) == REEL_OK)
                continue;
#pragma omp critical
            if (first.status == REEL_OK)
                first = mine;
        }

        reel_synth_work_free(&work);
        reel_image_free(&image);
    }

    if (first.status != REEL_OK && err)
        *err = first;
    return first.status;
}

static void say_drawn(const synth_job *job)
{
    const long long train = job->classes * job->train, val = job->classes * job->val;
    if (val)
        reel_say("drew %lld training and %lld validation images of %lld classes into %s", train,
                 val, (long long)job->classes, job->dir);
    else
        reel_say("drew %lld images of %lld classes into %s", train, (long long)job->classes,
                 job->dir);
}

static int synth_run(reel_options *options)
{
    reel_error err;
    synth_job job = {.dir = reel_options_arg(options, 0),
                     .classes = reel_options_int(options, "classes"),
                     .train = reel_options_int(options, "train"),
                     .val = reel_options_int(options, "val"),
                     .size = reel_options_int(options, "size"),
                     .quality = (int)reel_options_int(options, "quality"),
                     .threads = (int)reel_options_int(options, "threads"),
                     .seed = (uint64_t)reel_options_int(options, "seed")};

    if (job.threads == 0)
        job.threads = reel_available_cpus();
    if (strlen(job.dir) > 3900) { /* paths of images get /train/CLASS/NAME.jpg behind it */
        reel_fail(&err, REEL_ERR_INVALID, "the path of the folder is longer than 3,900 bytes");
        return reel_complain("synth", &err);
    }

    if (make_synth_folders(&job, &err) != REEL_OK || draw_synth_set(&job, &err) != REEL_OK)
        return reel_complain("synth", &err);

    if (!reel_options_flag(options, "quiet"))
        say_drawn(&job);
    if (!reel_options_flag(options, "json"))
        return REEL_EXIT_OK;
    json_t *names = json_array();
    for (int64_t c = 0; c < job.classes; c++)
        json_array_append_new(names, json_string(reel_synth_names[c]));
    return reel_print_json(
        json_pack("{s:o, s:o, s:I, s:I, s:I}", "folder", reel_json_text(job.dir), "classes", names,
                  "train_images", (json_int_t)(job.classes * job.train), "val_images",
                  (json_int_t)(job.classes * job.val), "seed", (json_int_t)job.seed));
}

const reel_command reel_command_synth = REEL_COMMAND(
    options_table, .name = "synth", .arguments = "DIR", .group = REEL_COMMAND_DATA,
    .run = synth_run, .summary = "Draw a labelled data set to try Reel with",
    .notes = "Draws ten classes of objects (arrow, cross, fish, flower, gear, house, key, mug, "
             "ring, star) on cluttered backgrounds, as DIR/train/CLASS/*.jpg and "
             "DIR/val/CLASS/*.jpg. DIR must be new or empty.",
    .examples = {{"reel synth demo --train 100 --size 64",
                  "1,000 small training images and 500 for validation."},
                 {"reel synth pets --train 60 --val 0 --classes 4 --size 64 --seed 1",
                  "A plain folder: pets/arrow and three more, each with 60 images."}});
