/* Near misses by Damerau-Levenshtein distance, and the names that other programs use. */
#include "train/cli/nearest.h"

#include "core/base.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 64 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* The letters to insert, delete, replace or swap with their neighbour that turn a into b. */
static int edit_distance(const char *a, const char *b)
{
    const int n = (int)strlen(a), m = (int)strlen(b);
    if (n >= MAX_WORD || m >= MAX_WORD)
        return MAX_WORD;

    /* d[i][j]: the distance between the first i letters of a and the first j of b. */
    int d[MAX_WORD + 1][MAX_WORD + 1];
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = smaller(best, d[i - 1][j] + 1);
            best = smaller(best, d[i][j - 1] + 1);
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            d[i][j] = swapped ? smaller(best, d[i - 2][j - 2] + 1) : best;
        }
    return d[n][m];
}

/* One letter may be wrong, and one more for every four. */
reel_nearest reel_nearest_to(const char *typed)
{
    return (reel_nearest){.typed = typed, .distance = (int)strlen(typed) / 4 + 2};
}

/* "output" for "output-dir", "steps" for "max-steps", "evaluate" for "eval". */
static bool is_part(const char *typed, const char *candidate)
{
    const size_t length = strlen(typed), all = strlen(candidate);
    if (length < 4 || all < 4)
        return false;
    if (all < length)
        return strncmp(typed, candidate, all) == 0;
    return (strncmp(candidate, typed, length) == 0 && candidate[length] == '-') ||
           (all > length && candidate[all - length - 1] == '-' &&
            strcmp(candidate + all - length, typed) == 0);
}

void reel_nearest_offer(reel_nearest *nearest, const char *candidate)
{
    const int d = is_part(nearest->typed, candidate) ? 1 : edit_distance(nearest->typed, candidate);
    if (d >= nearest->distance)
        return;
    nearest->distance = d;
    snprintf(nearest->word, sizeof nearest->word, "%s", candidate);
}

const char *reel_foreign_option(const char *name)
{
    static const struct {
        const char *theirs, *ours;
    } table[] = {
        /* torchvision's references/classification/train.py and PyTorch's imagenet/main.py */
        {"data-path", "the folder as an argument: reel train DATA"},
        {"data", "the folder as an argument: reel train DATA"},
        {"pretrained", "--weights FILE, or a name such as torchvision/alexnet"},
        {"start-epoch", "--resume auto"},
        {"load", "--weights FILE"},
        {"device", "--threads (Reel computes on the CPU)"},
        {"gpu", "--threads (Reel computes on the CPU)"},
        {"num-workers", "--workers"},
        {"bias-weight-decay", "--bias-decay-mult"},
        {"norm-weight-decay", "--bias-decay-mult"},
        {"lr-warmup-method", "--lr-warmup-epochs (always linear)"},
        {"lr-warmup-decay", "--lr-warmup-epochs"},
        {"learning-rate", "--lr"},
        {"random-crop-scale", "--min-area"},
        {"color-jitter", "--jitter"},
        {"checkpoint", "--resume FILE"},
        {"save-dir", "--output-dir"},
        {"print-freq", "--log-every"},
        {"random-erase", "--jitter or --lighting (Reel erases nothing)"},
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
        {"angle", "--crop or --jitter (Reel rotates nothing)"},
        {"classes", "--num-classes"},
    };
    char dashed[MAX_WORD];
    snprintf(dashed, sizeof dashed, "%s", name);
    for (char *c = dashed; *c; c++)
        if (*c == '_')
            *c = '-';
    for (int i = 0; i < REEL_COUNT(table); i++)
        if (!strcmp(table[i].theirs, dashed))
            return table[i].ours;
    return NULL;
}

const char *reel_foreign_command(const char *name)
{
    static const struct {
        const char *theirs, *ours;
    } table[] = {
        {"test", "eval"},       {"val", "eval"},          {"validate", "eval"},
        {"infer", "predict"},   {"inference", "predict"}, {"classify", "predict"},
        {"fit", "train"},       {"export", "convert"},    {"info", "summary"},
        {"inspect", "summary"}, {"time", "bench step"},
    };
    for (int i = 0; i < REEL_COUNT(table); i++)
        if (!strcmp(table[i].theirs, name))
            return table[i].ours;
    return NULL;
}
