/* JPEG through libjpeg-turbo's libjpeg API. Exact: the slow integer DCT and fancy upsampling, PIL's
 * bits. Fast: the fast DCT, plain upsampling, and decoding at a half, a quarter or an eighth of the
 * size where that is still as large as what is wanted.
 *
 * Hostile input is stopped before it costs anything: the pixel cap and a least number of bytes are
 * checked on the header; the first warning that means damage ends the decode (libjpeg would go on
 * with grey); a monitor limits progressive scans, of which each can cost a pass over the image for
 * a few bytes. libjpeg reports errors by longjmp: everything that calls it stands in a function
 * that setjmp guards, and state lives in a struct, so no local variable is lost.
 *
 * A part of a baseline image is decoded with 16 pixels of margin to its left, right and top. Fancy
 * upsampling looks at neighbours, and at the edge of a cropped row it has none: the margin holds
 * what differs from a full decode. Below the part nothing is decoded; that the file was not cut
 * short is seen by its end marker, which compressed data cannot contain.
 *
 * One libjpeg object and its memory serve image after image. Tables are forgotten in between: a
 * file that lacks its own is refused (or gets the standard ones), whatever was decoded before it.
 */
#include "data/codecs/jpeg.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "data/codecs/common/jpeg_memory.h"
#include "data/codecs/common/orientation.h"

#include <jerror.h>

enum { MARGIN = 16, MAX_SCANS = 500, FREE_SCANS = 20 };
/* Beyond FREE_SCANS, the most scans x pixels: bounds the time to about a second. */
#define MAX_SCANNED_PIXELS ((int64_t)4000000000)
#define MAX_COEFFICIENT_MEMORY ((long)1 << 30)

/* The decoder of one thread. */
struct jpeg_decoder {
    reel_jpeg_memory memory; /* first: libjpeg's client_data is taken as both */
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    reel_status status;
    reel_error *err;
    reel_decoding *d;
    reel_rect at; /* what is decoded, in pixels of the image at its scale */
};

static struct jpeg_decoder *jpeg_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static void on_jpeg_error(j_common_ptr cinfo)
{
    struct jpeg_decoder *job = jpeg_of(cinfo);
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    const bool memory = cinfo->err->msg_code == JERR_OUT_OF_MEMORY;
    job->status = reel_fail(job->err, memory ? REEL_ERR_MEMORY : REEL_ERR_FORMAT, "JPEG: %s", text);
    longjmp(job->failed, 1);
}

/* level < 0: a warning. Oddities without loss (bytes between segments, an unknown JFIF version) are
 * passed over; anything else means that pixels are wrong. Listed by what is harmless, because
 * jerror.h does not name every warning in every build. */
static void on_jpeg_message(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_TOO_MUCH_DATA:
        cinfo->err->num_warnings++;
        break;
    default:
        on_jpeg_error(cinfo);
    }
}

static void on_jpeg_output(j_common_ptr cinfo)
{
    (void)cinfo; /* the library does not print */
}

static void jpeg_refuse(struct jpeg_decoder *job, reel_status status)
{
    job->status = status;
    longjmp(job->failed, 1);
}

static void on_jpeg_progress(j_common_ptr cinfo)
{
    struct jpeg_decoder *job = jpeg_of(cinfo);
    const int64_t scans = job->cinfo.input_scan_number;
    const int64_t pixels = (int64_t)job->cinfo.image_width * job->cinfo.image_height;
    if (scans > MAX_SCANS || (scans > FREE_SCANS && scans * pixels > MAX_SCANNED_PIXELS))
        jpeg_refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                                   "JPEG: %" PRId64 " progressive scans of %" PRId64
                                   " pixels, expected fewer",
                                   scans, pixels));
}

static void forget_tables(j_decompress_ptr cinfo)
{
    memset(cinfo->quant_tbl_ptrs, 0, sizeof cinfo->quant_tbl_ptrs);
    memset(cinfo->dc_huff_tbl_ptrs, 0, sizeof cinfo->dc_huff_tbl_ptrs);
    memset(cinfo->ac_huff_tbl_ptrs, 0, sizeof cinfo->ac_huff_tbl_ptrs);
}

/* libjpeg-turbo 3 reads more than version 2: 12 and 16 bits a sample, and lossless files. Reel
 * reads the same files with both; the memory manager and the parts of images rely on 8 bits and
 * blocks. */
static void check_process(struct jpeg_decoder *job)
{
    const struct jpeg_decompress_struct *cinfo = &job->cinfo;
    if (cinfo->data_precision != 8)
        jpeg_refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                                   "JPEG: data precision of %d bits, expected 8",
                                   cinfo->data_precision));

    /* The first scan of a lossy file starts at coefficient 0. There a lossless one has its
     * predictor. */
    if (cinfo->Ss != 0)
        jpeg_refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                                   "JPEG: lossless process, expected baseline or progressive"));
}

