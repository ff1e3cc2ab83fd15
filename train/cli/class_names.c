/* Names of classes from a file, one a line. */
#include "train/cli/class_names.h"

#include "train/cli/input_file.h"
#include "train/run/json_util.h"
#include "train/run/say.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The line without its end and trailing blanks; the first one without a byte order mark. */
static const char *clean_line(char *line, int64_t n)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t length = strlen(line);
    while (length > 0 && strchr(" \t\r\n", line[length - 1]))
        line[--length] = '\0';
    return n == 0 && strncmp(line, mark, 3) == 0 ? line + 3 : line;
}

reel_status reel_class_names_read(reel_model_card *card, const char *path, reel_error *err)
{
    FILE *file;
    reel_error why;
    const reel_status opened = reel_input_open(&file, path, &why);
    if (opened != REEL_OK)
        return reel_fail(err, opened, "%s: %s", path, why.message);
    reel_model_card_free(card);
    reel_status status = reel_model_card_make_names(card, card->classes, err);

    char *line = NULL;
    size_t room = 0;
    int64_t lines = 0, n = 0; /* n: up to the last line that is not blank */
    while (status == REEL_OK && getline(&line, &room, file) >= 0) {
        char name[1100];
        const char *text = clean_line(line, lines);
        reel_utf8_text(text, name, sizeof name);
        /* All lines are counted, so that the message can say how many there are. */
        if (lines < card->classes)
            status = reel_model_card_set_name(card, lines, name, err);
        lines++;
        if (*text)
            n = lines;
    }
    if (status == REEL_OK && n != card->classes)
        status = reel_fail(err, REEL_ERR_INVALID,
                           "%s: expected %" PRId64 " names, one for each class, got %" PRId64, path,
                           card->classes, n);

    free(line);
    fclose(file);
    return status;
}

reel_status reel_class_names_choose(reel_model_card *card, const char *path, bool quiet,
                                    reel_error *err)
{
    bool named = false;
    if (path)
        return reel_class_names_read(card, path, err);
    REEL_TRY(reel_model_card_name_imagenet(card, &named, err));
    if (named && !quiet)
        reel_say("the weights do not name their 1000 classes: ImageNet's names are shown "
                 "(--classes FILE gives others)");
    return REEL_OK;
}
