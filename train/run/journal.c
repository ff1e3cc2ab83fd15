/* Lines, warnings, unreadable files. */
#include "train/run/journal.h"

#include "train/run/json_util.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BAD_FILES_SAID = 5 };

void reel_journal_create(reel_journal *j, json_t *config, bool quiet, bool silent)
{
    *j = (reel_journal){.dir = {.lock = -1, .folder = -1}, .config = config, .silent = silent};
    reel_progress_open(&j->progress, quiet || silent);
}

reel_status reel_journal_open(reel_journal *j, const char *folder, bool locked, reel_error *err)
{
    return reel_run_dir_open(&j->dir, folder, j->config, locked, err);
}

void reel_journal_close(reel_journal *j)
{
    reel_events_close(j->events);
    reel_run_dir_close(&j->dir);
    json_decref(j->config);
    *j = (reel_journal){.dir = {.lock = -1, .folder = -1}};
}

void reel_journal_warn(reel_journal *j, const char *format, ...)
{
    char text[4600]; /* a path and a message */
    va_list args;
    if (j->silent)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reel_progress_warn(&j->progress, "reel: warning: %s", text);
}

/* ---- lines ---- */

static void open_events(reel_journal *j, int64_t step)
{
    reel_error err;
    if (reel_events_open(&j->events, j->dir.path, step, &err))
        reel_journal_warn(j, "no events: %s", err.message);
}

void reel_journal_line(reel_journal *j, json_t *line)
{
    reel_error err;
    if (j->silent) {
        json_decref(line);
        return;
    }
    if (j->events && reel_events_line(j->events, line, &err)) {
        reel_journal_warn(j, "no further events: %s", err.message);
        reel_events_close(j->events);
        j->events = NULL;
    }
    if (reel_run_dir_metric(&j->dir, line, &err))
        reel_journal_warn(j, "%s", err.message);
}

void reel_journal_image(reel_journal *j, int64_t step, const char *tag, const reel_image *image)
{
    reel_error err;
    if (j->events && reel_events_image(j->events, step, tag, image, &err))
        reel_journal_warn(j, "%s", err.message);
}

/* The processor's name as the system has it. */
static void processor_name(char *text, size_t size)
{
    char line[300];
    snprintf(text, size, "unknown");
    FILE *in = fopen("/proc/cpuinfo", "re");
    while (in && fgets(line, sizeof line, in)) {
        const char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10) != 0)
            continue;
        snprintf(text, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (in)
        fclose(in);
}

void reel_journal_start(reel_journal *j, int64_t step, const char *isa, int threads, int workers)
{
    char processor[200], when[40];
    if (j->silent)
        return;
    const time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    processor_name(processor, sizeof processor);
    open_events(j, step);
    reel_journal_line(j,
                      json_pack("{s:s, s:I, s:s, s:s, s:o, s:s, s:i, s:i, s:s}", "event", "start",
                                "step", (json_int_t)step, "time", when, "version", reel_version(),
                                "processor", reel_json_text(processor), "isa", isa, "threads",
                                threads, "workers", workers, "compiler", __VERSION__));
}

/* ---- the folder ---- */

void reel_journal_bad(reel_journal *j, const char *split, const char *name, const char *reason)
{
    bool is_new = false;
    reel_error err;
    if (j->silent)
        return;
    if (reel_run_dir_bad(&j->dir, split, name, reason, &is_new, &err))
        reel_journal_warn(j, "%s", err.message);
    if (!is_new)
        return;

    j->bad_files++;
    if (j->bad_files <= BAD_FILES_SAID)
        reel_progress_warn(&j->progress, "reel: skipped %s/%s: %s", split, name, reason);
    if (j->bad_files == BAD_FILES_SAID)
        reel_progress_warn(&j->progress,
                           "reel: further unreadable files are named in bad_files.jsonl only");
}

void reel_journal_rewind(reel_journal *j, int64_t step, bool evaluates)
{
    reel_error err;
    if (!j->silent && reel_run_dir_rewind(&j->dir, step, evaluates, &err))
        reel_journal_warn(j, "%s", err.message);
}

static void warn_moved(reel_journal *j)
{
    reel_journal_warn(j, "the run's folder was moved, to %s: it goes on there", j->dir.path);
}

void reel_journal_follow(reel_journal *j)
{
    if (reel_run_dir_follow(&j->dir))
        warn_moved(j);
}

reel_status reel_journal_in_place(reel_journal *j, int64_t step, bool *anew, reel_error *err)
{
    reel_run_dir_found found;
    *anew = false;
    REEL_TRY(reel_run_dir_in_place(&j->dir, &found, err));
    if (found == REEL_RUN_DIR_MOVED)
        warn_moved(j);
    if (found != REEL_RUN_DIR_MADE_ANEW)
        return REEL_OK;

    reel_journal_warn(j, "%s was removed: it is made anew, and the run goes on", j->dir.path);
    *anew = true;
    reel_events_close(j->events);
    j->events = NULL;
    open_events(j, step);
    reel_error why;
    if (reel_run_dir_describe(&j->dir, &why))
        reel_journal_warn(j, "%s", why.message);
    return REEL_OK;
}
