/* JPEGs of every kind, written with libjpeg. */
#ifndef REEL_TESTS_UNIT_DATA_JPEG_OF_H
#define REEL_TESTS_UNIT_DATA_JPEG_OF_H

#include "tests/unit/data/data_test.h"

#include <jpeglib.h>

/* Encodes `components` interleaved planes with libjpeg. h, v: sampling of the first component;
 * restart: blocks between restart markers, 0 = none. */
__attribute__((unused)) static reel_bytes jpeg_of(const uint8_t *pixels, int64_t width,
                                                  int64_t height, int components, J_COLOR_SPACE in,
                                                  J_COLOR_SPACE stored, int h, int v,
                                                  bool progressive, int restart)
{
    struct jpeg_compress_struct c = {0};
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long size = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out, &size);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = components;
    c.in_color_space = in;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, stored);
    jpeg_set_quality(&c, 95, TRUE);
    c.comp_info[0].h_samp_factor = h;
    c.comp_info[0].v_samp_factor = v;
    c.restart_interval = (unsigned)restart;
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (int64_t y = 0; y < height; y++) {
        JSAMPROW row[1] = {(JSAMPROW)pixels + y * width * components};
        jpeg_write_scanlines(&c, row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return (reel_bytes){.data = out, .size = size, .capacity = size};
}

#endif
