/* Pictures with their names on them: see annotate.h. */
#include "train/cli/annotate.h"

#include "core/files/atomic_file.h"
#include "data/codecs/write_image.h"
#include "data/transforms/upright.h"
#include "train/cli/picture_label.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PICTURE_QUALITY = 92, MOST_SAME_NAMES = 1000000, LONGEST_STEM = 251 };

reel_status reel_annotate_open(reel_annotate *a, const char *folder, bool overwrite,
                               reel_error *err)
{
    *a = (reel_annotate){
        .folder = folder, .overwrite = overwrite, .files = {.what = "the picture", .root = folder}};
    REEL_TRY(reel_new_folder(folder, err));
    return reel_written_list_read(&a->earlier, folder, err);
}

void reel_annotate_free(reel_annotate *a)
{
    reel_new_files_free(&a->files);
    reel_written_list_free(&a->earlier);
    reel_decoders_free(a->decoders);
    reel_image_free(&a->decoded);
    reel_image_free(&a->upright);
    reel_bytes_free(&a->encoded);
    *a = (reel_annotate){0};
}

/* ---- the picture ---- */

static reel_status decode_picture(reel_annotate *a, const reel_bytes *bytes, reel_error *err)
{
    reel_decoding d = {0};
    REEL_TRY(reel_decoding_begin(&d, &a->decoders, bytes->data, bytes->size, err));
    REEL_TRY(reel_decoding_finish(&d, NULL, &a->decoded, err));
    const int orientation = reel_exif_orientation(bytes->data, bytes->size);
    return reel_exif_turn(&a->upright, orientation ? orientation : 1, &d.pixels, err);
}

static reel_status encode_picture(reel_annotate *a, bool jpeg, reel_error *err)
{
    return jpeg ? reel_image_encode_jpeg(&a->upright, &a->encoded, PICTURE_QUALITY, true, err)
                : reel_image_encode_png(&a->upright, &a->encoded, err);
}

/* ---- its name ---- */

/* The last part of the source's path; what becomes a PNG ends with .png. A name that would be too
 * long for a file system loses the end of its stem. */
static void picture_name(char *text, size_t size, const char *source, bool jpeg)
{
    const char *slash = strrchr(source, '/'), *name = slash ? slash + 1 : source;
    const char *dot = strrchr(name, '.');
    const reel_codec *named = reel_codec_of_name(name);
    const bool keeps = named && !strcmp(named->name, jpeg ? "JPEG" : "PNG"),
               loses = named && !keeps && dot && dot != name;
    int stem = loses ? (int)(dot - name) : (int)strlen(name);
    if (!keeps && stem > LONGEST_STEM) {
        stem = LONGEST_STEM;
        /* A character of several bytes is not cut. */
        while (stem > 0 && ((unsigned char)name[stem] & 0xc0) == 0x80)
            stem--;
    }
    snprintf(text, size, "%.*s%s", stem, name, keeps ? "" : (jpeg ? ".jpg" : ".png"));
}

/* What stands at the path where a picture should go. */
typedef enum { AT_PATH_OURS, AT_PATH_SOURCE, AT_PATH_EARLIER, AT_PATH_FOREIGN } at_path;

static reel_status what_is_at(const reel_annotate *a, const char *path, const char *source,
                              at_path *what, reel_error *err)
{
    struct stat here, from;
    bool earlier;
    *what = AT_PATH_OURS;
    if (lstat(path, &here) == 0 && reel_new_files_hold(&a->files, (uint64_t)here.st_ino))
        return REEL_OK;
    *what = AT_PATH_SOURCE;
    if (stat(path, &here) == 0 && stat(source, &from) == 0 && here.st_ino == from.st_ino &&
        here.st_dev == from.st_dev)
        return REEL_OK;
    const char *name = path + strlen(a->folder) + 1;
    REEL_TRY(reel_written_list_holds(&a->earlier, a->folder, name, &earlier, err));
    *what = earlier ? AT_PATH_EARLIER : AT_PATH_FOREIGN;
    return REEL_OK;
}

/* Gives the temporary file its name: the first that no picture of this call has. */
static reel_status place_picture(reel_annotate *a, const char *temporary, const char *name,
                                 const char *source, reel_error *err)
{
    bool taken = true;
    for (int number = 1; taken && number < MOST_SAME_NAMES; number++) {
        reel_numbered_path(a->last, sizeof a->last, a->folder, name, number);
        REEL_TRY(reel_new_file_link(&a->files, temporary, a->last, &a->encoded, &taken, err));
        if (!taken)
            break;

        at_path there;
        REEL_TRY(what_is_at(a, a->last, source, &there, err));
        if (there == AT_PATH_OURS)
            continue;
        if (there == AT_PATH_SOURCE)
            return reel_fail(err, REEL_ERR_IO,
                             "--annotate: %s is the picture itself; choose another folder",
                             a->last);
        if (!a->overwrite)
            return reel_fail(err, REEL_ERR_IO,
                             "--annotate: %s is there already; choose another folder, or replace "
                             "pictures with --overwrite",
                             a->last);
        if (there == AT_PATH_FOREIGN)
            return reel_fail(err, REEL_ERR_IO,
                             "--annotate: %s is no picture that --annotate wrote, or has changed "
                             "since; choose another folder",
                             a->last);
        REEL_TRY(
            reel_written_list_add(a->folder, a->last + strlen(a->folder) + 1, &a->encoded, err));
        REEL_TRY(reel_atomic_rename(temporary, a->last, err));
        taken = false;
    }
    if (taken)
        return reel_fail(err, REEL_ERR_IO, "%s: too many pictures of this name", a->last);
    return reel_new_files_add(&a->files, a->last, err);
}

reel_status reel_annotate_add(reel_annotate *a, const reel_annotation *what, const char **to,
                              reel_error *err)
{
    char percent[32], name[400], temporary[REEL_ANNOTATED_PATH];
    const reel_codec *codec = reel_codec_of(what->bytes->data, what->bytes->size);
    const bool jpeg = codec && !strcmp(codec->name, "JPEG");
    REEL_TRY(decode_picture(a, what->bytes, err));
    snprintf(percent, sizeof percent, "%.1f %%", 100 * what->probability);
    reel_picture_label(&a->upright, what->class, percent);
    REEL_TRY(encode_picture(a, jpeg, err));

    /* Written first, so that a picture that is there under its name is whole. */
    picture_name(name, sizeof name, what->source, jpeg);
    const int length =
        snprintf(temporary, sizeof temporary, "%s/.reel-%ld.tmp", a->folder, (long)getpid());
    if (length >= (int)sizeof temporary - (int)sizeof name)
        return reel_fail(err, REEL_ERR_IO, "--annotate: the path is too long");
    unlink(temporary);
    REEL_TRY(reel_new_file_write(&a->files, temporary, &a->encoded, err));
    const reel_status status = place_picture(a, temporary, name, what->source, err);
    unlink(temporary);
    *to = a->last;
    a->written += status == REEL_OK;
    return status;
}
