/* `reel convert IN OUT`: weights from one kind of file to another, by OUT's name. To safetensors
 * every tensor goes as it is, bit for bit, or with --dtype bf16 rounded; to ONNX goes the network
 * that they belong to. */
#include "core/number.h"
#include "layers/onnx.h"
#include "train/cli/class_names.h"
#include "train/cli/command.h"
#include "train/cli/weights_name.h"
#include "train/run/json_util.h"
#include "train/run/model_card.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const reel_option options_table[] = {
    REEL_SHARED("weights", .help = "IN, in place of the argument"),
    REEL_SHARED("arch", .initial = "", .help = "network, if IN does not name it; unset: alexnet"),
    REEL_SHARED("head", .initial = "", .help = "its last layers, if IN does not name them"),
    REEL_SHARED("size", .help = "side of its images, if IN does not say"),
    REEL_OPTION(TEXT, .name = "classes", .aliases = "class-names", .value = "FILE",
                .help = "class names to store, one a line, in the order of the outputs"),
    REEL_OPTION(CHOICE, .name = "dtype", .value = "same|bf16", .initial = "same",
                .help = "of the numbers in OUT: as in IN, or bf16 (half the size of float32)"),
    REEL_OPTION(FLAG, .name = "overwrite", .help = "replace OUT"),
    REEL_SHARED_OUTPUT,
};

typedef struct conversion {
    const char *in, *out;
    const reel_options *options;
    reel_weights *weights;
    reel_model_card card;
} conversion;

typedef reel_status reel_conversion_write(conversion *c, reel_error *err);

static reel_status conversion_card(conversion *c, reel_error *err)
{
    const reel_options *o = c->options;
    REEL_TRY(reel_model_read_card(&c->card, c->weights, reel_options_text(o, "arch"), c->in, err));
    if (reel_options_given(o, "head") && !reel_weights_metadata(c->weights, "head"))
        snprintf(c->card.head, sizeof c->card.head, "%s", reel_options_text(o, "head"));
    if (reel_options_given(o, "size") && !reel_weights_metadata(c->weights, "image_size")) {
        c->card.image_size = reel_options_int(o, "size");
        c->card.preprocessing.size = c->card.image_size;
    }
    return reel_options_given(o, "classes")
               ? reel_class_names_read(&c->card, reel_options_text(o, "classes"), err)
               : REEL_OK;
}

/* ---- safetensors ---- */
/* What IN said about itself, and what the options add. */
static reel_status put_all_tensors(conversion *c, reel_weights_writer *writer, reel_error *err)
{
    const reel_weights *w = c->weights;
    const char *key;
    const bool bf16 = strcmp(reel_options_text(c->options, "dtype"), "bf16") == 0;
    for (int i = 0; i < reel_weights_count(w); i++)
        REEL_TRY((bf16 ? reel_weights_writer_bf16
                       : reel_weights_writer_weight)(writer, reel_weights_at(w, i), err));
    for (int i = 0; (key = reel_weights_metadata_key(w, i)); i++)
        if (strncmp(key, "crc32.", 6) != 0)
            REEL_TRY(reel_weights_writer_metadata(writer, key, reel_weights_metadata(w, key), err));

    /* The card is written anew if an option describes the network. */
    static const char *const about[] = {"arch", "head", "size", "classes"};
    bool described = false;
    for (int i = 0; i < REEL_COUNT(about); i++)
        described |= reel_options_given(c->options, about[i]);
    if (!described)
        return REEL_OK;

    REEL_TRY(conversion_card(c, err));
    return reel_model_card_write(&c->card, writer, err);
}

static reel_status to_safetensors(conversion *c, reel_error *err)
{
    reel_weights_writer *writer;
    REEL_TRY(reel_weights_writer_create(&writer, err));
    reel_status status = put_all_tensors(c, writer, err);
    if (status == REEL_OK)
        status = reel_weights_writer_save(writer, c->out, err);
    reel_weights_writer_destroy(writer);
    return status;
}

