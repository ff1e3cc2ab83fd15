/* Names that people bring from other programs. */
#ifndef REEL_TRAIN_FOREIGN_NAMES_H
#define REEL_TRAIN_FOREIGN_NAMES_H

/* What an option of torchvision's and PyTorch's reference scripts, of timm, Caffe or Darknet is
 * called here: "--log-every", or advice in words. '_' counts as '-'. NULL = unknown. */
const char *reel_foreign_option(const char *name);
/* What a command of such programs is called here: "eval" for "test". NULL = unknown. */
const char *reel_foreign_command(const char *name);

#endif
