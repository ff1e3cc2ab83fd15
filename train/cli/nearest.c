/* Near misses by Damerau-Levenshtein distance, and the names that other programs use. */
#include "train/cli/nearest.h"

#include "core/base.h"

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

reel_nearest reel_nearest_to(const char *typed)
{
    return (reel_nearest){.typed = typed, .distance = (int)strlen(typed) / 3 + 2};
}

void reel_nearest_offer(reel_nearest *nearest, const char *candidate)
{
    const int d = edit_distance(nearest->typed, candidate);
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
        {"data_path", "the folder as an argument: reel train DATA"},
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
        /* Caffe's solver and command line */
        {"base_lr", "--lr"},
        {"lr_policy", "--lr-scheduler"},
        {"gamma", "--lr-gamma"},
        {"stepsize", "--lr-step-size"},
        {"stepvalue", "--lr-milestones"},
        {"power", "--lr-power"},
        {"max_iter", "--max-steps or --epochs"},
        {"iter_size", "--accumulate"},
        {"clip_gradients", "--clip-grad-norm"},
        {"snapshot", "--checkpoint-every or --resume auto"},
        {"snapshot_prefix", "--output-dir"},
        {"solver", "the recipe: --recipe caffe"},
        /* Darknet's .cfg */
        {"batch", "--batch-size"},
        {"subdivisions", "--accumulate"},
        {"max_batches", "--max-steps"},
        {"burn_in", "--lr-warmup-epochs"},
        {"policy", "--lr-scheduler"},
        {"decay", "--weight-decay"},
    };
    for (int i = 0; i < REEL_COUNT(table); i++)
        if (!strcmp(table[i].theirs, name))
            return table[i].ours;
    return NULL;
}
