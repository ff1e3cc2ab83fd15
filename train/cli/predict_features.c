/* Features of images: see predict_features.h. */
#include "train/cli/predict_features.h"

#include "core/files/json_text.h"
#include "core/files/weights.h"
#include "core/nearest.h"
#include "core/system_error.h"
#include "train/run/json_util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reel_feature_file {
    reel_net *net;
    const char *path, *layer;
    bool overwrite;
    int ndim;                     /* of the tensor */
    int64_t shape[REEL_MAX_DIMS]; /* shape[0]: rows so far */
    int64_t row;                  /* values of a row */
    float *batch;                 /* rows of the last forward pass, row-major */
    int64_t in_batch, most;       /* rows there; room */
    FILE *rows;                   /* a file without a name */
    json_t *names;                /* of the images, one for each row */
};

/* ---- the layer ---- */

enum { MOST_LAYERS = 1024, MOST_NEAR = 3, MOST_INSIDE = 5 };

/* The name among the layers that is nearest and not yet listed; "" = none is near. */
static reel_nearest next_nearest(const char *layer, const reel_layer_info *info, int n,
                                 const reel_nearest *listed, int n_listed)
{
    reel_nearest nearest = reel_nearest_to(layer);
    for (int i = 0; i < n; i++) {
        bool taken = false;
        for (int k = 0; k < n_listed; k++)
            taken |= !strcmp(listed[k].word, info[i].name);
        if (!taken)
            reel_nearest_offer(&nearest, info[i].name);
    }
    return nearest;
}

/* The layers of a block: ": 3.0, 3.1, 3.2"; the last ones, whose output is that of the block.
 * Returns how many it has. */
static int layers_in_block(const char *block, const reel_layer_info *info, int n, char *text,
                           size_t size)
{
    const size_t length = strlen(block);
    int inside = 0, before = 0;
    size_t used = 0;
    for (int i = 0; i < n; i++)
        inside += !strncmp(info[i].name, block, length) && info[i].name[length] == '.';
    for (int i = 0; i < n && used < size; i++) {
        if (strncmp(info[i].name, block, length) != 0 || info[i].name[length] != '.')
            continue;
        if (before++ >= inside - MOST_INSIDE)
            used += (size_t)snprintf(text + used, size - used, "%s%.80s", used ? ", " : "",
                                     info[i].name);
    }
    return inside;
}

/* Suggests the layers of a block of that name, or similar names, the nearest first; without any,
 * the last layers, which are most in demand. */
static reel_status unknown_feature_layer(const char *layer, const reel_layer_info *info, int n,
                                         reel_error *err)
{
    reel_nearest near[MOST_NEAR];
    char text[500] = "";
    int found = 0;
    size_t used = 0;
    const int inside = layers_in_block(layer, info, n, text, sizeof text);
    if (inside > 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--features: %.100s is a block of layers; expected one of them, such as "
                         "%s (`reel summary --arch NET` lists all)",
                         layer, text);
    for (; found < MOST_NEAR; found++) {
        near[found] = next_nearest(layer, info, n, near, found);
        if (!near[found].word[0])
            break;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                                 found ? ", or " : "did you mean ", near[found].word);
    }

    for (int i = n < MOST_NEAR ? 0 : n - MOST_NEAR; !found && i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.100s",
                                 used ? ", " : "the last are ", info[i].name);

    return reel_fail(err, REEL_ERR_INVALID,
                     "--features: the network has no layer %.100s; %s%s (`reel summary --arch NET` "
                     "lists all)",
                     layer, text, found ? "?" : "");
}

static reel_status find_layer(reel_feature_file *f, const reel_feature_request *request,
                              reel_error *err)
{
    reel_layer_info info[MOST_LAYERS];
    int n;
    const int64_t one[4] = {1, request->input[1], request->input[2], request->input[3]};
    REEL_TRY(reel_net_describe(f->net, one, info, MOST_LAYERS, &n, err));
    n = n < MOST_LAYERS ? n : MOST_LAYERS;

    /* A row of features is one image's values: the sides behind the first, multiplied. */
    for (int i = n - 1; i >= 0; i--) {
        if (strcmp(info[i].name, request->layer) != 0)
            continue;
        f->layer = info[i].name;
        f->ndim = info[i].ndim;
        f->row = 1;
        for (int d = 1; d < f->ndim; d++)
            f->row *= f->shape[d] = info[i].shape[d];
        return REEL_OK;
    }
    return unknown_feature_layer(request->layer, info, n, err);
}

/* The value is valid during this call only. */
static void keep_features(void *user, const char *layer, const char *kind, reel_var y)
{
    reel_feature_file *f = user;
    (void)kind;
    if (strcmp(layer, f->layer) != 0)
        return;
    const reel_tensor value = reel_value(y);
    int64_t shape[REEL_MAX_DIMS] = {value.shape[0]};
    for (int d = 1; d < f->ndim; d++)
        shape[d] = f->shape[d];
    f->in_batch = 0;
    if (shape[0] > f->most)
        return;
    const reel_tensor to =
        reel_tensor_with_layout(f->batch, REEL_F32, REEL_ROW_MAJOR, f->ndim, shape);
    /* Another shape than at the beginning leaves no rows, and reel_feature_file_add says so. */
    if (reel_tensor_copy(&to, &value) == REEL_OK)
        f->in_batch = shape[0];
}

/* ---- the files ---- */

