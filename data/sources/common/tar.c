/* Reading tar headers: ustar, GNU (long names, large numbers) and pax (path, size), one after the
 * other.
 *
 * Nothing is ever extracted; a name is only a name. libarchive is not used because it streams: it
 * does not say where a content lies, which random access needs. A header that is wrong ends the
 * archive with an error, as does one that points beyond it. POSIX.1-1988 ustar, POSIX.1-2001 pax;
 * GNU tar's manual, "Basic Tar Format". */
#include "data/sources/common/tar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/bytes_internal.h"
#include "data/sources/common/text.h"

/* Where fields of a header stand, and their bytes. */
enum { BLOCK = 512, SIZE = 124, SIZE_BYTES = 12, SUM = 148, SUM_BYTES = 8, TYPE = 156 };

void reel_tar_begin(reel_tar *tar, const reel_span *span, uint64_t from, uint64_t to)
{
    tar->span = span;
    tar->at = from;
    tar->end = to < span->size ? to : span->size;
    tar->window_size = 0;
}

/* Are the n bytes at offset in the window? */
static bool in_window(const reel_tar *tar, uint64_t offset, size_t n)
{
    if (offset < tar->window_at || offset - tar->window_at > tar->window_size)
        return false;
    return n <= tar->window_size - (size_t)(offset - tar->window_at);
}

/* Moves the window to offset, where n bytes are wanted. */
static reel_status move_window(reel_tar *tar, uint64_t offset, size_t n, reel_error *err)
{
    const uint64_t size = tar->span->size;
    if (offset > size || n > size - offset)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%zu bytes at %" PRIu64 " reach beyond the end at %" PRIu64, n, offset,
                         size);
    const uint64_t left = size - offset;
    const size_t take = left < REEL_TAR_WINDOW ? (size_t)left : REEL_TAR_WINDOW;
    tar->window_size = 0;
    REEL_TRY(reel_span_read(tar->span, offset, tar->window, take, err));
    tar->window_at = offset;
    tar->window_size = take;
    return REEL_OK;
}

reel_status reel_tar_read(reel_tar *tar, uint64_t offset, void *to, size_t n, reel_error *err)
{
    if (n > REEL_TAR_WINDOW)
        return reel_span_read(tar->span, offset, to, n, err);
    if (!in_window(tar, offset, n))
        REEL_TRY(move_window(tar, offset, n, err));
    memcpy(to, tar->window + (offset - tar->window_at), n);
    return REEL_OK;
}

/* Base 256, big-endian, where the first bit of a field is set. */
static bool binary_number(const uint8_t *field, size_t n, uint64_t *value)
{
    if (field[0] & 0x40)
        return false; /* negative */
    uint64_t v = field[0] & 0x3f;
    for (size_t i = 1; i < n; i++) {
        if (v >> 54)
            return false;
        v = v << 8 | field[i];
    }
    *value = v;
    return true;
}

