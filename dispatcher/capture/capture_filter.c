/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_filter.h"
#include "dispatcher/capture/capture_fanout.h"
#include "dispatcher/capture/frame.h"
#include "flow_balancer/common/log.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* libpcap's optimiser calls itself for every branch of a program: the stack of a main thread. */
#define STACK_BYTES ((size_t)8 << 20)

/* A tenth of a processor where it is shared with the dispatcher or a worker, all of it otherwise:
 * less, and a busy machine would never see the end of it. */
#define NICENESS 10

#define PCAP_HEADER_BYTES 24u

/* A handle that frames of interfaces are compiled for. */
struct live_handle {
    pcap_t *pcap;
    int dlt;
    bool is_socket; /* of packets; other devices have no options to compile for */
    struct live_handle *next;
};

/* What the thread is given, and what it must not outlive. */
struct capture_compiler {
    struct live_handle *handles;
    struct capture_filter *filter; /* NULL: none is compiled */
    pthread_t thread;
    pthread_mutex_t mutex; /* for the rest */
    bool ended;
    bool abandoned; /* the thread frees all of it */
};

/* ---- one program */

static void store32(uint8_t *to, uint32_t value, bool big_endian) {
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * (big_endian ? 3 - i : i));
}

/*
 * libpcap compiles for files other than for interfaces (inbound, ifindex) and for those of
 * the other byte order (DLT_NULL): so it gets a file, which has a header and no frame. Link
 * types of libpcap's own that differ from those of files mean themselves there.
 */
static pcap_t *open_file_handle(struct capture_kind kind, char *reason) {
    uint8_t header[PCAP_HEADER_BYTES] = {0};
    bool big = kind.big_endian;
    FILE *stream = fmemopen(header, sizeof header, "r");
    pcap_t *pcap;

    if (stream == NULL) {
        snprintf(reason, PCAP_ERRBUF_SIZE, "no memory");
        return NULL;
    }
    store32(header, 0xa1b2c3d4, big);
    header[big ? 5 : 4] = 2;
    header[big ? 7 : 6] = 4;
    store32(header + 16, FB_FRAME_MAX, big);
    store32(header + 20, (uint32_t)kind.dlt, big);
    pcap = pcap_fopen_offline(stream, reason);
    if (pcap == NULL)
        fclose(stream);
    else if (pcap_datalink(pcap) != kind.dlt) {
        snprintf(reason, PCAP_ERRBUF_SIZE, "libpcap does not compile for link type %d", kind.dlt);
        pcap_close(pcap);
        return NULL;
    }
    return pcap;
}

static void compile(struct capture_program *p, const char *text) {
    pcap_t *handle = p->kind.handle;

    p->compiled = true;
    if (handle == NULL)
        handle = open_file_handle(p->kind, p->problem);
    if (handle == NULL)
        return;
    p->fits = pcap_compile(handle, &p->bpf, text == NULL ? "" : text, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!p->fits)
        snprintf(p->problem, sizeof p->problem, "%s", pcap_geterr(handle));
    if (p->kind.handle == NULL)
        pcap_close(handle);
}

static struct capture_program *find(struct capture_filter *filter, struct capture_kind kind) {
    struct capture_program *p = filter->programs;

    while (p != NULL && (p->kind.handle != kind.handle || p->kind.dlt != kind.dlt ||
                         p->kind.big_endian != kind.big_endian))
        p = p->next;
    return p;
}

static struct capture_program *add(struct capture_filter *filter, struct capture_kind kind) {
    struct capture_program *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->kind = kind;
    p->next = filter->programs;
    filter->programs = p;
    return p;
}

struct capture_kind capture_kind_of_file(pcap_t *pcap) {
    bool foreign = pcap_is_swapped(pcap) != 0;
    return (struct capture_kind){
        .dlt = pcap_datalink(pcap),
        .big_endian = foreign == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__),
    };
}

