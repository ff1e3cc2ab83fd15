/* `reel pack DATA OUT`: shards that load fast. An interrupted pack resumes after the last complete
 * shard. */
#include "core/files/atomic_file.h"
#include "core/number.h"
#include "core/system_error.h"
#include "train/cli/command.h"
#include "train/cli/option_words.h"
#include "train/cli/output_folder.h"
#include "train/run/json_util.h"
#include "train/run/notes.h"
#include "train/run/progress.h"
#include "train/run/signals.h"

#include "data/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const reel_option options_table[] = {
    REEL_OPTION(INT, .name = "size", .value = "PX", .initial = "256", .min = 0, .max = 16384,
                .help = "resize larger images to this shorter side; 0: keep all sizes"),
    REEL_SHARED("quality", .help = "JPEG quality; JPEGs that need no resizing are copied"),
    REEL_OPTION(FLAG, .name = "raw",
                .help = "store pixels instead of JPEG: no decoding, 5 to 10 times the space"),
    REEL_SHARED("exif", .help = "apply: rotate camera photographs upright"),
    REEL_OPTION(INT, .name = "per-shard", .value = "N", .initial = "0", .min = 0, .max = 1e6,
                .help = "images in a shard; 0: 4000, or 1000 with --raw"),
    REEL_SHARED("max-bad", .help = "share of images that may be unreadable; they are left out"),
    REEL_SHARED("image-column"),
    REEL_SHARED("label-column"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

enum { PATH = 4200 };

typedef struct packing {
    const char *data, *out;
    const char *image_column, *label_column; /* of lists; NULL = they are found */
    reel_pack_config config;
    reel_progress progress;
    const char *label;
    json_t *plan, *result;
    bool quiet;
    char plan_path[PATH], part_path[PATH]; /* of a whole pack, and of one that is not whole yet */
    bool settled;                          /* the plan that was there is this one's */
    int folder;                            /* locked */
    int64_t bad;
} packing;

static void pack_show(void *user, int64_t done, int64_t total)
{
    packing *p = user;
    reel_progress_count(&p->progress, p->label, done, total);
}

static void pack_on_bad(void *user, int64_t index, const char *name, const char *reason)
{
    packing *p = user;
    char path[PATH];
    reel_error ignored;
    (void)index;
    reel_progress_warn(&p->progress, "reel pack: left out %s: %s", name, reason);
    snprintf(path, sizeof path, "%s/bad_files.jsonl", p->out);
    reel_json_append(json_pack("{s:s, s:o, s:o}", "split", p->label, "name", reel_json_text(name),
                               "reason", reel_json_text(reason)),
                     path, &ignored);
}

static bool pack_stop(void *user)
{
    (void)user;
    return reel_signals_pending() != 0;
}

static reel_status open_out(packing *p, reel_error *err)
{
    REEL_TRY(reel_output_folder_check("OUT", p->out, p->data, err));
    if (mkdir(p->out, 0777) != 0 && errno != EEXIST)
        return reel_fail_system(err, errno, "%s: cannot make the folder", p->out);
    p->folder = open(p->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->folder < 0)
        return reel_fail_system(err, errno, "%s: cannot open the folder", p->out);

    /* One process packs into a folder at a time. */
    if (flock(p->folder, LOCK_EX | LOCK_NB) != 0)
        return reel_fail(err, REEL_ERR_IO, "%s: another reel pack is at work in it", p->out);
    return REEL_OK;
}

/* The plan that is there must be the same. */
static reel_status compare_plan(const packing *p, const char *path, reel_error *err)
{
    char what[40];
    json_t *before;
    REEL_TRY(reel_json_load(&before, path, err));

    /* The first field that differs, or that only one of the two plans has. */
    const char *field, *odd = NULL;
    json_t *value;
    json_object_foreach(p->plan, field, value)
    {
        if (!odd && !json_equal(value, json_object_get(before, field)))
            odd = field;
    }
    json_object_foreach(before, field, value)
    {
        if (!odd && !json_object_get(p->plan, field))
            odd = "more than these options";
    }

    if (odd)
        snprintf(what, sizeof what, "%s", odd);
    json_decref(before);
    if (!odd)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: holds a pack of other images or with other options (pack.json: %s); use "
                     "another folder",
                     p->out, what);
}

