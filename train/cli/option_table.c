/* The rows, and completing a row that is shared. */
#include "train/cli/option_table.h"

#include "layers/models.h"
#include "optim/optim.h"
#include "optim/schedule.h"
#include "train/cli/recipe_table.h"
#include "train/cli/weights_name.h"
#include "train/run/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- words of choices that follow from other tables ---- */
static const char *arch_word(int index)
{
    return index < reel_model_count() ? reel_model_at(index)->name : NULL;
}

static const char *optimizer_word(int index)
{
    return index < reel_optimizer_kind_count() ? reel_optimizer_kind_at(index)->name : NULL;
}

static const char *schedule_word(int index)
{
    return index < reel_schedule_kind_count() ? reel_schedule_kind_at(index)->name : NULL;
}

/* Reel's name of a schedule for PyTorch's, in any case as torchvision takes it: StepLR, steplr. */
static const char *schedule_of_torch(const char *text)
{
    for (int i = 0; i < reel_schedule_kind_count(); i++) {
        const reel_schedule_kind *kind = reel_schedule_kind_at(i);
        if (kind->torch && !strcasecmp(kind->torch, text))
            return kind->name;
    }
    return NULL;
}

static const char *augment_word(int index)
{
    return index == 0 ? "none" : reel_augment_policy_name(index - 1);
}

