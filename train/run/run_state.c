/* The state of a run as JSON: what a checkpoint's metadata has under reel.state. */
#include "train/run/run_state.h"

#include "core/base.h"

/* As --max-steps; a larger count cannot come from a run. */
static const int64_t MOST_STEPS = 1000000000000000;

/* A field of reel_run_state as reel.state has it: a key of a JSON object. */
typedef struct {
    const char *key;
    size_t at; /* in reel_run_state: an int64_t, or a double where `real` */
    bool real;
    bool later; /* came with a later version: may be missing, and is then as in a new run */
} state_field;

#define AT(member) offsetof(reel_run_state, member)
#define COUNT(name, where, later) {name, where, false, later}
#define REAL(name, where, later) {name, where, true, later}
static const state_field state_fields[] = {
    COUNT("step", AT(step), false),
    COUNT("epoch", AT(epoch), false),
    COUNT("batch", AT(batch), false),
    COUNT("best_epoch", AT(best_epoch), false),
    REAL("best_top1", AT(best_top1), false),
    REAL("best_loss", AT(best_loss), false),
    REAL("loss_sum", AT(loss_sum), false),
    COUNT("right", AT(right), false),
    COUNT("seen", AT(seen), false),
    REAL("train_seconds", AT(train_seconds), false),
    REAL("lr_scale", AT(lr_scale), true),
    COUNT("rollbacks", AT(rollbacks), true),
    COUNT("restored", AT(restored), true),
    COUNT("skipped", AT(skipped), true),
    COUNT("ema_updates", AT(ema_updates), true),
    COUNT("best_ema_epoch", AT(best_ema.epoch), true),
    REAL("best_ema_top1", AT(best_ema.top1), true),
    REAL("best_ema_loss", AT(best_ema.loss), true),
    REAL("stall_sum", AT(stall.sum), true),
    COUNT("pieces", AT(pieces), true),
    COUNT("stall_steps", AT(stall.n), true),
    COUNT("stall_length", AT(stall.length), true),
};
#undef AT
#undef COUNT
#undef REAL

reel_run_state reel_run_beginning(void)
{
    return (reel_run_state){.lr_scale = 1};
}

json_t *reel_run_state_json(const reel_run_state *state)
{
    json_t *o = json_object();
    for (int i = 0; i < REEL_COUNT(state_fields); i++) {
        const state_field *f = &state_fields[i];
        const void *at = (const char *)state + f->at;
        json_object_set_new(o, f->key,
                            f->real ? json_real(*(const double *)at)
                                    : json_integer(*(const int64_t *)at));
    }
    return o;
}

bool reel_read_count(int64_t *count, const json_t *value)
{
    *count = json_integer_value(value);
    return json_is_integer(value) && *count >= 0 && *count <= MOST_STEPS;
}

bool reel_run_state_read(reel_run_state *state, const json_t *o)
{
    *state = reel_run_beginning();
    for (int i = 0; i < REEL_COUNT(state_fields); i++) {
        const state_field *f = &state_fields[i];
        const json_t *value = json_object_get(o, f->key);
        void *at = (char *)state + f->at;
        if (!value && f->later)
            continue;

        if (f->real && !json_is_number(value))
            return false;
        if (f->real)
            *(double *)at = json_number_value(value);
        else if (!reel_read_count(at, value))
            return false;
    }
    return true;
}
