/* Writing packed shards.
 *
 * Images are encoded by all threads, a batch at a time, and written in order by one. A shard is
 * written beside its place, synced and renamed, its folder synced, and then its index the same way:
 * so what has an index is complete whenever the process dies or the power fails, and is never
 * written again. The name beside the place is PATH.part, not that of a random temporary file: what
 * a killed process leaves is written over when the pack is completed. */
#include "data/pack.h"
#include "core/files/atomic_file.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

#include "data/bad_verdict.h"
#include "data/bytes_internal.h"
#include "data/codecs/jpeg.h"
#include "data/codecs/pnm.h"
#include "data/codecs/write_image.h"
#include "data/sources/common/pack_index.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/source.h"
#include "data/transforms/geometry.h"
#include "data/transforms/resize.h"
#include "data/transforms/upright.h"

enum { BLOCK = 512, EACH = 8 }; /* EACH: images a thread and batch */

int64_t reel_pack_shards(int64_t samples, int64_t per_shard)
{
    if (samples < 1 || per_shard < 1)
        return 0;
    return (samples - 1) / per_shard + 1;
}

uint32_t reel_pack_fingerprint(const reel_dataset *d)
{
    uLong crc = crc32(0, NULL, 0);
    for (int64_t i = 0; i < reel_dataset_count(d); i++) {
        char text[1100];
        reel_dataset_sample_name(d, i, text, 1000);
        const size_t n = strlen(text);
        const int more = snprintf(text + n, 40, "\n%" PRId64 "\n", reel_dataset_label(d, i));
        crc = crc32_z(crc, (const Bytef *)text, n + (size_t)more);
    }
    return (uint32_t)crc;
}

/* ---- one image ---- */
struct encoder { /* of one thread */
    reel_bytes bytes;
    reel_image image, upright, resized;
};

struct encoded { /* one image of a batch */
    reel_bytes bytes;
    uint32_t crc;
    reel_error why; /* status OK: it is there */
};

/* What is in e->bytes, decoded and turned upright where that is asked for; *turned says so. */
static reel_status decode_upright(struct encoder *e, const reel_pack_config *c,
                                  const reel_image **image, bool *turned, reel_error *err)
{
    REEL_TRY(reel_image_decode(&e->image, e->bytes.data, e->bytes.size, err));
    *image = &e->image;
    *turned = false;
    if (c->exif != REEL_EXIF_APPLY)
        return REEL_OK;
    const int orientation = reel_exif_orientation(e->bytes.data, e->bytes.size);
    if (orientation <= 1)
        return REEL_OK;

    const int64_t width = e->image.width;
    const reel_view stored = {e->image.rgb, width, e->image.height, width * 3};
    REEL_TRY(reel_exif_turn(&e->upright, orientation, &stored, err));
    *image = &e->upright;
    *turned = true;
    return REEL_OK;
}

/* One image of the dataset as it goes into the pack. */
static reel_status encode_image(struct encoder *e, reel_bytes *out, const reel_dataset *d,
                                int64_t index, const reel_pack_config *c, reel_error *err)
{
    /* Also decoded where the bytes are kept: what is damaged is left out. */
    const reel_image *image;
    bool turned;
    REEL_TRY(reel_dataset_read(d, index, &e->bytes, err));
    REEL_TRY(decode_upright(e, c, &image, &turned, err));

    /* JPEGs that need no change keep their bytes: encoding again would lose quality. */
    const int64_t shorter = image->width < image->height ? image->width : image->height;
    const bool resize = c->size && shorter > c->size;
    if (!resize && !c->raw && !turned &&
        reel_codec_of(e->bytes.data, e->bytes.size) == &reel_codec_jpeg) {
        REEL_TRY(reel_bytes_reserve(out, e->bytes.size, err));
        memcpy(out->data, e->bytes.data, e->bytes.size);
        out->size = e->bytes.size;
        return REEL_OK;
    }

    if (resize) {
        int64_t width, height;
        reel_resized_size(image->width, image->height, c->size, &width, &height);
        const double box[4] = {0, 0, (double)image->width, (double)image->height};
        REEL_TRY(reel_image_resize(&e->resized, width, height, image, box, err));
        image = &e->resized;
    }
    const bool full_chroma = false;
    return c->raw ? reel_pnm_write(out, image, err)
                  : reel_image_encode_jpeg(image, out, c->quality, full_chroma, err);
}

