/* Where downloaded weights lie, and how they come there. */
#include "train/fetch/weights_cache.h"

#include "train/fetch/download.h"
#include "train/fetch/sha256.h"
#include "train/run/say.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4200 };

/* ---- folders ---- */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ${XDG_CACHE_HOME:-~/.cache}. The XDG specification says that a relative path is not used. False:
 * there is no home. */
static bool cache_home(char *path, size_t size)
{
    const char *cache = variable("XDG_CACHE_HOME"), *home = variable("HOME");
    if (cache && cache[0] == '/')
        return snprintf(path, size, "%s", cache) < (int)size;
    if (!home) {
        const struct passwd *user = getpwuid(getuid());
        home = user ? user->pw_dir : NULL;
    }
    return home && snprintf(path, size, "%s/.cache", home) < (int)size;
}

static bool torch_folder(char *path, size_t size)
{
    char cache[PATH_ROOM];
    const char *torch = variable("TORCH_HOME");
    if (torch)
        return snprintf(path, size, "%s/hub/checkpoints", torch) < (int)size;
    return cache_home(cache, sizeof cache) &&
           snprintf(path, size, "%s/torch/hub/checkpoints", cache) < (int)size;
}

/* Makes a folder and those above it; XDG wants them closed to others. */
static reel_status make_folders_to(const char *folder, reel_error *err)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s", folder);
    for (char *at = path + 1;; at++) {
        const char letter = *at;
        if (letter != '/' && letter != '\0')
            continue;
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && access(path, F_OK) != 0)
            return reel_fail(err, REEL_ERR_IO,
                             "%s: cannot be created: %s; XDG_CACHE_HOME chooses another folder",
                             path, strerror(errno));
        *at = letter;
        if (letter == '\0')
            return REEL_OK;
    }
}

/* ---- the file ---- */
static const char *file_name(const char *url)
{
    const char *slash = strrchr(url, '/');
    return slash ? slash + 1 : url;
}

bool reel_weights_digits(const char *url, char digits[72])
{
    const char *dash = strrchr(file_name(url), '-');
    const size_t length = dash ? strspn(dash + 1, "0123456789abcdef") : 0;
    if (length < 8 || length > 64 || dash[1 + length] != '.')
        return false;
    snprintf(digits, 72, "%.*s", (int)length, dash + 1);
    return true;
}

/* *fits: the file is there and has the digits. One that is there and differs is named: it was put
 * there by hand, or the disk is damaged. Fails only where nothing can be told about the file. */
static reel_status compare_file(const char *path, const char *digits, bool *fits, reel_error *err)
{
    reel_sha256 sum;
    reel_error why;
    *fits = false;
    if (access(path, F_OK) != 0)
        return REEL_OK;
    const reel_status status = reel_sha256_of_path(&sum, path, &why);
    if (status == REEL_ERR_MEMORY)
        return reel_fail(err, status, "%s", why.message);
    if (status != REEL_OK) {
        reel_say("reel: warning: not used: %s", why.message);
        return REEL_OK;
    }

    char hex[REEL_SHA256_HEX];
    reel_sha256_hex(&sum, hex);
    *fits = reel_sha256_begins(&sum, digits);
    if (!*fits)
        reel_say("reel: warning: not used: %s: its SHA-256 begins with %.8s, not with %s", path,
                 hex, digits);
    return REEL_OK;
}

typedef struct cached_file {
    const char *folder, *name; /* Reel's folder; the file's name in any folder */
    const char *digits;        /* that its SHA-256 begins with */
} cached_file;

/* Looks into Reel's folder, then into torch hub's. path: where the file is, or is to be. */
static reel_status look_on_disk(const cached_file *file, char *path, size_t size, bool *found,
                                reel_error *err)
{
    char torch[PATH_ROOM], theirs[PATH_ROOM + 200];
    if (snprintf(path, size, "%s/%s", file->folder, file->name) >= (int)size)
        return reel_fail(err, REEL_ERR_INVALID, "%.200s...: the path is too long", file->folder);
    REEL_TRY(compare_file(path, file->digits, found, err));
    if (*found || !torch_folder(torch, sizeof torch))
        return REEL_OK;

    snprintf(theirs, sizeof theirs, "%s/%s", torch, file->name);
    REEL_TRY(compare_file(theirs, file->digits, found, err));
    if (*found && snprintf(path, size, "%s", theirs) >= (int)size)
        return reel_fail(err, REEL_ERR_INVALID, "%.200s...: the path is too long", torch);
    return REEL_OK;
}

