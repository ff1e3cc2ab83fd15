/* Unreadable training images: noted in the run's folder, by rank 0 for all. */
#include "train/run/json_util.h"
#include "train/run/loop_internal.h"

#include <inttypes.h>
#include <stdlib.h>

void reel_loop_note_bad(reel_loop *loop, const char *name, const char *reason)
{
    if (!loop->ranks) {
        reel_journal_bad(&loop->journal, "train", name, reason);
        loop->met_bad_train = true;
        return;
    }
    if (!loop->new_bad)
        loop->new_bad = json_array();
    json_array_append_new(loop->new_bad,
                          json_pack("[o, o]", reel_json_text(name), reel_json_text(reason)));
}

int64_t reel_loop_new_bad(const reel_loop *loop)
{
    return (int64_t)json_array_size(loop->new_bad);
}

/* A loader counts the unreadable images that it has met; the run's folder knows those of the
 * loaders before it, too. */
reel_status reel_loop_judge_bad(reel_loop *loop, reel_error *err)
{
    const int64_t bad = loop->journal.dir.n_bad_train, all = reel_dataset_count(loop->feed.train);
    const double allowed = loop->settings->max_bad;
    if (!loop->met_bad_train)
        return REEL_OK;
    loop->met_bad_train = false;
    if (bad <= 1 || (double)bad <= allowed * (double)all)
        return REEL_OK;

    /* Perhaps one host alone cannot read them. */
    char whose[200] = "";
    if (loop->ranks)
        snprintf(whose, sizeof whose, ", the last met by rank %d (host %.100s)", loop->bad_rank,
                 reel_comm_host_name(loop->ranks->comm, loop->bad_rank));
    return reel_fail(err, REEL_ERR_BAD_DATA,
                     "%" PRId64 " of %" PRId64
                     " samples are unreadable, more than the %g %% allowed, counted from the run's "
                     "beginning; %s/bad_files.jsonl names them%s",
                     bad, all, 100 * allowed, loop->journal.dir.path, whose);
}

/* The images of rank `from`, as rank 0 has them now. */
static void note_list(reel_loop *loop, int from, const char *text)
{
    json_t *list = json_loads(text, 0, NULL), *pair;
    size_t i;
    json_array_foreach(list, i, pair)
    {
        const char *name = json_string_value(json_array_get(pair, 0)),
                   *reason = json_string_value(json_array_get(pair, 1));
        reel_journal_bad(&loop->journal, "train", name ? name : "?", reason ? reason : "?");
        loop->met_bad_train = true;
        loop->bad_rank = from;
    }
    json_decref(list);
}

reel_status reel_loop_spread_bad(reel_loop *loop, reel_error *err)
{
    reel_ranks *r = loop->ranks;
    const char *what = "unreadable images";
    for (int from = 0; from < reel_ranks_count(r); from++) {
        char *text = NULL;
        if (from == reel_comm_rank(r->comm) && loop->new_bad)
            text = json_dumps(loop->new_bad, JSON_COMPACT);
        const reel_status status = reel_ranks_tell_text(r, &text, from, what, err);
        if (status == REEL_OK && text && reel_ranks_leads(r))
            note_list(loop, from, text);
        free(text);
        REEL_TRY(status);
    }
    json_decref(loop->new_bad);
    loop->new_bad = NULL;

    const reel_status status = reel_ranks_leads(r) ? reel_loop_judge_bad(loop, err) : REEL_OK;
    return reel_ranks_agree(r, status, err, what);
}
