/* From a weight file straight into the parameters of a new net: reading, CRC-32s and the search for
 * NaN in one pass, in all threads. Private to core/files and layers. */
#ifndef REEL_CORE_FILES_WEIGHTS_LOAD_H
#define REEL_CORE_FILES_WEIGHTS_LOAD_H

#include "core/files/weights.h"

/* As reel_weights_read and _read_memory, but the data of a safetensors file stays where it is: its
 * tensors have names and shapes, and .data is NULL. The file stays open until
 * reel_weights_destroy; bytes and name are borrowed until then. Any other kind of file is read. */
reel_status reel_weights_open(reel_weights **out, const char *path, reel_error *err);
reel_status reel_weights_open_memory(reel_weights **out, const void *bytes, size_t size,
                                     const char *name, reel_error *err);

/* The header against its CRC-32. *carried: whether the file has CRC-32s; may be NULL. */
reel_status reel_weights_verify_header(const reel_weights *weights, bool *carried, reel_error *err);

/* As reel_weights_verify and then reel_params_load, for weights that were opened or read. Every
 * tensor of the file is compared with its CRC-32, also one that no parameter takes. The header is
 * compared by reel_weights_verify_header.
 *
 * Unlike reel_params_load, a failure leaves the store with undefined values: this is for a store
 * that is thrown away then. Which failure is reported does not depend on the threads: one of
 * reading, the first CRC-32 in the order of the file, the first NaN in that of the parameters. */
reel_status reel_params_fill(reel_params *params, const reel_weights *weights, int threads,
                             reel_error *err);

#endif