/* ---- ONNX ---- */
typedef struct metadata {
    char *keys[16], *values[16];
    int n;
} metadata;

static reel_status note_metadata(void *user, const char *key, const char *value, reel_error *err)
{
    metadata *m = user;
    REEL_ASSERT(m->n < 16);
    m->keys[m->n] = strdup(key);
    m->values[m->n] = strdup(value);
    m->n++;
    return m->keys[m->n - 1] && m->values[m->n - 1]
               ? REEL_OK
               : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", key);
}

static reel_status save_onnx(conversion *c, const reel_ctx *ctx, reel_error *err)
{
    reel_net *net;
    metadata m = {.n = 0};
    REEL_TRY(reel_model_load(&net, &c->card, c->weights, c->in, ctx, REEL_F32, err));

    reel_status status = reel_model_card_metadata(&c->card, note_metadata, &m, err);
    const reel_onnx_config onnx = {.channels = c->card.preprocessing.channels,
                                   .height = c->card.preprocessing.size,
                                   .name = c->card.arch,
                                   .n_metadata = m.n,
                                   .keys = (const char *const *)m.keys,
                                   .values = (const char *const *)m.values};

    if (status == REEL_OK)
        status = reel_net_save_onnx(net, &onnx, c->out, err);

    /* The keys and values are copies of note_metadata. */
    for (int i = 0; i < m.n; i++) {
        free(m.keys[i]);
        free(m.values[i]);
    }
    reel_net_destroy(net);
    return status;
}

static reel_status to_onnx(conversion *c, reel_error *err)
{
    reel_ctx *ctx;
    REEL_TRY(conversion_card(c, err));
    if (!c->card.class_names)
        REEL_TRY(
            reel_class_names_choose(&c->card, NULL, reel_options_flag(c->options, "quiet"), err));
    REEL_TRY(reel_ctx_create(&ctx, NULL, err));
    const reel_status status = save_onnx(c, ctx, err);
    reel_ctx_destroy(ctx);
    return status;
}

/* ---- the command ---- */

/* Are these two files of the same bytes? */
static bool are_same_files(const char *a, const char *b)
{
    enum { PART = 1 << 16 };
    FILE *x = fopen(a, "rbe"), *y = fopen(b, "rbe");
    char *part = malloc((size_t)2 * PART);
    bool same = x && y && part;
    for (size_t n = PART; same && n == PART;) {
        n = fread(part, 1, PART, x);
        same = fread(part + PART, 1, PART, y) == n && memcmp(part, part + PART, n) == 0;
    }
    same = same && !ferror(x) && !ferror(y);
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    free(part);
    return same;
}

/* OUT is there already. Written beside it, it either has the same bytes, or stays as it is. */
static reel_status write_again(conversion *c, reel_conversion_write *write, reel_error *err)
{
    char beside[REEL_WEIGHTS_PATH];
    const char *out = c->out, *slash = strrchr(out, '/');
    snprintf(beside, sizeof beside, "%.*s.reel-%ld.convert", slash ? (int)(slash - out) + 1 : 0,
             out, (long)getpid());
    c->out = beside;
    const reel_status status = write(c, err);
    c->out = out;
    const bool same = status == REEL_OK && are_same_files(beside, out);
    unlink(beside);
    if (status != REEL_OK || same)
        return status;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s is there already, with other bytes; choose another name, or replace it "
                     "with --overwrite",
                     out);
}

static bool ends_with(const char *name, const char *tail)
{
    const size_t n = strlen(name), k = strlen(tail);
    return n > k && strcmp(name + n - k, tail) == 0;
}