static bool all_shards_are_there(const packing *p)
{
    const char *split;
    json_t *o;
    bool there = true;
    json_object_foreach(json_object_get(p->plan, "splits"), split, o)
    {
        const int64_t shards = json_integer_value(json_object_get(o, "shards"));
        there = there && reel_pack_is_there(p->out, split, shards);
    }
    return there;
}

/* Shards and classes of another origin stay as they are. */
static reel_status refuse_foreign_files(const packing *p, reel_error *err)
{
    char path[PATH];
    const char *split;
    json_t *o;
    snprintf(path, sizeof path, "%s/classes.txt", p->out);
    bool foreign = access(path, F_OK) == 0;
    json_object_foreach(json_object_get(p->plan, "splits"), split, o)
    {
        const int64_t shards = json_integer_value(json_object_get(o, "shards"));
        foreign = foreign || reel_pack_has_any(p->out, split, shards, path, sizeof path);
    }
    if (!foreign)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: expected no such file in a new pack's folder, got one, and no pack.json "
                     "that says what it is of; use another folder",
                     path);
}

/* The plan is written before anything else, as pack.json.part: only when all shards are whole is it
 * called pack.json, so that nothing reads a part of a pack as all of it. */
static reel_status settle_plan(packing *p, reel_error *err)
{
    snprintf(p->plan_path, sizeof p->plan_path, "%s/pack.json", p->out);
    snprintf(p->part_path, sizeof p->part_path, "%s/pack.json.part", p->out);
    const bool whole = access(p->plan_path, F_OK) == 0;
    if (!whole && access(p->part_path, F_OK) != 0) {
        REEL_TRY(refuse_foreign_files(p, err));
        return reel_json_save(p->plan, p->part_path, err);
    }

    REEL_TRY(compare_plan(p, whole ? p->plan_path : p->part_path, err));
    p->settled = true;
    if (whole && !all_shards_are_there(p))
        return reel_atomic_rename(p->plan_path, p->part_path, err);
    return REEL_OK;
}

/* All shards were read back. */
static reel_status finish_plan(const packing *p, reel_error *err)
{
    if (access(p->plan_path, F_OK) == 0)
        return REEL_OK;
    return reel_atomic_rename(p->part_path, p->plan_path, err);
}

/* A pack that was whole and turns out to be damaged. Any other failure leaves a whole pack as it
 * was. */
static void withdraw_plan(const packing *p)
{
    reel_error ignored;
    if (p->settled && access(p->plan_path, F_OK) == 0)
        reel_atomic_rename(p->plan_path, p->part_path, &ignored);
}

static reel_status save_classes(const packing *p, const reel_dataset *d, reel_error *err)
{
    char path[PATH], line[1024];
    reel_text_file file;
    bool good = reel_text_file_open(&file);
    for (int64_t c = 0; good && c < reel_dataset_classes(d); c++)
        good = fprintf(file.to, "%s\n",
                       reel_shown_text(reel_dataset_class_name(d, c), line, sizeof line)) > 0;

    snprintf(path, sizeof path, "%s/classes.txt", p->out);
    return reel_text_file_save(&file, good, path, err);
}

static void plan_split(packing *p, const char *split, const reel_dataset *d)
{
    const int64_t n = reel_dataset_count(d);
    json_t *o = json_pack("{s:I, s:I, s:I}", "samples", (json_int_t)n, "shards",
                          (json_int_t)reel_pack_shards(n, p->config.per_shard), "fingerprint",
                          (json_int_t)reel_pack_fingerprint(d));
    json_object_set_new(json_object_get(p->plan, "splits"), split, o);
}

/* A rate is that of the images which this call has packed. */
static void say_packed(packing *p, const char *split, const reel_pack_result *r, double seconds)
{
    const int64_t made = r->images - r->resumed;
    char rate[40] = "", there[60] = "";
    if (made > 0 && seconds > 0)
        snprintf(rate, sizeof rate, ", %.0f images/s", (double)made / seconds);
    if (r->resumed && made > 0)
        snprintf(there, sizeof there, " (%" PRId64 " were there already)", r->resumed);
    else if (r->resumed)
        snprintf(there, sizeof there, " (%s there already)",
                 r->resumed == 1 ? "it was" : "all were");
    reel_progress_note(&p->progress, true, "%s: %s in %.1f MB%s, verified%s", split,
                       reel_count_of(r->images, "image").text, (double)r->bytes / 1e6, rate, there);
}

