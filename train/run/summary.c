/* Rows are appended as evaluations happen: reading metrics.jsonl anew for each would take longer
 * and longer. */
#include "train/run/summary.h"
#include "core/system_error.h"

#include "train/run/json_util.h"

#include <errno.h>
#include <string.h>

static const char *const columns[] = {
    "epoch", "step", "train_loss",        "train_top1", "loss",   "top1",
    "top5",  "lr",   "images_per_second", "data_wait",  "seconds"};

static bool is_evaluation(const json_t *line)
{
    const char *event = json_string_value(json_object_get(line, "event"));
    return event && !strcmp(event, "eval");
}

void reel_summary_header(FILE *to)
{
    for (int c = 0; c < REEL_COUNT(columns); c++)
        fprintf(to, "%s%s", c ? "," : "", columns[c]);
    fputc('\n', to);
}

void reel_summary_row(FILE *to, const json_t *line)
{
    if (!is_evaluation(line))
        return;
    for (int c = 0; c < REEL_COUNT(columns); c++) {
        const json_t *value = json_object_get(line, columns[c]);
        if (c)
            fputc(',', to);
        if (json_is_integer(value))
            fprintf(to, "%lld", (long long)json_integer_value(value));
        if (json_is_real(value))
            fprintf(to, "%.9g", json_real_value(value));
    }
    fputc('\n', to);
}

reel_status reel_summary_append(const char *path, const json_t *line, reel_error *err)
{
    if (!is_evaluation(line))
        return REEL_OK;
    FILE *to = reel_append_open(path);
    if (!to)
        return reel_fail_system(err, errno, "%s: cannot be written", path);
    if (ftello(to) == 0)
        reel_summary_header(to);
    reel_summary_row(to, line);
    const bool written = !ferror(to);
    const int why = errno;
    if (fclose(to) == 0 && written)
        return REEL_OK;
    return reel_fail_system(err, written ? errno : why, "%s: cannot be written", path);
}
