/* JPEG, for the writer of packs: it keeps files that are JPEGs already. */
#ifndef REEL_DATA_CODECS_JPEG_H
#define REEL_DATA_CODECS_JPEG_H

#include "data/codecs/codec.h"

extern const reel_codec reel_codec_jpeg;

#endif