/* ---- the address ---- */
static bool has_scheme(const char *text, const char *beginning)
{
    return !strncmp(text, beginning, strlen(beginning));
}

/* The row's address, or the mirror's that REEL_WEIGHTS_URL names. */
static reel_status choose_url(const char *url, char *chosen, size_t size, reel_error *err)
{
    const char *mirror = variable("REEL_WEIGHTS_URL");
    if (!mirror) {
        snprintf(chosen, size, "%s", url);
        return REEL_OK;
    }
    if (!has_scheme(mirror, "https://") && !has_scheme(mirror, "http://"))
        return reel_fail(err, REEL_ERR_INVALID,
                         "REEL_WEIGHTS_URL: expected an address that begins with https:// or "
                         "http://, got '%.100s'",
                         mirror);

    size_t length = strlen(mirror);
    while (length > 0 && mirror[length - 1] == '/')
        length--;
    if (snprintf(chosen, size, "%.*s/%s", (int)length, mirror, file_name(url)) >= (int)size)
        return reel_fail(err, REEL_ERR_INVALID, "REEL_WEIGHTS_URL: the address is too long");
    return REEL_OK;
}

/* For messages: what stands between "//" and "@" is left out. */
static const char *hide_password(const char *url, char *text, size_t size)
{
    const char *host = strstr(url, "//"), *at = host ? strchr(host, '@') : NULL;
    const char *slash = host ? strchr(host + 2, '/') : NULL;
    if (!at || (slash && slash < at))
        snprintf(text, size, "%s", url);
    else
        snprintf(text, size, "%.*s%s", (int)(host + 2 - url), url, at + 1);
    return text;
}

static reel_status read_patience(double *seconds, reel_error *err)
{
    const char *text = variable("REEL_WEIGHTS_TIMEOUT");
    char *end = NULL;
    *seconds = text ? strtod(text, &end) : 30;
    if (text && (*end != '\0' || !(*seconds >= 1 && *seconds <= 86400)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "REEL_WEIGHTS_TIMEOUT: expected 1 to 86400 seconds, got '%.40s'", text);
    return REEL_OK;
}

reel_status reel_weights_fetch(const reel_public_weights *weights,
                               const reel_weights_request *request, char *path, size_t size,
                               reel_error *err)
{
    char digits[72], home[PATH_ROOM - 200], folder[PATH_ROOM - 160], url[2000], shown[2000];
    bool found = false;
    REEL_ASSERT(reel_weights_digits(weights->url, digits));
    if (!cache_home(home, sizeof home))
        return reel_fail(err, REEL_ERR_IO,
                         "%s: no folder to keep it in: set XDG_CACHE_HOME or HOME", weights->name);
    snprintf(folder, sizeof folder, "%s/reel/weights", home);
    const cached_file file = {folder, file_name(weights->url), digits};
    REEL_TRY(look_on_disk(&file, path, size, &found, err));
    if (found)
        return REEL_OK;

    REEL_TRY(choose_url(weights->url, url, sizeof url, err));
    reel_download d = {.name = weights->name,
                       .url = url,
                       .shown_url = hide_password(url, shown, sizeof shown),
                       .digits = digits,
                       .path = path,
                       .bytes = (int64_t)weights->megabytes << 20,
                       .plain_http = variable("REEL_WEIGHTS_URL") != NULL,
                       .quiet = request->quiet,
                       .stop = request->stop};
    REEL_TRY(read_patience(&d.patience, err));
    REEL_TRY(make_folders_to(folder, err));
    return reel_download_file(&d, err);
}