static void read_jpeg_header(struct jpeg_decoder *job)
{
    j_decompress_ptr cinfo = &job->cinfo;
    jpeg_abort_decompress(cinfo); /* whatever was left of the last image */
    forget_tables(cinfo);
    jpeg_mem_src(cinfo, job->d->bytes, job->d->length);
    jpeg_read_header(cinfo, TRUE);
    check_process(job);

    const int64_t width = cinfo->image_width, height = cinfo->image_height;
    const reel_status status = reel_check_pixels("JPEG", width, height, job->err);
    if (status != REEL_OK)
        jpeg_refuse(job, status);
    /* A Huffman code has at least one bit, and the finest component at least one code in every 8x8
     * block. Arithmetic coding can do with less; a sixteenth of that is what real images stay
     * above. */
    if ((int64_t)job->d->length < width * height / (cinfo->arith_code ? 64 * 8 * 16 : 64 * 8))
        jpeg_refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                                   "JPEG: %zu bytes cannot hold the %" PRId64 " x %" PRId64
                                   " pixels of the header",
                                   job->d->length, width, height));
}

/* Is a part cheaper than the whole, and known to have its bits? Grey and the usual samplings 4:4:4,
 * 4:2:2, 4:2:0, 4:4:0. */
static bool can_crop(j_decompress_ptr cinfo)
{
    if (jpeg_has_multiple_scans(cinfo))
        return false;
    if (cinfo->num_components == 1)
        return true;
    const jpeg_component_info *c = cinfo->comp_info;
    return cinfo->num_components == 3 && c[0].h_samp_factor <= 2 && c[0].v_samp_factor <= 2 &&
           c[1].h_samp_factor == 1 && c[1].v_samp_factor == 1 && c[2].h_samp_factor == 1 &&
           c[2].v_samp_factor == 1;
}

/* PIL's CMYK (which reads every four-component JPEG as Adobe's, inverted) to RGB: r = k - c'k/255
 * rounded, c' = 255 - c. */
static void cmyk_row(uint8_t *rgb, const uint8_t *cmyk, int64_t width)
{
    for (int64_t x = 0; x < width; x++)
        for (int i = 0; i < 3; i++) {
            const int k = cmyk[4 * x + 3], product = (255 - cmyk[4 * x + i]) * k + 128;
            rgb[3 * x + i] = (uint8_t)(k - ((product + (product >> 8)) >> 8));
        }
}

/* The smallest scale, in eighths, at which the wanted part has at least the pixels that it will be
 * resized to. */
static int64_t choose_scale(const reel_want *want)
{
    for (int64_t n = 1; n < 8; n *= 2)
        if (want->part.w * n >= want->width * 8 && want->part.h * n >= want->height * 8)
            return n;
    return 8;
}

static void set_quality(struct jpeg_decoder *job)
{
    j_decompress_ptr cinfo = &job->cinfo;
    const bool fast = job->d->want && job->d->want->fast;
    job->d->eighths = fast ? choose_scale(job->d->want) : 8;
    cinfo->scale_num = (unsigned)job->d->eighths;
    cinfo->scale_denom = 8;
    cinfo->dct_method = fast ? JDCT_IFAST : JDCT_ISLOW;
    cinfo->do_fancy_upsampling = fast ? FALSE : TRUE;
}

/* The wanted part in pixels of the image as it is decoded, with its margin. */
static reel_rect part_of(const struct jpeg_decoder *job)
{
    const int64_t n = job->d->eighths, margin = job->d->want->fast ? 0 : MARGIN;
    const int64_t width = job->cinfo.output_width, height = job->cinfo.output_height;
    const reel_rect *want = &job->d->want->part;
    int64_t left = want->x * n / 8 - margin, top = want->y * n / 8 - margin;
    int64_t right = ((want->x + want->w) * n + 7) / 8 + margin,
            bottom = ((want->y + want->h) * n + 7) / 8;
    if (left < 0)
        left = 0;
    if (top < 0)
        top = 0;
    if (right > width)
        right = width;
    if (bottom > height)
        bottom = height;
    return (reel_rect){left, top, right - left, bottom - top};
}

/* Is there an end marker in what was not decoded? Searched from the end, where it is. */
static bool ends_well(const struct jpeg_decoder *job)
{
    const struct jpeg_decompress_struct *cinfo = &job->cinfo;
    if (cinfo->unread_marker == 0xd9)
        return true; /* the bit reader has met it already */
    const uint8_t *rest = cinfo->src->next_input_byte;
    for (size_t i = cinfo->src->bytes_in_buffer; i >= 2; i--)
        if (rest[i - 2] == 0xff && rest[i - 1] == 0xd9)
            return true;
    return false;
}

