/* From what is typed as weights to a file. */
#include "train/cli/weights_name.h"

#include "core/nearest.h"
#include "layers/model_file.h"
#include "train/fetch/weights_cache.h"
#include "train/run/signals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the names ---- */

/* All public weights, one network after another; NULL ends. */
static const reel_public_weights *public_weights_at(int index)
{
    for (int i = 0; i < reel_model_count(); i++) {
        const reel_public_weights *w = reel_model_at(i)->public_weights;
        for (; w && w->name; w++)
            if (index-- == 0)
                return w;
    }
    return NULL;
}

const char *reel_weights_name(int index)
{
    const reel_public_weights *w = public_weights_at(index);
    return w ? w->name : NULL;
}

static const reel_public_weights *find_public(const char *name)
{
    const reel_public_weights *w;
    for (int i = 0; (w = public_weights_at(i)); i++)
        if (!strcmp(w->name, name))
            return w;
    return NULL;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- names that are none ---- */

/* Another name for the same weights: the network's, the file's, or torchvision's class. */
static bool means_the_same(const reel_public_weights *w, const char *given)
{
    const char *network = last_part(w->name);
    const size_t length = strlen(network);
    return !strcasecmp(given, network) || !strcmp(last_part(given), last_part(w->url)) ||
           (!strncasecmp(given, network, length) && !strncasecmp(given + length, "_weights", 8));
}

/* The text begins as a name does: "torchvision/...". */
static bool has_publisher(const char *given)
{
    const reel_public_weights *w;
    for (int i = 0; (w = public_weights_at(i)); i++)
        if (!strncmp(w->name, given, strcspn(w->name, "/") + 1))
            return true;
    return false;
}

/* A slip of the keyboard in the name, or in the publisher before it. */
static bool is_slip_of(const char *typed, const char *name)
{
    reel_nearest nearest = reel_nearest_to(typed);
    reel_nearest_offer(&nearest, name);
    return *nearest.word != '\0';
}

static bool is_misspelt(const reel_public_weights *w, const char *given)
{
    char typed[64], publisher[64];
    const char *slash = strrchr(given, '/');
    if (!is_slip_of(last_part(given), last_part(w->name)))
        return false;
    if (!slash)
        return true;
    snprintf(typed, sizeof typed, "%.*s", (int)(slash - given), given);
    snprintf(publisher, sizeof publisher, "%.*s", (int)strcspn(w->name, "/"), w->name);
    return is_slip_of(typed, publisher);
}

/* All names, separated by commas. */
static const char *list_weights_names(char *text, size_t size)
{
    const reel_public_weights *w;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; used < size && (w = public_weights_at(i)); i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", w->name);
    return text;
}

/* Fails if the text was meant as a name; else it is the path of a file that is not there. */
static reel_status refuse_near_name(const char *given, reel_error *err)
{
    const reel_public_weights *w;
    const char *meant = NULL;
    const bool network = reel_model_find(given) != NULL;
    for (int i = 0; !meant && (w = public_weights_at(i)); i++)
        if (means_the_same(w, given) || (!network && is_misspelt(w, given)))
            meant = w->name;

    char all[400];
    if (meant)
        return reel_fail(err, REEL_ERR_INVALID, "%s: there is no such file; did you mean %s?%s",
                         given, meant, network ? " (--arch names a network)" : "");
    if (network || has_publisher(given))
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: there is no such file, and no public weights of this name; those "
                         "there are: %s%s",
                         given, list_weights_names(all, sizeof all),
                         network ? " (--arch names a network)" : "");
    return REEL_OK;
}

/* A network's text is no weights; what --arch takes is easily given in their place. */
static reel_status refuse_network_text(const char *path, reel_error *err)
{
    enum { LARGEST_TEXT = 1 << 18 };
    struct stat st;
    reel_text *text = NULL;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > LARGEST_TEXT)
        return REEL_OK;
    const char *dot = strrchr(last_part(path), '.');
    const bool is_text = reel_text_read_file(&text, path, NULL) == REEL_OK;
    reel_text_free(text);
    if (!is_text && !(dot && !strcmp(dot, ".net")))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: this is a network's text, expected weights: --arch %s names the network",
                     path, path);
}

/* ---- the file ---- */
static bool stop_fetching(void)
{
    return reel_signals_pending() != 0;
}

/* A signal ends a download in good order, also in commands that do not handle signals. */
static reel_status fetch_named(const reel_public_weights *w, bool quiet, char *path, size_t size,
                               reel_error *err)
{
    const bool installed = reel_signals_installed();
    if (!installed)
        reel_signals_install();
    const reel_weights_request request = {.quiet = quiet, .stop = stop_fetching};
    const reel_status status = reel_weights_fetch(w, &request, path, size, err);
    if (!installed)
        reel_signals_remove();

    if (status == REEL_OK && stop_fetching())
        return reel_fail(err, REEL_ERR_STOPPED, "%s: interrupted", w->name);
    return status;
}

reel_status reel_weights_path(const char *given, bool quiet, char path[REEL_WEIGHTS_PATH],
                              reel_error *err)
{
    struct stat st;
    reel_model_path(path, REEL_WEIGHTS_PATH, given);
    if (stat(given, &st) == 0 && S_ISDIR(st.st_mode) && access(path, F_OK) != 0 && errno == ENOENT)
        return reel_fail(err, REEL_ERR_IO,
                         "%s: no best.safetensors or model.safetensors in it; expected a file of "
                         "weights, or the folder of a run that has saved some",
                         given);
    if (access(given, F_OK) == 0)
        return refuse_network_text(given, err);

    const reel_public_weights *w = find_public(given);
    return w ? fetch_named(w, quiet, path, REEL_WEIGHTS_PATH, err) : refuse_near_name(given, err);
}
