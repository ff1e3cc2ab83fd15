/* Weights of classes in a loss: from a file, or balanced. */
#ifndef REEL_DATA_CLASS_WEIGHTS_H
#define REEL_DATA_CLASS_WEIGHTS_H

#include "data/dataset.h"

/* The text of a file with weights. CSV (RFC 4180): a class name and its weight a line; a first line
 * `class,weight` is a heading. Every class stands there once; a weight is above 0 and at most 1e6.
 */
typedef struct reel_weights_csv {
    const char *text;
    size_t size;
    const char *name; /* of the file, for messages */
} reel_weights_csv;

/* Fills weights [classes] in the order of `names`. REEL_ERR_FORMAT: one line that names the file,
 * the line, what was expected and found, and for an unknown class the nearest name. */
reel_status reel_class_weights_parse(double *weights, const reel_weights_csv *csv,
                                     const char *const *names, int64_t classes, reel_error *err);
/* The same from a file, with the classes of a dataset. */
reel_status reel_class_weights_read(double *weights, const char *path, const reel_dataset *d,
                                    reel_error *err);

/* weights[c] = n / (classes n_c) with n samples in all and n_c of class c, as scikit-learn's
 * compute_class_weight has it. REEL_ERR_INVALID: a class has no sample. */
reel_status reel_class_weights_balance(double *weights, const reel_dataset *d, reel_error *err);

#endif
