/* From DATA and a split to an opened source: the table, which the build makes of the files in
 * data/sources/, asked in order of rank. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/system_error.h"
#include "data/codecs/codec.h"
#include "data/sources/common/opened.h"
#include "data/sources/common/plain_file.h"

#include "source_table.inc"

enum { SOURCES = sizeof source_table / sizeof *source_table };

int reel_source_count(void)
{
    return SOURCES;
}

const reel_source *reel_source_at(int i)
{
    return i >= 0 && i < SOURCES ? source_table[i] : NULL;
}

/* The table's places in order of rank; among equals the table's order stays. */
static void order_by_rank(int order[SOURCES])
{
    for (int i = 0; i < SOURCES; i++) {
        int k = i;
        for (; k > 0 && source_table[order[k - 1]]->rank > source_table[i]->rank; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

reel_sniff reel_source_sniff(const reel_source *source, const reel_data_request *request,
                             char *path)
{
    return source->sniff_as ? source->sniff_as(request, path)
                            : source->sniff(request->data, request->split, path);
}

const reel_source *reel_source_find(const reel_data_request *request, char *path,
                                    const reel_source **without)
{
    int order[SOURCES] = {0};
    order_by_rank(order);
    *without = NULL;
    for (int i = 0; i < SOURCES; i++) {
        const reel_source *source = source_table[order[i]];
        const reel_sniff sniffed = reel_source_sniff(source, request, path);
        if (sniffed == REEL_SNIFF_FOUND)
            return source;
        if (sniffed == REEL_SNIFF_NO_SPLIT && !*without)
            *without = source;
    }
    return NULL;
}

/* The splits that there are, of those with a name that everybody uses: "train, val". */
static void list_splits(const reel_data_request *request, char *list, size_t size)
{
    static const char *const usual[] = {"train", "val", "test"};
    char path[REEL_DATA_PATH];
    const reel_source *without;
    size_t used = 0;
    *list = '\0';
    reel_data_request other = *request;
    for (int i = 0; i < REEL_COUNT(usual); i++) {
        other.split = usual[i];
        if (reel_source_find(&other, path, &without))
            used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "", usual[i]);
    }
}

/* A folder that no source but the last takes is most likely an image folder whose split is called
 * otherwise. */
static reel_status refuse_split(const reel_data_request *request, const reel_source *without,
                                reel_error *err)
{
    const char *data = request->data, *split = request->split;
    char there[40];
    list_splits(request, there, sizeof there);
    const bool needed = strcmp(split, "train") == 0 || strcmp(split, "val") == 0;
    if (*there && !needed)
        return reel_fail(err, REEL_ERR_IO, "%s: no split '%.60s' in it; it has %s", data, split,
                         there);
    if (without->rank != REEL_RANK_ANY_FOLDER)
        return reel_fail(err, REEL_ERR_IO, "%s: %s without a %s part", data, without->name, split);
    const char *or_validation = strcmp(split, "val") == 0 ? " or validation" : "";
    return reel_fail(err, REEL_ERR_IO,
                     "%s: no folder %s%s in it; expected train and val, each with one folder of "
                     "images per class (or another kind of dataset: data/README.md lists them)",
                     data, split, or_validation);
}

reel_status reel_source_refuse(const reel_data_request *request, const reel_source *without,
                               reel_error *err)
{
    const char *data = request->data;
    struct stat info;
    uint8_t head[512];
    if (without)
        return refuse_split(request, without, err);
    if (stat(data, &info) != 0)
        return reel_fail_system(err, errno, "%s: cannot be opened", data);

    const size_t n = S_ISREG(info.st_mode) ? reel_read_head(data, head, sizeof head) : 0;
    const char *what = "a file of unknown content";
    if (!S_ISREG(info.st_mode))
        what = "a file of another kind";
    else if (n == 0)
        what = "an empty file";
    else if (reel_codec_of(head, n))
        what = "one image";
    else if (reel_content_name(head, n))
        what = reel_content_name(head, n);
    return reel_fail(err, REEL_ERR_IO,
                     "%s: expected a folder, a list, a tar or an idx file, got %s", data, what);
}

void reel_opened_free(reel_opened *opened)
{
    if (opened->self)
        opened->source->destroy(opened->self);
    reel_names_free(&opened->classes);
    reel_names_free(&opened->notes);
    *opened = (reel_opened){0};
}

reel_status reel_opened_note(reel_opened *opened, reel_error *err, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return reel_names_add(&opened->notes, text, strlen(text), err);
}

reel_status reel_opened_make(reel_opened *out, const reel_source *source,
                             const reel_data_request *request, const char *path, reel_error *err)
{
    *out = (reel_opened){.source = source, .request = request};
    const reel_status status = source->open(out, request->data, request->split, path, err);
    if (status != REEL_OK)
        reel_opened_free(out);
    return status;
}