/* A field of n bytes: octal digits between spaces, ended by a 0 or a space; or binary. */
static bool tar_number(const uint8_t *field, size_t n, uint64_t *value)
{
    if (field[0] & 0x80)
        return binary_number(field, n, value);
    uint64_t v = 0;
    size_t i = 0;
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

/* The sum of all bytes, with spaces in the sum's place. Old programs added them as signed. */
static bool checksum_fits(const uint8_t *h)
{
    uint64_t stored;
    int64_t sum = 0, with_sign = 0;
    if (!tar_number(h + SUM, SUM_BYTES, &stored))
        return false;
    for (int i = 0; i < BLOCK; i++) {
        const uint8_t byte = i >= SUM && i < SUM + SUM_BYTES ? ' ' : h[i];
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

/* Types of headers. Those from '1' to '6' are links, devices and folders. */
enum {
    LONG_NAME = 'L',
    LINK_NAME = 'K',
    PAX = 'x',
    PAX_OF_ALL = 'g',
    SPARSE = 'S',
    FIRST_WITHOUT_CONTENT = '1',
    LAST_WITHOUT_CONTENT = '6'
};

/* What headers said about the next entry. */
struct said {
    char type;         /* of the header at hand */
    bool named, sized; /* by extended headers */
    uint64_t bytes;
    char *name; /* REEL_TAR_NAME + 1 bytes */
};

static bool is_extended(char type)
{
    return type == LONG_NAME || type == LINK_NAME || type == PAX || type == PAX_OF_ALL;
}

static bool is_key(const char *key, size_t length, const char *expected)
{
    return strlen(expected) == length && memcmp(key, expected, length) == 0;
}

/* A record of a pax header. False: damaged, or of a sparse file. */
static bool read_record(const char *key, size_t key_length, const char *value, size_t length,
                        struct said *said)
{
    static const char sparse[] = "GNU.sparse.";
    if (is_key(key, key_length, "path")) {
        if (length > REEL_TAR_NAME || memchr(value, 0, length))
            return false;
        memcpy(said->name, value, length);
        said->name[length] = 0;
        said->named = true;
    } else if (is_key(key, key_length, "size")) {
        if (!reel_parse_number(value, length, INT64_MAX, &said->bytes))
            return false;
        said->sized = true;
    } else if (key_length >= sizeof sparse && memcmp(key, sparse, sizeof sparse - 1) == 0) {
        return false;
    }
    return true;
}

/* Records "LENGTH KEY=VALUE\n", LENGTH counting all of it. */
static bool read_pax(const char *text, size_t size, struct said *said)
{
    enum { MOST_DIGITS = 20 };
    while (size) {
        const char *space = memchr(text, ' ', size < MOST_DIGITS ? size : MOST_DIGITS);
        uint64_t length;
        if (!space || !reel_parse_number(text, (size_t)(space - text), size, &length))
            return false;
        /* LENGTH counts itself and the line break, too. */
        const size_t begin = (size_t)(space + 1 - text);
        if (length < begin + 2 || text[length - 1] != '\n')
            return false;

        const char *key = text + begin, *equals = memchr(key, '=', (size_t)length - begin);
        if (!equals)
            return false;
        const char *value = equals + 1, *end = text + length - 1;
        if (!read_record(key, (size_t)(equals - key), value, (size_t)(end - value), said))
            return false;
        text += length;
        size -= (size_t)length;
    }
    return true;
}

/* GNU's long name: the whole content. */
static reel_status read_long_name(const reel_tar *tar, uint64_t at, size_t size, struct said *said,
                                  reel_error *err)
{
    const size_t length = length_of(tar->extended, size);
    if (length > REEL_TAR_NAME)
        return reel_fail(err, REEL_ERR_FORMAT, "tar: name at %" PRIu64 " is too long", at);
    memcpy(said->name, tar->extended, length);
    said->name[length] = 0;
    said->named = true;
    return REEL_OK;
}

/* The header at `at`, which says something of the next entry. */
static reel_status read_extended(reel_tar *tar, uint64_t at, uint64_t size, struct said *said,
                                 reel_error *err)
{
    if (said->type == LINK_NAME || said->type == PAX_OF_ALL)
        return REEL_OK; /* a link's target; what holds for all */
    const bool long_name = said->type == LONG_NAME;
    const size_t most = long_name ? REEL_TAR_NAME + 1 : REEL_TAR_PAX;
    if (size > most)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "tar: extended header at %" PRIu64 " of %" PRIu64
                         " bytes, expected at most %zu",
                         at, size, most);
    REEL_TRY(reel_tar_read(tar, at + BLOCK, tar->extended, (size_t)size, err));
    tar->extended[size] = 0;

    if (long_name)
        return read_long_name(tar, at, (size_t)size, said, err);
    if (read_pax(tar->extended, (size_t)size, said))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "tar: the extended header at %" PRIu64 " is damaged or sparse", at);
}

/* Type and size of the header h, which lies at `at`. */
static reel_status read_tar_header(const uint8_t *h, uint64_t at, struct said *said, uint64_t *size,
                                   reel_error *err)
{
    if (!checksum_fits(h))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "tar: the header at %" PRIu64 " has a wrong checksum", at);
    if (!tar_number(h + SIZE, SIZE_BYTES, size))
        return reel_fail(err, REEL_ERR_FORMAT, "tar: the header at %" PRIu64 " has no valid size",
                         at);
    said->type = (char)h[TYPE];
    if (said->type == SPARSE)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "tar: the file at %" PRIu64 " is sparse, which is not read", at);
    if (!is_extended(said->type) && said->sized)
        *size = said->bytes;
    if (said->type >= FIRST_WITHOUT_CONTENT && said->type <= LAST_WITHOUT_CONTENT)
        *size = 0;
    return REEL_OK;
}

