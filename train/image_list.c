/* Walking folders for images. Links to folders are not followed, so a loop cannot occur. */
#include "train/image_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { PATH_LIMIT = 4200 };

void reel_image_list_free(reel_image_list *list)
{
    for (int64_t i = 0; i < list->n; i++) free(list->paths[i]);
    free(list->paths);
    *list = (reel_image_list){0};
}

static reel_status append(reel_image_list *list, const char *path, reel_error *err)
{
    if (list->n == list->capacity) {
        const int64_t more = list->capacity ? 2 * list->capacity : 64;
        char **paths = realloc(list->paths, (size_t)more * sizeof *paths);
        if (!paths) return reel_fail(err, REEL_ERR_MEMORY, "list of images: out of memory");
        list->paths = paths;
        list->capacity = more;
    }
    list->paths[list->n] = strdup(path);
    if (!list->paths[list->n]) return reel_fail(err, REEL_ERR_MEMORY, "list of images: out of memory");
    list->n++;
    return REEL_OK;
}

static bool looks_like_an_image(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot && (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg") || !strcasecmp(dot, ".png"));
}

static reel_status walk(reel_image_list *list, const char *folder, reel_error *err)
{
    DIR *d = opendir(folder);
    if (!d) return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", folder, strerror(errno));
    reel_status status = REEL_OK;
    for (struct dirent *e; status == REEL_OK && (e = readdir(d));) {
        char path[PATH_LIMIT];
        struct stat st;
        if (e->d_name[0] == '.' || snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path) continue;
        if (lstat(path, &st) != 0) continue;
        const bool link = S_ISLNK(st.st_mode), dangling = link && stat(path, &st) != 0;
        if (S_ISDIR(st.st_mode) && !link)
            status = walk(list, path, err);
        else if ((S_ISREG(st.st_mode) || dangling) && looks_like_an_image(e->d_name)) /* to open a pipe would wait for ever */
            status = append(list, path, err);
    }
    closedir(d);
    return status;
}

static int bytewise(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines may end as on Windows; empty ones are nothing. */
static reel_status add_lines(reel_image_list *list, FILE *from, reel_error *err)
{
    char *line = NULL;
    size_t capacity = 0;
    reel_status status = REEL_OK;
    while (status == REEL_OK && getline(&line, &capacity, from) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line) status = append(list, line, err);
    }
    free(line);
    if (status == REEL_OK && ferror(from)) return reel_fail(err, REEL_ERR_IO, "stdin: cannot be read: %s", strerror(errno));
    return status;
}

reel_status reel_image_list_add(reel_image_list *list, const char *path, reel_error *err)
{
    struct stat st;
    if (!strcmp(path, "-")) return add_lines(list, stdin, err);
    if (stat(path, &st) != 0) return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return append(list, path, err);
    const int64_t before = list->n;
    REEL_TRY(walk(list, path, err));
    if (list->n == before) return reel_fail(err, REEL_ERR_INVALID, "%s: no images (.jpg .jpeg .png) in it", path);
    qsort(list->paths + before, (size_t)(list->n - before), sizeof *list->paths, bytewise);
    return REEL_OK;
}
