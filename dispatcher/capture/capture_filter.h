/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DISPATCHER_CAPTURE_CAPTURE_FILTER_H
#define DISPATCHER_CAPTURE_CAPTURE_FILTER_H

#include <pcap/pcap.h>
#include <stdbool.h>

/*
 * The capture filter: its text, and the programs that libpcap has compiled from it, one
 * for each kind of handle that it was wanted for. Interfaces of one kind share a program,
 * and so do files.
 *
 * libpcap needs seconds for some hundred hosts, so a filter that replaces another is
 * compiled in a thread of its own, one filter at a time:
 *
 *     begin -> WAITS -+-> check: all programs are there and fit -> put in force by the source
 *                ^    |-> check: one does not fit -> refused, the one before stays
 *                |    +-> check: a kind that came meanwhile is lacking
 *                +----------+
 *
 * What a thread may touch. The thread has the filter that is compiled, which from
 * capture_filter_start() to the capture_filter_has_ended() that returns true is the
 * thread's alone, and handles that nothing else reads (struct capture_kind). It logs nothing.
 * It compiles for no handle that frames are read from: pcap_compile() writes the handle's
 * error buffer, and the handle could not be closed before the compilation is over, so that
 * with --fanout an interface that is left would go on taking its share of the frames.
 * The end is told under a mutex, since it is asked for only every few milliseconds: all
 * that the thread wrote before it unlocked is seen by who locks after it.
 *
 * A compilation cannot be broken off. Whose capture is closed meanwhile leaves it to the
 * thread to free everything at its end; the process need not wait for that.
 */

/* What a program depends on besides the text. */
struct capture_kind {
    pcap_t *handle;  /* of capture_filters_handle(), for interfaces; NULL: a file */
    int dlt;         /* of files */
    bool big_endian; /* of files: byte order of the host that captured */
};

struct capture_program {
    struct capture_kind kind;
    bool compiled; /* or tried */
    bool fits;
    struct bpf_program bpf;         /* if it fits */
    char problem[PCAP_ERRBUF_SIZE]; /* if not: libpcap's reason */
    struct capture_program *next;
};

/* Read only but for this file's functions. */
struct capture_filter {
    char *text;    /* NULL: every frame passes */
    bool in_force; /* programs that lack are compiled when they are asked for */
    bool lacks;    /* not in force, and programs were asked for that are not there yet */
    struct capture_program *programs;
};

struct capture_filters {
    struct capture_filter *present; /* in force */
    struct capture_compiler *compiler;
};

/* Copies the text. Returns 0, or -ENOMEM with nothing logged and nothing to free. */
int capture_filters_init(struct capture_filters *filters, const char *text);

/* Frees all of it; what a thread still compiles is freed by the thread. */
void capture_filters_fini(struct capture_filters *filters);

/*
 * A handle to compile with for interfaces like this active one. It has the link type and
 * options of that, which for packet sockets say where the kernel keeps VLAN tags, and
 * takes no frames; there is one for each link type. It belongs to the filters. NULL: not to
 * be had, with the reason in `reason`, of PCAP_ERRBUF_SIZE.
 */
pcap_t *capture_filters_handle(struct capture_filters *filters, pcap_t *active, const char *name,
                               char *reason);

/* The kind of a file that libpcap reads, or of a link type of pcapng. */
struct capture_kind capture_kind_of_file(pcap_t *pcap);

enum capture_fit {
    CAPTURE_FITS,
    CAPTURE_FITS_NOT,
    CAPTURE_FIT_UNKNOWN /* no memory; or it is not compiled yet: filter->lacks was set */
};

/* Whether a filter fits a kind. Sets *program, which lasts as long as the filter, unless unknown. A
 * filter in force is compiled for the kind if it was not before. */
enum capture_fit capture_filter_fits(struct capture_filter *filter, struct capture_kind kind,
                                     const struct capture_program **program);

/* Logs that a filter does not fit `what`, a file or an interface. program: NULL: no memory. `then`
 * ends the line. */
void capture_filter_say(const struct capture_filter *filter, const struct capture_program *program,
                        const char *what, const char *then);

/* ---- a filter that is to follow */

/* Copies the text. NULL: no memory. */
struct capture_filter *capture_filter_new(const char *text);

void capture_filter_free(struct capture_filter *filter);

/*
 * Compiles all that the filter lacks, in a thread. None may be compiling. Returns 0, and the filter
 * is the thread's; or -errno with nothing logged.
 */
int capture_filter_start(struct capture_filters *filters, struct capture_filter *filter);

/* Whether the thread is through with what was started: the filter is the caller's again. */
bool capture_filter_has_ended(struct capture_filters *filters);

/* The filter that is compiled is not wanted any more: frees it, or leaves that to the thread, which
 * no other may follow: only capture_filters_fini(). */
void capture_filter_abandon(struct capture_filters *filters);

/* Takes the place of the filter in force, which is freed. */
void capture_filter_put_in_force(struct capture_filters *filters, struct capture_filter *filter);

#endif
