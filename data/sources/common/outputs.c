/* What tells a folder of Reel's is a file in it. */
#include "data/sources/common/outputs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/codecs/codec.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/source.h"

bool reel_is_run_folder(const char *path)
{
    char config[REEL_DATA_PATH];
    uint8_t head[4096];
    if (snprintf(config, sizeof config, "%s/config.json", path) >= (int)sizeof config ||
        !reel_is_file(config))
        return false;
    const size_t n = reel_read_head(config, head, sizeof head);
    static const char begins[] = "\"command\"", then[] = "\"version\"";
    return memmem(head, n, begins, sizeof begins - 1) && memmem(head, n, then, sizeof then - 1);
}

bool reel_is_written_folder(const char *path)
{
    char list[REEL_DATA_PATH];
    return snprintf(list, sizeof list, "%s/" REEL_WRITTEN_LIST, path) < (int)sizeof list &&
           reel_is_file(list);
}

bool reel_is_output_folder(const char *path)
{
    return reel_is_run_folder(path) || reel_is_written_folder(path);
}

static int64_t count_in_levels(int parent, const char *name, int levels)
{
    const int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const bool written = folder >= 0 && faccessat(folder, REEL_WRITTEN_LIST, F_OK, 0) == 0;
    DIR *stream = folder >= 0 && !written ? fdopendir(folder) : NULL;
    int64_t n = 0;
    if (!stream && folder >= 0)
        close(folder);
    for (const struct dirent *e; stream && (e = readdir(stream));) {
        if (e->d_name[0] == '.')
            continue;
        if (reel_is_image_name(e->d_name) && e->d_type != DT_DIR)
            n++;
        else if (levels > 1 && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
            n += count_in_levels(dirfd(stream), e->d_name, levels - 1);
    }
    if (stream)
        closedir(stream);
    return n;
}

int64_t reel_count_images(int parent, const char *name)
{
    enum { MOST_LEVELS = 16 };
    return count_in_levels(parent, name, MOST_LEVELS);
}