static reel_status pack_one_split(packing *p, const char *split, const reel_dataset *d,
                                  reel_error *err)
{
    reel_pack_result r;
    char label[40];
    const double begin = reel_seconds_now();
    snprintf(label, sizeof label, "%s", split);
    p->label = label;
    REEL_TRY(reel_pack_split(&r, d, p->out, split, &p->config, err));
    p->bad += r.bad;

    const double seconds = reel_seconds_now() - begin;
    /* Every shard is read back before it counts as done. */
    snprintf(label, sizeof label, "%s, verified", split);
    REEL_TRY(reel_pack_verify(p->out, split,
                              reel_pack_shards(reel_dataset_count(d), p->config.per_shard),
                              &p->config, err));

    say_packed(p, split, &r, seconds);

    json_object_set_new(json_object_get(p->result, "splits"), split,
                        json_pack("{s:I, s:I, s:I, s:I}", "images", (json_int_t)r.images, "bad",
                                  (json_int_t)r.bad, "resumed", (json_int_t)r.resumed, "bytes",
                                  (json_int_t)r.bytes));
    return REEL_OK;
}

static reel_data_request part_of_data(const packing *p, const char *split)
{
    return (reel_data_request){.data = p->data,
                               .split = split,
                               .image_column = p->image_column,
                               .label_column = p->label_column};
}

/* Labels mean what they do in the training data. */
static reel_status open_val(reel_dataset **val, const packing *p, const reel_dataset *train,
                            char path[PATH], reel_error *err)
{
    reel_data_request request = part_of_data(p, "val");
    reel_data_request_follow(&request, train);
    return reel_dataset_open_as(val, &request, path, PATH, err);
}

/* A folder of test images that does not validate is not packed. */
static void count_tests(reel_left_out *left_out, const packing *p, const char *val_path)
{
    char path[PATH];
    reel_dataset *test;
    reel_error ignored;
    struct stat info;
    const char *data = p->data;
    const reel_data_request request = part_of_data(p, "test");
    if (!reel_dataset_has_as(&request) ||
        reel_dataset_open_as(&test, &request, path, sizeof path, &ignored) != REEL_OK)
        return;
    const char *slash = strrchr(path, '/');
    if (slash && strcmp(path, val_path) != 0 && strcmp(path, data) != 0 && stat(path, &info) == 0 &&
        S_ISDIR(info.st_mode))
        reel_left_out_folder(left_out, slash + 1, reel_dataset_count(test));
    reel_dataset_destroy(test);
}

/* What DATA holds and OUT will not. val: NULL = there is none. */
static void tell_left_out(packing *p, const reel_dataset *train, const reel_dataset *val,
                          const char *val_path)
{
    reel_left_out left_out = {0};
    char text[900];
    reel_left_out_merge(&left_out, reel_dataset_left_out(train));
    if (val)
        reel_left_out_merge(&left_out, reel_dataset_left_out(val));
    count_tests(&left_out, p, val_path);

    reel_notes_say(p->data, train, NULL);
    if (val)
        reel_notes_say(p->data, val, train);
    if (!p->quiet)
        reel_left_out_say(&left_out);
    json_object_set_new(p->result, "left_out",
                        reel_json_text(reel_left_out_text(&left_out, text, sizeof text)));
}

static reel_status pack_all(packing *p, reel_error *err)
{
    char path[PATH], val_path[PATH] = "";
    reel_dataset *train = NULL, *val = NULL;

    reel_data_request first = part_of_data(p, "val");
    bool both = reel_dataset_has_as(&first);
    first.split = "train";
    both = both && reel_dataset_has_as(&first);
    if (!both)
        first.split = NULL;
    reel_status status = reel_dataset_open_as(&train, &first, path, sizeof path, err);
    if (status == REEL_OK && both)
        status = open_val(&val, p, train, val_path, err);
    if (status == REEL_OK && both)
        status = reel_dataset_align(train, val, err);
    if (status == REEL_OK && both)
        status = reel_dataset_same_classes(train, val, err);

    /* Both splits are opened and compared before OUT is touched. */
    if (status == REEL_OK)
        status = open_out(p, err);
    if (status == REEL_OK) {
        tell_left_out(p, train, val, val_path);
        plan_split(p, "train", train);
        if (both)
            plan_split(p, "val", val);
        status = settle_plan(p, err);
    }

    if (status == REEL_OK)
        status = save_classes(p, train, err);
    if (status == REEL_OK)
        status = pack_one_split(p, "train", train, err);
    if (status == REEL_OK && both)
        status = pack_one_split(p, "val", val, err);
    if (status == REEL_OK)
        status = finish_plan(p, err);
    else if (status == REEL_ERR_FORMAT)
        withdraw_plan(p);

    reel_dataset_destroy(train);
    reel_dataset_destroy(val);
    return status;
}

