/* HTML: see html.h. One style for light and dark; nothing is loaded from anywhere. */
#include "train/report/html.h"

#include "core/files/text.h"

#include <string.h>

/* Of a curve and its key. The second ten colours are the first, dashed. */
#define COLOUR(curve, dashed, n)                                                                   \
    ".s" curve "{stroke:var(--c" n ")}.key.s" curve "{color:var(--c" n ")}\n"                      \
    ".s" dashed "{stroke:var(--c" n ");stroke-dasharray:7 5}.key.s" dashed "{color:var(--c" n      \
    ");border-bottom:2px dashed}\n"
#define COLOURS                                                                                    \
    COLOUR("0", "10", "0")                                                                         \
    COLOUR("1", "11", "1")                                                                         \
    COLOUR("2", "12", "2")                                                                         \
    COLOUR("3", "13", "3")                                                                         \
    COLOUR("4", "14", "4")                                                                         \
    COLOUR("5", "15", "5")                                                                         \
    COLOUR("6", "16", "6")                                                                         \
    COLOUR("7", "17", "7")                                                                         \
    COLOUR("8", "18", "8")                                                                         \
    COLOUR("9", "19", "9")

/* By what a page is known as one of Reel's; early versions wrote the colours only. */
#define GENERATOR "<meta name=\"generator\" content=\"Reel\">"
#define COLOURS_BEGIN ":root{color-scheme:light dark;--ink:#1c2430;"

static const char style[] = COLOURS_BEGIN
    "--soft:#5b6675;--page:#f6f7f9;--card:#fff;"
    "--rule:#dfe3e8;--heat:33 111 219;--c0:#1f6fdb;--c1:#d9480f;--c2:#2b8a3e;"
    "--c3:#8e24aa;--c4:#0b7285;--c5:#9c2b2b;--c6:#5f3dc4;--c7:#7a5900;--c8:#495057;--c9:#b5179e}"
    "\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--page:#12161c;"
    "--card:#1b2129;--rule:#313a46;--heat:77 150 255;--c0:#5aa0ff;--c1:#ff8a4c;--c2:#5fd07c;"
    "--c3:#d48cf0;--c4:#4fc3d9;--c5:#ff8a8a;--c6:#a99bff;--c7:#e0b94a;--c8:#b4bcc6;--c9:#ff7fd9}}"
    "\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,"
    "sans-serif;overflow-wrap:anywhere}\n"
    "main{max-width:1120px;margin:0 auto;padding:24px 20px 60px}\n"
    "h1{font-size:26px;margin:8px 0 0}\n"
    "h2{font-size:19px;margin:36px 0 12px}\n"
    "p{margin:6px 0}\n"
    "code{font-size:14px}\n"
    ".soft,figcaption,th,dt{color:var(--soft)}\n"
    "#state{font-weight:600}\n"
    ".running{color:var(--c0)}\n"
    ".interrupted,.error{color:var(--c1)}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(138px,1fr));gap:12px;"
    "margin:18px 0}\n"
    ".tile,figure,.box{background:var(--card);border:1px solid var(--rule);"
    "border-radius:10px;padding:12px 14px;margin:0}\n"
    ".tile b,.number b{display:block;font-size:22px}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(420px,100%),1fr));"
    "gap:14px}\n"
    ".key{margin-left:12px;font-weight:600;display:inline-block}\n"
    "td .key{margin-left:0}\n" COLOURS
    ".plot{display:grid;grid-template:200px 22px auto/max-content minmax(0,1fr);gap:0 8px;"
    "margin:14px 14px 0 0;font-size:11px;color:var(--soft);white-space:nowrap}\n"
    ".ys{display:flex;flex-direction:column;justify-content:space-between;text-align:right}\n"
    ".ys span{height:0;line-height:0}\n"
    ".xs{grid-column:2;position:relative}\n"
    ".xs span{position:absolute;top:4px;transform:translateX(-50%)}\n"
    ".x{grid-column:2;text-align:center;margin:0}\n"
    "svg{width:100%;height:100%;display:block;overflow:visible}\n"
    "svg .grid{stroke:var(--rule);vector-effect:non-scaling-stroke}\n"
    "polyline,.s2{fill:none;stroke-width:2;stroke-linejoin:round;"
    "vector-effect:non-scaling-stroke}\n"
    ".dot{stroke-width:7;stroke-linecap:round}\n"
    ".hover{fill:transparent}\n"
    ".hover:hover{fill:rgb(var(--heat)/.25)}\n"
    ".bar0{fill:var(--c0)}\n"
    ".gap{fill:var(--c1);fill-opacity:.6}\n"
    ".bar{display:flex;height:26px;border-radius:6px;overflow:hidden;margin:10px 0}\n"
    ".bar span{display:block;min-width:1px}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;max-width:100%}\n"
    "th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--rule);"
    "overflow-wrap:normal}\n"
    "th:first-child,.name{text-align:left}\n"
    ".plain td:first-child{text-align:left}\n"
    "td{white-space:nowrap}\n"
    "td.name,td:first-child,th .name{overflow-wrap:anywhere;white-space:normal}\n"
    ".matrix{table-layout:fixed;width:100%}\n"
    ".matrix th,.matrix td{padding:3px 0;text-align:center;font-size:13px;"
    "overflow-wrap:normal}\n"
    ".matrix th:first-child{text-align:left;width:200px;padding-right:8px}\n"
    ".matrix thead span{margin:0 -9px}\n"
    ".fit0 td span{display:none}\n"
    "@media(max-width:1149px){.fit3 td span,.most thead th:not(.five) span{display:none}}\n"
    ".bare th:first-child{width:26px;padding-right:4px}.bare th .name{display:none}\n"
    "@media(max-width:767px){.fit2 td span{display:none}.many thead th:not(.five) span{"
    "display:none}}\n"
    ".pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(170px,100%),"
    "1fr));gap:12px}\n"
    ".pictures figure{padding:10px}\n"
    ".pictures img{width:100%}\n"
    ".pair{display:flex;gap:4px}\n"
    ".pair img{width:50%}\n"
    ".triples{grid-template-columns:repeat(auto-fill,minmax(min(250px,100%),1fr))}\n"
    ".triples .pair img{width:calc((100% - 8px)/3)}\n"
    ".right{color:var(--c2)}\n"
    ".wrong{color:var(--c1)}\n"
    "img{max-width:100%;height:auto;border-radius:4px;display:block}\n"
    ".filters{image-rendering:pixelated;background:#fff;padding:6px}\n"
    "dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 18px;"
    "margin:8px 0}\n"
    "dd{margin:0}\n"
    "@media(max-width:640px){main{padding:16px 12px 40px}h1{font-size:22px}th,td{padding:4px;"
    "font-size:13px}\n"
    ".stack,.stack thead,.stack tbody{display:block}.stack tr{display:grid;"
    "grid-template-columns:repeat(5,1fr);border-bottom:1px solid var(--rule);padding:4px 0}\n"
    ".stack th,.stack td{border:0;padding:1px 2px}.stack th:first-child,"
    ".stack td:first-child,.stack .wide{grid-column:1/-1;font-size:14px}\n"
    ".matrix th:first-child{width:26px;padding-right:4px}.matrix th .name{display:none}\n"
    "dl{grid-template-columns:1fr}dd{margin-bottom:6px}}\n";

