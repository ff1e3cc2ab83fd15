/* Text files out of strangers' hands: lines, numbers, names of classes. */
#include "data/sources/common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"

void reel_mend_line_ends(reel_bytes *text)
{
    if (text->size == 0 || memchr(text->data, '\n', text->size))
        return;
    for (size_t i = 0; i < text->size; i++)
        if (text->data[i] == '\r')
            text->data[i] = '\n';
}

bool reel_lines_next(reel_lines *l, const char **line, size_t *length)
{
    if (!l->begun && l->end - l->at >= 3 && memcmp(l->at, "\xef\xbb\xbf", 3) == 0)
        l->at += 3;
    l->begun = true;
    if (l->at >= l->end)
        return false;
    const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
    *line = l->at;
    l->at = stop ? stop + 1 : l->end;
    if (!stop)
        stop = l->end;
    while (stop > *line && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    *length = (size_t)(stop - *line);
    l->number++;
    return true;
}

bool reel_parse_number(const char *text, size_t length, uint64_t most, uint64_t *number)
{
    if (length == 0 || length > 20)
        return false;
    uint64_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || n > (UINT64_MAX - 9) / 10)
            return false;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    *number = n;
    return n <= most;
}

reel_status reel_names_from_file(reel_names *names, const char *path, size_t most_bytes,
                                 int64_t most_names, reel_error *err)
{
    reel_bytes bytes = {0};
    reel_status status = REEL_OK;
    REEL_TRY_GOTO(reel_read_plain(&bytes, path, most_bytes, err), done);
    reel_mend_line_ends(&bytes);
    reel_lines lines = {.at = (char *)bytes.data, .end = (char *)bytes.data + bytes.size};
    const char *line;
    size_t length;
    while (reel_names_count(names) < most_names && reel_lines_next(&lines, &line, &length))
        if (length && !memchr(line, 0, length))
            REEL_TRY_GOTO(reel_names_add(names, line, length, err), done);
done:
    reel_bytes_free(&bytes);
    return status;
}

/* A file that is too large is another thing of that name; one that cannot be read is an error:
 * names would be lost without a word. */
static reel_status names_from(reel_names *names, const char *path, int64_t n, bool *good,
                              reel_error *err)
{
    enum { MOST_BYTES = 16 << 20, MOST_NAMES = 1 << 24 };
    *good = false;
    const reel_status status = reel_names_from_file(names, path, MOST_BYTES, MOST_NAMES, err);
    if (status == REEL_ERR_FORMAT)
        return REEL_OK;
    *good = status == REEL_OK && reel_names_count(names) >= n;
    return status;
}

reel_status reel_class_names(reel_names *names, const char *folder, int64_t n, bool *found,
                             reel_short_names *few, reel_error *err)
{
    static const char *const files[] = {"classes.txt", "class_names.txt", "labels.txt",
                                        "synsets.txt"};
    *found = false;
    for (int i = 0; folder && i < (int)REEL_COUNT(files); i++) {
        /* A file with fewer lines than classes is something else of that name. */
        char path[REEL_DATA_PATH];
        if (snprintf(path, sizeof path, "%s/%s", folder, files[i]) >= (int)sizeof path ||
            !reel_is_file(path))
            continue;
        REEL_TRY(names_from(names, path, n, found, err));
        if (*found)
            return REEL_OK;
        /* labels.txt and synsets.txt may be lists of something else. */
        if (few && i < 2 && !few->file && reel_names_count(names) > 0)
            *few = (reel_short_names){files[i], reel_names_count(names)};
        reel_names_free(names);
    }
    return REEL_OK;
}

reel_status reel_number_names(reel_names *names, const char *folder, int64_t n, reel_error *err)
{
    bool found;
    REEL_TRY(reel_class_names(names, folder, n, &found, NULL, err));
    for (int64_t c = 0; !found && c < n; c++) {
        char text[24];
        const int length = snprintf(text, sizeof text, "%" PRId64, c);
        REEL_TRY(reel_names_add(names, text, (size_t)length, err));
    }
    return REEL_OK;
}
