/* Weight files. Read: safetensors (u64 header length, JSON header, raw little-endian data,
 * row-major) and PyTorch's .pth, both as the zip container and as the legacy stream; written:
 * safetensors.
 *
 * Reading checks everything before it allocates. safetensors: contiguous, no holes, no overlap, no
 * duplicate key, no overflow, end = end of file. A .pth file's pickle is a program, and is not run:
 * core/files/pickle.h builds plain values and keeps everything else as opaque. Its tensors come
 * from the dictionary at the top, or from the one below "state_dict", "model" or another name.
 * Names that all begin with "module." (DataParallel) or "_orig_mod." (torch.compile) lose that.
 * Whatever their strides, data is row-major. Names that are not UTF-8 are escaped as \xNN. What is
 * not weights is passed over, and reel_weights_note says so. Files of another kind are named in the
 * message (ONNX, HTML, a git-lfs pointer, ...).
 *
 * Writing goes to a temporary file in the same folder, fsync, rename, fsync of the folder: the name
 * holds either the old or the new file, never half of one. */
#ifndef REEL_CORE_WEIGHTS_H
#define REEL_CORE_WEIGHTS_H

#include "core/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A file in memory. The caller destroys it; names, metadata and data live as long. Any number of
 * threads may read one. */
typedef struct reel_weights reel_weights;

typedef enum {
    REEL_STORED_F32,
    REEL_STORED_F64,
    REEL_STORED_F16,
    REEL_STORED_BF16,
    REEL_STORED_I64
} reel_stored_dtype;

typedef struct reel_weight {
    const char *name;
    reel_stored_dtype dtype;
    int ndim;
    int64_t shape[REEL_MAX_DIMS];
    const void *data; /* row-major, little-endian; inside the reel_weights */
    size_t bytes;
} reel_weight;

/* The whole file comes into memory and the file is closed: what happens to it later does no harm.
 * REEL_ERR_IO: cannot be read; REEL_ERR_FORMAT: is not what it should be. _read_memory does the
 * same with bytes, which are copied; name is for messages. */
REEL_API reel_status reel_weights_read(reel_weights **out, const char *path, reel_error *err);
REEL_API reel_status reel_weights_read_memory(reel_weights **out, const void *bytes, size_t size,
                                              const char *name, reel_error *err);
REEL_API void reel_weights_destroy(reel_weights *weights);
/* What kind of file it was: "safetensors", "pth" or "pth, legacy". */
REEL_API const char *reel_weights_format(const reel_weights *weights);
/* What a reader should know about the file, one line each, such as "not used: epoch, optimizer" or
 * "passed over: mask (BoolStorage)". NULL behind the last. */
REEL_API const char *reel_weights_note(const reel_weights *weights, int index);
REEL_API int reel_weights_count(const reel_weights *weights);
/* In the order of the file; 0 <= index < count. */
REEL_API const reel_weight *reel_weights_at(const reel_weights *weights, int index);
/* Both: NULL if there is none. */
REEL_API const reel_weight *reel_weights_find(const reel_weights *weights, const char *name);
REEL_API const char *reel_weights_metadata(const reel_weights *weights, const char *key);
/* The index-th key of the metadata, in no particular order; NULL behind the last. */
REEL_API const char *reel_weights_metadata_key(const reel_weights *weights, int index);

/* Converts one stored tensor into t (same shape, any layout and dtype). REEL_ERR_FORMAT:
 * shapes differ (the message names both). Values come through bit for bit where the dtypes agree;
 * I64 labels: read .data, which is aligned to the dtype in every file whose tensors are (ours are).
 */
REEL_API reel_status reel_weight_to_tensor(const reel_weight *w, const reel_tensor *t,
                                           reel_error *err);

/* A file being written: add tensors (converted to row-major; memory is borrowed until _save), then
 * save. REEL_ERR_INVALID: a name that is taken, reserved ("__metadata__", "header", metadata
 * "crc32...") or not UTF-8. */
typedef struct reel_weights_writer reel_weights_writer;
REEL_API reel_status reel_weights_writer_create(reel_weights_writer **out, reel_error *err);
REEL_API void reel_weights_writer_destroy(reel_weights_writer *writer);
REEL_API reel_status reel_weights_writer_tensor(reel_weights_writer *writer, const char *name,
                                                const reel_tensor *t, reel_error *err);
/* A stored tensor under its own name and dtype, every bit as it is; w is borrowed until _save. */
REEL_API reel_status reel_weights_writer_weight(reel_weights_writer *writer, const reel_weight *w,
                                                reel_error *err);
