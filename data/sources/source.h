/* Data sources: where labelled encoded images may lie.
 *
 * A source is one file data/sources/NAME.c that defines `const reel_source reel_source_NAME`. The
 * build collects these into a table; DATA goes to the first of them that knows it. */
#ifndef REEL_DATA_SOURCES_SOURCE_H
#define REEL_DATA_SOURCES_SOURCE_H

#include "data/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the path that sniff fills in, and the longest path that any source handles. */
enum { REEL_DATA_PATH = 4200 };

typedef enum {
    REEL_SNIFF_OTHER,    /* DATA is something else */
    REEL_SNIFF_NO_SPLIT, /* DATA is this, but has no such split */
    REEL_SNIFF_FOUND
} reel_sniff;

/* What is asked of DATA. Zero-initialise, and set data. */
typedef struct reel_data_request {
    const char *data;         /* a folder or a file, as a user types it */
    const char *split;        /* "train", "val", another name; NULL = all there is */
    const char *image_column; /* of a list: by name, or by number from 1; NULL = is found */
    const char *label_column;
    int64_t classes; /* how many there are, as weights or a user say; 0 = not known */
    const char *const *class_names; /* theirs; NULL = not known */
    const char *output_dir;         /* a folder in DATA that is no class; NULL = none */
    bool names_only;                /* images are told by their names alone, as version 0.1.0 did */
    bool indices; /* numbers in a list are numbers of classes, as in the training data */
} reel_data_request;

/* What open fills in (data/sources/common/opened.h). */
typedef struct reel_opened reel_opened;

/* The order in which sources are asked: lower ranks first. What is recognised by a name that
 * nothing else has comes before what is recognised by its looks. */
enum {
    REEL_RANK_PREFIX = 0,   /* by how DATA begins: "synth:" */
    REEL_RANK_MARKER = 10,  /* by a file that says what the folder is: pack.json */
    REEL_RANK_NAMES = 20,   /* by the names of its files: data_batch_1.bin */
    REEL_RANK_LAYOUT = 30,  /* by how its folders lie */
    REEL_RANK_CONTENT = 40, /* by the content of files with any name */
    REEL_RANK_ANY_FOLDER = 50
};

/* A source: how DATA is recognised and opened, and what an opened one answers. The functions that
 * take `self` may be called by any number of threads at the same time. */
typedef struct reel_source {
    const char *name; /* "list file", "packed shards": for messages */
    int rank;

    /* Is DATA of this kind, and where is the split? split: "train", "val", another name; NULL = all
     * there is, for data that is yet to be split. path (REEL_DATA_PATH bytes) receives where. Looks
     * at names and first bytes only, so that asking every source is fast. */
    reel_sniff (*sniff)(const char *data, const char *split, char *path);
    /* In its place, where more of a request decides, such as a column. */
    reel_sniff (*sniff_as)(const reel_data_request *request, char *path);
    /* Opens what sniff found: fills in out->self and out->classes. What stands in *out after a
     * failure is released by the caller. */
    reel_status (*open)(reel_opened *out, const char *data, const char *split, const char *path,
                        reel_error *err);

    int64_t (*size)(const void *self);                 /* number of samples */
    int64_t (*label)(const void *self, int64_t index); /* 0 to classes - 1 */
    /* Encoded image (of any format that is decoded) into bytes. REEL_ERR_IO, REEL_ERR_FORMAT: this
     * sample cannot be had; the loader replaces it. */
    reel_status (*sample)(const void *self, int64_t index, reel_bytes *bytes, reel_error *err);
    /* A name for people: path within the dataset, printable (other bytes: \xNN). Cut to size. */
    void (*sample_name)(const void *self, int64_t index, char *text, size_t size);
    void (*destroy)(void *self);
    /* Files left out because their names begin with a dot; NULL = none. */
    int64_t (*hidden)(const void *self);
    /* Samples were encoded again: the endings of their names say nothing of their bytes. */
    bool encoded_again;
} reel_source;

/* A source: NAME_sniff and NAME_open, and the members that follow. */
#define REEL_SOURCE(name_, ...) {.sniff = name_##_sniff, .open = name_##_open, __VA_ARGS__}
/* Prototypes of the functions that several sources share, and a source's members. */
#define REEL_DECLARE_SAMPLES(name_)                                                                \
    int64_t name_##_size(const void *self);                                                        \
    int64_t name_##_label(const void *self, int64_t index);                                        \
    reel_status name_##_sample(const void *self, int64_t index, reel_bytes *bytes,                 \
                               reel_error *err);                                                   \
    void name_##_sample_name(const void *self, int64_t index, char *text, size_t size);            \
    void name_##_destroy(void *self)
/* Members: NAME_size, NAME_label, NAME_sample and NAME_sample_name. */
#define REEL_SAMPLES_OF(name_)                                                                     \
    .size = name_##_size, .label = name_##_label, .sample = name_##_sample,                        \
    .sample_name = name_##_sample_name

/* The table, in the order of the files' names. */
REEL_API int reel_source_count(void);
REEL_API const reel_source *reel_source_at(int i);

#ifdef __cplusplus
}
#endif
#endif
