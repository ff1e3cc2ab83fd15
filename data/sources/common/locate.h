/* Where the files of a list lie when its paths do not say it. */
#ifndef REEL_DATA_SOURCES_COMMON_LOCATE_H
#define REEL_DATA_SOURCES_COMMON_LOCATE_H

#include "data/sources/common/opened.h"
#include "data/sources/common/rows.h"

typedef struct reel_list_place {
    int root;           /* the directory that paths begin at: a descriptor */
    const char *folder; /* its path; NULL = no files are looked for */
    const char *list;   /* the list's path */
} reel_list_place;

/* Completes the paths of a list whose rows name no file below the root: "0a1b" becomes
 * "train/0a1b.jpg" where that file is there, "a.JPG" becomes "a.jpg". A note in *out says what was
 * done. Paths that lead nowhere stay: the loader names them. *none: not one file of the list is
 * there. REEL_ERR_INVALID: two folders hold such files. */
reel_status reel_rows_locate(reel_rows *rows, reel_opened *out, const reel_list_place *at,
                             bool *none, reel_error *err);
/* Is there a file that one of the rows means, in `folder` or one below it? Of the rows after the
 * tenth, only the path as it is written counts. list: the file's name. */
bool reel_rows_are_there(const reel_rows *rows, const char *folder, const char *list);
/* Is there a file that a row would mean by that path in that folder ("" = root itself)? */
bool reel_locate_file(int root, const char *folder, const char *path);

/* Where nearly all rows name images, drops the few that neither do nor name a file ("Total"), and
 * says so in a note. */
reel_status reel_rows_drop_odd(reel_rows *rows, reel_opened *out, const reel_list_place *at,
                               reel_error *err);

#endif
