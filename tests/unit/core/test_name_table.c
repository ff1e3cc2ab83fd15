/* A table of names gives back each number by its name, while it grows and for names that collide.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/name_table.h"

Test(name_table, finds_each_of_many_names_and_no_other)
{
    enum { MANY = 3000 };
    static char name[MANY][24];
    reel_name_table table = {0};
    cr_expect_eq(reel_name_table_find(&table, "0.weight"), -1);
    for (int i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof name[i], "%d.weight", i);
        cr_expect_eq(reel_name_table_find(&table, name[i]), -1);
        cr_assert(reel_name_table_add(&table, name[i], i));
        cr_expect_eq(reel_name_table_find(&table, name[i / 2]), i / 2);
    }
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(reel_name_table_find(&table, name[i]), i);
    cr_expect_eq(reel_name_table_find(&table, "3000.weight"), -1);
    cr_expect_eq(reel_name_table_find(&table, ""), -1);
    reel_name_table_free(&table);
    cr_expect_eq(reel_name_table_find(&table, "0.weight"), -1);
}
