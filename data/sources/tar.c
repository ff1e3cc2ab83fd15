/* Reading tar headers: ustar, GNU (long names, large numbers) and pax (path, size), one after the
 * other.
 *
 * Nothing is ever extracted; a name is only a name. libarchive is not used because it streams: it
 * does not say where a content lies, which random access needs. A header that is wrong ends the
 * archive with an error, as does one that points beyond it. POSIX.1-1988 ustar, POSIX.1-2001 pax;
 * GNU tar's manual, "Basic Tar Format". */
#include <inttypes.h>
#include <string.h>

#include "data/sources/sources.h"

enum { BLOCK = 512 };

void reel_tar_begin(reel_tar *tar, const reel_span *span, uint64_t from, uint64_t to)
{
    tar->span = span;
    tar->at = from;
    tar->end = to < span->size ? to : span->size;
    tar->window_size = 0;
}

reel_status reel_tar_read(reel_tar *tar, uint64_t offset, void *to, size_t n, reel_error *err)
{
    if (n > REEL_TAR_WINDOW)
        return reel_span_read(tar->span, offset, to, n, err);
    if (offset < tar->window_at || offset - tar->window_at > tar->window_size ||
        n > tar->window_size - (size_t)(offset - tar->window_at)) {
        if (offset > tar->span->size || n > tar->span->size - offset)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%zu bytes at %" PRIu64 " reach beyond the end at %" PRIu64, n, offset,
                             tar->span->size);
        const uint64_t left = tar->span->size - offset;
        const size_t take = left < REEL_TAR_WINDOW ? (size_t)left : REEL_TAR_WINDOW;
        tar->window_size = 0;
        REEL_TRY(reel_span_read(tar->span, offset, tar->window, take, err));
        tar->window_at = offset;
        tar->window_size = take;
    }
    memcpy(to, tar->window + (offset - tar->window_at), n);
    return REEL_OK;
}

/* Octal digits, or base 256 where the first bit is set. */
static bool number(const uint8_t *field, size_t n, uint64_t *value)
{
    uint64_t v = 0;
    size_t i = 0;
    if (field[0] & 0x80) {
        if (field[0] & 0x40)
            return false; /* negative */
        v = field[0] & 0x3f;
        for (i = 1; i < n; i++) {
            if (v >> 54)
                return false;
            v = v << 8 | field[i];
        }
        *value = v;
        return true;
    }
    while (i < n && field[i] == ' ')
        i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++) {
        if (v >> 58)
            return false;
        v = v << 3 | (uint64_t)(field[i] - '0');
    }
    if (i < n && field[i] != 0 && field[i] != ' ')
        return false;
    *value = v;
    return true;
}

static bool checksum_fits(const uint8_t *h)
{
    uint64_t stored;
    int64_t sum = 0, with_sign = 0;
    if (!number(h + 148, 8, &stored))
        return false;
    for (int i = 0; i < BLOCK; i++) {
        const uint8_t byte = i >= 148 && i < 156 ? ' ' : h[i];
        sum += byte;
        with_sign += (int8_t)byte;
    }
    return (int64_t)stored == sum || (int64_t)stored == with_sign;
}

bool reel_tar_sniff(const uint8_t *head, size_t size)
{
    return size >= BLOCK && head[0] && checksum_fits(head);
}

static size_t length_of(const void *field, size_t most)
{
    const void *end = memchr(field, 0, most);
    return end ? (size_t)((const char *)end - (const char *)field) : most;
}

static void ustar_name(const uint8_t *h, char *name)
{
    size_t used = 0;
    if (memcmp(h + 257, "ustar\0", 6) == 0 && h[345]) {
        used = length_of(h + 345, 155);
        memcpy(name, h + 345, used);
        name[used++] = '/';
    }
    const size_t n = length_of(h, 100);
    memcpy(name + used, h, n);
    name[used + n] = 0;
}

/* What extended headers said about the next entry. */
struct said {
    bool name, size;
    uint64_t bytes;
};

