/* Requests by libcurl. What protects the user: certificates are verified (libcurl's default), only
 * https unless the caller allows http, at most five redirects, never to http, and an end to
 * waiting. */
#include "train/fetch/transfer.h"

#ifndef REEL_HAVE_CURL

bool reel_transfer_available(void)
{
    return false;
}

reel_transfer_end reel_transfer_run(const reel_transfer *t, reel_error *err)
{
    (void)t;
    reel_fail(err, REEL_ERR_INVALID, "this program was built without libcurl");
    return REEL_TRANSFER_REFUSED;
}

#else

#include "train/run/progress.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { MOST_REDIRECTS = 5, LEAST_SPEED = 1000 };

typedef struct exchange {
    const reel_transfer *t;
    CURL *curl;
    bool begun;
    bool bad_range;               /* the answer holds other bytes than asked for */
    int64_t range_from, range_of; /* Content-Range: first byte, size of the whole; -1 = not said */
    int64_t total, at; /* bytes of the whole file, -1 = not said; the next byte's place */
    double window;     /* when the bytes from window_at on began to be counted */
    int64_t window_at;
    bool stalled;
    reel_status status; /* of the caller's functions */
    reel_error *err;
} exchange;

bool reel_transfer_available(void)
{
    return true;
}

/* ---- what libcurl calls ---- */

/* A header line, not terminated. Each answer begins with a status line; that of a redirect has
 * headers, too. */
static size_t note_header(char *line, size_t size, size_t n, void *user)
{
    static const char content_range[] = "content-range: bytes ";
    exchange *x = user;
    char text[200];
    snprintf(text, sizeof text, "%.*s", (int)(size * n < 190 ? size * n : 190), line);

    if (!strncasecmp(text, "HTTP/", 5)) {
        x->range_from = x->range_of = -1;
    } else if (!strncasecmp(text, content_range, sizeof content_range - 1)) {
        int64_t first = -1, last = -1, of = -1;
        const char *value = text + sizeof content_range - 1;
        if (sscanf(value, "%" SCNd64 "-%" SCNd64 "/%" SCNd64, &first, &last, &of) >= 2) {
            x->range_from = first;
            x->range_of = of;
        }
    }
    return size * n;
}

/* Before the first byte: which bytes are these? */
static reel_status begin_body(exchange *x)
{
    long code = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(x->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    x->begun = true;

    const bool part = code == 206;
    if (part && x->range_from != x->t->from) {
        x->bad_range = true;
        return reel_fail(x->err, REEL_ERR_FORMAT, "the server sends other bytes than asked for");
    }
    const int64_t from = x->at = x->window_at = part ? x->t->from : 0;
    x->total = part && x->range_of >= 0 ? x->range_of : -1;
    if (x->total < 0 && length >= 0)
        x->total = from + length;
    return x->t->begin(x->t->user, from, x->total, x->err);
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *user)
{
    exchange *x = user;
    if (!x->begun)
        x->status = begin_body(x);
    if (x->status == REEL_OK)
        x->status = x->t->bytes(x->t->user, bytes, size * n, x->err);
    x->at += (int64_t)(size * n);
    return x->status == REEL_OK ? size * n : 0; /* less than all: the end */
}

/* Called at least once a second, also while nothing comes. libcurl's own limit looks at an average
 * of several seconds, which a burst before the silence holds up. */
static int ask_to_stop(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    exchange *x = user;
    const double now = reel_seconds_now();
    (void)a, (void)b, (void)c, (void)d;
    if ((double)(x->at - x->window_at) >= LEAST_SPEED * x->t->patience) {
        x->window_at = x->at;
        x->window = now;
    }
    x->stalled = now - x->window > x->t->patience;
    return x->stalled || x->t->stop(x->t->user);
}

/* ---- the request ---- */
static void set_protocols(CURL *curl, bool plain_http)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, plain_http ? "http,https" : "https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
    const long https = CURLPROTO_HTTPS, http = plain_http ? CURLPROTO_HTTP : 0;
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, https | http);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, https);
#endif
}

static void set_request(exchange *x, char range[32], char *why)
{
    const reel_transfer *t = x->t;
    const long patience = t->patience < 1 ? 1 : (long)t->patience;
    CURL *curl = x->curl;
    set_protocols(curl, t->plain_http);
    curl_easy_setopt(curl, CURLOPT_URL, t->url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "reel/" REEL_VERSION_STRING);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L); /* an error page is no file */
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    if (t->from > 0) {
        snprintf(range, 32, "%" PRId64 "-", t->from);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
    }

    /* No wait without an end, and no signals from the resolver. */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, patience);

    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, note_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_to_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
}

