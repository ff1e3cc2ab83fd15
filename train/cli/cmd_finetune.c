/* `reel finetune`: the options and the loop of `reel train`, with other defaults. */
#include "train/cli/cmd_train.h"
#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/option_table.h"
#include "train/cli/recipe_table.h"

#include <string.h>

static int finetune_run(reel_options *options)
{
    reel_error err;
    if (reel_options_preset(options, "recipe", "finetune", &err))
        return reel_complain("finetune", &err);
    return reel_train(options, true);
}

static const char *finetune_presets(const char *option)
{
    if (!strcmp(option, "recipe"))
        return "finetune";
    if (!strcmp(option, "epochs"))
        return "5 to 40, by the number of images";
    return reel_recipe_value("finetune", option);
}

const reel_command reel_command_finetune = REEL_COMMAND(
    reel_train_options, .name = "finetune", REEL_TRAINING, .ranks = true, .rank = 1,
    .run = finetune_run, .presets = finetune_presets,
    .summary = "Fine-tune pretrained weights on your images",
    .notes = "Takes every tensor of --weights that fits and starts the others anew: the last "
             "layer, for the classes in DATA.\n"
             "DATA holds train/ and val/, or is a folder with one folder of images per class. In "
             "the second case, --val-share of each class is held out for validation, and "
             "split.json in the run's folder lists these images.\n"
             "Without --epochs, the number of images decides the number of epochs.\n"
             "Weights by name are downloaded once, into ~/.cache/reel/weights (or below "
             "XDG_CACHE_HOME). REEL_WEIGHTS_URL names a mirror.",
    .examples = {{"reel finetune photos --weights torchvision/alexnet -o run",
                  "Downloads the weights once. photos holds one folder of images per class."},
                 {"reel finetune photos --weights own.pth --freeze 'features.*'",
                  "Weights from a file; train the classifier only."},
                 {"reel finetune --resume auto -o run", "Continue an interrupted run."}});