/* A stored tensor under its own name in bf16, rounded to nearest, ties to even; bf16 and I64 go out
 * as they are. w is borrowed until _save, which fails with REEL_ERR_NONFINITE where a number
 * becomes infinite. */
REEL_API reel_status reel_weights_writer_bf16(reel_weights_writer *writer, const reel_weight *w,
                                              reel_error *err);
/* A float32 tensor of any size that never lies in memory: _save calls `fill` for its values, about
 * a mebibyte at a time, from the first to the last in row-major order. A failure of fill is that of
 * _save. */
typedef reel_status reel_weights_fill_fn(void *user, float *values, int64_t count, reel_error *err);
REEL_API reel_status reel_weights_writer_stream(reel_weights_writer *writer, const char *name,
                                                int ndim, const int64_t *shape,
                                                reel_weights_fill_fn *fill, void *user,
                                                reel_error *err);
REEL_API reel_status reel_weights_writer_metadata(reel_weights_writer *writer, const char *key,
                                                  const char *value, reel_error *err);
/* Adds CRC-32s to the metadata: "crc32.NAME" for each tensor, "crc32.header" for the header (the
 * JSON text with its padding) with that field blank: eight spaces in place of its eight hexadecimal
 * digits. REEL_ERR_IO: the name still holds the old file, if there was one, and the temporary file
 * (.reel-PID-N.tmp in the same folder) is gone. */
REEL_API reel_status reel_weights_writer_save(reel_weights_writer *writer, const char *path,
                                              reel_error *err);
/* Recomputes the CRC-32s that the file carries. REEL_ERR_FORMAT names the first that differs; files
 * without any pass. */
REEL_API reel_status reel_weights_verify(const reel_weights *weights, reel_error *err);

/* Values (buffers included) of a store to and from named tensors. Loading is all or nothing:
 * missing, extra or mis-shaped tensors are one REEL_ERR_FORMAT that lists them, NaN or infinity one
 * REEL_ERR_NONFINITE that names the tensor, and the store is left as it was. Not "extra" are the
 * counters "*.num_batches_tracked" of PyTorch's batch normalisation, tensors without dimensions,
 * and tensors outside the part of the file that the names were found in.
 *
 * Names: where the parameters' names are not in the file as they are, one prefix and words such as
 * "module" are left out of the file's names, so that most tensors fit by name and shape.
 * reel_params_name_rule writes what was left out ("\"model.\", \"module.\""), or nothing.
 * REEL_ERR_FORMAT: several such mappings fit equally well; the message names them. */
REEL_API reel_status reel_params_name_rule(const reel_params *params, const reel_weights *weights,
                                           char *rule, size_t size, reel_error *err);
/* The tensor for parameter `index` where the sizes are not known yet: by the rule above, but a
 * tensor fits that has the parameter's number of dimensions. *out: NULL if there is none. Of
 * several networks in the file, the one whose names need no prefix. Errors as reel_params_load. */
REEL_API reel_status reel_params_find_weight(const reel_params *params, const reel_weights *weights,
                                             int index, const reel_weight **out, reel_error *err);
/* Names and shapes only, as reel_params_load compares them; the store need not be committed. */
REEL_API reel_status reel_params_check(const reel_params *params, const reel_weights *weights,
                                       reel_error *err);
REEL_API reel_status reel_params_load(reel_params *params, const reel_weights *weights,
                                      reel_error *err);

/* Loads what fits: a parameter takes the tensor of its name if the shapes agree, else it keeps its
 * values. tell (may be NULL) is called for each parameter in the store's order, then for each
 * tensor of the file that no parameter has the name of. *loaded: how many parameters were loaded.
 * REEL_ERR_NONFINITE: a tensor that fits holds NaN or infinity; no parameter has changed. */
typedef enum {
    REEL_MATCH_LOADED,
    REEL_MATCH_OTHER_SHAPE, /* param and weight differ in shape */
    REEL_MATCH_MISSING,     /* weight is NULL */
    REEL_MATCH_SKIPPED      /* param is NULL */
} reel_match;
typedef void reel_match_fn(void *user, reel_match match, const reel_param *param,
                           const reel_weight *weight);
REEL_API reel_status reel_params_load_matching(reel_params *params, const reel_weights *weights,
                                               reel_match_fn *tell, void *user, int *loaded,
                                               reel_error *err);
REEL_API reel_status reel_params_add_to(const reel_params *params, reel_weights_writer *writer,
                                        reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