static int conversion_report(const conversion *c)
{
    struct stat st = {0};
    int64_t tensors = reel_weights_count(c->weights), elements = 0;
    for (int i = 0; i < tensors; i++) {
        const reel_weight *w = reel_weights_at(c->weights, i);
        elements += reel_shape_numel(w->ndim, w->shape);
    }

    /* The size is for people only: a file that vanished since counts 0. */
    if (stat(c->out, &st) != 0)
        st.st_size = 0;

    if (reel_options_flag(c->options, "json"))
        return reel_print_json(
            json_pack("{s:o, s:s, s:o, s:I, s:I, s:I}", "input", reel_json_text(c->in), "format",
                      reel_weights_format(c->weights), "output", reel_json_text(c->out), "tensors",
                      (json_int_t)tensors, "elements", (json_int_t)elements, "bytes",
                      (json_int_t)st.st_size));

    if (!reel_options_flag(c->options, "quiet"))
        reel_say("%s (%s) -> %s: %s, %s, %" PRId64 " bytes", c->in, reel_weights_format(c->weights),
                 c->out, reel_count_of(tensors, "tensor").text,
                 reel_count_of(elements, "element").text, (int64_t)st.st_size);
    return REEL_EXIT_OK;
}

static int convert_run(reel_options *options)
{
    reel_error err = {0};
    conversion c = {.options = options};
    int out;
    if (reel_command_given(&c.in, &out, options, 1, "IN OUT", &err))
        return reel_complain_usage("convert", &err);
    c.out = reel_options_arg(options, out);

    /* The name of OUT decides the format. */
    const bool onnx = ends_with(c.out, ".onnx");
    if (!onnx && !ends_with(c.out, ".safetensors")) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "%s: expected a name that ends in .safetensors or .onnx%s", c.out,
                  ends_with(c.out, ".pth") || ends_with(c.out, ".pt")
                      ? " (PyTorch reads .safetensors)"
                      : "");
        return reel_complain_usage("convert", &err);
    }

    if (onnx && reel_options_given(options, "dtype")) {
        reel_fail(&err, REEL_ERR_INVALID, "--dtype: an ONNX file holds float32");
        return reel_complain_usage("convert", &err);
    }

    char path[REEL_WEIGHTS_PATH];
    reel_status status = reel_weights_path(c.in, reel_options_flag(options, "quiet"), path, &err);
    c.in = path;
    if (status == REEL_OK)
        status = reel_weights_read(&c.weights, c.in, &err);
    if (status == REEL_OK)
        status = reel_weights_verify(c.weights, &err);
    reel_conversion_write *const write = onnx ? to_onnx : to_safetensors;
    struct stat st;
    const bool keep = !reel_options_flag(options, "overwrite") && lstat(c.out, &st) == 0;
    if (status == REEL_OK)
        status = keep ? write_again(&c, write, &err) : write(&c, &err);

    for (int i = 0; status == REEL_OK && !reel_options_flag(options, "quiet") &&
                    reel_weights_note(c.weights, i);
         i++)
        reel_say("%s: %s", c.in, reel_weights_note(c.weights, i));
    const int code = status == REEL_OK ? conversion_report(&c) : reel_complain("convert", &err);
    reel_model_card_free(&c.card);
    reel_weights_destroy(c.weights);
    return code;
}

const reel_command reel_command_convert = REEL_COMMAND(
    options_table, .name = "convert", .arguments = "[IN] OUT", .group = REEL_COMMAND_USING,
    .rank = 2, .run = convert_run,
    .summary = "Convert weights: .pth or .safetensors to .safetensors or .onnx",
    .notes = "IN: a file, the folder of a run, or a name such as torchvision/alexnet. The content "
             "of IN decides how it is read, the name of OUT what is written. Reading a "
             ".pth file executes nothing in it. PyTorch loads the result with "
             "safetensors.torch.load_file. A file OUT of other bytes is replaced only with "
             "--overwrite.",
    .examples = {{"reel convert torchvision/alexnet alexnet.safetensors",
                  "Weights of torchvision, tensor by tensor, bit for bit."},
                 {"reel convert run/best.safetensors flowers.onnx --overwrite",
                  "A trained network for other programs, in place of an earlier one."}});
