/* The page of a learning rate range test: see find_lr_page.h. */
#include "train/report/find_lr_page.h"

#include "core/elementary.h"
#include "core/files/atomic_file.h"
#include "train/report/chart.h"
#include "train/report/html.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_curve(FILE *to, const reel_find_lr *f, double *exponent, double *loss)
{
    /* What lies far above the lowest loss would flatten all else. */
    const double most = 4 * f->smoothed[f->lowest];
    for (int64_t i = 0; i < f->done; i++) {
        exponent[i] = reel_math_log(f->rate[i]) / reel_math_log(10);
        loss[i] = f->loss[i] <= most ? f->loss[i] : NAN;
    }
    const reel_chart chart = {.title = "Loss over the learning rate",
                              .x_label = "power of ten of the learning rate",
                              .series = {{"loss of a step", exponent, loss, f->done},
                                         {"smoothed", exponent, f->smoothed, f->done}},
                              .n_series = 2};
    reel_chart_write(to, &chart);
}

static void write_words(FILE *to, const reel_find_lr *f, const char *command)
{
    fprintf(to,
            "<p>%" PRId64 " of %" PRId64 " steps of %" PRId64
            " images, learning rates %.3g to %.3g.%s",
            f->done, f->steps, f->images, f->from, f->rate[f->done - 1],
            f->diverged ? " The test ended when the loss passed 4 times its lowest value." : "");
    if (!command) {
        fprintf(to,
                "</p>\n<p>There is no proposal: the lowest smoothed loss, %.4g at %.3g, is not "
                "clearly below that of the first steps. A larger --batch-size and more "
                "--find-lr-steps make a small fall visible.</p>\n",
                f->smoothed[f->lowest], f->rate[f->lowest]);
        return;
    }
    fprintf(to, " The smoothed loss is lowest, %.4g, at %.3g; it falls most around %.3g.</p>\n",
            f->smoothed[f->lowest], f->rate[f->lowest], f->rate[f->steepest]);
    fprintf(to,
            "<p>Proposal: <b>%.2g</b>, a tenth of the rate with the lowest loss.</p>\n<p><code>",
            f->proposal);
    reel_html_text(to, command);
    fprintf(to, "</code></p>\n");
}

reel_status reel_find_lr_page(const reel_find_lr *f, const char *data, const char *command,
                              const char *path, reel_error *err)
{
    char *text = NULL;
    size_t size = 0;
    reel_status status = REEL_OK;
    double *room = malloc(2 * (size_t)f->done * sizeof *room);
    FILE *to = room ? open_memstream(&text, &size) : NULL;
    if (!to) {
        free(room);
        return reel_fail(err, REEL_ERR_MEMORY, "report: %s", strerror(errno));
    }

    reel_html_begin(to, "learning rate range test");
    fprintf(to, "<h1>Learning rate range test on ");
    reel_html_text(to, data);
    fprintf(to, "</h1>\n");
    write_words(to, f, command);
    write_curve(to, f, room, room + f->done);
    reel_html_end(to);
    if (fclose(to) != 0)
        status = reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
    if (status == REEL_OK)
        status = reel_atomic_write(path, text, size, err);
    free(text);
    free(room);
    return status;
}
