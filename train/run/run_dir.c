/* The files of a run's folder, weights apart. */
#include "train/run/run_dir.h"

#include "core/files/atomic_file.h"
#include "core/files/json_text.h"
#include "core/system_error.h"
#include "train/run/json_util.h"
#include "train/run/run_files.h"
#include "train/run/run_lock.h"
#include "train/run/summary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

const char *reel_run_dir_file(const reel_run_dir *run, const char *name, char *text, size_t size)
{
    snprintf(text, size, "%s/%s", run->path, name);
    return text;
}

static bool is_run_file(const char *name)
{
    const reel_run_file *file = reel_run_file_of(name);
    return file && file->marks;
}

/* Does the file lie in the folder? */
static bool lies_in(const char *file, const char *folder)
{
    char parent[REEL_PATH_MAX];
    const char *slash = strrchr(file, '/');
    struct stat a, b;
    if (snprintf(parent, sizeof parent, "%.*s.", slash ? (int)(slash - file) + 1 : 0, file) >=
        (int)sizeof parent)
        return false;
    return stat(parent, &a) == 0 && stat(folder, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

bool reel_run_dir_holds_run(const char *path)
{
    bool found = false;
    DIR *d = opendir(path);
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = is_run_file(e->d_name);
    if (d)
        closedir(d);
    return found;
}

reel_status reel_run_dir_config(json_t **out, const char *path, reel_error *err)
{
    char file[REEL_PATH_MAX];
    *out = NULL;
    snprintf(file, sizeof file, "%s/config.json", path);
    return access(file, F_OK) == 0 ? reel_json_load(out, file, err) : REEL_OK;
}

/* Calls f on each parsed line of a .jsonl file; a line that is no JSON (a crash cut it) is passed
 * over. No file: no lines. */
static reel_status each_json_line(const char *path,
                                  reel_status (*f)(void *user, json_t *line, reel_error *err),
                                  void *user, reel_error *err)
{
    FILE *in;
    REEL_TRY(reel_plain_open(&in, path, err));
    if (!in)
        return REEL_OK;

    char *text = NULL;
    size_t capacity = 0;
    reel_status status = REEL_OK;
    while (status == REEL_OK && getline(&text, &capacity, in) > 0) {
        json_t *line = json_loads(text, 0, NULL);
        if (line)
            status = f(user, line, err);
        json_decref(line);
    }

    /* A file that was read in part must not be rewritten from that part. */
    if (status == REEL_OK && !feof(in))
        status = reel_fail_system(err, errno, "%s: cannot be read", path);
    free(text);
    fclose(in);
    return status;
}

static reel_status note_work(void *user, json_t *line, reel_error *err)
{
    (void)err;
    bool *worked = user;
    const char *event = json_string_value(json_object_get(line, "event"));
    *worked |= !event || (strcmp(event, "start") != 0 && strcmp(event, "end") != 0);
    return REEL_OK;
}

/* Does the folder hold a run that was refused or interrupted before its first step? There is a
 * config.json of Reel's, and nothing that was learned. */
static bool is_unbegun(const char *path)
{
    bool worked = false;
    DIR *d = opendir(path);
    for (struct dirent *e; d && !worked && (e = readdir(d));)
        worked = is_run_file(e->d_name) && strcmp(e->d_name, "config.json") != 0 &&
                 strcmp(e->d_name, "metrics.jsonl") != 0;
    if (d)
        closedir(d);

    /* Left are config.json, which must be Reel's, and metrics.jsonl, which must have no step. */
    json_t *config;
    char metrics[REEL_PATH_MAX];
    if (!d || worked || reel_run_dir_config(&config, path, NULL) != REEL_OK || !config)
        return false;
    const bool own = json_is_object(json_object_get(config, "options")) &&
                     json_is_string(json_object_get(config, "command"));
    json_decref(config);
    snprintf(metrics, sizeof metrics, "%s/metrics.jsonl", path);
    return own && each_json_line(metrics, note_work, &worked, NULL) == REEL_OK && !worked;
}

/* A folder without a run may be somebody's: what a run writes besides its own kinds of file must
 * not replace theirs. */
static reel_status refuse_to_replace(const char *path, reel_error *err)
{
    const reel_run_file *row;
    for (int i = 0; (row = reel_run_file_at(i)); i++) {
        char file[REEL_PATH_MAX + 32];
        struct stat info;
        snprintf(file, sizeof file, "%s/%s", path, row->name);
        if (lstat(file, &info) == 0)
            return reel_fail(err, REEL_ERR_INVALID,
                             "--output-dir %s: holds no run, but a file %s, which a run would "
                             "replace; move the file, or choose another folder",
                             path, row->name);
    }
    return REEL_OK;
}

reel_status reel_run_dir_check(const char *path, const char *resume, reel_error *err)
{
    if (!*path)
        return reel_fail(err, REEL_ERR_INVALID, "--output-dir: expected a path, got nothing");
    if (strlen(path) >= sizeof((reel_run_dir *)0)->path)
        return reel_fail(err, REEL_ERR_INVALID, "--output-dir: the path is too long");

    DIR *d = opendir(path);
    if (!d && errno == ENOENT)
        return REEL_OK;
    if (!d)
        return reel_fail_system(err, errno, "--output-dir %s: cannot be opened", path);
    closedir(d);

    const bool resumed = resume && (!strcmp(resume, "auto") || lies_in(resume, path));
    if (resumed || is_unbegun(path))
        return REEL_OK;
    if (!reel_run_dir_holds_run(path))
        return refuse_to_replace(path, err);
    return reel_fail(err, REEL_ERR_INVALID,
                     "--output-dir %s: holds a run already; --resume auto continues it, another "
                     "--output-dir starts a new one",
                     path);
}

/* A folder on the way that cannot be made may be there all the same: on a file system that is read
 * only, or one that may not be listed. */
bool reel_make_folders(const char *path)
{
    char part[REEL_PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        if (*p && *p != '/')
            continue;
        const char was = *p;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST &&
            !(was && (errno == EROFS || errno == EACCES)))
            return false;
        if (!was)
            return true;
        *p = was;
    }
}

reel_status reel_run_dir_make(const char *path, reel_error *err)
{
    if (reel_make_folders(path))
        return REEL_OK;
    return reel_fail_system(err, errno, "--output-dir %s: cannot be made", path);
}

/* A line of bad_files.jsonl, of a file that was not known. */
static reel_status remember_bad(reel_run_dir *run, json_t *line, bool *is_new, reel_error *err)
{
    const char *split = json_string_value(json_object_get(line, "split")),
               *name = json_string_value(json_object_get(line, "name"));
    char key[REEL_PATH_MAX];
    *is_new = false;
    if (!split || !name)
        return REEL_OK;
    snprintf(key, sizeof key, "%s/%s", split, name);
    if (json_object_get(run->bad, key))
        return REEL_OK;
    if (json_object_set(run->bad, key, line) != 0)
        return reel_fail(err, REEL_ERR_MEMORY, "bad files: out of memory");
    run->n_bad_train += !strcmp(split, "train");
    *is_new = true;
    return REEL_OK;
}

static reel_status remember_bad_line(void *user, json_t *line, reel_error *err)
{
    bool is_new;
    return remember_bad(user, line, &is_new, err);
}

/* Files that a killed process had not finished: half a gigabyte each, for a checkpoint of AlexNet.
 */
static bool is_unfinished(const char *name)
{
    const size_t length = strlen(name);
    return length > 10 && !strncmp(name, ".reel-", 6) && !strcmp(name + length - 4, ".tmp");
}

/* What a run leaves that ended before its first step. A new run would add to these. */
static bool is_leftover(const char *name)
{
    const reel_run_file *file = reel_run_file_of(name);
    return file && file->early;
}

static void remove_leftovers(const char *path, bool (*is_one)(const char *name))
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_one(e->d_name))
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

