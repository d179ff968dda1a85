/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/log.h"

#include "worker/shim/shim.h"
#include "worker/shim/shim_real.h"

/* Looked through by signal handlers: a handle is stored when it is whole, and taken out first. */
static struct shim_handle *volatile handles[SHIM_HANDLES];
static pthread_mutex_t handles_mutex = PTHREAD_MUTEX_INITIALIZER;

static __thread char last_error[PCAP_ERRBUF_SIZE];

/* ---- handles --------------------------------------------------------------------------------- */

struct shim_handle *shim_find(const pcap_t *pcap) {
    for (unsigned i = 0; i < SHIM_HANDLES; i++) {
        struct shim_handle *h = handles[i];
        if (h != NULL && h->pcap == pcap)
            return h;
    }
    return NULL;
}

void shim_each(void (*visit)(struct shim_handle *h)) {
    for (unsigned i = 0; i < SHIM_HANDLES; i++) {
        if (handles[i] != NULL)
            visit(handles[i]);
    }
}

/* Puts it into a free place; false: there is none. */
static bool keep(struct shim_handle *h) {
    bool kept = false;
    pthread_mutex_lock(&handles_mutex);
    for (unsigned i = 0; i < SHIM_HANDLES && !kept; i++) {
        kept = handles[i] == NULL;
        if (kept)
            handles[i] = h;
    }
    pthread_mutex_unlock(&handles_mutex);
    return kept;
}

static void forget(const struct shim_handle *h) {
    pthread_mutex_lock(&handles_mutex);
    for (unsigned i = 0; i < SHIM_HANDLES; i++) {
        if (handles[i] == h)
            handles[i] = NULL;
    }
    pthread_mutex_unlock(&handles_mutex);
}

static void free_parts(struct shim_handle *h) {
    if (h->inner != NULL)
        shim_real()->close(h->inner);
    if (h->pcap != NULL)
        shim_real()->close(h->pcap);
    free(h->filter.bf_insns);
    free(h->name);
    free(h);
}

struct shim_handle *shim_make(const char *name, char *errbuf) {
    struct shim_handle *h = calloc(1, sizeof *h);
    if (h != NULL) {
        h->fd = -1;
        h->name = strdup(name);
        h->pcap = shim_real()->open_dead_with_tstamp_precision(DLT_EN10MB, SHIM_SNAPLEN_MAX,
                                                               PCAP_TSTAMP_PRECISION_MICRO);
    }
    if (h == NULL || h->name == NULL || h->pcap == NULL) {
        snprintf(errbuf, PCAP_ERRBUF_SIZE, "%.100s: no memory for a handle", name);
        if (h != NULL)
            free_parts(h);
        return NULL;
    }
    if (keep(h))
        return h;
    snprintf(errbuf, PCAP_ERRBUF_SIZE,
             "%.100s: this process has %u handles of " SHIM_PREFIX " open", name, SHIM_HANDLES);
    free_parts(h);
    return NULL;
}

void shim_free(struct shim_handle *h) {
    forget(h);
    free_parts(h);
}

/* ---- errors ---------------------------------------------------------------------------------- */

int shim_fail(struct shim_handle *h, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(shim_real()->geterr(h->pcap), PCAP_ERRBUF_SIZE, format, arguments);
    va_end(arguments);
    return status;
}

int shim_fail_inactive(struct shim_handle *h) {
    return shim_fail(h, PCAP_ERROR_NOT_ACTIVATED, "This handle hasn't been activated yet");
}

/* ---- what our own code logs ------------------------------------------------------------------ */

int shim_log_level(void) {
    enum fb_log_level level;
    const char *text = getenv("FB_LOG_LEVEL");
    return text != NULL && fb_log_parse_level(text, &level) == 0 ? (int)level : FB_LOG_WARNING;
}

void shim_log_line(void *arg, int level, const char *line) {
    (void)arg;
    if (level == FB_LOG_ERROR)
        snprintf(last_error, sizeof last_error, "%s", line);
    else if (level <= shim_log_level())
        fprintf(stderr, "flow-balancer: %s%s\n", level == FB_LOG_WARNING ? "warning: " : "", line);
}

void shim_log_begin(void) {
    last_error[0] = '\0';
    fb_log_set_level((enum fb_log_level)shim_log_level());
    fb_log_set_sink(shim_log_line, NULL);
}

const char *shim_log_error(void) {
    return last_error;
}

bool shim_is_attached(void) {
    const char *text = getenv("FB_ATTACH_GROUP");
    return text != NULL && strcmp(text, "1") == 0;
}
