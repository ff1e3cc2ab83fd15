/* The table of operators that CMake collects from the names of the files. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/op.h"

Test(op_table, an_operator_is_found_by_its_name)
{
    for (int i = 0; i < reel_op_count(); i++) {
        const reel_op *op = reel_op_at(i);
        cr_assert_eq(reel_op_find(op->name), op,
                     "reel_op_find(\"%s\") gives another operator than reel_op_at(%d)", op->name,
                     i);
    }
}

Test(op_table, an_unknown_name_gives_null)
{
    cr_assert_null(reel_op_find("no_such_operator"));
    cr_assert_null(reel_op_find(""));
}

Test(op_table, names_are_in_order_and_occur_once)
{
    for (int i = 1; i < reel_op_count(); i++) {
        const char *before = reel_op_at(i - 1)->name, *name = reel_op_at(i)->name;
        cr_assert(strcmp(before, name) < 0, "operator %d is \"%s\", operator %d is \"%s\"", i - 1,
                  before, i, name);
    }
}
