/* From words to enumerators. The option table has checked the words. */
#include "train/cli/option_words.h"

#include <string.h>

reel_exif reel_exif_from(const char *word)
{
    return word && !strcmp(word, "apply") ? REEL_EXIF_APPLY : REEL_EXIF_IGNORE;
}

reel_crop reel_crop_from(const char *word)
{
    if (!strcmp(word, "random-resized"))
        return REEL_CROP_RANDOM_RESIZED;
    return !strcmp(word, "random") ? REEL_CROP_RANDOM : REEL_CROP_CENTER;
}

reel_interpolation reel_interpolation_from(const char *word)
{
    return word ? reel_interpolation_find(word) : REEL_INTERPOLATION_BILINEAR;
}

reel_decode reel_decode_from(const char *word)
{
    return !strcmp(word, "fast") ? REEL_DECODE_FAST : REEL_DECODE_EXACT;
}