/* ---- one shard ---- */
struct writer {
    const reel_dataset *dataset;
    const reel_pack_config *config;
    const char *folder, *split;
    struct encoder *encoders;
    struct encoded *batch;
    int64_t batch_size;
    FILE *file;
    uint64_t at;
    reel_pack_index index;
    reel_pack_result *result;
    int64_t total;
};

static bool put(struct writer *w, const void *bytes, size_t n)
{
    static const uint8_t zeros[BLOCK];
    const size_t padding = (BLOCK - n % BLOCK) % BLOCK;
    w->at += n + padding;
    return fwrite(bytes, 1, n, w->file) == n && fwrite(zeros, 1, padding, w->file) == padding;
}

/* A ustar header (POSIX.1-1988), then the content. Times and owners are 0, so that the bytes depend
 * on the images alone. */
static bool put_member(struct writer *w, const char *name, const void *bytes, size_t n)
{
    enum { MODE = 100, UID = 108, GID = 116, SIZE = 124, TIME = 136, SUM = 148, TYPE = 156 };
    enum { MAGIC = 257 };
    char h[BLOCK] = {0};
    snprintf(h, MODE, "%s", name);
    snprintf(h + MODE, 8, "%07o", 0644);
    snprintf(h + UID, 8, "%07o", 0);
    snprintf(h + GID, 8, "%07o", 0);
    snprintf(h + SIZE, 12, "%011" PRIo64, (uint64_t)n);
    snprintf(h + TIME, 12, "%011o", 0);
    h[TYPE] = '0';
    /* No 0 behind it. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(h + MAGIC,
           "ustar\0"
           "00",
           8);

    /* The checksum is that of the header with spaces in its place. */
    unsigned sum = 0;
    memset(h + SUM, ' ', 8);
    for (int i = 0; i < BLOCK; i++)
        sum += (uint8_t)h[i];
    snprintf(h + SUM, 8, "%06o", sum & 0777777u);
    return put(w, h, BLOCK) && put(w, bytes, n);
}

/* About how many bytes the rest of the split takes, going by the images so far. */
static double bytes_to_come(const struct writer *w)
{
    const reel_pack_result *r = w->result;
    const double so_far = (double)(r->bytes + w->at);
    const int64_t images = r->images + r->bad;
    return so_far / (double)(images > 0 ? images : 1) * (double)w->total - so_far;
}

/* errno says why. On a full disk: how much is missing. */
static reel_status cannot_write(const struct writer *w, const char *path, reel_error *err)
{
    const int reason = errno;
    struct statvfs disk;
    if ((reason != ENOSPC && reason != EDQUOT) || statvfs(w->folder, &disk) != 0)
        return reel_fail_system(err, reason, "cannot write %s", path);
    const double room = (double)disk.f_bavail * (double)disk.f_frsize;
    return reel_fail(err, REEL_ERR_IO,
                     "cannot write %.700s: %s: expected about %.1f MB of free disk space for the "
                     "rest of %.60s, got %.1f MB",
                     path, strerror(reason), bytes_to_come(w) / 1e6, w->split, room / 1e6);
}

static reel_status append(struct writer *w, int64_t i, const struct encoded *e, const char *path,
                          reel_error *err)
{
    char name[40], label[24], shown[1024];
    const int64_t class = reel_dataset_label(w->dataset, i);
    snprintf(name, sizeof name, "%09" PRId64 ".%s", i, w->config->raw ? "ppm" : "jpg");
    if (!put_member(w, name, e->bytes.data, e->bytes.size))
        return cannot_write(w, path, err);
    const size_t padded = (e->bytes.size + BLOCK - 1) / BLOCK * BLOCK;
    const reel_piece r = {.offset = w->at - padded,
                          .size = (uint32_t)e->bytes.size,
                          .crc = e->crc,
                          .label = (uint32_t)class};
    reel_dataset_sample_name(w->dataset, i, shown, sizeof shown);
    REEL_TRY(reel_pack_index_add(&w->index, &r, shown, err));
    snprintf(name, sizeof name, "%09" PRId64 ".cls", i);
    const int n = snprintf(label, sizeof label, "%" PRId64 "\n", class);
    return put_member(w, name, label, (size_t)n) ? REEL_OK : cannot_write(w, path, err);
}

