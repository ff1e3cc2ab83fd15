/* Event files: see events.h. Numbers of fields are those of event.proto and summary.proto. */
#include "train/run/events.h"

#include "core/files/protobuf.h"
#include "core/system_error.h"
#include "data/codecs/write_image.h"
#include "data/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENT_WALL_TIME = 1,
    EVENT_STEP = 2,
    EVENT_FILE_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION_LOG = 7
};
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, VALUE_IMAGE = 4 };
enum { IMAGE_HEIGHT = 1, IMAGE_WIDTH = 2, IMAGE_COLORSPACE = 3, IMAGE_BYTES = 4, RGB = 3 };
enum { SESSION_STATUS = 1, SESSION_START = 1 };

struct reel_events {
    int file;
    off_t size; /* of whole records */
    reel_message event, summary, value, inner;
    reel_bytes png;
    char path[4200];
};

uint32_t reel_crc32c(const void *bytes, size_t size)
{
    uint32_t crc = ~0u;
    for (const unsigned char *p = bytes, *end = p + size; p < end; p++) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

uint32_t reel_crc32c_masked(const void *bytes, size_t size)
{
    const uint32_t crc = reel_crc32c(bytes, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Why a record was written in part: another byte meets the reason, a full disk or a limit. */
static int reason_of_half(int file)
{
    errno = 0;
    return write(file, "", 1) < 0 ? errno : ENOSPC;
}

/* The event as a record, handed to the system at once: a killed process leaves whole records. So
 * does a full disk: what it took of one is cut off again, for nobody reads on behind half a record.
 */
static reel_status put_event(reel_events *e, reel_error *err)
{
    uint64_t length = e->event.size;
    uint32_t of_length = reel_crc32c_masked(&length, sizeof length),
             of_event = reel_crc32c_masked(e->event.bytes, e->event.size);
    if (e->event.failed || e->summary.failed || e->value.failed || e->inner.failed)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", e->path);

    const struct iovec record[] = {{&length, sizeof length},
                                   {&of_length, sizeof of_length},
                                   {e->event.bytes, e->event.size},
                                   {&of_event, sizeof of_event}};
    const ssize_t size = (ssize_t)(sizeof length + e->event.size + 2 * sizeof of_length);
    const ssize_t written = writev(e->file, record, REEL_COUNT(record));
    if (written == size) {
        e->size += size;
        return REEL_OK;
    }

    /* Half a record would hide all that follow. */
    const int why = written < 0 ? errno : reason_of_half(e->file);
    if (written > 0 && (ftruncate(e->file, e->size) != 0 || lseek(e->file, e->size, SEEK_SET) < 0))
        return reel_fail_system(err, errno, "%s: damaged by half a record", e->path);
    return reel_fail_system(err, why, "%s: cannot be written", e->path);
}

static void begin_event(reel_events *e, int64_t step)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    e->event.size = e->summary.size = e->value.size = e->inner.size = 0;
    reel_message_double(&e->event, EVENT_WALL_TIME,
                        (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    if (step > 0)
        reel_message_varint(&e->event, EVENT_STEP, (uint64_t)step);
}

/* The two records that every file begins with: its version, and the step it starts at. */
static reel_status put_beginning(reel_events *e, int64_t first_step, reel_error *err)
{
    begin_event(e, 0);
    reel_message_text(&e->event, EVENT_FILE_VERSION, "brain.Event:2");
    REEL_TRY(put_event(e, err));

    begin_event(e, first_step + 1);
    reel_message_varint(&e->inner, SESSION_STATUS, SESSION_START);
    reel_message_nest(&e->event, EVENT_SESSION_LOG, &e->inner);
    return put_event(e, err);
}

reel_status reel_events_open(reel_events **out, const char *folder, int64_t first_step,
                             reel_error *err)
{
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    reel_events *e = *out = calloc(1, sizeof *e);
    if (!e)
        return reel_fail(err, REEL_ERR_MEMORY, "event file: out of memory");

    snprintf(e->path, sizeof e->path, "%s/events.out.tfevents.%010" PRId64 ".%s.%ld", folder,
             (int64_t)time(NULL), host, (long)getpid());
    e->file = open(e->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    const reel_status status = e->file >= 0
                                   ? put_beginning(e, first_step, err)
                                   : reel_fail_system(err, errno, "%s: cannot be made", e->path);
    if (status == REEL_OK)
        return REEL_OK;
    reel_events_close(e);
    *out = NULL;
    return status;
}

reel_status reel_events_line(reel_events *e, const json_t *line, reel_error *err)
{
    const char *kind = json_string_value(json_object_get(line, "event")), *key;
    json_t *value;
    begin_event(e, json_integer_value(json_object_get(line, "step")));
    json_object_foreach((json_t *)line, key, value)
    {
        char tag[200];
        if (!json_is_number(value) || !strcmp(key, "step"))
            continue;
        snprintf(tag, sizeof tag, "%s/%s", kind ? kind : "run", key);
        reel_message_text(&e->value, VALUE_TAG, tag);
        reel_message_float(&e->value, VALUE_SIMPLE, (float)json_number_value(value));
        reel_message_nest(&e->summary, SUMMARY_VALUE, &e->value);
    }

    if (e->summary.size == 0)
        return REEL_OK;
    reel_message_nest(&e->event, EVENT_SUMMARY, &e->summary);
    return put_event(e, err);
}

reel_status reel_events_image(reel_events *e, int64_t step, const char *tag,
                              const reel_image *image, reel_error *err)
{
    REEL_TRY(reel_image_encode_png(image, &e->png, err));
    begin_event(e, step);
    reel_message_varint(&e->inner, IMAGE_HEIGHT, (uint64_t)image->height);
    reel_message_varint(&e->inner, IMAGE_WIDTH, (uint64_t)image->width);
    reel_message_varint(&e->inner, IMAGE_COLORSPACE, RGB);
    reel_message_bytes(&e->inner, IMAGE_BYTES, e->png.data, e->png.size);
    reel_message_text(&e->value, VALUE_TAG, tag);
    reel_message_nest(&e->value, VALUE_IMAGE, &e->inner);
    reel_message_nest(&e->summary, SUMMARY_VALUE, &e->value);
    reel_message_nest(&e->event, EVENT_SUMMARY, &e->summary);
    return put_event(e, err);
}

const char *reel_events_path(const reel_events *e)
{
    return e->path;
}

void reel_events_close(reel_events *e)
{
    if (!e)
        return;
    if (e->file >= 0)
        close(e->file);
    reel_message_free(&e->event);
    reel_message_free(&e->summary);
    reel_message_free(&e->value);
    reel_message_free(&e->inner);
    reel_bytes_free(&e->png);
    free(e);
}
