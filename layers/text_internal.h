/* The lines of a network's text, and what is shared by the files that read them. Private. */
#ifndef REEL_LAYERS_TEXT_INTERNAL_H
#define REEL_LAYERS_TEXT_INTERNAL_H

#include "core/nearest.h"
#include "layers/net_internal.h"
#include "layers/text.h"

enum {
    REEL_TEXT_BYTES = 1 << 18, /* of a text and all that it includes */
    REEL_TEXT_LINES = 8192,    /* more than STEPS and the head: what is printed is read again */
    REEL_TEXT_WORDS = 64,      /* of one line */
    REEL_TEXT_DEPTH = 48,      /* sections inside one another, blocks followed */
    REEL_TEXT_FILES = 8,       /* that include one another */
    REEL_TEXT_STEPS = 8000,    /* lines that are followed, each repetition counted */
    REEL_TEXT_WORD = 64        /* bytes of a value */
};

/* A word of a line: "conv1:" is the word conv1 with a colon. */
typedef struct reel_text_word {
    char *text;
    int column; /* from 1 */
    bool quoted, colon;
} reel_text_word;

typedef struct reel_text_line {
    const char *file;
    int number; /* from 1 */
    int indent; /* blanks in front */
    int end;    /* the first line after those that are indented below this one */
    reel_text_word *word;
    int words;
    const char *rest; /* after the first word, as it stands */
} reel_text_line;

/* The bytes of a file, and its name; lines point into both. */
typedef struct reel_text_source {
    char *name, *bytes;
} reel_text_source;

struct reel_text {
    reel_text_head head;
    reel_text_line *line;
    int lines, room;
    reel_text_source *source;
    int sources;
    size_t bytes; /* of all sources */
    bool typed;   /* by a person, not printed: slips in words are looked for */
};

