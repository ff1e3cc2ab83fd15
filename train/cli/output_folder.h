/* May a command write its results into a folder? Never among the images of DATA. */
#ifndef REEL_TRAIN_OUTPUT_FOLDER_H
#define REEL_TRAIN_OUTPUT_FOLDER_H

#include "core/base.h"

#include <limits.h>

/* The real path of a folder whose last parts may be yet to be made. false: it has none. */
bool reel_real_folder(const char *folder, char real[PATH_MAX]);

/* `data` is DATA as a user typed it, `folder` what `what` names ("--output-dir"), there or yet to
 * be made. REEL_ERR_INVALID: it is DATA, or lies in it and holds images, or lies in a folder with
 * images, as class folders are. Then its class would be lost from view as the folder of a run. A
 * DATA that is no folder has no class folders. */
reel_status reel_output_folder_check(const char *what, const char *folder, const char *data,
                                     reel_error *err);

#endif