enum capture_fit capture_filter_fits(struct capture_filter *filter, struct capture_kind kind,
                                     const struct capture_program **program) {
    struct capture_program *p = find(filter, kind);

    *program = NULL;
    if (p == NULL)
        p = add(filter, kind);
    if (p == NULL)
        return CAPTURE_FIT_UNKNOWN;
    if (!p->compiled && !filter->in_force) {
        filter->lacks = true;
        return CAPTURE_FIT_UNKNOWN;
    }
    if (!p->compiled)
        compile(p, filter->text);
    *program = p;
    return p->fits ? CAPTURE_FITS : CAPTURE_FITS_NOT;
}

void capture_filter_say(const struct capture_filter *filter, const struct capture_program *program,
                        const char *what, const char *then) {
    fb_error("filter \"%s\" does not fit %s: %s: see pcap-filter(7)%s",
             filter->text == NULL ? "" : filter->text, what,
             program == NULL ? "no memory" : program->problem, then);
}

/* ---- filters */

struct capture_filter *capture_filter_new(const char *text) {
    struct capture_filter *filter = calloc(1, sizeof *filter);

    if (filter == NULL || text == NULL)
        return filter;
    filter->text = strdup(text);
    if (filter->text != NULL)
        return filter;
    free(filter);
    return NULL;
}

void capture_filter_free(struct capture_filter *filter) {
    struct capture_program *p, *next;

    if (filter == NULL)
        return;
    for (p = filter->programs; p != NULL; p = next) {
        next = p->next;
        pcap_freecode(&p->bpf);
        free(p);
    }
    free(filter->text);
    free(filter);
}

int capture_filters_init(struct capture_filters *filters, const char *text) {
    filters->present = capture_filter_new(text);
    filters->compiler = calloc(1, sizeof *filters->compiler);
    if (filters->present == NULL || filters->compiler == NULL) {
        capture_filter_free(filters->present);
        free(filters->compiler);
        *filters = (struct capture_filters){0};
        return -ENOMEM;
    }
    filters->present->in_force = true;
    pthread_mutex_init(&filters->compiler->mutex, NULL);
    return 0;
}

