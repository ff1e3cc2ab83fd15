/* The initial weights of Caffe's bvlc_alexnet. */
#ifndef REEL_TRAIN_INIT_CAFFE_H
#define REEL_TRAIN_INIT_CAFFE_H

#include "layers/net.h"

/* For a fresh net of the 2012 paper (layers/models/alexnet2012.c). */
void reel_init_caffe(reel_net *net);

#endif
