/* Completes the paths of a list, as tables of competitions need it: an id without an ending, files
 * in a folder beside the table, a path that was written on Windows. */
#include "data/sources/common/locate.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/number.h"
#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/paths.h"

/* Each folder costs TRIED_ROWS times all endings; a list beside that many folders means none. */
enum { TRIED_ROWS = 10, TRIED_FOLDERS = 100, SPREAD_ROWS = 200, ENDING = 16 };

/* What is put around the paths of all rows. */
typedef struct {
    int root;
    const char *folder;  /* "" = none */
    char ending[ENDING]; /* that the last file had; tried first */
} place;

static bool is_there(int root, const char *path)
{
    struct stat info;
    return fstatat(root, path, &info, 0) == 0 && S_ISREG(info.st_mode);
}

/* folder/path/ending with the slashes of this system; false: too long. */
static bool compose(char *out, const place *p, const char *path, const char *ending)
{
    const char *slash = *p->folder ? "/" : "";
    if (snprintf(out, REEL_DATA_PATH, "%s%s%s%s", p->folder, slash, path, ending) >= REEL_DATA_PATH)
        return false;
    for (char *at = out; (at = strchr(at, '\\')); at++)
        *at = '/';
    return true;
}

/* Tries the endings of all formats, as they are written and in capitals. */
static bool try_endings(place *p, const char *path, char *out)
{
    char all[512];
    reel_image_extensions(all, sizeof all);
    char *rest = all;
    for (char *ending; (ending = strsep(&rest, " "));) {
        if (!*ending || strlen(ending) >= sizeof p->ending)
            continue;
        for (int capitals = 0; capitals < 2; capitals++) {
            for (char *c = ending; capitals && *c; c++)
                *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
            if (compose(out, p, path, ending) && is_there(p->root, out)) {
                snprintf(p->ending, sizeof p->ending, "%s", ending);
                return true;
            }
        }
    }
    return false;
}

/* The same ending in capitals or in small letters: a.JPG is a.jpg on another system. */
static bool try_cases(const place *p, const char *path, char *out)
{
    for (int capitals = 0; capitals < 2; capitals++) {
        if (!compose(out, p, path, ""))
            return false;
        for (char *c = strrchr(out, '.'); c && *c; c++)
            *c = (char)(capitals ? toupper((unsigned char)*c) : tolower((unsigned char)*c));
        if (is_there(p->root, out))
            return true;
    }
    return false;
}

/* The file that a row means in that place. */
static bool find_row_file(place *p, const char *path, char *out)
{
    if (compose(out, p, path, "") && is_there(p->root, out))
        return true;
    if (reel_is_image_name(path))
        return try_cases(p, path, out);
    if (*p->ending && compose(out, p, path, p->ending) && is_there(p->root, out))
        return true;
    return try_endings(p, path, out);
}

/* Is one of the first rows a file in that place? */
static bool holds_rows(place *p, const reel_rows *rows)
{
    char found[REEL_DATA_PATH];
    for (int64_t i = 0; i < reel_rows_count(rows) && i < TRIED_ROWS; i++)
        if (find_row_file(p, reel_row_text(rows, reel_rows_at(rows, i)->path), found))
            return true;
    return false;
}

static bool are_complete(const reel_rows *rows, int root)
{
    for (int64_t i = 0; i < reel_rows_count(rows) && i < TRIED_ROWS; i++)
        if (is_there(root, reel_row_text(rows, reel_rows_at(rows, i)->path)))
            return true;
    return reel_rows_count(rows) == 0;
}

/* The folder beside the list that holds the files: that of the list's name, or the only one. */
static reel_status find_row_folder(place *p, const reel_rows *rows, const reel_names *folders,
                                   const char *list, bool *found, reel_error *err)
{
    const char *base = reel_base_name(list), *dot = strrchr(base, '.');
    const size_t stem = dot ? (size_t)(dot - base) : strlen(base);
    const int64_t n = reel_names_count(folders);
    const char *first = NULL;

    for (int64_t i = 0; i < n && n <= TRIED_FOLDERS; i++) {
        p->folder = reel_names_at(folders, i);
        if (!holds_rows(p, rows))
            continue;

        /* train.csv means train/, whatever other folders hold copies of its images. */
        if (strlen(p->folder) == stem && strncmp(p->folder, base, stem) == 0) {
            first = p->folder;
            break;
        }
        if (first)
            return reel_fail(err, REEL_ERR_INVALID,
                             "%s: its files are in '%s' and in '%s': expected paths that name the "
                             "folder",
                             base, first, p->folder);
        first = p->folder;
    }

    *found = first != NULL;
    p->folder = first ? first : "";
    return REEL_OK;
}

