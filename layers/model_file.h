/* From a weights file to a net, and from images to probabilities: what a program that only uses a
 * network needs.
 *
 *     reel_model_open(&net, &card, "best.safetensors", NULL, ctx, REEL_F32, &err);
 *     reel_preprocess_rgb(&card.preprocessing, rgb, width, height, pixels, &err);
 *     reel_net_predict(net, &images, probabilities, &err);
 *     puts(reel_model_card_class(&card, best, text, sizeof text));
 *
 * train/examples/classify_rgb.c is a whole program. */
#ifndef REEL_LAYERS_MODEL_FILE_H
#define REEL_LAYERS_MODEL_FILE_H

#include "core/files/model_card.h"
#include "layers/models.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads the card of a weights file (core/files/model_card.h). Where the file does not give the
 * image size, it is the network's default. arch: the network to take where the file names none.
 * REEL_ERR_FORMAT: also if this library does not have the network or the head. The caller frees the
 * card, also after a failure. */
REEL_API reel_status reel_model_read_card(reel_model_card *card, const reel_weights *weights,
                                          const char *arch, const char *name, reel_error *err);

/* Builds the net of a card, without values (reel_model_build), after its parameters were compared
 * with the weights'. Failures as reel_model_build and reel_params_check; name is for messages. */
REEL_API reel_status reel_model_of_card(reel_net **net, const reel_model_card *card,
                                        const reel_weights *weights, const char *name,
                                        const reel_ctx *ctx, reel_dtype dtype, reel_error *err);
/* Builds the net of a card and loads weights into it. Failures as reel_model_create and
 * reel_params_load; name is for messages. */
REEL_API reel_status reel_model_load(reel_net **net, const reel_model_card *card,
                                     const reel_weights *weights, const char *name,
                                     const reel_ctx *ctx, reel_dtype dtype, reel_error *err);

/* The weights file that a path stands for: a run's folder for its best weights, or its last if
 * there are no best ones; any other path for itself. The text is cut to size. */
REEL_API void reel_model_path(char *file, size_t size, const char *path);

/* Opens a weights file: reads it, compares its CRC-32s, builds the net, loads the weights. path may
 * be a run's folder (reel_model_path). _memory does the same
 * with the bytes of a weights file, which may be freed afterwards; name is for messages. The caller
 * frees card and net; after a failure there is nothing to free. */
REEL_API reel_status reel_model_open(reel_net **net, reel_model_card *card, const char *path,
                                     const char *arch, const reel_ctx *ctx, reel_dtype dtype,
                                     reel_error *err);
REEL_API reel_status reel_model_open_memory(reel_net **net, reel_model_card *card,
                                            const void *bytes, size_t size, const char *name,
                                            const char *arch, const reel_ctx *ctx, reel_dtype dtype,
                                            reel_error *err);

/* The class probabilities of a float32 net for images (n, 3, h, w): n x classes numbers, row by
 * row. Runs in evaluation mode, whatever the net's mode. Each call makes a tape: a program that
 * classifies many images keeps its own tape and calls reel_net_forward and reel_softmax.
 * REEL_ERR_NONFINITE: these weights give NaN. REEL_ERR_INVALID: images of a size that the net
 * cannot take. A net is used by one thread at a time. */
REEL_API reel_status reel_net_predict(reel_net *net, const reel_tensor *images,
                                      float *probabilities, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