/* Rows up to `bottom`, into the image. CMYK comes by way of a line of its own, row by row. */
static void read_rows(struct jpeg_decoder *job, int64_t bottom)
{
    enum { AT_ONCE = 8 };
    j_decompress_ptr cinfo = &job->cinfo;
    const reel_rect *at = &job->at;
    const bool cmyk = cinfo->num_components == 4;
    JSAMPROW line = NULL;
    if (cmyk)
        line = cinfo->mem->alloc_large((j_common_ptr)cinfo, JPOOL_IMAGE, (size_t)at->w * 4);

    while (cinfo->output_scanline < bottom) {
        const int64_t y = cinfo->output_scanline, left = bottom - y;
        uint8_t *first = job->d->image->rgb + (y - at->y) * at->w * 3;
        if (cmyk) {
            jpeg_read_scanlines(cinfo, &line, 1);
            cmyk_row(first, line, at->w);
            continue;
        }
        JSAMPROW rows[AT_ONCE];
        for (int64_t i = 0; i < AT_ONCE; i++)
            rows[i] = first + (i < left ? i : 0) * at->w * 3;
        jpeg_read_scanlines(cinfo, rows, (JDIMENSION)(left < AT_ONCE ? left : AT_ONCE));
    }
}

static void choose_colours(struct jpeg_decoder *job)
{
    j_decompress_ptr cinfo = &job->cinfo;
    const bool cmyk = cinfo->num_components == 4;
    if (cinfo->num_components != 1 && cinfo->num_components != 3 && !cmyk)
        jpeg_refuse(job,
                    reel_fail(job->err, REEL_ERR_FORMAT, "JPEG: %d components, expected 1, 3 or 4",
                              cinfo->num_components));
    cinfo->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
}

/* Sets job->at. libjpeg widens the columns to whole blocks. */
static void choose_part(struct jpeg_decoder *job, bool crop)
{
    j_decompress_ptr cinfo = &job->cinfo;
    const int64_t width = cinfo->output_width, height = cinfo->output_height;
    job->at = crop ? part_of(job) : (reel_rect){0, 0, width, height};
    if (job->at.w < width) {
        JDIMENSION x = (JDIMENSION)job->at.x, w = (JDIMENSION)job->at.w;
        jpeg_crop_scanline(cinfo, &x, &w);
        job->at.x = x;
        job->at.w = w;
    }
}

static void read_jpeg_pixels(struct jpeg_decoder *job)
{
    j_decompress_ptr cinfo = &job->cinfo;
    choose_colours(job);
    set_quality(job);
    const bool crop = job->d->want && can_crop(cinfo);
    /* Where libjpeg converts colours while it upsamples, the converter of an earlier image stays,
     * in memory given back long ago; skip_scanlines would write through it. */
    cinfo->cconvert = NULL;
    cinfo->cquantize = NULL;
    jpeg_start_decompress(cinfo);

    choose_part(job, crop);
    const reel_rect *at = &job->at;
    const reel_status status = reel_image_resize_buffer(job->d->image, at->w, at->h, job->err);
    if (status != REEL_OK)
        jpeg_refuse(job, status);
    if (at->y > 0)
        jpeg_skip_scanlines(cinfo, (JDIMENSION)at->y);
    read_rows(job, at->y + at->h);
    job->d->left = at->x;
    job->d->top = at->y;

    /* The end of the image is looked for either way, so that a file cut short fails here at the
     * latest. */
    if (at->y + at->h == cinfo->output_height) {
        jpeg_finish_decompress(cinfo);
        return;
    }
    if (!ends_well(job))
        jpeg_refuse(
            job, reel_fail(job->err, REEL_ERR_FORMAT, "JPEG: cut short, there is no end of image"));
    jpeg_abort_decompress(cinfo);
}

/* ---- the decoder's life ---- */

static void create(struct jpeg_decoder *job)
{
    static const uint8_t nothing[4];
    j_decompress_ptr cinfo = &job->cinfo;
    jpeg_create_decompress(cinfo);
    cinfo->mem->max_memory_to_use = MAX_COEFFICIENT_MEMORY;
    cinfo->progress = &job->progress;
    jpeg_mem_src(cinfo, nothing, sizeof nothing); /* makes the source, once */
    reel_jpeg_memory_install(cinfo);
}

static reel_status run_jpeg_guarded(struct jpeg_decoder *job, void (*work)(struct jpeg_decoder *),
                                    reel_error *err)
{
    job->err = err;
    job->status = REEL_OK;
    if (setjmp(job->failed) == 0)
        work(job);
    return job->status;
}

static void jpeg_free_state(void *state)
{
    struct jpeg_decoder *job = state;
    jpeg_destroy_decompress(&job->cinfo);
    reel_jpeg_memory_free(&job->memory);
    free(job);
}