/* Rows whose file is there as it is named stay. all: none of the first rows' files was. */
static reel_status complete_paths(place *p, reel_rows *rows, reel_opened *out, const char *list,
                                  bool all, reel_error *err)
{
    int64_t completed = 0;
    char given[80], taken[80], others[100] = "";
    for (int64_t i = 0; i < reel_rows_count(rows); i++) {
        reel_row *row = (reel_row *)rows->rows.items + i;
        char path[REEL_DATA_PATH];
        const char *before = reel_row_text(rows, row->path);
        if ((!all && is_there(p->root, before)) || !find_row_file(p, before, path) ||
            strcmp(path, before) == 0)
            continue;

        if (completed++ == 0) {
            reel_escape(given, sizeof given, before);
            reel_escape(taken, sizeof taken, path);
        }
        REEL_TRY(reel_pool_add(&rows->text, path, strlen(path), &row->path, err));
    }
    if (completed == 0)
        return REEL_OK;
    if (all)
        snprintf(others, sizeof others, "; so are the other lines");
    else if (completed > 1)
        snprintf(others, sizeof others, "; so %s %s", completed == 2 ? "is" : "are",
                 reel_count_of(completed - 1, "other line").text);
    return reel_opened_note(out, err, "%s: '%s' is taken for %s%s", reel_base_name(list), given,
                            taken, others);
}

/* Would some rows, of up to 200 throughout the list, find a file that they do not name? */
static bool can_complete_some(place *p, const reel_rows *rows)
{
    const int64_t n = reel_rows_count(rows), stride = n / SPREAD_ROWS + 1;
    char found[REEL_DATA_PATH];
    for (int64_t i = 0; i < n; i += stride) {
        const char *path = reel_row_text(rows, reel_rows_at(rows, i)->path);
        if (!is_there(p->root, path) && find_row_file(p, path, found))
            return true;
    }
    return false;
}

/* Is any of the files there as its row names it? */
static bool is_any_named(const place *p, const reel_rows *rows)
{
    for (int64_t i = 0; i < reel_rows_count(rows); i++)
        if (is_there(p->root, reel_row_text(rows, reel_rows_at(rows, i)->path)))
            return true;
    return false;
}

reel_status reel_rows_locate(reel_rows *rows, reel_opened *out, const reel_list_place *at,
                             bool *none, reel_error *err)
{
    *none = false;
    if (!at->folder)
        return REEL_OK;

    place p = {.root = at->root, .folder = ""};
    if (are_complete(rows, at->root))
        return can_complete_some(&p, rows) ? complete_paths(&p, rows, out, at->list, false, err)
                                           : REEL_OK;

    /* The first rows' files, completed: beside the list, else in one folder beside it. */
    bool found = holds_rows(&p, rows);
    reel_names folders = {0};
    reel_status status = REEL_OK;
    if (!found) {
        REEL_TRY_GOTO(reel_folder_names(&folders, at->folder, err), done);
        REEL_TRY_GOTO(find_row_folder(&p, rows, &folders, at->list, &found, err), done);
    }
    *none = !found && !is_any_named(&p, rows) && !can_complete_some(&p, rows);
    if (!*none)
        status = complete_paths(&p, rows, out, at->list, found, err);
done:
    reel_names_free(&folders);
    return status;
}

bool reel_rows_are_there(const reel_rows *rows, const char *folder, const char *list)
{
    const int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place p = {.root = root, .folder = ""};
    reel_names folders = {0};
    reel_error ignored;
    bool found = root >= 0 && (is_any_named(&p, rows) || holds_rows(&p, rows));
    if (root >= 0 && !found && reel_folder_names(&folders, folder, &ignored) == REEL_OK &&
        find_row_folder(&p, rows, &folders, list, &found, &ignored) != REEL_OK)
        found = true; /* two folders hold them */
    if (root >= 0)
        close(root);
    reel_names_free(&folders);
    return found;
}

bool reel_locate_file(int root, const char *folder, const char *path)
{
    char found[REEL_DATA_PATH];
    place p = {.root = root, .folder = folder};
    return *path && find_row_file(&p, path, found);
}

/* ---- rows that name no image ---- */

/* So few that these rows are no samples, but a line of sums or the like? */
static bool are_few(int64_t odd, int64_t n)
{
    const int64_t few = 5;
    return (odd == 1 && n > 4) || (odd * 10 <= n && (odd <= few || odd * 100 <= n));
}

reel_status reel_rows_drop_odd(reel_rows *rows, reel_opened *out, const reel_list_place *at,
                               reel_error *err)
{
    const int64_t n = reel_rows_count(rows);
    int64_t unnamed = 0, odd = 0;
    for (int64_t i = 0; i < n; i++)
        unnamed += !reel_rows_at(rows, i)->picture;
    if (unnamed == 0 || !are_few(unnamed, n))
        return REEL_OK;

    /* A row stays whose path looks like an image's, or is there. */
    bool *drop = calloc((size_t)n, sizeof *drop);
    if (!drop)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the lines of a list");
    char shown[80] = "", others[100] = "";
    int64_t line = 0;
    for (int64_t i = 0; i < n; i++) {
        const reel_row *row = reel_rows_at(rows, i);
        const char *path = reel_row_text(rows, row->path);
        drop[i] = !row->picture && !is_there(at->root, path);
        if (!drop[i] || odd++)
            continue;
        reel_escape(shown, sizeof shown, path);
        line = row->line;
    }
    reel_rows_drop(rows, drop);
    free(drop);

    if (odd > 1)
        snprintf(others, sizeof others, ", and so %s %s", odd == 2 ? "is" : "are",
                 reel_count_of(odd - 1, "other line").text);
    return odd ? reel_opened_note(out, err,
                                  "%s: line %" PRId64 ": '%s' names no image, and nearly all "
                                  "other lines do: left out%s",
                                  reel_base_name(at->list), line, shown, others)
               : REEL_OK;
}
