/* Making folders that a user has named. */
#ifndef REEL_TRAIN_MAKE_FOLDERS_H
#define REEL_TRAIN_MAKE_FOLDERS_H

#include <stdbool.h>

/* As mkdir -p: a folder and those above it. The last `own` parts of the path are expected to be
 * new. If more were missing, one line on stderr names the folder that they needed: a mistyped path,
 * or a disk that is not mounted, would otherwise fill another disk unnoticed. false: errno says
 * why. */
bool reel_make_folders(const char *path, int own);

#endif
