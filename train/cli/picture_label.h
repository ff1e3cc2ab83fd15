/* A line of text on a picture: a dark band along its lower edge, with white letters. */
#ifndef REEL_TRAIN_PICTURE_LABEL_H
#define REEL_TRAIN_PICTURE_LABEL_H

#include "data/image.h"

/* Draws "NAME  TAIL" (UTF-8) into the picture. Letters grow with its shorter side: one pixel of the
 * font is side / 190 pixels, at least 1. Where the line is too long, the letters shrink to half,
 * then the name ends with "..."; the tail stays whole. */
void reel_picture_label(reel_image *image, const char *name, const char *tail);

#endif