/* REEL_ERR_FORMAT with "FILE:LINE:COLUMN: " before the message. word: its index in the line. */
reel_status reel_text_fail(reel_error *err, const reel_text_line *line, int word,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for a failure that has a status: want of memory, or a file's error, is no wrong line. */
reel_status reel_text_fail_as(reel_error *err, reel_status status, const reel_text_line *line,
                              int word, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Whether word k of the line is this word of the language, not quoted. */
bool reel_text_says(const reel_text_line *line, int k, const char *word);
/* Whether the language has a meaning of its own for a line that begins with the word. */
bool reel_text_is_keyword(const char *word);
/* The word of the language that a person who typed the name may have meant; NULL: none. Names that
 * go on behind the word, such as branch1 and scale_2, are names. */
const char *reel_text_slip_of(const char *name);
/* Offers the words that begin a line. */
void reel_text_offer_keywords(reel_nearest *nearest);
/* Whether indented lines follow. */
bool reel_text_opens(const reel_text_line *line);
/* A whole number that fills text[0 .. length). */
bool reel_text_whole(const char *text, size_t length, int64_t *value);

/* ---- text_head.c ---- */

/* Checks the lines in front and keeps what they say. */
reel_status reel_text_read_head(reel_text *text, reel_error *err);

/* ---- text_values.c ---- */

/* A word that stands for a value, and those around it. */
typedef struct reel_text_var {
    const char *name;
    char value[REEL_TEXT_WORD];
    bool classes; /* the value is what `classes` stands for */
    const struct reel_text_var *outer;
} reel_text_var;

/* What values may refer to. */
typedef struct reel_text_scope {
    const reel_text_var *var; /* innermost; NULL = none */
    int64_t classes;
    int64_t channels; /* of the value that the line's layer reads */
} reel_text_scope;

/* The value of word k: variables, `classes`, `channels`, products and quotients of them become
 * their numbers; anything else stays as it is. from: where in the word the value begins.
 * var->value and var->classes receive it. */
reel_status reel_text_value(const reel_text_scope *scope, const reel_text_line *line, int k,
                            const char *from, reel_text_var *var, reel_error *err);

/* ---- text_layer.c ---- */

/* What a layer's line is read with. */
typedef struct reel_text_layer {
    const reel_text_scope *scope;
    const reel_model_config *model;
    const reel_text_line *line;
    int kind; /* the word that names the layer; arguments follow */
} reel_text_layer;

/* The layer of this class, or NULL. */
const reel_layer *reel_text_layer_find(const char *kind);
/* The row of a layer's width, which no input gives: out_channels, out_features; or NULL. */
const reel_layer_arg *reel_layer_width_row(const reel_layer *layer);
/* What a line says about its layer beside the config. */
typedef struct reel_text_marks {
    bool of_classes; /* the width is `classes` */
    bool own_init;   /* the initialisers are the line's, against what config->weight_init says */
} reel_text_marks;
/* Reads the arguments into a zeroed config. */
reel_status reel_text_layer_config(const reel_text_layer *at, const reel_layer *layer, void *config,
                                   reel_text_marks *marks, reel_error *err);
/* What to say of a line whose values by place may be in PyTorch's order, which begins with the
 * input's channels. "" = nothing. Returns text. */
const char *reel_text_order_note(const reel_text_layer *at, const reel_layer *layer,
                                 const void *config, char *text, size_t size);

/* ---- text_slots.c ---- */

/* The arguments of a layer or the parameters of a block, while words of a line fill them. */
typedef struct reel_text_slots {
    const char *owner; /* for messages: "Conv2d", "block Fire" */
    int count;
    const char *name[REEL_TEXT_WORDS];
    bool by_name[REEL_TEXT_WORDS]; /* a value without a name passes over it */
    bool given[REEL_TEXT_WORDS];
    int place;  /* where a value without a name looks first */
    bool named; /* a name was given: values without one are over */
} reel_text_slots;

/* Splits "name=value": the length of the name, or 0 where the word is a value alone. */
size_t reel_text_name_length(const reel_text_word *word);
/* One more slot; name is borrowed. */
reel_status reel_text_add_slot(reel_text_slots *slots, const reel_text_layer *at, const char *name,
                               bool by_name, reel_error *err);
/* Finds the slot of word k, marks it as given, and says where in the word its value begins. */
reel_status reel_text_take_word(reel_text_slots *slots, const reel_text_layer *at, int k, int *slot,
                                const char **value, reel_error *err);

/* ---- text_block.c ---- */

/* The line `block NAME ...:` that stands above line `before`; -1: there is none. nearest: or NULL.
 */
int reel_text_find_block(const reel_text *text, const char *name, int before,
                         reel_nearest *nearest);
typedef char reel_text_names[REEL_TEXT_WORDS][REEL_TEXT_WORD];
/* Whether the line is `block NAME parameter... :` as it may be. */
reel_status reel_text_check_block(const reel_text_line *line, reel_error *err);
/* Binds the words after at->kind to the parameters that stand in the line `block`. var: one for
 * each of its words; names: room for their names. */
reel_status reel_text_bind_block(const reel_text_layer *at, const reel_text_line *block,
                                 reel_text_var *var, reel_text_names names, reel_error *err);

/* ---- text_add.c ---- */

/* A text while its lines become a net. */
typedef struct reel_text_reader {
    const reel_text *text;
    const reel_model_config *model;
    reel_net *net;
    reel_tape *tape; /* computes nothing */
    reel_var x;      /* the value that the next layer reads */
    reel_var *bound; /* [n_bound] the net's parameters on the tape */
    int n_bound;
    int steps, depth;
} reel_text_reader;

/* The lines to follow, and the variables that they see. front: words of the first line before the
 * layer that it holds: `shortcut:`; such a part is one line. */
typedef struct reel_text_part {
    int first, end, front;
    const reel_text_var *var;
} reel_text_part;

/* Counts a line that is followed, up to REEL_TEXT_STEPS. */
reel_status reel_text_count_step(reel_text_reader *r, const reel_text_line *line, reel_error *err);
/* Follows lines first .. end. */
reel_status reel_text_follow(reel_text_reader *r, const reel_text_part *part, reel_error *err);
/* The lines that are indented below a line. */
reel_text_part reel_text_below(const reel_text_reader *r, int index, const reel_text_var *var);
/* What the values of the next line may refer to. */
reel_text_scope reel_text_scope_of(const reel_text_reader *r, const reel_text_var *var);
/* An error of the net or its tape, which says no line: a wrong line, unless memory is short. */
static inline reel_status reel_text_line_status(reel_status status)
{
    return status == REEL_ERR_MEMORY ? REEL_ERR_MEMORY : REEL_ERR_FORMAT;
}
/* The net's error, with the line. */
reel_status reel_text_check_net(const reel_text_reader *r, const reel_text_line *line,
                                reel_error *err);

/* ---- text_join.c ---- */

/* A line that begins with a word of the language and ends in a colon. */
reel_status reel_text_follow_keyword(reel_text_reader *r, int index, const reel_text_var *var,
                                     reel_error *err);

#endif
