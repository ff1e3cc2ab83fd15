/* What ranks share, in a process that is alone; and the silence of the others. */
#include "tests/support/must.h"
#include "train/run/progress.h"
#include "train/run/rank_isa.h"
#include "train/run/rank_views.h"
#include "train/run/say.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>

static reel_error err;

Test(ranks_alone, one_rank_agrees_with_itself)
{
    reel_rank_kernels kernels = {.isa = -1, .widen_bf16 = true};
    MUST(reel_rank_isa(&kernels, NULL, REEL_PRECISION_BF16, &err), err);
    cr_expect_eq(kernels.isa, reel_isa_default());
    cr_expect_not(kernels.widen_bf16);
    MUST(reel_rank_views_compare(NULL, "DATA", "4 images", &err), err);
}

Test(ranks_alone, a_silent_process_prints_nothing, .init = cr_redirect_stderr)
{
    reel_progress p;
    reel_progress_open(&p, false);
    p.last = -100; /* it is time to draw */
    reel_say_silence(true);
    cr_expect(reel_say_is_silent());
    reel_say("a line");
    reel_progress_warn(&p, "a warning");
    reel_progress_note(&p, true, "a note");
    reel_progress_count(&p, "evaluation", 1, 2);
    reel_log_to_stderr(NULL, REEL_LOG_WARN, "a log");

    reel_say_silence(false);
    reel_say("heard");
    fflush(stderr);
    cr_assert_stderr_eq_str("heard\n");
}