/* A link that leads nowhere is a file, too: it would be replaced. */
static reel_status check_path(const char *path, bool overwrite, reel_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return reel_fail(err, REEL_ERR_INVALID,
                         "--features-out: %s: expected the name of a file, found a %s", path,
                         S_ISDIR(st.st_mode) ? "folder" : "device or pipe");
    if (overwrite || lstat(path, &st) != 0)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "--features-out: %s is there already; choose another name, or replace it "
                     "with --overwrite",
                     path);
}

static reel_status open_rows(reel_feature_file *f, reel_error *err)
{
    char path[4200];
    const char *slash = strrchr(f->path, '/');
    const int folder = slash ? (int)(slash - f->path) + 1 : 0;
    if (snprintf(path, sizeof path, "%.*s.reel-rows-XXXXXX", folder, f->path) >= (int)sizeof path)
        return reel_fail(err, REEL_ERR_INVALID, "--features-out: the path is too long");
    const int fd = mkstemp(path);
    if (fd < 0)
        return reel_fail_system(err, errno, "--features-out: %s: cannot be created", f->path);

    /* Whatever ends this process, nothing is left behind. */
    unlink(path);
    f->rows = fdopen(fd, "w+b");
    if (f->rows)
        return REEL_OK;
    close(fd);
    return reel_fail(err, REEL_ERR_MEMORY, "--features-out: out of memory");
}

static reel_status fill_rows(void *user, float *values, int64_t count, reel_error *err)
{
    reel_feature_file *f = user;
    if (fread(values, sizeof *values, (size_t)count, f->rows) == (size_t)count)
        return REEL_OK;
    return reel_fail_system(err, ferror(f->rows) ? errno : EIO,
                            "--features-out: %s: its rows cannot be read again", f->path);
}

/* ---- the whole ---- */

reel_status reel_feature_file_open(reel_feature_file **out, reel_net *net,
                                   const reel_feature_request *request, reel_error *err)
{
    *out = NULL;
    REEL_TRY(check_path(request->path, request->overwrite, err));
    reel_feature_file *f = calloc(1, sizeof *f);
    if (!f)
        return reel_fail(err, REEL_ERR_MEMORY, "--features: out of memory");
    *f = (reel_feature_file){.net = net,
                             .path = request->path,
                             .overwrite = request->overwrite,
                             .most = request->input[0]};

    reel_status status;
    REEL_TRY_GOTO(find_layer(f, request, err), failed);
    REEL_TRY_GOTO(open_rows(f, err), failed);
    f->batch = malloc((size_t)(f->most * f->row) * sizeof *f->batch);
    f->names = json_array();
    if (!f->batch || !f->names) {
        status = reel_fail(err, REEL_ERR_MEMORY, "--features: out of memory");
        goto failed;
    }

    /* A fused layer has no output of its own to watch. */
    reel_net_set_fusion(net, false);
    reel_net_watch(net, keep_features, f);
    *out = f;
    return REEL_OK;
failed:
    reel_feature_file_close(f);
    return status;
}

reel_status reel_feature_file_add(reel_feature_file *f, char *const *names, int64_t n,
                                  reel_error *err)
{
    if (f->in_batch != n)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--features: layer %.100s: expected a row for each of %" PRId64 " images",
                         f->layer, n);
    f->in_batch = 0;
    const size_t values = (size_t)(n * f->row);
    if (fwrite(f->batch, sizeof *f->batch, values, f->rows) != values)
        return reel_fail_system(err, errno, "--features-out: %s: cannot be written", f->path);
    for (int64_t i = 0; i < n; i++)
        if (json_array_append_new(f->names, reel_json_text(names[i])) != 0)
            return reel_fail(err, REEL_ERR_MEMORY, "--features: out of memory");
    f->shape[0] += n;
    return REEL_OK;
}

static reel_status write_features(reel_feature_file *f, reel_weights_writer *writer,
                                  const char *names, reel_error *err)
{
    REEL_TRY(reel_weights_writer_metadata(writer, "layer", f->layer, err));
    REEL_TRY(reel_weights_writer_metadata(writer, "names", names, err));
    REEL_TRY(reel_weights_writer_stream(writer, f->layer, f->ndim, f->shape, fill_rows, f, err));
    return reel_weights_writer_save(writer, f->path, err);
}

reel_status reel_feature_file_save(reel_feature_file *f, int64_t *n, reel_error *err)
{
    *n = f->shape[0];
    if (*n == 0)
        return REEL_OK;
    if (fflush(f->rows) != 0 || fseek(f->rows, 0, SEEK_SET) != 0)
        return reel_fail_system(err, errno, "--features-out: %s: cannot be written", f->path);
    /* Another command may have written the file in the meantime. */
    REEL_TRY(check_path(f->path, f->overwrite, err));

    reel_weights_writer *writer;
    reel_status status;
    REEL_TRY(reel_weights_writer_create(&writer, err));
    char *names = reel_json_dumps(f->names, JSON_COMPACT);
    status = names ? write_features(f, writer, names, err)
                   : reel_fail(err, REEL_ERR_MEMORY, "--features: out of memory");
    free(names);
    reel_weights_writer_destroy(writer);
    return status;
}

void reel_feature_file_close(reel_feature_file *f)
{
    if (!f)
        return;
    reel_net_watch(f->net, NULL, NULL);
    if (f->rows)
        fclose(f->rows);
    free(f->batch);
    json_decref(f->names);
    free(f);
}
