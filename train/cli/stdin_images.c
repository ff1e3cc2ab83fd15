/* Reading stdin as it comes, by poll and read: stdio would wait for a full buffer. */
#include "train/cli/stdin_images.h"

#include "core/system_error.h"
#include "data/codecs/codec.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 1 << 16, LONGEST_NAME = 1 << 16, LARGEST_IMAGE = 1 << 30, ENOUGH_TO_TELL = 64 };

/* Reads some bytes. *got: whether there were any, or the end came. */
static reel_status read_some(reel_stdin_images *s, bool may_wait, bool *got, reel_error *err)
{
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    *got = false;
    if (!may_wait && poll(&ready, 1, 0) == 0)
        return REEL_OK;

    reel_bytes *b = &s->bytes;
    if (b->size + AT_ONCE + 1 > b->capacity) {
        const size_t twice = 2 * b->capacity, least = b->size + AT_ONCE + 1;
        REEL_TRY(reel_bytes_reserve(b, twice > least ? twice : least, err));
    }
    ssize_t n;
    do
        n = read(STDIN_FILENO, b->data + b->size, AT_ONCE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return reel_fail_system(err, errno, "stdin: cannot be read");

    *got = true;
    s->ended = n == 0;
    b->size += (size_t)n;
    b->data[b->size] = 0;
    return REEL_OK;
}

/* The bytes up to the end of a name, or all that there are. */
static size_t name_length(const uint8_t *bytes, size_t size)
{
    size_t n = 0;
    while (n < size && bytes[n] != '\n' && bytes[n] != '\0')
        n++;
    return n;
}

static bool names_a_file(const uint8_t *bytes, size_t length)
{
    char name[4200];
    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    if (length == 0 || length >= sizeof name)
        return false;
    memcpy(name, bytes, length);
    name[length] = '\0';
    return access(name, F_OK) == 0;
}

static bool reads_as_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] < 32 && !strchr("\t\r\n\033", bytes[i]))
            return false;
    return size == 0 || memchr(bytes, 0, size) == NULL;
}

/* Names or an image? Needs a whole name, or enough bytes to know an image by. */
static reel_status decide_kind(reel_stdin_images *s, bool may_wait, reel_error *err)
{
    const reel_bytes *b = &s->bytes;
    for (;;) {
        bool got;
        const size_t length = name_length(b->data, b->size);
        const bool whole = s->ended || length < b->size;
        if (whole && b->size > 0 && names_a_file(b->data, length)) {
            s->decided = true;
            return REEL_OK;
        }
        /* A short text is a name that no file has; short bytes are the beginning of an image. */
        const bool text = reads_as_text(b->data, b->size);
        if (s->ended || b->size >= ENOUGH_TO_TELL || (whole && text && b->size > 0)) {
            s->decided = true;
            s->is_image = b->size > 0 && (!text || reel_codec_of(b->data, b->size));
            return REEL_OK;
        }
        REEL_TRY(read_some(s, may_wait, &got, err));
        if (!got)
            return REEL_OK;
    }
}

static reel_status read_image(reel_stdin_images *s, reel_error *err)
{
    bool got;
    while (!s->ended) {
        if (s->bytes.size > LARGEST_IMAGE)
            return reel_fail(err, REEL_ERR_FORMAT, "stdin: too large for an image");
        REEL_TRY(read_some(s, true, &got, err));
    }
    return REEL_OK;
}

/* Takes the next whole name; false: there is none yet, or none any more. Blank lines are nothing.
 */
static bool take_name(reel_stdin_images *s)
{
    reel_bytes *b = &s->bytes;
    for (;;) {
        uint8_t *name = b->data + s->at;
        const size_t left = b->size - s->at, length = left ? name_length(name, left) : 0;
        if (left == 0 || (length == left && !s->ended))
            return false;
        name[length] = '\0'; /* there is room for a byte behind the last */
        s->at += length < left ? length + 1 : length;
        if (length > 0 && name[length - 1] == '\r')
            name[length - 1] = '\0';
        if (!*name)
            continue;
        s->name = (const char *)name;
        s->count++;
        return true;
    }
}

/* Drops the names that were taken, so that a long list takes no memory. */
static void forget_names(reel_stdin_images *s)
{
    if (s->at == 0)
        return;
    s->bytes.size -= s->at;
    memmove(s->bytes.data, s->bytes.data + s->at, s->bytes.size);
    s->at = 0;
}

reel_status reel_stdin_images_next(reel_stdin_images *s, bool may_wait, reel_stdin_kind *kind,
                                   reel_error *err)
{
    *kind = REEL_STDIN_NOT_YET;
    if (!s->decided)
        REEL_TRY(decide_kind(s, may_wait, err));
    if (!s->decided)
        return REEL_OK;

    /* The bytes of one image, until stdin ends. */
    if (s->is_image) {
        *kind = s->count ? REEL_STDIN_END : REEL_STDIN_IMAGE;
        s->count = 1;
        return read_image(s, err);
    }

    while (!take_name(s)) {
        bool got;
        forget_names(s);
        if (s->ended) {
            *kind = REEL_STDIN_END;
            return REEL_OK;
        }
        if (s->bytes.size > LONGEST_NAME)
            return reel_fail(err, REEL_ERR_FORMAT, "stdin: expected names of images, one a line");
        REEL_TRY(read_some(s, may_wait, &got, err));
        if (!got)
            return REEL_OK;
    }
    *kind = REEL_STDIN_NAME;
    return REEL_OK;
}

void reel_stdin_images_free(reel_stdin_images *s)
{
    reel_bytes_free(&s->bytes);
    *s = (reel_stdin_images){0};
}
