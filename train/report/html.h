/* Writing HTML: escaped text, pictures inside the page, the style. */
#ifndef REEL_TRAIN_REPORT_HTML_H
#define REEL_TRAIN_REPORT_HTML_H

#include "data/image.h"

#include <stdio.h>

/* Text from outside: markup is escaped; control characters and bytes that are no UTF-8 stand as
 * \xNN. */
void reel_html_text(FILE *to, const char *text);
/* <img> with the bytes in it. kind: "png", "jpeg". */
void reel_html_picture(FILE *to, const char *kind, const uint8_t *bytes, size_t size,
                       const char *alt);
/* The whole of the page in front of the first section, and behind the last. */
void reel_html_begin(FILE *to, const char *title);
void reel_html_end(FILE *to);
/* Whether text, the first REEL_HTML_HEAD bytes of a file or more, begins a page of Reel's, of this
 * or an earlier version. */
enum { REEL_HTML_HEAD = 8192 };
bool reel_html_is_ours(const char *text);

#endif
