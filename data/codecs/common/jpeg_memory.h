/* Memory for libjpeg that is kept from image to image.
 *
 * libjpeg asks its memory manager for some forty pieces an image and gives them all back at its
 * end. Here they come from one block that grows to what an image needed and is reused; what does
 * not fit falls to libjpeg's own manager, which also keeps everything that virtual arrays
 * (progressive images) are made of. */
#ifndef REEL_DATA_CODECS_COMMON_JPEG_MEMORY_H
#define REEL_DATA_CODECS_COMMON_JPEG_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

/* Must be the first member of what client_data points to. */
typedef struct reel_jpeg_memory {
    uint8_t *block;
    size_t capacity, used, wanted; /* wanted: what the image would have taken, had it been there */
    struct jpeg_memory_mgr own;    /* libjpeg's functions */
} reel_jpeg_memory;

/* After jpeg_create_decompress and jpeg_mem_src. From here on everything lives until the end of the
 * image, tables of the permanent pool too: forget them between images. */
void reel_jpeg_memory_install(j_decompress_ptr cinfo);
/* After jpeg_destroy_decompress. */
void reel_jpeg_memory_free(reel_jpeg_memory *memory);

#endif
