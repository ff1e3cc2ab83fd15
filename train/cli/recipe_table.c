/* The recipes. Where a paper and its authors' code differ, the code is followed and the comment
 * says so. */
#include "train/cli/recipe_table.h"

#include "core/base.h"

#include <string.h>

/* Published recipes start from small random weights and wait for thousands of steps until the loss
 * leaves ln(classes); on a small set their epochs end before. */
enum { FAR_FEWER = 50000 };

/* You, Gitman and Ginsburg 2017, and the solver files for AlexNet with batch norm that came with
 * it: the 8K, 16K and 32K files begin at lr 1 and warm up for 3.8, 5 and 10 epochs; 1K needs no
 * warm-up.
 */
static const reel_batch_rate large_batch_rates[] = {
    {.images = 1024, .lr = 2, .warmup_epochs = 0, .warmup_lr = 1},
    {.images = 8192, .lr = 10, .warmup_epochs = 3.8, .warmup_lr = 1},
    {.images = 16384, .lr = 24, .warmup_epochs = 5, .warmup_lr = 1},
    {.images = 32768, .lr = 32, .warmup_epochs = 10, .warmup_lr = 1},
};

static const reel_recipe recipes[] = {
    /* Ours. Initial weights are fitted to the data (layers/calibrate.c), since PyTorch's leave
     * AlexNet at ln(classes) for many epochs on a small folder; cosine to zero needs no milestones
     * to guess; the clip only stops what has gone wrong. */
    {.name = "quick",
     .about = "a folder of your own, a few hundred to some ten thousand images",
     .least = 0,
     .settings =
         {
             {"arch", "alexnet"},
             {"epochs", "30"},
             {"batch-size", "32"},
             {"lr", "0.01"},
             {"momentum", "0.9"},
             {"weight-decay", "5e-4"},
             {"lr-scheduler", "cosine"},
             {"lr-warmup-epochs", "0"},
             {"label-smoothing", "0"},
             {"clip-grad-norm", "20"},
             {"init", "data"},
             {"crop", "random-resized"},
             {"min-area", "0.25"},
             {"flip", "0.5"},
             {"jitter", "0.2"},
             {"normalize", "imagenet"},
             {"exif", "ignore"},
             {"class-balanced", "false"},
         }},
    /* torchvision's references/classification for AlexNet: 8 GPUs x 32 images. */
    {.name = "torchvision",
     .about =
         "torchvision's reference script for AlexNet (Krizhevsky 2014): 56.5 % top-1 on ImageNet",
     .least = FAR_FEWER,
     .settings =
         {
             {"arch", "alexnet"},      {"epochs", "90"},
             {"batch-size", "256"},    {"lr", "0.01"},
             {"momentum", "0.9"},      {"weight-decay", "1e-4"},
             {"lr-scheduler", "step"}, {"lr-step-size", "30"},
             {"lr-gamma", "0.1"},      {"lr-warmup-epochs", "0"},
             {"label-smoothing", "0"}, {"clip-grad-norm", "0"},
             {"init", "model"},        {"crop", "random-resized"},
             {"min-area", "0.08"},     {"flip", "0.5"},
             {"jitter", "0"},          {"normalize", "imagenet"},
             {"exif", "ignore"},       {"class-balanced", "false"},
         }},
    /* Krizhevsky, Sutskever, Hinton 2012. The schedule is the code's: divided by 10 at epochs 23,
     * 51 and 78, stopped at 93; biases are not decayed. Crops of 227 instead of 224 (see
     * layers/models/alexnet2012.c). Pixels in 0..255 less their mean.
     */
    {.name = "alexnet2012",
     .about = "the 2012 paper with its two-group net: 59.3 % top-1 on ImageNet",
     .least = FAR_FEWER,
     .settings =
         {
             {"arch", "alexnet2012"},
             {"epochs", "93"},
             {"batch-size", "128"},
             {"lr", "0.01"},
             {"momentum", "0.9"},
             {"weight-decay", "5e-4"},
             {"lr-in-velocity", "true"},
             {"bias-decay-mult", "0"},
             {"lr-scheduler", "multistep"},
             {"lr-milestones", "23,51,78"},
             {"lr-gamma", "0.1"},
             {"lr-warmup-epochs", "0"},
             {"label-smoothing", "0"},
             {"clip-grad-norm", "0"},
             {"init", "model"},
             {"crop", "random"},
             {"train-resize-size", "256"},
             {"val-resize-size", "256"},
             {"flip", "0.5"},
             {"lighting", "0.1"},
             {"jitter", "0"},
             {"normalize", "mean-pixel"},
             {"exif", "ignore"},
             {"class-balanced", "false"},
         }},
    /* Caffe's bvlc_alexnet: 450,000 iterations of 256, divided by 10 every 100,000 (20 epochs of
     * ImageNet). Its mean image is a mean pixel here; its k = 1 in LRN is the net's k = 2, which
     * changes a constant factor. */
    {.name = "caffe",
     .about = "Caffe's bvlc_alexnet: 57.1 % top-1 on ImageNet",
     .least = FAR_FEWER,
     .settings =
         {
             {"arch", "alexnet2012"},
             {"epochs", "90"},
             {"batch-size", "256"},
             {"lr", "0.01"},
             {"momentum", "0.9"},
             {"weight-decay", "5e-4"},
             {"lr-in-velocity", "true"},
             {"bias-lr-mult", "2"},
             {"bias-decay-mult", "0"},
             {"lr-scheduler", "step"},
             {"lr-step-size", "20"},
             {"lr-gamma", "0.1"},
             {"lr-warmup-epochs", "0"},
             {"label-smoothing", "0"},
             {"clip-grad-norm", "0"},
             {"init", "caffe"},
             {"crop", "random"},
             {"train-resize-size", "256"},
             {"val-resize-size", "256"},
             {"flip", "0.5"},
             {"jitter", "0"},
             {"normalize", "mean-pixel"},
             {"exif", "ignore"},
             {"class-balanced", "false"},
         }},
    /* LARS for large batches; large_batch_rates says from where. Data as in Caffe. The authors'
     * file for 8K also limits a layer's rate to the global one, which the paper and the other files
     * do not. */
    {.name = "alexnet-large-batch",
     .about = "ImageNet in batches of 1,024 to 32,768 images with LARS (You et al. 2017)",
     .least = FAR_FEWER,
     .settings =
         {
             {"arch", "alexnet_bn"},
             {"opt", "lars"},
             {"epochs", "100"},
             {"batch-size", "1024"},
             {"lr", "2"},
             {"lr-warmup-epochs", "0"},
             {"lr-warmup-decay", "0.5"},
             {"lr-warmup-method", "linear"},
             {"lr-scheduler", "poly"},
             {"lr-power", "2"},
             {"trust-coefficient", "0.001"},
             {"momentum", "0.9"},
             {"weight-decay", "5e-4"},
             {"label-smoothing", "0"},
             {"clip-grad-norm", "0"},
             {"init", "model"},
             {"crop", "random"},
             {"train-resize-size", "256"},
             {"val-resize-size", "256"},
             {"flip", "0.5"},
             {"jitter", "0"},
             {"normalize", "mean-pixel"},
             {"exif", "ignore"},
             {"class-balanced", "false"},
         },
     .rates = large_batch_rates,
     .n_rates = REEL_COUNT(large_batch_rates)},
    /* Ours, for weights that were trained elsewhere. Half the usual rate, twice that for the new
     * last layer. A tenth and ten times that, as in Caffe's example for weights from ImageNet
     * (models/finetune_flickr_style), leaves too much as it is where the weights come from a small
     * set: five classes of clothes after five others, 222 held-out images: 58.6 % against 68.0 %.
     */
    {.name = "finetune",
     .about =
         "for a folder of your own with pretrained weights: a few hundred to a few thousand images",
     .least = 0,
     .settings =
         {
             {"arch", "alexnet"},       {"epochs", "20"},
             {"batch-size", "32"},      {"lr", "0.005"},
             {"head-lr-mult", "2"},     {"momentum", "0.9"},
             {"weight-decay", "5e-4"},  {"lr-scheduler", "cosine"},
             {"lr-warmup-epochs", "0"}, {"early-stop", "8"},
             {"label-smoothing", "0"},  {"clip-grad-norm", "20"},
             {"init", "model"},         {"crop", "random-resized"},
             {"min-area", "0.25"},      {"flip", "0.5"},
             {"jitter", "0.2"},         {"normalize", "imagenet"},
             {"exif", "ignore"},        {"class-balanced", "false"},
         }},
};

