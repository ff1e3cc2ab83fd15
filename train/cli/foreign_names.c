/* What other programs call options and commands, and what they are called here. */
#include "train/cli/foreign_names.h"

#include "core/base.h"

#include <stdio.h>
#include <string.h>

typedef struct foreign_name {
    const char *theirs, *ours;
} foreign_name;

static const foreign_name foreign_options[] = {
    /* torchvision's references/classification/train.py and PyTorch's imagenet/main.py */
    {"data-path", "the folder as an argument: reel train DATA"},
    {"data", "the folder as an argument: reel train DATA"},
    {"pretrained", "--weights FILE, or a name such as torchvision/alexnet"},
    {"start-epoch", "--resume auto"},
    {"load", "--weights FILE"},
    {"device", "--threads (Reel computes on the CPU)"},
    {"gpu", "--threads (Reel computes on the CPU)"},
    {"num-workers", "--workers"},
    {"learning-rate", "--lr"},
    {"random-crop-scale", "--min-area"},
    {"color-jitter", "--jitter"},
    {"checkpoint", "--resume FILE"},
    {"save-dir", "--output-dir"},
    {"print-freq", "--log-every"},
    /* timm's train.py */
    {"data-dir", "the folder as an argument: reel train DATA"},
    {"sched", "--lr-scheduler"},
    {"warmup-epochs", "--lr-warmup-epochs"},
    {"decay-rate", "--lr-gamma"},
    {"decay-epochs", "--lr-step-size"},
    {"decay-milestones", "--lr-milestones"},
    {"drop", "--dropout"},
    {"smoothing", "--label-smoothing"},
    {"clip-grad", "--clip-grad-norm"},
    {"grad-accum-steps", "--accumulate"},
    {"hflip", "--flip"},
    {"aa", "--auto-augment"},
    {"reprob", "--random-erase"},
    {"train-interpolation", "--interpolation"},
    {"scale", "--min-area"},
    {"output", "--output-dir"},
    {"experiment", "--output-dir"},
    {"input-size", "--train-crop-size"},
    {"img-size", "--train-crop-size"},
    {"image-size", "--train-crop-size"},
    {"initial-checkpoint", "--weights FILE"},
    {"checkpoint-hist", "--keep"},
    {"log-interval", "--log-every"},
    {"recovery-interval", "--checkpoint-every"},
    {"val-split", "--val-share"},
    {"patience", "--early-stop"},
    /* Caffe's solver and command line */
    {"base-lr", "--lr"},
    {"lr-policy", "--lr-scheduler"},
    {"gamma", "--lr-gamma"},
    {"stepsize", "--lr-step-size"},
    {"stepvalue", "--lr-milestones"},
    {"power", "--lr-power"},
    {"max-iter", "--max-steps or --epochs"},
    {"iter-size", "--accumulate"},
    {"clip-gradients", "--clip-grad-norm"},
    {"snapshot", "--checkpoint-every or --resume auto"},
    {"snapshot-prefix", "--output-dir"},
    {"solver", "the recipe: --recipe caffe"},
    /* Darknet's .cfg */
    {"batch", "--batch-size"},
    {"subdivisions", "--accumulate"},
    {"max-batches", "--max-steps"},
    {"burn-in", "--lr-warmup-epochs"},
    {"policy", "--lr-scheduler"},
    {"decay", "--weight-decay"},
    {"steps", "--lr-milestones, or --max-steps"},
    {"saturation", "--jitter"},
    {"exposure", "--jitter"},
    {"hue", "--jitter"},
    {"angle", "--auto-augment ta_wide"},
    {"classes", "--num-classes"},
};

static const foreign_name foreign_commands[] = {
    {"test", "eval"},       {"val", "eval"},          {"validate", "eval"},
    {"infer", "predict"},   {"inference", "predict"}, {"classify", "predict"},
    {"fit", "train"},       {"export", "convert"},    {"info", "summary"},
    {"inspect", "summary"}, {"time", "bench step"},
};

static const char *our_name(const foreign_name *names, int n, const char *theirs)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i].theirs, theirs))
            return names[i].ours;
    return NULL;
}

const char *reel_foreign_option(const char *name)
{
    char dashed[64];
    snprintf(dashed, sizeof dashed, "%s", name);
    for (char *c = dashed; *c; c++)
        if (*c == '_')
            *c = '-';
    return our_name(foreign_options, REEL_COUNT(foreign_options), dashed);
}

const char *reel_foreign_command(const char *name)
{
    return our_name(foreign_commands, REEL_COUNT(foreign_commands), name);
}