/* Moves behind the content of `size` bytes that follows the header at `at`. */
static reel_status pass_content(reel_tar *tar, uint64_t at, uint64_t size, const uint8_t *h,
                                reel_error *err)
{
    const uint64_t begin = at + BLOCK, left = tar->end - begin;
    if (size > left) {
        char own[300], name[101];
        ustar_name(h, own);
        reel_escape(name, sizeof name, own);
        return reel_fail(err, REEL_ERR_FORMAT,
                         "tar: cut, or damaged: the content of %.100s at %" PRIu64 " takes %" PRIu64
                         " bytes, %" PRIu64 " are left",
                         name, begin, size, left);
    }
    const uint64_t padded = size % BLOCK ? size + (BLOCK - size % BLOCK) : size;
    if (padded > left)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "tar: cut at %" PRIu64 ", within the padding of the content at %" PRIu64,
                         tar->end, begin);
    tar->at = begin + padded;
    return REEL_OK;
}

/* The next header into h; *more false = the end: blocks of zeros, or, suspicious, none. */
static reel_status next_header(reel_tar *tar, uint8_t h[BLOCK], bool *more, reel_error *err)
{
    static const uint8_t zeros[BLOCK];
    *more = false;
    tar->unmarked = tar->at >= tar->end;
    if (tar->unmarked)
        return REEL_OK;
    if (tar->end - tar->at < BLOCK)
        return reel_fail(err, REEL_ERR_FORMAT, "tar: cut at %" PRIu64 ", in the middle of a header",
                         tar->end);
    REEL_TRY(reel_tar_read(tar, tar->at, h, BLOCK, err));
    *more = memcmp(h, zeros, BLOCK) != 0;
    return REEL_OK;
}

reel_status reel_tar_next(reel_tar *tar, reel_tar_entry *entry, bool *more, reel_error *err)
{
    struct said said = {.name = entry->name};
    for (;;) {
        const uint64_t at = tar->at;
        uint8_t h[BLOCK];
        uint64_t size = 0;
        REEL_TRY(next_header(tar, h, more, err));
        if (!*more)
            return REEL_OK;
        *more = false; /* until the entry is complete */
        REEL_TRY(read_tar_header(h, at, &said, &size, err));
        REEL_TRY(pass_content(tar, at, size, h, err));
        if (is_extended(said.type)) {
            REEL_TRY(read_extended(tar, at, size, &said, err));
            continue;
        }

        if (!said.named)
            ustar_name(h, entry->name);
        const size_t length = strlen(entry->name);
        const bool file = said.type == '0' || said.type == 0 || said.type == '7';
        entry->regular = file && length && entry->name[length - 1] != '/';
        entry->offset = at + BLOCK;
        entry->size = size;
        *more = true;
        return REEL_OK;
    }
}

reel_status reel_tar_each(const reel_span *span, uint64_t from, uint64_t to, reel_tar_visit *visit,
                          void *user, reel_error *err)
{
    struct walk {
        reel_tar tar;
        reel_tar_entry entry;
    } *w = calloc(1, sizeof *w);
    if (!w)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to index a tar");

    reel_status status = REEL_OK;
    reel_tar_begin(&w->tar, span, from, to);
    for (bool more = true; more;) {
        REEL_TRY_GOTO(reel_tar_next(&w->tar, &w->entry, &more, err), done);
        if (more)
            REEL_TRY_GOTO(visit(user, &w->entry, err), done);
    }
done:
    free(w);
    return status;
}
