/* What the files of data/ share with each other and with their tests; no part of the library's
 * contract. */
#ifndef REEL_DATA_DATA_INTERNAL_H
#define REEL_DATA_DATA_INTERNAL_H

#include "core/ctx.h"
#include "core/rng.h"
#include "data/dataset.h"
#include "data/image.h"
#include "data/transforms/transform.h"

/* The most pixels an image may claim: PIL's limit. Checked on the header, before anything of that
 * size is touched. */
#define REEL_MAX_PIXELS ((int64_t)178956970)
/* The most bytes one encoded sample may have. */
#define REEL_MAX_FILE ((size_t)1 << 30)

typedef struct reel_rect {
    int64_t x, y, w, h; /* left, top, width, height in pixels */
} reel_rect;

/* Pixels of somebody else's image. */
typedef struct reel_view {
    const uint8_t *rgb;
    int64_t width, height, stride; /* stride: bytes from row to row */
} reel_view;

/* Memory that grows and is kept: contents are lost on growth. */
typedef struct reel_buffer {
    void *data;
    size_t capacity;
} reel_buffer;

/* bytes.c */
reel_status reel_bytes_reserve(reel_bytes *bytes, size_t capacity,
                               reel_error *err); /* keeps the first `size` bytes */
reel_status reel_buffer_reserve(reel_buffer *buffer, size_t capacity, reel_error *err);
/* Bytes of the well-formed UTF-8 sequence at s (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF); 0 = none. Reads no further than the first byte that is wrong. */
int reel_utf8_length(const uint8_t *s);
/* Writes raw with control characters, backslashes and bytes that are not UTF-8 as \xNN: always one
 * printable line, cut to size.
 */
void reel_escape(char *text, size_t size, const char *raw);

/* codec.c: what the bytes are. */
typedef enum {
    REEL_CONTENT_OTHER,
    REEL_CONTENT_JPEG,
    REEL_CONTENT_PNG,
    REEL_CONTENT_PNM
} reel_content;
reel_content reel_content_sniff(const uint8_t *bytes, size_t size);
/* "a GIF image", "text", ...; NULL = unknown. */
const char *reel_content_name(const uint8_t *bytes, size_t size);
/* Refuses sizes beyond the cap. */
reel_status reel_check_pixels(const char *format, int64_t width, int64_t height, reel_error *err);

/* codec_jpeg.c. want: the part that is needed, NULL = all; got: the part that image holds
 * afterwards, which covers want. Pixels are those of a full decode, bit for bit. */
reel_status reel_jpeg_size(const uint8_t *bytes, size_t size, int64_t *width, int64_t *height,
                           reel_error *err);
reel_status reel_jpeg_decode(reel_image *image, const uint8_t *bytes, size_t size,
                             const reel_rect *want, reel_rect *got, reel_error *err);

/* The same by an object that is used for image after image; of one thread. */
typedef struct reel_jpeg reel_jpeg;
typedef struct reel_jpeg_want {
    reel_rect part; /* in pixels of the image */
    bool fast;      /* fast DCT, plain upsampling, and a smaller scale where the part stays at least
                       width x height */
    int64_t width, height; /* what the part will be resized to; of interest to fast */
} reel_jpeg_want;
typedef struct reel_jpeg_part {
    reel_rect at;    /* what was decoded, in pixels of the image at that scale */
    int64_t eighths; /* the scale: 8 = as stored */
} reel_jpeg_part;
reel_status reel_jpeg_create(reel_jpeg **out, reel_error *err);
void reel_jpeg_destroy(reel_jpeg *jpeg);
/* Reads the header. bytes must stay until read is done. */
reel_status reel_jpeg_open(reel_jpeg *jpeg, const uint8_t *bytes, size_t size, int64_t *width,
                           int64_t *height, reel_error *err);
/* Decodes what open found; want NULL: everything, exactly. */
reel_status reel_jpeg_read(reel_jpeg *jpeg, reel_image *image, const reel_jpeg_want *want,
                           reel_jpeg_part *got, reel_error *err);

/* codec_png.c */
reel_status reel_png_size(const uint8_t *bytes, size_t size, int64_t *width, int64_t *height,
                          reel_error *err);
reel_status reel_png_decode(reel_image *image, const uint8_t *bytes, size_t size, reel_error *err);

/* exif.c: the next marker segment of a JPEG's header, from *at on, which begins at 2; false = the
 * header ends here, or is none.
 */
typedef struct reel_jpeg_segment {
    int marker;
    const uint8_t *at; /* behind the length */
    size_t size;
} reel_jpeg_segment;
bool reel_jpeg_next_segment(const uint8_t *bytes, size_t size, size_t *at, reel_jpeg_segment *s);
/* Are rows columns? */
bool reel_exif_swaps(int orientation);
/* Where a part of the upright image lies in the stored one, of width x height; and a box within the
 * stored part of that size, (left, top, right, bottom), in the upright one. */
reel_rect reel_exif_stored(int orientation, int64_t width, int64_t height,
                           const reel_rect *upright);
void reel_exif_upright_box(int orientation, int64_t width, int64_t height, double box[4]);
/* Pixels as the orientation (1 .. 8) says. stored must not lie in upright. */
reel_status reel_exif_turn(reel_image *upright, int orientation, const reel_view *stored,
                           reel_error *err);