/* "LENGTH KEY=VALUE\n", LENGTH counting all of it. */
static bool read_pax(const char *text, size_t size, struct said *said, char *name)
{
    while (size) {
        const char *space = memchr(text, ' ', size < 20 ? size : 20);
        uint64_t length;
        if (!space || !reel_parse_number(text, (size_t)(space - text), size, &length))
            return false;
        const size_t begin = (size_t)(space + 1 - text);
        if (length < begin + 2 || text[length - 1] != '\n')
            return false;
        const char *key = text + begin, *equals = memchr(key, '=', (size_t)length - begin);
        if (!equals)
            return false;
        const char *value = equals + 1;
        const size_t key_length = (size_t)(equals - key),
                     value_length = (size_t)(text + length - 1 - value);
        if (key_length == 4 && memcmp(key, "path", 4) == 0) {
            if (value_length > REEL_TAR_NAME || memchr(value, 0, value_length))
                return false;
            memcpy(name, value, value_length);
            name[value_length] = 0;
            said->name = true;
        } else if (key_length == 4 && memcmp(key, "size", 4) == 0) {
            if (!reel_parse_number(value, value_length, INT64_MAX, &said->bytes))
                return false;
            said->size = true;
        } else if (key_length > 11 && memcmp(key, "GNU.sparse.", 11) == 0) {
            return false;
        }
        text += length;
        size -= (size_t)length;
    }
    return true;
}

static reel_status read_extended(reel_tar *tar, char type, uint64_t at, uint64_t size,
                                 struct said *said, char *name, reel_error *err)
{
    if (type == 'K' || type == 'g')
        return REEL_OK; /* a link's target; what holds for all */
    const size_t most = type == 'L' ? REEL_TAR_NAME + 1 : REEL_TAR_PAX;
    if (size > most)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "tar: extended header at %" PRIu64 " of %" PRIu64
                         " bytes, expected at most %zu",
                         at, size, most);
    REEL_TRY(reel_tar_read(tar, at + BLOCK, tar->extended, (size_t)size, err));
    tar->extended[size] = 0;
    if (type == 'L') {
        const size_t length = length_of(tar->extended, (size_t)size);
        if (length > REEL_TAR_NAME)
            return reel_fail(err, REEL_ERR_FORMAT, "tar: name at %" PRIu64 " is too long", at);
        memcpy(name, tar->extended, length);
        name[length] = 0;
        said->name = true;
        return REEL_OK;
    }
    if (read_pax(tar->extended, (size_t)size, said, name))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "tar: the extended header at %" PRIu64 " is damaged or sparse", at);
}

reel_status reel_tar_next(reel_tar *tar, reel_tar_entry *entry, bool *more, reel_error *err)
{
    struct said said = {0};
    *more = false;
    for (;;) {
        const uint64_t at = tar->at;
        if (at >= tar->end)
            return REEL_OK; /* without the blocks of zeros that should end it: harmless */
        if (tar->end - at < BLOCK)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "tar: cut at %" PRIu64 ", in the middle of a header", tar->end);
        uint8_t h[BLOCK];
        REEL_TRY(reel_tar_read(tar, at, h, BLOCK, err));
        static const uint8_t zeros[BLOCK];
        if (memcmp(h, zeros, BLOCK) == 0)
            return REEL_OK;
        uint64_t size;
        if (!checksum_fits(h))
            return reel_fail(err, REEL_ERR_FORMAT,
                             "tar: the header at %" PRIu64 " has a wrong checksum", at);
        if (!number(h + 124, 12, &size))
            return reel_fail(err, REEL_ERR_FORMAT,
                             "tar: the header at %" PRIu64 " has no valid size", at);
        const char type = (char)h[156];
        const bool extended = type == 'L' || type == 'K' || type == 'x' || type == 'g';
        if (!extended && said.size)
            size = said.bytes;
        if (type >= '1' && type <= '6')
            size = 0; /* links, devices, folders: no content follows */
        if (type == 'S')
            return reel_fail(err, REEL_ERR_FORMAT,
                             "tar: the file at %" PRIu64 " is sparse, which is not read", at);
        const uint64_t begin = at + BLOCK, left = tar->end - begin;
        if (size > left)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "tar: cut, or damaged: the content at %" PRIu64 " takes %" PRIu64
                             " bytes, %" PRIu64 " are left",
                             begin, size, left);
        const uint64_t padded = size % BLOCK ? size + (BLOCK - size % BLOCK) : size;
        tar->at = padded > left ? tar->end : begin + padded;
        if (extended) {
            REEL_TRY(read_extended(tar, type, at, size, &said, entry->name, err));
            continue;
        }
        if (!said.name)
            ustar_name(h, entry->name);
        const size_t length = strlen(entry->name);
        entry->regular =
            (type == '0' || type == 0 || type == '7') && length && entry->name[length - 1] != '/';
        entry->offset = begin;
        entry->size = size;
        *more = true;
        return REEL_OK;
    }
}