const char *reel_recipe_word(int index)
{
    return index < REEL_COUNT(recipes) ? recipes[index].name : NULL;
}

const reel_recipe *reel_recipe_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(recipes); i++)
        if (!strcmp(recipes[i].name, name))
            return &recipes[i];
    return NULL;
}

const char *reel_recipe_value(const char *name, const char *option)
{
    const reel_recipe *recipe = reel_recipe_find(name);
    for (const reel_setting *s = recipe->settings; s->option; s++)
        if (!strcmp(s->option, option))
            return s->value;
    return NULL;
}

reel_batch_rate reel_recipe_rate(const reel_recipe *recipe, double images)
{
    const reel_batch_rate *row = recipe->rates;
    const int last = recipe->n_rates - 1;
    if (images <= row[0].images)
        return row[0];
    if (images >= row[last].images)
        return row[last];

    while (images > row[1].images)
        row++;
    const double t = (images - row[0].images) / (row[1].images - row[0].images);
    return (reel_batch_rate){
        .images = images,
        .lr = row[0].lr + t * (row[1].lr - row[0].lr),
        .warmup_epochs = row[0].warmup_epochs + t * (row[1].warmup_epochs - row[0].warmup_epochs),
        .warmup_lr = row[0].warmup_lr + t * (row[1].warmup_lr - row[0].warmup_lr)};
}
