/* May `reel predict` write pictures into a folder? Never among the pictures of its user, where they
 * would become training images, and where a name could be that of an original. */
#ifndef REEL_TRAIN_PICTURE_FOLDER_H
#define REEL_TRAIN_PICTURE_FOLDER_H

#include "core/base.h"

/* `images` is read, a file or a folder; `folder` (NULL: none) is what `option` names, there or yet
 * to be made. REEL_ERR_INVALID: it is, or lies in, the folder that is read; or it is the folder of
 * the file. */
reel_status reel_picture_folder_apart(const char *option, const char *folder, const char *images,
                                      reel_error *err);
/* REEL_ERR_INVALID: the folder (NULL: none), or a folder in it, holds an image that Reel did not
 * write there, by the list of written_list.h; or it would be a class folder of a data set.
 * REEL_ERR_IO, REEL_ERR_MEMORY: its list cannot be read. */
reel_status reel_picture_folder_own(const char *option, const char *folder, reel_error *err);

#endif