void reel_html_text(FILE *to, const char *text)
{
    static const char *const escapes[128] = {
        ['<'] = "&lt;", ['>'] = "&gt;", ['&'] = "&amp;", ['"'] = "&quot;", ['\''] = "&#39;"};
    for (const char *p = text; *p;) {
        const int n = reel_utf8_sequence((const unsigned char *)p, SIZE_MAX);
        const size_t length = n > 1 ? (size_t)n : 1;
        char piece[20], whole[5] = "";
        memcpy(whole, strchr("\t\n\r", *p) ? " " : p, length);
        p += length;

        /* Of what is not UTF-8, or would command, each byte stands as \xNN. */
        reel_escape_text(whole, REEL_ESCAPE_CONTROLS, piece, sizeof piece);
        const unsigned char c = (unsigned char)piece[0];
        fputs(c < REEL_COUNT(escapes) && escapes[c] ? escapes[c] : piece, to);
    }
}

static void put_base64(FILE *to, const uint8_t *b, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        unsigned word = (unsigned)b[i] << 16;
        if (left > 1)
            word |= (unsigned)b[i + 1] << 8;
        if (left > 2)
            word |= b[i + 2];
        fputc(digits[word >> 18], to);
        fputc(digits[word >> 12 & 63], to);
        fputc(left > 1 ? digits[word >> 6 & 63] : '=', to);
        fputc(left > 2 ? digits[word & 63] : '=', to);
    }
}

void reel_html_picture(FILE *to, const char *kind, const uint8_t *bytes, size_t size,
                       const char *alt)
{
    fprintf(to, "<img alt=\"");
    reel_html_text(to, alt);
    fprintf(to, "\" src=\"data:image/%s;base64,", kind);
    put_base64(to, bytes, size);
    fprintf(to, "\">");
}

void reel_html_begin(FILE *to, const char *title)
{
    fprintf(to,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" GENERATOR
            "\n<title>");
    reel_html_text(to, title);
    fprintf(to, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
}

bool reel_html_is_ours(const char *text)
{
    static const char begins[] = "<!DOCTYPE html>";
    return strncmp(text, begins, sizeof begins - 1) == 0 &&
           (strstr(text, GENERATOR) || strstr(text, COLOURS_BEGIN));
}

void reel_html_end(FILE *to)
{
    fprintf(to, "</main>\n</body>\n</html>\n");
}
