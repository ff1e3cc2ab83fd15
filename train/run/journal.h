/* What a run writes down and says: its folder with metrics.jsonl, event file, summary.csv and
 * bad_files.jsonl, and the bar on the terminal. */
#ifndef REEL_TRAIN_JOURNAL_H
#define REEL_TRAIN_JOURNAL_H

#include "train/run/events.h"
#include "train/run/progress.h"
#include "train/run/run_dir.h"

typedef struct reel_journal {
    reel_run_dir dir;
    reel_events *events; /* NULL = the event file could not be made */
    reel_progress progress;
    json_t *config;    /* what config.json holds; owned */
    bool silent;       /* of a rank that does not write: nothing is written or said */
    int64_t bad_files; /* unreadable files that this process was the first to meet */
} reel_journal;

/* Opens nothing yet. config is taken over. A silent journal is never opened. */
void reel_journal_create(reel_journal *j, json_t *config, bool quiet, bool silent);
/* Creates the run's folder, or opens it for a resumed run. locked: the caller holds its lock. */
reel_status reel_journal_open(reel_journal *j, const char *folder, bool locked, reel_error *err);
void reel_journal_close(reel_journal *j);

/* The first line of a process: what runs where. Opens the event file at `step`. isa, threads,
 * workers: what computes and loads. */
void reel_journal_start(reel_journal *j, int64_t step, const char *isa, int threads, int workers);
/* Appends a line to metrics.jsonl and its numbers to the event file; frees it. What cannot be
 * written is a warning. */
void reel_journal_line(reel_journal *j, json_t *line);
void reel_journal_image(reel_journal *j, int64_t step, const char *tag, const reel_image *image);

/* A warning on stderr behind "reel: warning: ", also where the run is quiet. */
void reel_journal_warn(reel_journal *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An unreadable file: noted once, and said unless there are many. */
void reel_journal_bad(reel_journal *j, const char *split, const char *name, const char *reason);

/* Drops the lines after `step` (reel_run_dir_rewind); a failure is a warning. */
void reel_journal_rewind(reel_journal *j, int64_t step, bool evaluates);

/* Before anything is written: looks whether the folder is still the run's (reel_run_dir_in_place).
 * A moved or removed folder is a warning; *anew tells that it was made anew: without any weights,
 * and with an event file that begins at `step`. */
reel_status reel_journal_in_place(reel_journal *j, int64_t step, bool *anew, reel_error *err);
/* After a write that failed: follows the folder if it was moved meanwhile, and says so. */
void reel_journal_follow(reel_journal *j);

#endif
