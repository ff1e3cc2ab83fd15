/* What lies in DATA and is not used. Files are counted by reason and kind, folders are named:
 * "12 .heic (cannot be decoded), 3 .txt, holdout/ (40 images), 1 folder without images: Unsorted".
 */
#ifndef REEL_DATA_LEFT_OUT_H
#define REEL_DATA_LEFT_OUT_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise. What does not fit among the kinds is counted as "other". */
typedef struct reel_left_out {
    struct {
        char kind[40];   /* ".txt", "hidden" */
        const char *why; /* NULL = it says itself why */
        int64_t n;
    } kinds[24];
    int n;
    struct {
        char name[40];
        int64_t images; /* 0 = it holds none */
    } folders[16];
    int named_folders;
    int64_t full_folders, full_images; /* of folders that hold images */
    int64_t empty_folders;
    /* Pictures and films that no codec decodes, by their content. */
    int64_t undecoded;
    const char *undecoded_name;   /* of the newest: "a HEIC photograph" */
    const char *undecoded_advice; /* "convert it to JPEG" */
    bool undecoded_differ;        /* they are of several kinds */
} reel_left_out;

REEL_API void reel_left_out_add(reel_left_out *l, const char *kind, const char *why, int64_t n);
/* A file, by the end of its name. */
REEL_API void reel_left_out_file(reel_left_out *l, const char *name, const char *why);
/* A folder with so many images in it and below. */
REEL_API void reel_left_out_folder(reel_left_out *l, const char *name, int64_t images);
REEL_API void reel_left_out_merge(reel_left_out *l, const reel_left_out *with);
/* All of it in one line, cut to size; "" = nothing was left out. */
REEL_API const char *reel_left_out_text(const reel_left_out *l, char *text, size_t size);
/* The same for the end of a message: "; left out: 12 .heic (cannot be decoded)", or "". */
REEL_API const char *reel_left_out_clause(const reel_left_out *l, char *text, size_t size);

/* A file that no codec decodes, by its first n bytes: a picture is said to be one. */
REEL_API void reel_left_out_content(reel_left_out *l, const char *name, const uint8_t *head,
                                    size_t n);

/* "12 HEIC photographs, which Reel cannot read: convert them to JPEG", of the pictures that
 * reel_left_out_content has met; "" where there are none. */
REEL_API const char *reel_left_out_undecoded(const reel_left_out *l, char *text, size_t size);

/* Is the file (relative to the descriptor of a folder) an image? One whose name ends like an
 * image's is, whatever it holds: what is wrong with it is said when it is read. Any other is one if
 * its first bytes say so. names_only: the first rule alone. What is none is counted. */
REEL_API bool reel_is_image_file(int folder, const char *path, bool names_only, reel_left_out *l);

#ifdef __cplusplus
}
#endif
#endif