static reel_status count_bad(struct writer *w, int64_t i, const char *reason, reel_error *err)
{
    char name[600];
    const reel_pack_config *c = w->config;
    w->result->bad++;
    reel_dataset_sample_name(w->dataset, i, name, sizeof name);
    if (c->on_bad)
        c->on_bad(c->user, i, name, reason);
    return reel_bad_verdict(w->result->bad, w->total, c->max_bad, name, reason, err);
}

/* Encodes n images from `begin` on, with all threads. */
static void encode_batch(struct writer *w, int64_t begin, int64_t n)
{
    const reel_pack_config *c = w->config;
#pragma omp parallel for schedule(dynamic, 1) num_threads(c->threads)
    for (int64_t k = 0; k < n; k++) {
        struct encoded *e = &w->batch[k];
        struct encoder *encoder = &w->encoders[omp_get_thread_num()];
        e->bytes.size = 0;
        e->why.status = REEL_OK;
        e->why.status = encode_image(encoder, &e->bytes, w->dataset, begin + k, c, &e->why);
        if (e->why.status == REEL_OK)
            e->crc = (uint32_t)crc32_z(0, e->bytes.data, e->bytes.size);
    }
}

/* Writes them in order, by one thread. */
static reel_status write_batch(struct writer *w, int64_t begin, int64_t n, const char *path,
                               reel_error *err)
{
    for (int64_t k = 0; k < n; k++) {
        const struct encoded *e = &w->batch[k];
        const reel_status status = e->why.status;
        if (status == REEL_OK)
            REEL_TRY(append(w, begin + k, e, path, err));
        else if (status == REEL_ERR_IO || status == REEL_ERR_FORMAT)
            REEL_TRY(count_bad(w, begin + k, e->why.message, err));
        else
            return reel_fail(err, status, "%s", e->why.message);
        w->result->images += status == REEL_OK;
    }
    return REEL_OK;
}

static reel_status write_samples(struct writer *w, int64_t first, int64_t end, const char *path,
                                 reel_error *err)
{
    const reel_pack_config *c = w->config;
    for (int64_t begin = first; begin < end; begin += w->batch_size) {
        const int64_t n = end - begin < w->batch_size ? end - begin : w->batch_size;
        if (c->stop && c->stop(c->user))
            return reel_fail(err, REEL_ERR_STOPPED, "stopped");
        encode_batch(w, begin, n);
        REEL_TRY(write_batch(w, begin, n, path, err));
        if (c->progress)
            c->progress(c->user, begin + n, w->total);
    }
    return REEL_OK;
}

/* Ends path.part, which stands in w->file: on the disk, and at its place. A failure leaves none. */
static reel_status finish_part(struct writer *w, reel_status status, const char *part,
                               const char *path, reel_error *err)
{
    const int file = fileno(w->file);
    if (status == REEL_OK && (fflush(w->file) != 0 || fsync(file) != 0))
        status = cannot_write(w, part, err);
    /* Out of memory, so that the check at the end reads the disk. */
    if (status == REEL_OK)
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    if (fclose(w->file) != 0 && status == REEL_OK)
        status = cannot_write(w, part, err);
    w->file = NULL;
    if (status == REEL_OK)
        status = reel_atomic_rename(part, path, err);
    if (status != REEL_OK)
        unlink(part);
    return status;
}

/* Opens path.part, whose name goes into part. */
static reel_status begin_part(struct writer *w, const char *path, char part[REEL_DATA_PATH + 8],
                              reel_error *err)
{
    snprintf(part, REEL_DATA_PATH + 8, "%s.part", path);
    w->file = fopen(part, "wbe");
    return w->file ? REEL_OK : cannot_write(w, part, err);
}

static reel_status write_tar(struct writer *w, int64_t k, int64_t first, int64_t end,
                             reel_error *err)
{
    static const uint8_t end_of_tar[2 * BLOCK];
    char path[REEL_DATA_PATH], part[REEL_DATA_PATH + 8];
    reel_pack_path(path, w->folder, w->split, k, "tar");
    REEL_TRY(begin_part(w, path, part, err));

    w->at = 0;
    reel_pack_index_free(&w->index);
    reel_status status = write_samples(w, first, end, part, err);
    if (status == REEL_OK && !put(w, end_of_tar, sizeof end_of_tar))
        status = cannot_write(w, part, err);
    return finish_part(w, status, part, path, err);
}