/* What pack.json will say: everything that decides the bytes of the shards. */
static json_t *pack_plan_of(const reel_pack_config *c)
{
    json_t *plan =
        json_pack("{s:s, s:i, s:I, s:b, s:i, s:I, s:{}}", "format", "reel-pack", "version", 1,
                  "size", (json_int_t)c->size, "raw", c->raw, "quality", c->raw ? 0 : c->quality,
                  "per_shard", (json_int_t)c->per_shard, "splits");
    if (c->exif == REEL_EXIF_APPLY)
        json_object_set_new(plan, "exif", json_string("apply"));
    return plan;
}

static reel_pack_config pack_config_from(const reel_options *o, packing *p)
{
    reel_pack_config config = {.size = reel_options_int(o, "size"),
                               .raw = reel_options_flag(o, "raw"),
                               .quality = (int)reel_options_int(o, "quality"),
                               .per_shard = reel_options_int(o, "per-shard"),
                               .threads = (int)reel_options_int(o, "threads"),
                               .max_bad = reel_options_real(o, "max-bad"),
                               .exif = reel_exif_from(reel_options_text(o, "exif")),
                               .on_bad = pack_on_bad,
                               .progress = pack_show,
                               .stop = pack_stop,
                               .user = p};
    if (config.threads == 0)
        config.threads = reel_available_cpus();
    if (config.per_shard == 0)
        config.per_shard = config.raw ? 1000 : 4000;
    return config;
}

static int pack_run(reel_options *o)
{
    reel_error err;
    packing p = {.data = reel_options_arg(o, 0), .out = reel_options_arg(o, 1), .folder = -1};
    if (strlen(p.out) > PATH - 200) {
        reel_fail(&err, REEL_ERR_INVALID, "the path of the folder is too long");
        return reel_complain_usage("pack", &err);
    }
    p.quiet = reel_options_flag(o, "quiet");
    p.image_column = reel_options_text(o, "image-column");
    p.label_column = reel_options_text(o, "label-column");
    p.config = pack_config_from(o, &p);
    p.plan = pack_plan_of(&p.config);
    p.result = json_pack("{s:o, s:{}}", "folder", reel_json_text(p.out), "splits");

    reel_progress_open(&p.progress, p.quiet);
    reel_signals_install();
    reel_signals_quiet(p.quiet);
    reel_signals_answer(false, "stopping; press Ctrl-C again to leave at once");
    const reel_status status = pack_all(&p, &err);
    reel_progress_clear(&p.progress);
    if (p.folder >= 0)
        close(p.folder);
    json_decref(p.plan);

    int code = REEL_EXIT_OK;
    if (status == REEL_ERR_STOPPED) {
        reel_say("reel pack: interrupted; the same command resumes it");
        code = REEL_EXIT_SIGNAL + reel_signals_pending();
    } else if (status != REEL_OK) {
        code = reel_complain("pack", &err);
    } else if (reel_options_flag(o, "json")) {
        return reel_print_json(p.result);
    }
    json_decref(p.result);
    return code;
}

const reel_command reel_command_pack = REEL_COMMAND(
    options_table, .name = "pack", .arguments = "DATA OUT", .group = REEL_COMMAND_DATA,
    .run = pack_run, .summary = "Write a data set as shards of resized images, which load faster",
    .notes = "OUT receives tar files of images (NUMBER.jpg or .ppm, NUMBER.cls), each with an "
             "index; the other commands take OUT as DATA. Resizing drops EXIF data: use --exif "
             "apply if your photographs need it. If `reel pack` is interrupted, the same command "
             "resumes after the last complete shard.",
    .examples = {{"reel pack photos packed && reel train packed",
                  "Resize once, then train on the shards."}});
