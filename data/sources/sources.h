/* What the sources share: runs of bytes, growing lists, class names, and the interface by which
 * DATA is recognised.
 *
 * Everything here reads what strangers wrote: sizes and offsets are checked against what is there
 * before they are used. */
#ifndef REEL_DATA_SOURCES_SOURCES_H
#define REEL_DATA_SOURCES_SOURCES_H

#include "data/bytes_internal.h"
#include "data/dataset.h"

/* ---- kinds: one row for each, in open.c
 * --------------------------------------------------------------------------------- */
typedef enum {
    REEL_LOOK_OTHER,    /* DATA is something else */
    REEL_LOOK_NO_SPLIT, /* DATA is this, but has no such split */
    REEL_LOOK_FOUND
} reel_look;

enum { REEL_DATA_PATH = 4200 };

typedef struct reel_kind {
    const char *name;
    /* Is DATA of this kind, and where is the split? split: "train", "val", another name; NULL = all
     * there is, for data that is yet to be split. path (REEL_DATA_PATH bytes) receives where. Looks
     * at names and first bytes only: fast. */
    reel_look (*look)(const char *data, const char *split, char *path);
    /* Opens what look found. */
    reel_status (*open)(reel_dataset **out, const char *data, const char *split, const char *path,
                        reel_error *err);
} reel_kind;

extern const reel_kind reel_kind_synth, reel_kind_pack, reel_kind_imagenet, reel_kind_imagenet_tar,
    reel_kind_cifar, reel_kind_idx, reel_kind_list, reel_kind_shards, reel_kind_folder;

/* ---- common.c
 * -----------------------------------------------------------------------------------------------------------
 */
typedef struct reel_list { /* of any plain type */
    void *items;
    size_t n, capacity;
} reel_list;
/* The place of a new item; NULL when there is no memory. Grows by doubling. */
void *reel_list_add(reel_list *l, size_t item);

/* Strings one behind the other; a string is an offset. */
typedef struct reel_pool {
    char *text;
    size_t used, capacity;
} reel_pool;
reel_status reel_pool_add(reel_pool *pool, const char *text, size_t length, size_t *at,
                          reel_error *err);

/* A list of names; items are char*, owned. */
typedef struct reel_names {
    reel_list list;
} reel_names;
reel_status reel_names_add(reel_names *names, const char *text, size_t length, reel_error *err);
const char *reel_names_at(const reel_names *names, int64_t i);
int64_t reel_names_count(const reel_names *names);
void reel_names_sort(reel_names *names); /* bytewise, each once */
int64_t reel_names_find(const reel_names *sorted, const char *text,
                        size_t length); /* -1 = not there */
void reel_names_free(reel_names *names);

bool reel_is_folder(const char *path);
bool reel_is_file(const char *path);
const char *reel_base_name(const char *path);
bool reel_is_val(const char *split); /* val and what people call it */

/* Does the word stand in the name by itself? "train-000.tar", "imagenet_train_01.tar"; not in
 * "trainer.tar". */
bool reel_has_word(const char *name, const char *word);
/* Does the name say that it belongs to the split? NULL: any does. */
bool reel_names_split(const char *name, const char *split);
/* For kinds whose DATA is one file: where the split is. A file named after another split leads to
 * its neighbour: train.txt to val.txt; one that is named after none is all there is, to train on.
 */
reel_look reel_look_file(const char *data, const char *split, char *path);
/* path, or where it is no folder, the folder it is in. REEL_DATA_PATH bytes. */
void reel_folder_of(const char *path, char *folder);
/* The first bytes, unpacked where gzip packed them; how many. */
size_t reel_read_head(const char *path, uint8_t *head, size_t size);

/* Opens a regular file for reading; what gzip packed is unpacked into an unnamed temporary file
 * ($TMPDIR, /var/tmp). */
