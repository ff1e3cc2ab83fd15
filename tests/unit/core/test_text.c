/* Text out of files: what a terminal would obey is escaped, everything else stays. */
#include "core/base.h"
#include "core/files/text.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void expect_escaped(const char *bytes, int escapes, const char *want)
{
    char text[100];
    cr_expect_str_eq(reel_escape_text(bytes, escapes, text, sizeof text), want, "%s, got %s", want,
                     text);
}

Test(text, what_commands_is_escaped_byte_by_byte)
{
    static const char *const commands[][2] = {
        {"a\tb\n\x1b[31m", "a\\x09b\\x0a\\x1b[31m"},
        {"\x7f", "\\x7f"},
        {"\xc2\x80 \xc2\x9f", "\\xc2\\x80 \\xc2\\x9f"}, /* C1 */
        {"\x9b", "\\x9b"},                              /* C1 without UTF-8 */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},            /* right-to-left override */
        {"\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
        {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c"},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"}};
    for (int64_t i = 0; i < REEL_COUNT(commands); i++)
        expect_escaped(commands[i][0], REEL_ESCAPE_CONTROLS, commands[i][1]);
}

Test(text, what_is_shown_stays_as_it_is)
{
    static const char *const shown[] = {"plain",
                                        "\xc3\xa9t\xc3\xa9",
                                        "\xd7\xa9\xd7\x9c",
                                        "\xc2\xa0",
                                        "\xf0\x9f\x90\xb6\xe2\x80\x8d",
                                        "C:\\x1b"};
    for (int64_t i = 0; i < REEL_COUNT(shown); i++)
        expect_escaped(shown[i], REEL_ESCAPE_CONTROLS, shown[i]);
    expect_escaped("C:\\a", REEL_ESCAPE_CONTROLS | REEL_ESCAPE_BACKSLASHES, "C:\\x5ca");
    expect_escaped("\n\xff", 0, "\n\\xff");
}

Test(text, is_cut_at_a_whole_character)
{
    char text[6];
    cr_expect_str_eq(reel_escape_text("abcd\xc3\xa9", 0, text, sizeof text), "abcd");
    cr_expect_str_eq(reel_escape_text("ab\x01", REEL_ESCAPE_CONTROLS, text, sizeof text), "ab");
    cr_expect_str_eq(reel_escape_text("abcde", 0, text, sizeof text), "abcde");
    char none[1] = {'x'};
    reel_escape_text("a", 0, none, 0);
    cr_expect_eq(none[0], 'x');
}

Test(text, what_was_no_utf8_is_restored)
{
    static const char *const names[] = {"caf\xe9", "\xff\x80", "a\xc3", "plain \\x1b \\x", "\\xe"};
    for (int64_t i = 0; i < REEL_COUNT(names); i++) {
        char escaped[100], bytes[100];
        reel_escape_text(names[i], 0, escaped, sizeof escaped);
        cr_expect_str_eq(reel_restore_text(escaped, bytes, sizeof bytes), names[i], "%s", escaped);
    }
    char cut[4];
    cr_expect_str_eq(reel_restore_text("a\\xe9\\xe8b", cut, sizeof cut), "a\xe9\xe8");
    cr_expect_str_eq(reel_restore_text("abcdef", cut, sizeof cut), "abc");
}
