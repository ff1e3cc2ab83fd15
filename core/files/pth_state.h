/* Which dictionary of a pickled object holds the weights. Private to the readers of .pth files. */
#ifndef REEL_CORE_PTH_STATE_H
#define REEL_CORE_PTH_STATE_H

#include "core/files/pth_container.h"
#include "core/files/weights_internal.h"

/* The dictionary of names and tensors. w gets a note about where it was found and what else the
 * file holds. REEL_ERR_FORMAT: there is none, there are several that could be it, or the file holds
 * a whole model. */
reel_status reel_pth_find_state(const reel_pth *pth, reel_weights *w,
                                const reel_pickle_value **state, reel_error *err);

/* A list for one line: "epoch, arch, optimizer, and 3 more". */
typedef struct reel_word_list {
    char text[400];
    size_t used;
    int listed, count;
} reel_word_list;
void reel_word_list_add(reel_word_list *list, const char *word, size_t length);
/* The list's text; what did not fit is counted at its end. */
const char *reel_word_list_text(reel_word_list *list);

#endif