reel_status reel_open_plain(int *file, uint64_t *size, const char *path, reel_error *err);
/* A whole file, unpacked where gzip packed it, of at most `most` bytes; a 0 byte follows the last.
 */
reel_status reel_read_plain(reel_bytes *bytes, const char *path, size_t most, reel_error *err);
/* The next line of text that ends at `end`, without its line break, CR and trailing spaces; false =
 * there is none. A byte order mark before the first is passed over. */
typedef struct reel_lines {
    const char *at, *end;
    int64_t number; /* of the line that was returned last, from 1 */
    bool begun;
} reel_lines;
bool reel_lines_next(reel_lines *lines, const char **line, size_t *length);
/* A decimal number without sign of at most `most`; the whole text. */
bool reel_parse_number(const char *text, size_t length, uint64_t most, uint64_t *number);

/* Class names for labels 0 .. n-1, or more: from classes.txt, class_names.txt, labels.txt or
 * synsets.txt in folder (one a line; as many as n or more), else the numbers themselves. */
reel_status reel_number_names(reel_names *names, const char *folder, int64_t n, reel_error *err);
/* reel_dataset_create with these names, which are freed. */
reel_status reel_create_named(reel_dataset **out, const reel_source *source, void *self,
                              reel_names *names, reel_error *err);

/* Names of the folders in path, sorted bytewise; hidden ones left out. */
reel_status reel_folder_names(reel_names *names, const char *path, reel_error *err);

/* ---- span.c: bytes of a file or of memory
 * -------------------------------------------------------------------------------- */
typedef struct reel_span {
    int file;
    const uint8_t *memory; /* NULL: the file's */
    uint64_t size;
} reel_span;
/* n bytes from offset on. REEL_ERR_FORMAT: beyond the end. */
reel_status reel_span_read(const reel_span *span, uint64_t offset, void *to, size_t n,
                           reel_error *err);

/* ---- tar.c: headers one after the other
 * ---------------------------------------------------------------------------------- */
enum { REEL_TAR_NAME = 4096, REEL_TAR_PAX = 65536, REEL_TAR_WINDOW = 4096 };
typedef struct reel_tar {
    const reel_span *span;
    uint64_t at, end;
    uint64_t window_at;
    size_t window_size;
    uint8_t window[REEL_TAR_WINDOW];
    char extended[REEL_TAR_PAX + 1];
} reel_tar;
typedef struct reel_tar_entry {
    char name[REEL_TAR_NAME + 1];
    bool regular;          /* a file; folders, links and devices are not */
    uint64_t offset, size; /* of the content, within the span */
} reel_tar_entry;
/* The archive that lies in the span from `from` to `to`. */
void reel_tar_begin(reel_tar *tar, const reel_span *span, uint64_t from, uint64_t to);
/* The next entry; *more false = the end. REEL_ERR_FORMAT names the place: damage, truncation, what
 * is not supported. */
reel_status reel_tar_next(reel_tar *tar, reel_tar_entry *entry, bool *more, reel_error *err);
/* Through the window: small contents without a call for each. */
reel_status reel_tar_read(reel_tar *tar, uint64_t offset, void *to, size_t n, reel_error *err);
/* Do the first 512 bytes look like a tar header? */
bool reel_tar_sniff(const uint8_t *head, size_t size);

/* ---- files.c: samples that are files below a folder
 * ------------------------------------------------------------------- */
typedef struct reel_files {
    int root; /* directory descriptor: samples are found even if the program changes its working
                 directory */
    reel_pool paths;   /* relative to root */
    reel_list samples; /* reel_file */
    int64_t hidden;
} reel_files;
typedef struct reel_file {
    size_t path; /* offset into the pool */
    int64_t label;
} reel_file;
reel_status reel_files_open(reel_files **out, const char *root, reel_error *err);
reel_status reel_files_add(reel_files *f, const char *path, size_t length, int64_t label,
                           reel_error *err);
void reel_files_sort(reel_files *f, size_t first); /* from that sample on, by path */
void reel_files_destroy(void *f);
extern const reel_source reel_files_source;

