/* Notes of data sets as warnings. */
#include "train/run/notes.h"

#include "train/run/say.h"

#include <string.h>

static bool was_said(const reel_dataset *said, const char *note)
{
    for (int64_t i = 0; said && i < reel_dataset_notes(said); i++)
        if (!strcmp(reel_dataset_note(said, i), note))
            return true;
    return false;
}

void reel_left_out_say(const reel_left_out *l)
{
    char text[900];
    if (*reel_left_out_text(l, text, sizeof text))
        reel_say("left out: %s", text);
}

void reel_notes_say(const char *data, const reel_dataset *dataset, const reel_dataset *said)
{
    for (int64_t i = 0; i < reel_dataset_notes(dataset); i++)
        if (!was_said(said, reel_dataset_note(dataset, i)))
            reel_say("reel: warning: %s: %s", data, reel_dataset_note(dataset, i));
}