static reel_status jpeg_new_state(struct jpeg_decoder **out, reel_error *err)
{
    *out = NULL;
    struct jpeg_decoder *job = calloc(1, sizeof *job);
    if (!job)
        return reel_fail(err, REEL_ERR_MEMORY, "JPEG: no memory for a decoder");

    job->cinfo.err = jpeg_std_error(&job->errors);
    job->cinfo.client_data = job;
    job->errors.error_exit = on_jpeg_error;
    job->errors.emit_message = on_jpeg_message;
    job->errors.output_message = on_jpeg_output;
    job->progress.progress_monitor = on_jpeg_progress;
    const reel_status status = run_jpeg_guarded(job, create, err);
    if (status != REEL_OK) {
        jpeg_free_state(job);
        return status;
    }
    *out = job;
    return REEL_OK;
}

static reel_status jpeg_size(reel_decoding *d, reel_error *err)
{
    struct jpeg_decoder *job = *d->state;
    if (!job)
        REEL_TRY(jpeg_new_state(&job, err));
    *d->state = job;
    job->d = d;
    REEL_TRY(run_jpeg_guarded(job, read_jpeg_header, err));
    d->width = job->cinfo.image_width;
    d->height = job->cinfo.image_height;
    return REEL_OK;
}

static reel_status jpeg_decode(reel_decoding *d, reel_error *err)
{
    struct jpeg_decoder *job = *d->state;
    job->d = d;
    return run_jpeg_guarded(job, read_jpeg_pixels, err);
}

/* ---- what the header says beside the size ---- */

struct segment {
    int marker;
    const uint8_t *at; /* behind the length */
    size_t size;
};

/* The next marker segment of the header, from *at on, which begins at 2; false = the header ends
 * here, or is none. */
static bool next_segment(const uint8_t *bytes, size_t length, size_t *at, struct segment *s)
{
    size_t i = *at;
    if (i >= length || bytes[i] != 0xff)
        return false;
    while (i < length && bytes[i] == 0xff)
        i++; /* any number of fill bytes */
    if (length - i < 3)
        return false;
    s->marker = bytes[i++];

    /* Of these markers no length follows, or pixels do. */
    if (s->marker < 0xc0 || (s->marker >= 0xd0 && s->marker <= 0xda))
        return false;
    const size_t size = (size_t)bytes[i] << 8 | bytes[i + 1];
    if (size < 2 || size > length - i)
        return false;
    s->at = bytes + i + 2;
    s->size = size - 2;
    *at = i + size;
    return true;
}

static int jpeg_orientation(const uint8_t *bytes, size_t length)
{
    enum { APP1 = 0xe1 };
    static const uint8_t mark[6] = {'E', 'x', 'i', 'f', 0, 0};
    struct segment s;
    for (size_t at = 2; next_segment(bytes, length, &at, &s);)
        if (s.marker == APP1 && s.size >= sizeof mark && memcmp(s.at, mark, sizeof mark) == 0)
            return reel_tiff_orientation(s.at + sizeof mark, s.size - sizeof mark);
    return 0;
}

/* The frame header tells the number of components. Its markers are 0xc0 to 0xcf, but for DHT, JPG
 * and DAC. */
static bool jpeg_is_cmyk(const uint8_t *bytes, size_t length)
{
    enum { DHT = 0xc4, JPG = 0xc8, DAC = 0xcc, LAST_FRAME = 0xcf, COMPONENTS_AT = 5 };
    struct segment s;
    for (size_t at = 2; next_segment(bytes, length, &at, &s);)
        if (s.marker <= LAST_FRAME && s.marker != DHT && s.marker != JPG && s.marker != DAC)
            return s.size > COMPONENTS_AT && s.at[COMPONENTS_AT] == 4;
    return false;
}

/* The profile lies in one or more segments. */
static bool jpeg_has_profile(const uint8_t *bytes, size_t length)
{
    enum { APP2 = 0xe2 };
    static const char mark[] = "ICC_PROFILE"; /* its zero is part of it */
    struct segment s;
    for (size_t at = 2; next_segment(bytes, length, &at, &s);)
        if (s.marker == APP2 && s.size >= sizeof mark && memcmp(s.at, mark, sizeof mark) == 0)
            return true;
    return false;
}

static bool jpeg_sniff(const uint8_t *bytes, size_t length)
{
    return length >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
}

const reel_codec reel_codec_jpeg =
    REEL_CODEC(jpeg, .name = "JPEG", .what = "a JPEG image", .extensions = ".jpg .jpeg .jpe .jfif",
               .orientation = jpeg_orientation, .is_cmyk = jpeg_is_cmyk,
               .has_profile = jpeg_has_profile, .free_state = jpeg_free_state);