reel_status reel_run_dir_open(reel_run_dir *run, const char *path, const json_t *config,
                              bool locked, reel_error *err)
{
    *run = (reel_run_dir){.lock = -1, .folder = -1, .config = config, .bad = json_object()};
    snprintf(run->path, sizeof run->path, "%s", path);
    char file[REEL_PATH_MAX];
    REEL_TRY(reel_run_dir_make(path, err));
    /* As long as it is open, no other folder gets its inode number. */
    run->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (!locked) {
        REEL_TRY(reel_run_lock(&run->lock, path, err));
        /* Another run may have begun in it after the first look and have ended by now. */
        const bool used = reel_run_dir_holds_run(path);
        if (used && !is_unbegun(path))
            return reel_fail(err, REEL_ERR_INVALID, "--output-dir %s: holds a run already", path);
        if (used)
            remove_leftovers(path, is_leftover);
    }

    remove_leftovers(path, is_unfinished);
    REEL_TRY(reel_json_save(config, reel_run_dir_file(run, "config.json", file, sizeof file), err));
    return each_json_line(reel_run_dir_file(run, "bad_files.jsonl", file, sizeof file),
                          remember_bad_line, run, err);
}

void reel_run_dir_close(reel_run_dir *run)
{
    json_decref(run->bad);
    reel_run_unlock(run->lock);
    if (run->folder >= 0)
        close(run->folder);
    *run = (reel_run_dir){.lock = -1, .folder = -1};
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* A file that is put together in memory. */
typedef struct memory_file {
    FILE *to;
    char *text;
    size_t size;
} memory_file;

static reel_status put_in_place(memory_file *f, const char *path, reel_status status,
                                reel_error *err)
{
    const bool whole = f->to && !ferror(f->to), closed = f->to && fclose(f->to) == 0;
    if (status == REEL_OK && !(whole && closed))
        status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    if (status == REEL_OK && !reel_file_holds(path, f->text, f->size))
        status = reel_atomic_write(path, f->text, f->size, err);
    free(f->text);
    return status;
}

static reel_status write_bad_files(const reel_run_dir *run, reel_error *err)
{
    char path[REEL_PATH_MAX];
    const char *key;
    json_t *line;
    memory_file f = {0};
    f.to = open_memstream(&f.text, &f.size);
    json_object_foreach(run->bad, key, line)
    {
        if (!f.to)
            break;
        json_dumpf(line, f.to, JSON_COMPACT);
        fputc('\n', f.to);
    }
    return put_in_place(&f, reel_run_dir_file(run, "bad_files.jsonl", path, sizeof path), REEL_OK,
                        err);
}

reel_status reel_run_dir_describe(const reel_run_dir *run, reel_error *err)
{
    char file[REEL_PATH_MAX];
    REEL_TRY(
        reel_json_save(run->config, reel_run_dir_file(run, "config.json", file, sizeof file), err));
    return json_object_size(run->bad) > 0 ? write_bad_files(run, err) : REEL_OK;
}

/* A folder that exists becomes the run's. */
static reel_status take_folder(reel_run_dir *run, reel_error *err)
{
    close(run->folder);
    run->folder = open(run->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    reel_run_unlock(run->lock);
    run->lock = -1;
    return reel_run_lock(&run->lock, run->path, err);
}

/* Where the system says that the open folder is now; false where it is gone. */
static bool find_moved(const reel_run_dir *run, const struct stat *own, char *path, size_t size)
{
    char link[40];
    struct stat there;
    snprintf(link, sizeof link, "/proc/self/fd/%d", run->folder);
    const ssize_t length = readlink(link, path, size - 1);
    if (length <= 0)
        return false;
    path[length] = '\0';
    return stat(path, &there) == 0 && is_same_file(own, &there);
}

bool reel_run_dir_follow(reel_run_dir *run)
{
    struct stat own, there;
    char now[sizeof run->path];
    if (run->folder < 0 || fstat(run->folder, &own) != 0)
        return false;
    if (stat(run->path, &there) == 0 && is_same_file(&own, &there))
        return false;
    if (!find_moved(run, &own, now, sizeof now))
        return false;
    memcpy(run->path, now, sizeof now);
    return true;
}

reel_status reel_run_dir_in_place(reel_run_dir *run, reel_run_dir_found *found, reel_error *err)
{
    struct stat own, there;
    *found = REEL_RUN_DIR_IN_PLACE;
    if (run->folder < 0 || fstat(run->folder, &own) != 0)
        return REEL_OK;
    const bool taken = stat(run->path, &there) == 0;
    if (taken ? is_same_file(&own, &there) : errno != ENOENT)
        return REEL_OK; /* a server that is away says nothing of the folder */

    if (reel_run_dir_follow(run)) {
        *found = REEL_RUN_DIR_MOVED;
        return REEL_OK;
    }
    if (!taken) {
        if (mkdir(run->path, 0777) != 0)
            return REEL_OK; /* each write will tell */
        *found = REEL_RUN_DIR_MADE_ANEW;
        return take_folder(run, err);
    }
    return reel_fail(err, REEL_ERR_INVALID,
                     "--output-dir %s: expected the folder in which the run began, got another "
                     "one, made since; nothing more is written",
                     run->path);
}

double reel_run_dir_free(const reel_run_dir *run)
{
    struct statvfs fs;
    if (statvfs(run->path, &fs) != 0 || fs.f_blocks == 0)
        return INFINITY;
    return (double)fs.f_bavail * (double)fs.f_frsize;
}

reel_status reel_run_dir_room(const reel_run_dir *run, size_t bytes, reel_error *err)
{
    const double free_bytes = reel_run_dir_free(run);
    if (free_bytes >= (double)bytes)
        return REEL_OK;
    const int digits = bytes < 10000000 ? 2 : 1;
    return reel_fail(err, REEL_ERR_IO, "%s: expected %.*f MB of free disk space, got %.*f",
                     run->path, digits, (double)bytes * 1e-6, digits, free_bytes * 1e-6);
}

size_t reel_run_dir_bytes(const reel_run_dir *run)
{
    size_t bytes = 0;
    DIR *folder = opendir(run->path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[REEL_PATH_MAX + 256];
        struct stat info;
        if (is_run_file(entry->d_name) &&
            stat(reel_run_dir_file(run, entry->d_name, path, sizeof path), &info) == 0)
            bytes += (size_t)info.st_size;
    }
    if (folder)
        closedir(folder);
    return bytes;
}

reel_status reel_run_dir_metric(reel_run_dir *run, json_t *line, reel_error *err)
{
    char file[REEL_PATH_MAX];
    const reel_status status =
        reel_summary_append(reel_run_dir_file(run, "summary.csv", file, sizeof file), line, err);
    const reel_status appended =
        reel_json_append(line, reel_run_dir_file(run, "metrics.jsonl", file, sizeof file),
                         status == REEL_OK ? err : NULL);
    return status == REEL_OK ? appended : status;
}

typedef struct {
    memory_file metrics, summary;
    int64_t step, last_evaluation;
} rewind_state;

static reel_status keep_line(void *user, json_t *line, reel_error *err)
{
    (void)err;
    rewind_state *r = user;
    const char *event = json_string_value(json_object_get(line, "event"));
    const bool evaluation = event && !strcmp(event, "eval");
    if (json_integer_value(json_object_get(line, "step")) >
        (evaluation ? r->last_evaluation : r->step))
        return REEL_OK;
    reel_json_dumpf(line, r->metrics.to, JSON_COMPACT);
    fputc('\n', r->metrics.to);
    reel_summary_row(r->summary.to, line);
    return REEL_OK;
}

reel_status reel_run_dir_rewind(reel_run_dir *run, int64_t step, bool evaluates, reel_error *err)
{
    char file[REEL_PATH_MAX];
    reel_run_dir_file(run, "metrics.jsonl", file, sizeof file);
    if (access(file, F_OK) != 0)
        return REEL_OK;
    rewind_state r = {.step = step, .last_evaluation = step - evaluates};
    r.metrics.to = open_memstream(&r.metrics.text, &r.metrics.size);
    r.summary.to = open_memstream(&r.summary.text, &r.summary.size);
    reel_status status = REEL_OK;
    if (r.metrics.to && r.summary.to) {
        reel_summary_header(r.summary.to);
        status = each_json_line(file, keep_line, &r, err);
    }
    status = put_in_place(&r.metrics, file, status, err);
    return put_in_place(&r.summary, reel_run_dir_file(run, "summary.csv", file, sizeof file),
                        status, err);
}

reel_status reel_run_dir_bad(reel_run_dir *run, const char *split, const char *name,
                             const char *reason, bool *is_new, reel_error *err)
{
    char file[REEL_PATH_MAX];
    json_t *line = json_pack("{s:s, s:o, s:o}", "split", split, "name", reel_json_text(name),
                             "reason", reel_json_text(reason));
    const reel_status status = remember_bad(run, line, is_new, err);
    if (*is_new)
        return reel_json_append(line, reel_run_dir_file(run, "bad_files.jsonl", file, sizeof file),
                                err);
    json_decref(line);
    return status;
}