static void free_compiler(struct capture_compiler *c) {
    struct live_handle *h, *next;

    for (h = c->handles; h != NULL; h = next) {
        next = h->next;
        pcap_close(h->pcap);
        free(h);
    }
    capture_filter_free(c->filter);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

void capture_filters_fini(struct capture_filters *filters) {
    capture_filter_abandon(filters);
    capture_filter_free(filters->present);
    if (filters->compiler != NULL)
        free_compiler(filters->compiler);
    *filters = (struct capture_filters){0};
}

void capture_filter_put_in_force(struct capture_filters *filters, struct capture_filter *filter) {
    capture_filter_free(filters->present);
    filters->present = filter;
    filter->in_force = true;
}

/* ---- handles for interfaces */

/* A second packet socket on the interface, of a protocol that has no frames. Its ring is the
 * smallest that libpcap makes, 256 KB. */
static pcap_t *open_socket(pcap_t *active, const char *name, char *reason) {
    pcap_t *pcap = pcap_create(name, reason);
    int code;

    if (pcap == NULL)
        return NULL;
    pcap_set_snaplen(pcap, pcap_snapshot(active));
    pcap_set_buffer_size(pcap, 1);
    pcap_set_protocol_linux(pcap, FANOUT_PROTOCOL_NONE);
    code = pcap_activate(pcap);
    if (code >= 0 && pcap_datalink(pcap) != pcap_datalink(active))
        code = pcap_set_datalink(pcap, pcap_datalink(active));
    if (code >= 0)
        return pcap;
    snprintf(reason, PCAP_ERRBUF_SIZE, "%.60s: %.180s", pcap_statustostr(code), pcap_geterr(pcap));
    pcap_close(pcap);
    return NULL;
}

static pcap_t *open_dead(pcap_t *active, char *reason) {
    pcap_t *pcap = pcap_open_dead(pcap_datalink(active), pcap_snapshot(active));

    if (pcap == NULL)
        snprintf(reason, PCAP_ERRBUF_SIZE, "no memory");
    return pcap;
}

pcap_t *capture_filters_handle(struct capture_filters *filters, pcap_t *active, const char *name,
                               char *reason) {
    struct capture_compiler *c = filters->compiler;
    bool is_socket = if_nametoindex(name) != 0 || strcmp(name, "any") == 0;
    int dlt = pcap_datalink(active);
    struct live_handle *h;

    for (h = c->handles; h != NULL; h = h->next)
        if (h->dlt == dlt && h->is_socket == is_socket)
            return h->pcap;
    h = calloc(1, sizeof *h);
    if (h == NULL) {
        snprintf(reason, PCAP_ERRBUF_SIZE, "no memory");
        return NULL;
    }
    *h = (struct live_handle){.dlt = dlt, .is_socket = is_socket, .next = c->handles};
    h->pcap = is_socket ? open_socket(active, name, reason) : open_dead(active, reason);
    if (h->pcap == NULL) {
        free(h);
        return NULL;
    }
    c->handles = h;
    return h->pcap;
}

/* ---- the thread */

/* Away from the dispatcher's processor, if that has one of its own. */
static void leave_processor(void) {
    cpu_set_t own, others;

    if (sched_getaffinity(0, sizeof own, &own) != 0 || CPU_COUNT(&own) != 1)
        return;
    CPU_ZERO(&others);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (!CPU_ISSET(cpu, &own))
            CPU_SET(cpu, &others);
    sched_setaffinity(0, sizeof others, &others); /* fails if there is no other */
}

static void *run_thread(void *arg) {
    struct capture_compiler *c = arg;
    bool abandoned;

    leave_processor();
    setpriority(PRIO_PROCESS, 0, NICENESS); /* on Linux, of this thread */
    for (struct capture_program *p = c->filter->programs; p != NULL; p = p->next)
        if (!p->compiled)
            compile(p, c->filter->text);
    pthread_mutex_lock(&c->mutex);
    c->ended = true;
    abandoned = c->abandoned;
    pthread_mutex_unlock(&c->mutex);
    if (abandoned)
        free_compiler(c);
    return NULL;
}

int capture_filter_start(struct capture_filters *filters, struct capture_filter *filter) {
    struct capture_compiler *c = filters->compiler;
    sigset_t all, before;
    pthread_attr_t attributes;
    int err;

    if (c == NULL || c->filter != NULL)
        return -EBUSY;
    filter->lacks = false;
    c->filter = filter;
    c->ended = false;
    err = pthread_attr_init(&attributes);
    if (err == 0) {
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        sigfillset(&all); /* signals are the dispatcher's: one ends its wait */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        err = pthread_create(&c->thread, &attributes, run_thread, c);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
    }
    if (err != 0)
        c->filter = NULL;
    return -err;
}

bool capture_filter_has_ended(struct capture_filters *filters) {
    struct capture_compiler *c = filters->compiler;
    bool ended;

    pthread_mutex_lock(&c->mutex);
    ended = c->ended;
    pthread_mutex_unlock(&c->mutex);
    if (!ended)
        return false;
    pthread_join(c->thread, NULL); /* all that it still does is to return */
    c->filter = NULL;
    return true;
}

void capture_filter_abandon(struct capture_filters *filters) {
    struct capture_compiler *c = filters->compiler;
    pthread_t thread;
    bool ended;

    if (c == NULL || c->filter == NULL)
        return;
    thread = c->thread;
    pthread_mutex_lock(&c->mutex);
    ended = c->ended;
    c->abandoned = !ended;
    pthread_mutex_unlock(&c->mutex);
    if (ended) {
        pthread_join(thread, NULL);
        capture_filter_free(c->filter);
        c->filter = NULL;
        return;
    }
    pthread_detach(thread); /* valid: it was neither joined nor detached before */
    filters->compiler = NULL;
}
