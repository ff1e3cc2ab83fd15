/* For core/files/weights_*.c only: what a file in memory consists of, and what its readers share.
 */
#ifndef REEL_CORE_WEIGHTS_INTERNAL_H
#define REEL_CORE_WEIGHTS_INTERNAL_H

#include "core/bf16.h"
#include "core/files/byte_source.h"
#include "core/files/weights.h"

#include <jansson.h>

struct reel_weights {
    char *path; /* for messages */
    char *header;
    size_t header_size;
    json_t *root; /* the header parsed: owns names and metadata; NULL in a .pth file */
    char *names;  /* of a .pth file */
    char *notes[4];
    int n_notes;
    const char *format;
    reel_weight *list;
    int count;
    char *data; /* pages; NULL where the data stays in its source */
    size_t data_size;
    reel_byte_source source; /* with places: holds the data; its file is the reel_weights' */
    uint64_t *places; /* where each tensor's data begins in the source; NULL: it is in memory */
};

size_t reel_stored_size(reel_stored_dtype dtype);                  /* bytes of an element */
const char *reel_stored_name(reel_stored_dtype dtype);             /* "F32" */
bool reel_stored_find(const char *name, reel_stored_dtype *dtype); /* false: no such dtype */
/* Whether the dtype is one of weights; safetensors has others, which are passed over. */
bool reel_stored_is_read(reel_stored_dtype dtype);

/* Reads a safetensors file with a header of this length into w, which has its path only.
 * header_only: the data stays in s, and w gets the places. */
reel_status reel_weights_from_safetensors(reel_weights *w, const reel_byte_source *s,
                                          uint64_t header, bool header_only, reel_error *err);

/* The CRC-32 that the file carries for a tensor, as text; NULL: none. */
reel_status reel_weights_carried_crc(const reel_weights *w, const reel_weight *t, const char **text,
                                     reel_error *err);
/* REEL_ERR_FORMAT where the tensor's CRC-32 is not the one that the file carries (NULL: any is). */
reel_status reel_weights_compare_crc(const reel_weights *w, const reel_weight *t, const char *text,
                                     uint32_t crc, reel_error *err);

/* A list for one line: "epoch, arch, optimizer, and 3 more". */
typedef struct reel_word_list {
    char text[400];
    size_t used;
    int listed, count;
} reel_word_list;
void reel_word_list_add(reel_word_list *list, const char *word, size_t length);
/* The list's text; what did not fit is counted at its end. */
const char *reel_word_list_text(reel_word_list *list);

/* One more line for reel_weights_note; control characters in it become '?'. */
reel_status reel_weights_add_note(reel_weights *w, const char *text, reel_error *err);

/* What the beginning of a file that is not safetensors looks like: "a PyTorch .pth file ..."; never
 * NULL. */
const char *reel_weights_sniff(const unsigned char *bytes, size_t size);

/* A name out of a file for a message: control characters and overlong names cannot spoil the line.
 * Returns text. */
typedef struct reel_printable {
    char text[96];
} reel_printable;
const char *reel_printable_name(reel_printable *room, const char *name);

/* The name without the words of wrappers ("module", "_orig_mod", "model", ...). */
void reel_name_unwrap(const char *name, char *plain, size_t size);

/* Which tensor each parameter takes (weights_names.c). */
typedef struct reel_name_map {
    const reel_weight **of; /* of each parameter of the store, or NULL */
    char prefix[256];       /* that the names of the file's tensors begin with */
    char rule[600];         /* what is left out of the names: "\"model.\""; empty: they are taken as
                               they are */
} reel_name_map;
/* REEL_ERR_FORMAT: several mappings fit equally well. */
reel_status reel_name_map_make(reel_name_map *map, const reel_params *params,
                               const reel_weights *weights, reel_error *err);
void reel_name_map_free(reel_name_map *map);
/* Whether one of the first `params` parameters takes w. */
bool reel_name_map_takes(const reel_name_map *map, int params, const reel_weight *w);

/* Whether the tensor is there (not NULL) and has the parameter's shape. */
bool reel_weight_fits(const reel_weight *w, const reel_param *p);
/* REEL_ERR_NONFINITE names the first tensor that fits a parameter and holds NaN or infinity. */
reel_status reel_weights_check_finite(const reel_params *params, const reel_weights *weights,
                                      const reel_name_map *map, reel_error *err);
/* Values [begin, begin + count) as bf16; false where a number becomes infinite. */
bool reel_weight_round(const reel_weight *w, int64_t begin, int64_t count, reel_bf16 *to);
/* Whether every value is finite, also after narrowing to dtype. */
bool reel_weight_is_finite(const reel_weight *w, reel_dtype dtype);

/* ---- parts of a tensor (weights_convert.c): n elements, of which the first is the first-th in
 * row-major order ---- */

/* Whether n stored values are finite, also after narrowing to dtype. */
bool reel_stored_is_finite(reel_stored_dtype stored, const void *bytes, int64_t n,
                           reel_dtype dtype);
/* Whether t holds values in the order and dtype of w's: then t.data + first elements is their
 * place. */
bool reel_weight_lies_as(const reel_weight *w, const reel_tensor *t);
/* Converts stored values into their places in t, which has the shape of w. */
void reel_weight_decode(const reel_weight *w, const char *from, const reel_tensor *t, int64_t first,
                        int64_t n);

#endif
