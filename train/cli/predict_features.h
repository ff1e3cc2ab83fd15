/* `reel predict --features LAYER`: a layer's output for each image, as a .safetensors file.
 *
 * The file holds one float32 tensor with the layer's name. Its shape is (n, d), or (n, c, h, w)
 * where the layer gives maps. Its metadata holds "layer" and "names": a JSON list of the images, in
 * the order of the rows. Rows wait in a file without a name beside the final one: memory holds one
 * batch of them, and the names. */
#ifndef REEL_TRAIN_PREDICT_FEATURES_H
#define REEL_TRAIN_PREDICT_FEATURES_H

#include "layers/net.h"

typedef struct reel_feature_file reel_feature_file;

typedef struct reel_feature_request {
    const char *layer; /* as `reel summary` prints it */
    const char *path;  /* of the file */
    bool overwrite;    /* a file that is there is replaced */
    int64_t input[4];  /* of a full batch: images, channels, height, width */
} reel_feature_request;

/* Begins to watch the net's layer; layers are no longer fused, so that each has a value. The net
 * must outlive the file. REEL_ERR_INVALID: no such layer, or the path is taken; REEL_ERR_IO;
 * REEL_ERR_MEMORY. */
reel_status reel_feature_file_open(reel_feature_file **out, reel_net *net,
                                   const reel_feature_request *request, reel_error *err);
/* Takes the rows of the last forward pass, which was of these n images. */
reel_status reel_feature_file_add(reel_feature_file *f, char *const *names, int64_t n,
                                  reel_error *err);
/* Writes the file, whole or not at all; nothing without rows. *n: how many there are.
 * REEL_ERR_INVALID: the path has been taken since the file was opened. */
reel_status reel_feature_file_save(reel_feature_file *f, int64_t *n, reel_error *err);
/* Ends the watch. NULL is fine. */
void reel_feature_file_close(reel_feature_file *f);

#endif
