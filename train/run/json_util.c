/* JSON for files and results. */
#include "train/run/json_util.h"

#include "core/files/atomic_file.h"
#include "core/files/json_text.h"
#include "core/files/text.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void reel_utf8_text(const char *bytes, char *text, size_t size)
{
    reel_escape_text(bytes, 0, text, size);
}

const char *reel_shown_text(const char *bytes, char *text, size_t size)
{
    return reel_escape_text(bytes, REEL_ESCAPE_CONTROLS, text, size);
}

json_t *reel_json_text(const char *bytes)
{
    json_t *plain = json_string(bytes);
    if (plain)
        return plain;
    char text[4096];
    reel_utf8_text(bytes, text, sizeof text);
    return json_string(text);
}

static void bytes_key(char *text, size_t size, const char *key)
{
    snprintf(text, size, "%s_bytes", key);
}

void reel_json_put_path(json_t *object, const char *key, const char *path)
{
    char other[64], hex[2 * 4096 + 1] = "";
    json_t *text = json_string(path);
    bytes_key(other, sizeof other, key);
    if (!text)
        for (size_t i = 0; path[i] && 2 * i + 3 <= sizeof hex; i++)
            snprintf(hex + 2 * i, 3, "%02x", (unsigned char)path[i]);
    json_object_set_new(object, key, text ? text : reel_json_text(path));
    if (*hex)
        json_object_set_new(object, other, json_string(hex));
}

const char *reel_json_path(const json_t *object, const char *key, char *text, size_t size)
{
    char other[64];
    bytes_key(other, sizeof other, key);
    const char *hex = json_string_value(json_object_get(object, other));
    if (!hex)
        return json_string_value(json_object_get(object, key));
    size_t n = 0;
    for (unsigned byte; n + 1 < size && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        text[n] = (char)byte;
    text[n] = '\0';
    return text;
}

json_t *reel_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

bool reel_file_holds(const char *path, const char *text, size_t size)
{
    FILE *in;
    if (reel_plain_open(&in, path, NULL) || !in)
        return false;
    size_t at = 0;
    while (at < size && getc(in) == (unsigned char)text[at])
        at++;
    const bool same = at == size && getc(in) == EOF;
    fclose(in);
    return same;
}

bool reel_text_file_open(reel_text_file *f)
{
    *f = (reel_text_file){0};
    f->to = open_memstream(&f->text, &f->size);
    return f->to != NULL;
}

reel_status reel_text_file_save(reel_text_file *f, bool good, const char *path, reel_error *err)
{
    if (f->to && fclose(f->to) != 0)
        good = false;

    reel_status status = REEL_OK;
    if (!f->to || !good)
        status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    else if (!reel_file_holds(path, f->text, f->size))
        status = reel_atomic_write(path, f->text, f->size, err);
    free(f->text);
    *f = (reel_text_file){0};
    return status;
}

reel_status reel_json_save(const json_t *object, const char *path, reel_error *err)
{
    reel_text_file file;
    const bool good = reel_text_file_open(&file) &&
                      reel_json_dumpf(object, file.to, JSON_INDENT(2)) == 0 &&
                      fputc('\n', file.to) != EOF;
    return reel_text_file_save(&file, good, path, err);
}

reel_status reel_json_load(json_t **out, const char *path, reel_error *err)
{
    json_error_t why;
    FILE *in;
    *out = NULL;
    REEL_TRY(reel_plain_open(&in, path, err));
    if (!in)
        return reel_fail_system(err, ENOENT, "%s: cannot be read", path);
    errno = 0;
    *out = json_loadf(in, JSON_REJECT_DUPLICATES, &why);
    const int reason = ferror(in) ? errno : 0;
    fclose(in);
    if (*out)
        return REEL_OK;
    if (reason)
        return reel_fail_system(err, reason, "%s: cannot be read", path);
    return reel_fail(err, REEL_ERR_FORMAT, "%s: %s (line %d)", path, why.text, why.line);
}

reel_status reel_plain_open(FILE **out, const char *path, reel_error *err)
{
    struct stat info;
    *out = NULL;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return REEL_OK;
    if (fd >= 0 && fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) {
        close(fd);
        return reel_fail(err, REEL_ERR_IO, "%s: expected a file, got a %s", path,
                         S_ISDIR(info.st_mode) ? "folder" : "device or pipe");
    }
    if (fd >= 0 && (*out = fdopen(fd, "r")))
        return REEL_OK;
    const int why = errno;
    if (fd >= 0)
        close(fd);
    return reel_fail_system(err, why, "%s: cannot be read", path);
}

FILE *reel_append_open(const char *path)
{
    /* A link is not followed: what it leads to is not of this run. */
    const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "a+");
    if (!f) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        errno = why;
        return NULL;
    }
    const bool cut = fseeko(f, -1, SEEK_END) == 0 && fgetc(f) != '\n';
    fseeko(f, 0, SEEK_END); /* between reading and writing, and for ftello */
    if (cut && fputc('\n', f) != EOF)
        fflush(f);
    return f;
}

reel_status reel_json_append(json_t *object, const char *path, reel_error *err)
{
    FILE *f = reel_append_open(path);
    if (!f) {
        json_decref(object);
        return reel_fail_system(err, errno, "%s: cannot be written", path);
    }

    const bool written = reel_json_dumpf(object, f, JSON_COMPACT) == 0 && fputc('\n', f) != EOF;
    json_decref(object);
    const int why = errno;
    if (fclose(f) == 0 && written)
        return REEL_OK;
    return reel_fail_system(err, written ? errno : why, "%s: cannot be written", path);
}