/* list.c: adds the samples of a list. *numbers: labels are class indices, and classes stays empty.
 */
reel_status reel_list_parse(reel_files *f, reel_names *classes, bool *numbers, const char *bytes,
                            size_t size, const char *name, reel_error *err);

/* cifar.c, idx.c: datasets of bytes, for tests and fuzzers (memory must stay); images' file is
 * taken over. */
reel_status reel_cifar_memory(reel_dataset **out, const uint8_t *bytes, size_t size, bool hundred,
                              reel_error *err);
reel_status reel_idx_create(reel_dataset **out, const reel_span *images, const reel_span *labels,
                            const char *name, const char *folder, reel_error *err);

/* ---- pieces.c: samples that are parts of a few large files
 * -------------------------------------------------------------- */
typedef struct reel_piece {
    uint64_t offset, name; /* name: offset into the pool */
    uint32_t size, file, label, crc;
} reel_piece;
typedef struct reel_pieces {
    int folder;      /* what relative paths of files start from */
    reel_list files; /* struct piece_file */
    reel_pool names;
    reel_list pieces; /* reel_piece */
    uint8_t *checked; /* one bit a piece: its CRC-32 was right; NULL = there are none to check */
} reel_pieces;
reel_status reel_pieces_new(reel_pieces **out, reel_error *err);
/* Takes over the descriptor. */
reel_status reel_pieces_add_file(reel_pieces *p, const char *path, int file, reel_error *err);
reel_status reel_pieces_add(reel_pieces *p, const reel_piece *piece, const char *name,
                            reel_error *err);
/* Orders pieces from `first` on by (label, name). */
void reel_pieces_sort(reel_pieces *p, size_t first);
reel_status reel_pieces_check(
    reel_pieces *p,
    reel_error *err); /* the CRC of every piece is known: check it at its first read */
void reel_pieces_destroy(void *p);
extern const reel_source reel_pieces_source;

/* Adds the samples of a tar in WebDataset's convention. bad: where it is to be told what was wrong.
 */
reel_status reel_shard_index(reel_pieces *p, const reel_span *span, uint32_t file, reel_error *err);

/* imagenet.c: labels of a validation set whose files lie in one folder or tar. Looks in the folders
 * (NULL-terminated list) for LOC_val_solution.csv, val.txt,
 * imagenet_2012_validation_synset_labels.txt, the devkit (unpacked or .tar.gz). classes: WNIDs of
 * the training data, sorted; where it is empty, it is filled from what was found. */
typedef struct reel_val_labels {
    bool by_place;     /* items are labels by the number in the file's name, from 1 */
    reel_list labels;  /* int32_t */
    reel_pool names;   /* else: names */
    reel_list entries; /* struct {size_t name; int32_t label}, sorted by name */
    char from[REEL_DATA_PATH];
} reel_val_labels;
/* The text of one such file: "ImageId,WNID ...", a WNID a line, or "name rank". */
typedef enum { REEL_VAL_KAGGLE, REEL_VAL_WNIDS, REEL_VAL_RANKS } reel_val_kind;
reel_status reel_val_labels_parse(reel_val_labels *v, reel_names *classes, reel_val_kind kind,
                                  const char *path, const reel_bytes *bytes, reel_error *err);
reel_status reel_val_labels_find(reel_val_labels *v, reel_names *classes,
                                 const char *const *folders, reel_error *err);
int64_t reel_val_label(const reel_val_labels *v, const char *name); /* -1 = none */
void reel_val_labels_free(reel_val_labels *v);

/* matlab.c: ILSVRC2012_ID -> WNID out of the devkit's meta.mat (MATLAB level 5). wnids: item i is
 * the name of id i + 1; "" = none has that id. */
reel_status reel_matlab_synsets(reel_names *wnids, const uint8_t *bytes, size_t size,
                                reel_error *err);

#endif