/* codec_pnm.c: PPM and PGM of 8 bits. */
typedef struct reel_pnm {
    int64_t width, height, channels; /* channels: 3 or 1 */
    const uint8_t *pixels;           /* within the bytes */
} reel_pnm;
reel_status reel_pnm_open(reel_pnm *pnm, const uint8_t *bytes, size_t size, reel_error *err);
reel_status reel_pnm_decode(reel_image *image, const uint8_t *bytes, size_t size, reel_error *err);

/* Writes the header of an image of 3 channels or 1; pixels is where width * height * channels bytes
 * belong. */
reel_status reel_pnm_begin(reel_bytes *bytes, int64_t width, int64_t height, int channels,
                           uint8_t **pixels, reel_error *err);
reel_status reel_pnm_write(reel_bytes *bytes, const reel_image *image, reel_error *err);

/* The filter along one axis for outputs first .. first + n - 1: output i sums count[i] sources from
 * begin[i] on, with the weights at i * taps. Weights beyond count[i] are 0. */
typedef struct reel_axis {
    int64_t n, taps, most; /* most: largest count */
    int32_t *begin, *count, *weight;
} reel_axis;

/* resize.c: the part `window` of src resized to width x height; box = left, top, right, bottom in
 * pixels of src. The bits are those of resizing everything and cutting the window out. begin does
 * the horizontal pass, row yields row y of the window, 3 * window->w bytes; src and scratch must
 * stay until the last row. isa: the widest vectors to use; the bits are the same. */
typedef struct reel_resizer {
    reel_axis v;
    bool down;
    const uint8_t *from; /* row `first` of what is left to be done */
    int64_t stride, first, n;
    reel_isa isa;
} reel_resizer;
reel_status reel_resizer_begin(reel_resizer *r, const reel_rect *window, int64_t width,
                               int64_t height, const reel_view *src, const double box[4],
                               reel_isa isa, reel_buffer *scratch, reel_error *err);
void reel_resizer_row(const reel_resizer *r, int64_t y, uint8_t *dst);
/* All rows, `stride` bytes apart. */
reel_status reel_resize_window(uint8_t *dst, int64_t stride, const reel_rect *window, int64_t width,
                               int64_t height, const reel_view *src, const double box[4],
                               reel_buffer *scratch, reel_error *err);

/* resize_avx2.c, resize_avx512.c: both passes in vectors. They read up to 15 bytes behind the last
 * pixel a row needs, but nothing behind the last row. False: the shape is too small, nothing was
 * done. across writes 4 bytes an output pixel, the last of which belongs to the next: rows of dst
 * need 4 bytes more than 3 * h->n. */
bool reel_resize_across_avx2(uint8_t *dst, int64_t dst_stride, const reel_view *src, int64_t rows,
                             const reel_axis *h);
bool reel_resize_across_avx512(uint8_t *dst, int64_t dst_stride, const reel_view *src, int64_t rows,
                               const reel_axis *h);
bool reel_resize_down_avx2(uint8_t *dst, const uint8_t *src, int64_t stride, int64_t n,
                           const int32_t *weight, int64_t count);
bool reel_resize_down_avx512(uint8_t *dst, const uint8_t *src, int64_t stride, int64_t n,
                             const int32_t *weight, int64_t count);

/* augment.c: random geometry and colour. All of them are functions of the generator alone. */
reel_rect reel_random_resized_rect(int64_t width, int64_t height, const double scale[2],
                                   const double ratio[2], reel_rng *rng);
/* Width and height with the shorter side made `side`: torchvision's Resize(side). */
void reel_resized_size(int64_t width, int64_t height, int64_t side, int64_t *new_width,
                       int64_t *new_height);
/* Colour of n pixels in place, as PIL's ImageEnhance and torchvision's adjust_hue compute it, bit
 * for bit. */
void reel_adjust_brightness(uint8_t *rgb, int64_t n, double factor);
void reel_adjust_contrast(uint8_t *rgb, int64_t n, double factor);
void reel_adjust_saturation(uint8_t *rgb, int64_t n, double factor);
void reel_adjust_hue(uint8_t *rgb, int64_t n, double factor); /* -0.5 .. 0.5 of a turn */
/* Random order and factors; draws from rng only if one of t's jitters is on. */
void reel_jitter(const reel_transform *t, uint8_t *rgb, int64_t n, reel_rng *rng);
/* What PCA lighting adds to every pixel, for pixels in [0, 1]. */
void reel_lighting(double delta[3], double deviation, reel_rng *rng);

/* transform.c: t with its zeros replaced by the defaults; REEL_ERR_INVALID names the field that
 * cannot work. */
reel_status reel_transform_resolve(reel_transform *out, const reel_transform *t, reel_error *err);

/* permutation.c: 0 .. n-1 shuffled by the generator, or by (seed, epoch). */
void reel_shuffle(int64_t *order, int64_t n, reel_rng *rng);
void reel_permutation(int64_t *order, int64_t n, uint64_t seed, uint32_t epoch);

/* balance.c: n samples, every class that has any equally often, by (seed, epoch); all epochs of a
 * run have the same n. One thread at a time: epoch keeps permutations for the next call. */
typedef struct reel_balance reel_balance;
reel_status reel_balance_create(reel_balance **out, const reel_dataset *dataset, reel_error *err);
void reel_balance_destroy(reel_balance *balance);
void reel_balance_epoch(reel_balance *balance, int64_t *order, int64_t n, uint64_t seed,
                        uint32_t epoch);
/* Any sample of the class; and how many it has. These two may be called at any time by any thread.
 */
int64_t reel_balance_substitute(const reel_balance *balance, int64_t label, reel_rng *rng);
int64_t reel_balance_class_count(const reel_balance *balance, int64_t label);

#endif