/* ---- its end ---- */
static reel_transfer_end http_error(const exchange *x)
{
    long code = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &code);
    reel_fail(x->err, REEL_ERR_IO, "the server answers %ld%s", code,
              code == 404 ? " (no such file)" : "");
    if (code == 416)
        return REEL_TRANSFER_BAD_RANGE;
    return code >= 500 || code == 408 || code == 429 ? REEL_TRANSFER_BUSY : REEL_TRANSFER_REFUSED;
}

static reel_transfer_end whole_answer(const exchange *x)
{
    long code = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 && code != 206) {
        reel_fail(x->err, REEL_ERR_IO, "the server answers %ld", code);
        return REEL_TRANSFER_REFUSED;
    }
    if (x->begun && x->total >= 0 && x->at >= x->total)
        return REEL_TRANSFER_COMPLETE;
    reel_fail(x->err, REEL_ERR_IO, "the server closed the connection");
    return x->total >= 0 ? REEL_TRANSFER_CUT : REEL_TRANSFER_ENDED;
}

/* Before the request was sent, nobody was there to answer it. */
static reel_transfer_end timed_out(const exchange *x)
{
    double sent = 0;
    curl_easy_getinfo(x->curl, CURLINFO_PRETRANSFER_TIME, &sent);
    reel_fail(x->err, REEL_ERR_IO, "no %s for %.0f s", sent > 0 ? "data" : "answer",
              x->t->patience);
    return sent > 0 ? REEL_TRANSFER_CUT : REEL_TRANSFER_OFFLINE;
}

static reel_transfer_end refused(const exchange *x, CURLcode code, const char *text)
{
    long answer = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &answer);
    const bool redirect = code == CURLE_UNSUPPORTED_PROTOCOL && answer >= 300 && answer < 400;
    reel_fail(x->err, REEL_ERR_IO, "%s",
              redirect ? "the server redirects to an address that is not https" : text);
    return REEL_TRANSFER_REFUSED;
}

static reel_transfer_end end_of(const exchange *x, CURLcode code, const char *why)
{
    const char *text = *why ? why : curl_easy_strerror(code);
    switch (code) {
    /* An answer came, whole or with an error status. */
    case CURLE_OK:
        return whole_answer(x);
    case CURLE_HTTP_RETURNED_ERROR:
        return http_error(x);
    /* Our own callbacks ended it. */
    case CURLE_WRITE_ERROR:
        if (x->bad_range)
            return REEL_TRANSFER_BAD_RANGE;
        if (x->status != REEL_OK)
            return REEL_TRANSFER_FAILED;
        break;
    case CURLE_ABORTED_BY_CALLBACK:
        if (x->stalled)
            return timed_out(x);
        reel_fail(x->err, REEL_ERR_STOPPED, "interrupted");
        return REEL_TRANSFER_STOPPED;
    case CURLE_TOO_MANY_REDIRECTS:
        reel_fail(x->err, REEL_ERR_IO, "more than %d redirects", MOST_REDIRECTS);
        return REEL_TRANSFER_REFUSED;
    /* The network: it is not there, or it broke. */
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        reel_fail(x->err, REEL_ERR_IO, "%s", text);
        return REEL_TRANSFER_OFFLINE;
    case CURLE_OPERATION_TIMEDOUT:
        return timed_out(x);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        reel_fail(x->err, REEL_ERR_IO, "the connection broke (%s)", text);
        return REEL_TRANSFER_CUT;
    default:
        break;
    }
    return refused(x, code, text);
}

reel_transfer_end reel_transfer_run(const reel_transfer *t, reel_error *err)
{
    char range[32], why[CURL_ERROR_SIZE] = "";
    reel_error unused;
    exchange x = {.t = t,
                  .range_from = -1,
                  .range_of = -1,
                  .total = -1,
                  .window = reel_seconds_now(),
                  .err = err ? err : &unused};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(x.curl = curl_easy_init())) {
        reel_fail(x.err, REEL_ERR_MEMORY, "libcurl cannot be started: out of memory");
        return REEL_TRANSFER_REFUSED;
    }

    set_request(&x, range, why);
    const CURLcode code = curl_easy_perform(x.curl);
    const reel_transfer_end end = end_of(&x, code, why);
    curl_easy_cleanup(x.curl);
    curl_global_cleanup();
    return end;
}

#endif
