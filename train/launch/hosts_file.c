/* Reading the list of hosts, and sharing ranks out among them. */
#include "train/launch/hosts_file.h"

#include "core/system_error.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_SLOTS = 4096, MOST_HOSTS = 65536 };

/* Names and addresses. None begins with '-': ssh would take it for an option. */
static bool is_host_name(const char *name)
{
    if (!isalnum((unsigned char)*name) || strlen(name) >= sizeof((reel_run_host *)0)->name)
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("._:-", *name))
            return false;
    return true;
}

/* "slots=4"; 0 if it is none. */
static int64_t slots_of(const char *word)
{
    static const char key[] = "slots=";
    const size_t length = sizeof key - 1;
    if (strncmp(word, key, length) != 0 || !isdigit((unsigned char)word[length]))
        return 0;
    char *end;
    errno = 0;
    const long slots = strtol(word + length, &end, 10);
    return errno || *end || slots > MOST_SLOTS ? 0 : slots;
}

/* One line without its comment. A blank one leaves host->name empty. */
static bool read_host_line(reel_run_host *host, char *text)
{
    char *rest = NULL;
    const char *blanks = " \t\r\n";
    const char *name = strtok_r(text, blanks, &rest);
    host->name[0] = '\0';
    host->slots = 0;
    if (!name)
        return true;
    if (!is_host_name(name))
        return false;
    snprintf(host->name, sizeof host->name, "%s", name);

    const char *word = strtok_r(NULL, blanks, &rest);
    if (!word)
        return true;
    host->slots = slots_of(word);
    return host->slots > 0 && !strtok_r(NULL, blanks, &rest);
}

static reel_status append_host(reel_hosts_file *hosts, const reel_run_host *host, const char *path,
                               reel_error *err)
{
    for (int64_t i = 0; i < hosts->count; i++)
        if (!strcmp(hosts->list[i].name, host->name))
            return reel_fail(err, REEL_ERR_INVALID,
                             "%s:%d: host %s stands in line %d already; expected each host once, "
                             "with slots=N for several ranks",
                             path, host->line, host->name, hosts->list[i].line);
    if (hosts->count == MOST_HOSTS)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected at most %d hosts", path, MOST_HOSTS);

    reel_run_host *list = realloc(hosts->list, (size_t)(hosts->count + 1) * sizeof *list);
    if (!list)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    hosts->list = list;
    list[hosts->count++] = *host;
    return REEL_OK;
}

static reel_status read_hosts(reel_hosts_file *hosts, FILE *file, const char *path, reel_error *err)
{
    char *text = NULL, found[60];
    size_t size = 0;
    reel_status status = REEL_OK;
    errno = 0;

    for (int line = 1; status == REEL_OK && getline(&text, &size, file) >= 0; line++) {
        reel_run_host host = {.line = line};
        const char *begin = strncmp(text, "\xef\xbb\xbf", 3) || line > 1 ? text : text + 3;
        snprintf(found, sizeof found, "%.*s", (int)strcspn(begin, "\r\n"), begin);
        text[strcspn(text, "#")] = '\0';
        if (!read_host_line(&host, text + (begin - text)))
            status = reel_fail(err, REEL_ERR_INVALID,
                               "%s:%d: expected NAME or NAME slots=N (1 to %d), found '%s'", path,
                               line, MOST_SLOTS, found);
        else if (*host.name)
            status = append_host(hosts, &host, path, err);
    }
    if (status == REEL_OK && ferror(file))
        status = reel_fail_system(err, errno, "%s: cannot be read", path);
    free(text);
    return status;
}

/* Regular files only: a pipe that nobody fills would keep the run waiting. */
static FILE *open_hosts(const char *path, reel_error *err)
{
    struct stat info;
    const int handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool regular = handle >= 0 && fstat(handle, &info) == 0 && S_ISREG(info.st_mode);
    FILE *file = regular ? fdopen(handle, "r") : NULL;
    if (file)
        return file;

    if (handle >= 0 && !regular)
        reel_fail(err, REEL_ERR_IO, "%s: expected a regular file with one host a line", path);
    else
        reel_fail_system(err, errno, "%s: cannot be opened", path);
    if (handle >= 0)
        close(handle);
    return NULL;
}

reel_status reel_hosts_file_read(reel_hosts_file *hosts, const char *path, reel_error *err)
{
    *hosts = (reel_hosts_file){0};
    FILE *file = open_hosts(path, err);
    if (!file)
        return err->status;

    reel_status status = read_hosts(hosts, file, path, err);
    fclose(file);
    if (status == REEL_OK && hosts->count == 0)
        status = reel_fail(err, REEL_ERR_INVALID,
                           "%s: expected one host a line, NAME or NAME slots=N, found none", path);
    if (status != REEL_OK)
        reel_hosts_file_free(hosts);
    return status;
}

void reel_hosts_file_free(reel_hosts_file *hosts)
{
    free(hosts->list);
    *hosts = (reel_hosts_file){0};
}

reel_status reel_hosts_file_share(reel_hosts_file *hosts, const char *path, int64_t wanted,
                                  int64_t *total, reel_error *err)
{
    int64_t room = 0;
    bool said = false;
    for (int64_t i = 0; i < hosts->count; i++) {
        room += hosts->list[i].slots ? hosts->list[i].slots : 1;
        said = said || hosts->list[i].slots > 0;
    }
    *total = wanted ? wanted : room;
    if (said && wanted > room)
        return reel_fail(err, REEL_ERR_INVALID, "--ranks %lld: %s has slots for %lld",
                         (long long)wanted, path, (long long)room);

    const int64_t even = *total / hosts->count, more = *total % hosts->count;
    int64_t left = *total;
    for (int64_t i = 0; i < hosts->count; i++) {
        reel_run_host *host = &hosts->list[i];
        host->ranks = even + (i < more);
        if (said)
            host->ranks = host->slots ? host->slots : 1;
        if (host->ranks > left)
            host->ranks = left;
        left -= host->ranks;
    }
    return REEL_OK;
}