static reel_status write_index(struct writer *w, int64_t k, reel_error *err)
{
    char path[REEL_DATA_PATH], part[REEL_DATA_PATH + 8];
    reel_bytes bytes = {0};
    reel_pack_path(path, w->folder, w->split, k, "idx");
    reel_status status = reel_pack_index_write(&w->index, &bytes, err);
    if (status == REEL_OK)
        status = begin_part(w, path, part, err);
    if (status == REEL_OK) {
        if (fwrite(bytes.data, 1, bytes.size, w->file) != bytes.size)
            status = cannot_write(w, part, err);
        status = finish_part(w, status, part, path, err);
    }
    reel_bytes_free(&bytes);
    return status;
}

/* The index comes last: what has one is complete. */
static reel_status write_shard(struct writer *w, int64_t k, int64_t first, int64_t end,
                               reel_error *err)
{
    REEL_TRY(write_tar(w, k, first, end, err));
    w->index.tar_size = w->at;
    w->index.classes = (uint32_t)reel_dataset_classes(w->dataset);
    w->result->bytes += w->at;
    w->at = 0;

    return write_index(w, k, err);
}

/* Is the shard there? Then it counts as written. */
static bool is_complete(struct writer *w, int64_t k, int64_t first, int64_t end)
{
    reel_pack_index index = {0};
    reel_error why;
    const bool complete = reel_pack_index_open(&index, w->folder, w->split, k, &why) == REEL_OK &&
                          index.classes == (uint32_t)reel_dataset_classes(w->dataset);
    if (complete) {
        w->result->images += (int64_t)index.records.n;
        w->result->resumed += (int64_t)index.records.n;
        w->result->bad += end - first - (int64_t)index.records.n;
        w->result->bytes += index.tar_size;
    }
    reel_pack_index_free(&index);
    return complete;
}

static void free_writer(struct writer *w)
{
    for (int i = 0; w->encoders && i < w->config->threads; i++) {
        reel_bytes_free(&w->encoders[i].bytes);
        reel_image_free(&w->encoders[i].image);
        reel_image_free(&w->encoders[i].upright);
        reel_image_free(&w->encoders[i].resized);
    }
    for (int64_t i = 0; w->batch && i < w->batch_size; i++)
        reel_bytes_free(&w->batch[i].bytes);
    free(w->encoders);
    free(w->batch);
    reel_pack_index_free(&w->index);
}

static reel_status write_shards(struct writer *w, reel_error *err)
{
    const int64_t per_shard = w->config->per_shard;
    const int64_t shards = reel_pack_shards(w->total, per_shard);
    for (int64_t k = 0; k < shards; k++) {
        const int64_t first = k * per_shard, left = w->total - first;
        const int64_t end = first + (left < per_shard ? left : per_shard);
        if (!is_complete(w, k, first, end))
            REEL_TRY(write_shard(w, k, first, end, err));
    }
    return REEL_OK;
}

reel_status reel_pack_split(reel_pack_result *result, const reel_dataset *dataset,
                            const char *folder, const char *split, const reel_pack_config *config,
                            reel_error *err)
{
    REEL_NEED(result, err);
    *result = (reel_pack_result){0};
    REEL_NEED(dataset, err);
    REEL_NEED(folder, err);
    REEL_NEED(split, err);
    REEL_NEED(config, err);
    if (config->threads < 1 || config->per_shard < 1 || config->size < 0 ||
        strlen(folder) > REEL_DATA_PATH - 100)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "pack: expected at least 1 thread and 1 image a shard, got %d and %" PRId64,
            config->threads, config->per_shard);

    /* A batch is encoded by all threads at once, and written in the order of the images. */
    struct writer w = {.dataset = dataset,
                       .config = config,
                       .folder = folder,
                       .split = split,
                       .batch_size = (int64_t)config->threads * EACH,
                       .result = result,
                       .total = reel_dataset_count(dataset)};
    w.encoders = calloc((size_t)config->threads, sizeof *w.encoders);
    w.batch = calloc((size_t)w.batch_size, sizeof *w.batch);
    const reel_status status = w.encoders && w.batch
                                   ? write_shards(&w, err)
                                   : reel_fail(err, REEL_ERR_MEMORY, "no memory to pack with");
    free_writer(&w);
    return status;
}

reel_pack_config reel_pack_config_default(void)
{
    return (reel_pack_config){
        .size = 256, .quality = 90, .per_shard = 4000, .threads = 1, .max_bad = 0.01};
}
