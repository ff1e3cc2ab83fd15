/* A picture of the first layer's filters, which the event file shows as training goes on. */
#ifndef REEL_TRAIN_FILTERS_H
#define REEL_TRAIN_FILTERS_H

#include "data/image.h"
#include "layers/net.h"

/* The filters of the first convolution over 3 channels (or 1, in grey) side by side, each scaled so
 * that 0 is grey and its largest weight black or white (Krizhevsky et al. 2012, figure 3).
 * REEL_ERR_INVALID: the net has none. */
reel_status reel_filters_image(reel_image *out, const reel_net *net, reel_error *err);

/* 0 is black, 1 and above are white. */
uint8_t reel_grey_level(double value);

#endif
