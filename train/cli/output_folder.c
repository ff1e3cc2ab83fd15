/* Where results may be written: see output_folder.h. */
#include "train/cli/output_folder.h"

#include "data/sources/common/outputs.h"
#include "data/sources/common/splits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool reel_real_folder(const char *folder, char real[PATH_MAX])
{
    char above[PATH_MAX];
    if (realpath(folder, real))
        return true;
    size_t n, end = strlen(folder);
    while (end > 0 && folder[end - 1] == '/')
        end--;

    /* The longest beginning that is there: "photos/." of "photos/new/one". */
    n = end;
    do {
        while (n > 0 && folder[n - 1] == '/')
            n--;
        while (n > 0 && folder[n - 1] != '/')
            n--;
        if (snprintf(above, sizeof above, "%.*s.", (int)n, folder) >= (int)sizeof above)
            return false;
    } while (!realpath(above, real) && n > 0);
    const size_t used = !strcmp(real, "/") ? 0 : strlen(real), room = PATH_MAX - used;
    return snprintf(real + used, room, "/%.*s", (int)(end - n), folder + n) < (int)room;
}

/* The folder between data (whose real path has `length` bytes) and the folder that holds images
 * itself; above becomes its path. A folder right in data is not looked at: there files lie beside
 * the class folders. */
static bool lies_among_images(const char *real, size_t length, char above[PATH_MAX])
{
    snprintf(above, PATH_MAX, "%s", real);
    for (char *slash; (slash = strrchr(above, '/')) && slash > above + length;) {
        *slash = '\0';
        if (strlen(above) > length && reel_holds_images(above))
            return true;
    }
    return false;
}

reel_status reel_output_folder_check(const char *what, const char *folder, const char *data,
                                     reel_error *err)
{
    char in[PATH_MAX], out[PATH_MAX], above[PATH_MAX];
    struct stat st;
    if (!realpath(data, in) || stat(in, &st) != 0 || !S_ISDIR(st.st_mode) ||
        !reel_real_folder(folder, out))
        return REEL_OK;
    const size_t length = !strcmp(in, "/") ? 0 : strlen(in);
    if (strncmp(out, in, length) != 0 || (out[length] && out[length] != '/'))
        return REEL_OK;

    if (!out[length])
        return reel_fail(err, REEL_ERR_INVALID, "%s %s: it is DATA; expected another folder", what,
                         folder);
    const int64_t images = reel_count_images(AT_FDCWD, out);
    if (images > 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s %s: it holds %" PRId64
                         " images of DATA; expected a folder outside DATA's class folders",
                         what, folder, images);
    if (lies_among_images(out, length, above))
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s %s: it lies among the images in %s; expected a folder outside DATA's "
                         "class folders",
                         what, folder, above);
    return REEL_OK;
}