/* ---- the rows ---- */
const reel_option reel_train_options[REEL_N_TRAIN_OPTIONS] = {
#define OPTION(field_, type_, ...)                                                                 \
    {.type = REEL_OPTION_##type_, .field = offsetof(reel_settings, field_), __VA_ARGS__},
#include "train/run/options.def"
#undef OPTION
};

/* What several commands take, but not `reel train`, or with another meaning. */
static const reel_option others[] = {
    REEL_OPTION(TEXT, .name = "classes", .value = "FILE",
                .help = "names of the classes, one a line, in the order of the outputs"),
    REEL_OPTION(INT, .name = "num-classes", .value = "N", .initial = "1000", .min = 1, .max = 1e7,
                .help = "number of classes"),
    REEL_OPTION(INT, .name = "batch", .aliases = "batch-size", .letter = 'b', .value = "N",
                .initial = "128", .min = 1, .max = 1e5, .help = "images in a batch"),
    REEL_OPTION(FLAG, .name = "ten-crop",
                .help = "average over the corners, the center and their mirror images"),
    REEL_OPTION(FLAG, .name = "infer",
                .help = "inference (forward only) instead of a training step"),
    REEL_OPTION(INT, .name = "size", .value = "N", .min = 1, .max = 8192,
                .help = "side of the images in pixels; unset: the network's own"),
    REEL_OPTION(INT, .name = "quality", .value = "Q", .initial = "90", .min = 1, .max = 100,
                .help = "JPEG quality"),
};

static const reel_option *find_shared(const char *name)
{
    for (int i = 0; i < REEL_COUNT(others); i++)
        if (!strcmp(others[i].name, name))
            return &others[i];
    for (int i = 0; i < REEL_N_TRAIN_OPTIONS; i++)
        if (!strcmp(reel_train_options[i].name, name))
            return &reel_train_options[i];

    REEL_ASSERT(!"a row says .shared, but no shared row has its name");
    return NULL;
}

reel_option reel_option_complete(const reel_option *row)
{
    if (!row->shared)
        return *row;

    reel_option o = *find_shared(row->name);
    o.rare = row->rare;
    if (o.also) { /* for `reel train` alone */
        o.also = NULL;
        o.value = "N";
    }
    if (row->aliases)
        o.aliases = row->aliases;
    if (row->letter)
        o.letter = row->letter;
    if (row->initial)
        o.initial = row->initial;
    if (row->min != 0 || row->max != 0) {
        o.min = row->min;
        o.max = row->max;
    }
    if (row->help)
        o.help = row->help;
    if (row->group || o.group < REEL_GROUP_THREADS)
        o.group = row->group; /* a small command has few groups: common, threads, output */
    return o;
}

static bool stands_in(const reel_syntax *syntax, int more, const char *name)
{
    for (int i = 0; i < syntax->n_options; i++)
        if (!strcmp(syntax->options[i].name, name))
            return true;
    for (int i = 0; i < more; i++)
        if (!strcmp(syntax->more_options(i)->name, name))
            return true;
    return false;
}

bool reel_option_at(const reel_syntax *syntax, int index, reel_option *row)
{
    if (index < syntax->n_options) {
        *row = reel_option_complete(&syntax->options[index]);
        return true;
    }
    if (!syntax->more_options)
        return false;

    const reel_option *more;
    int at = syntax->n_options;
    for (int i = 0; (more = syntax->more_options(i)); i++) {
        if (stands_in(syntax, i, more->name) || at++ < index)
            continue;
        *row = reel_option_complete(more);
        return true;
    }
    return false;
}

/* ---- what a row says ---- */
const char *reel_option_group_title(reel_option_group group)
{
    static const char *const titles[REEL_GROUP_COUNT] = {
        [REEL_GROUP_COMMON] = "common options",
        [REEL_GROUP_NETWORK] = "network",
        [REEL_GROUP_RATE] = "learning rate",
        [REEL_GROUP_OPTIMIZER] = "optimizer",
        [REEL_GROUP_IMAGES] = "images and augmentation",
        [REEL_GROUP_FINETUNE] = "fine-tuning",
        [REEL_GROUP_RESUME] = "checkpoints and resuming",
        [REEL_GROUP_LIMIT] = "limits and errors",
        [REEL_GROUP_THREADS] = "threads",
        [REEL_GROUP_RANKS] = "several processes",
        [REEL_GROUP_OUTPUT] = "output",
    };
    return titles[group];
}

/* The nth of the names that `|` separates, copied to text; NULL where there are no more. */
static const char *nth_name(const char *names, int index, char *text, size_t size)
{
    for (; names && index > 0; index--) {
        names = strchr(names, '|');
        names = names ? names + 1 : NULL;
    }
    if (!names || !*names)
        return NULL;

    snprintf(text, size, "%.*s", (int)strcspn(names, "|"), names);
    return text;
}

const char *reel_option_word(const reel_option *option, int index, char *text, size_t size)
{
    if (option->type != REEL_OPTION_CHOICE)
        return NULL;
    return option->word ? option->word(index) : nth_name(option->value, index, text, size);
}

const char *reel_option_value_text(const reel_option *option, char *text, size_t size)
{
    if (!option->word)
        return option->value ? option->value : "";

    size_t used = 0;
    text[0] = '\0';
    const char *word;
    for (int i = 0; (word = option->word(i)) && used < size; i++) {
        const int n = snprintf(text + used, size - used, "%s%s", i ? "|" : "", word);
        used += n > 0 ? (size_t)n : 0;
    }
    return text;
}

const char *reel_option_help_text(const reel_option *option, char *text, size_t size)
{
    char alias[64];
    size_t used = (size_t)snprintf(text, size, "%s", option->help);
    for (int i = 0; used < size && nth_name(option->aliases, i, alias, sizeof alias); i++)
        used += (size_t)snprintf(text + used, size - used, "%s--%s", i ? ", " : "; also ", alias);

    const char *name;
    for (int i = 0; used < size && option->suggest && (name = option->suggest(i)); i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "; or by name: ", name);
    return text;
}

void reel_option_offer(const reel_option *option, reel_nearest *nearest)
{
    char alias[64];
    reel_nearest_offer(nearest, option->name);
    for (int i = 0; nth_name(option->aliases, i, alias, sizeof alias); i++)
        reel_nearest_offer(nearest, alias);
}

bool reel_option_is_called(const reel_option *option, const char *name, size_t length)
{
    if (strlen(option->name) == length && !strncmp(option->name, name, length))
        return true;

    char alias[64];
    for (int i = 0; nth_name(option->aliases, i, alias, sizeof alias); i++)
        if (strlen(alias) == length && !strncmp(alias, name, length))
            return true;
    return false;
}
