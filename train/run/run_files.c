/* The table of a run's files. */
#include "train/run/run_files.h"

#include "core/base.h"

#include <string.h>

static const reel_run_file run_files[] = {
    {"config.json", .marks = true},       {"metrics.jsonl", .marks = true, .early = true},
    {"model.safetensors", .marks = true}, {"best.safetensors", .marks = true},
    {"ema.safetensors", .marks = true},   {"best_ema.safetensors", .marks = true},
    {"checkpoint-", .marks = true},       {"summary.csv", .early = true},
    {"bad_files.jsonl", .early = true},   {"split.json", .early = true},
    {"report.html", .early = true},       {"events.out.tfevents.", .early = true},
    {"evaluation.json", .marks = false},
};

const reel_run_file *reel_run_file_at(int i)
{
    return i >= 0 && i < REEL_COUNT(run_files) ? &run_files[i] : NULL;
}

const reel_run_file *reel_run_file_of(const char *name)
{
    for (int i = 0; i < REEL_COUNT(run_files); i++) {
        const char *row = run_files[i].name;
        const size_t length = strlen(row);
        const bool begins = row[length - 1] == '-' || row[length - 1] == '.';
        if (begins ? !strncmp(name, row, length) : !strcmp(name, row))
            return &run_files[i];
    }
    return NULL;
}
