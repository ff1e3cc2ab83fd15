/* Networks as text: one layer a line, in PyTorch's class and argument names.
 *
 *     input 3x32x32
 *     features:
 *         Conv2d 16 3 padding=1
 *         ReLU
 *     Flatten
 *     classifier: Linear classes
 *
 * layers/README.md has the language. Here stand the ways in and out of a net; layers/models.h reads
 * a file. */
#ifndef REEL_LAYERS_TEXT_H
#define REEL_LAYERS_TEXT_H

#include "layers/model_config.h"
#include "layers/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A parsed text: its head (reel_text_head) and its lines. It does not change, so several threads
 * may build nets from it. */
typedef struct reel_text reel_text;

/* Reads size bytes of text; name is for messages, which begin with "NAME:LINE:COLUMN: ". folder:
 * where `include` looks for files; NULL = it is an error. REEL_ERR_FORMAT: lines that are not the
 * language's. What the lines say about layers is checked by reel_text_add. */
REEL_API reel_status reel_text_read(reel_text **out, const char *name, const char *bytes,
                                    size_t size, const char *folder, reel_error *err);
/* The same with a file's bytes and the file's folder. */
REEL_API reel_status reel_text_read_file(reel_text **out, const char *path, reel_error *err);
REEL_API void reel_text_free(reel_text *text); /* NULL is fine */

/* The lines in front. */
typedef struct reel_text_head {
    const char *about; /* "" = none; lives as long as the text */
    int64_t channels, height, width;
    int64_t classes; /* 1000 where the text says nothing */
} reel_text_head;
REEL_API const reel_text_head *reel_text_head_of(const reel_text *text);

/* Whether a line names an initialiser: weight_init=..., bias_init=... */
REEL_API bool reel_text_names_init(const reel_text *text);

/* Adds the text's layers to an empty net, which is not built afterwards. No field of config is left
 * at a default. The operators' own shape rules run on the way, without memory for their values: so
 * widths are inferred, and a layer that does not fit is named with its line. */
REEL_API reel_status reel_text_add(reel_net *net, const reel_text *text,
                                   const reel_model_config *config, reel_error *err);

/* A net that takes images of shape (n, c, h, w) as a text that reads back to the same net: the same
 * layers, names of parameters and shapes. input: c, h, w. The caller frees *text. The widths of the
 * layers that a text gave `classes`, or of the last layer with weights, stand there as `classes`.
 * REEL_ERR_INVALID: a layer that is not in the library's table, a name or a size that no text has.
 */
REEL_API reel_status reel_net_print(const reel_net *net, const int64_t input[3], char **text,
                                    reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
