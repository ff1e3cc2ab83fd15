/* A folder with labels.csv and train/1.jpg: only the table says what the classes are. */
#include "data/sources/common/table_beside.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "data/codecs/codec.h"
#include "data/sources/common/csv.h"
#include "data/sources/common/locate.h"
#include "data/sources/common/outputs.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/splits.h"
#include "data/sources/common/text.h"
#include "data/sources/common/titles.h"

enum { MOST_TABLES = 20, MOST_FOLDERS = 20, TRIED_RECORDS = 12 };

static bool is_table_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot && (strcasecmp(dot, ".csv") == 0 || strcasecmp(dot, ".tsv") == 0);
}

bool reel_find_any_table(const char *folder, char *name, int size)
{
    DIR *stream = opendir(folder);
    bool found = false;
    for (const struct dirent *e; stream && !found && (e = readdir(stream));) {
        found = is_table_name(e->d_name);
        if (found)
            snprintf(name, (size_t)size, "%s", e->d_name);
    }
    if (stream)
        closedir(stream);
    return found;
}

/* Are all folders of data without folders, and called after no class unless they hold no images? */
static bool list_heaps(reel_names *folders, const char *data)
{
    reel_error ignored;
    char path[REEL_DATA_PATH];
    if (reel_folder_names(folders, data, &ignored) != REEL_OK)
        return false;
    for (int64_t i = 0; i < reel_names_count(folders); i++) {
        const char *name = reel_names_at(folders, i);
        reel_names below = {0};
        bool heap = snprintf(path, sizeof path, "%s/%s", data, name) < (int)sizeof path;
        if (reel_is_litter(name) || (heap && reel_is_output_folder(path)))
            continue;
        const bool classless = reel_looks_like_split(name) || reel_is_heap_name(name);
        heap = heap && (classless || !reel_holds_images(path)) &&
               reel_folder_names(&below, path, &ignored) == REEL_OK &&
               reel_names_count(&below) == 0;
        reel_names_free(&below);
        if (!heap)
            return false;
    }
    return true;
}

/* Does a cell of the first records name a file, here or in one of the folders? */
static bool names_images(const char *table, int root, const reel_names *folders)
{
    uint8_t head[16384];
    char path[300];
    reel_bytes text = {.data = head, .size = reel_read_head(table, head, sizeof head)};
    reel_csv csv;
    reel_title title;
    reel_error ignored;
    bool more = true, found = false;
    reel_mend_line_ends(&text);
    reel_status status = reel_csv_begin(&csv, &text, true, &title, &ignored);
    for (int r = 0; status == REEL_OK && csv.separator && more && !found && r < TRIED_RECORDS;
         r++) {
        status = reel_csv_next(&csv, &more, &ignored);
        for (int64_t c = 0; status == REEL_OK && more && !found && c < reel_csv_count(&csv); c++) {
            const reel_csv_field cell = reel_csv_at(&csv, c);
            if (cell.length >= sizeof path)
                continue;
            snprintf(path, sizeof path, "%.*s", (int)cell.length, cell.text);
            found = reel_locate_file(root, "", path);
            for (int64_t i = 0; !found && i < reel_names_count(folders) && i < MOST_FOLDERS; i++)
                found = reel_locate_file(root, reel_names_at(folders, i), path);
        }
    }
    reel_csv_free(&csv);
    return found;
}

/* A table of test images without labels, or of answers to be handed in. */
static bool is_other_table(const char *name)
{
    return strcasestr(name, "submission") || strcasestr(name, "sample") ||
           reel_has_word(name, "test");
}

bool reel_find_table(const char *data, char *table)
{
    DIR *stream = opendir(data);
    const int root = stream ? dirfd(stream) : -1;
    reel_names folders = {0};
    char path[REEL_DATA_PATH];
    int looked_at = 0, found = 0;
    bool listed = false;
    for (const struct dirent *e; stream && looked_at < MOST_TABLES && (e = readdir(stream));) {
        if (!is_table_name(e->d_name) || is_other_table(e->d_name) ||
            snprintf(path, sizeof path, "%s/%s", data, e->d_name) >= (int)sizeof path)
            continue;

        /* The folders matter only where there is a table. */
        if (!listed && !list_heaps(&folders, data))
            break;
        listed = true;
        looked_at++;
        if (!names_images(path, root, &folders))
            continue;
        found++;
        snprintf(table, REEL_DATA_PATH, "%s", path);
    }
    if (stream)
        closedir(stream);
    reel_names_free(&folders);
    if (found != 1)
        table[0] = 0;
    return found == 1;
}
