/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/sources.h"

#include <string.h>

/* Descriptors name link types by the order in which they came, in four bits. */
static const char *link_problem(void *context, int dlt) {
    struct sources *sources = context;
    enum link_layer link;
    if (!link_layer_of(dlt, &link))
        return "which is not known: give a capture of another link type";
    for (unsigned i = 0; i < sources->link_count; i++) {
        if (sources->links[i] == dlt)
            return NULL;
    }
    _Static_assert(FB_MAX_LINKS == 16, "the message says so");
    if (sources->link_count == FB_MAX_LINKS)
        return "one more than the 16 that one run takes: read it in a run of its own";
    sources->links[sources->link_count++] = dlt;
    return NULL;
}

static enum capture_direction direction_of(const char *word) {
    return strcmp(word, "in") == 0    ? CAPTURE_IN
           : strcmp(word, "out") == 0 ? CAPTURE_OUT
                                      : CAPTURE_INOUT;
}

int sources_open(struct sources *sources, const struct options *o, struct capture **capture) {
    int error = source_files_init(&sources->files, o->files, o->file_count, o->pattern);
    if (error != 0)
        return error;
    const struct capture_config config = {
        .files = sources->files.names,
        .file_count = sources->files.count,
        .interfaces = o->interfaces,
        .interface_count = o->interface_count,
        .filter = o->filter,
        .snaplen = (int)o->snaplen,
        .preload = o->preload,
        .loops = o->loops,
        .speed = o->speed,
        .reconnect = o->reconnect,
        .promiscuous = !o->no_promiscuous,
        .buffer_kib = (int)o->buffer_kib,
        .direction = o->interface_count != 0 ? direction_of(o->direction) : CAPTURE_INOUT,
        .link_problem = link_problem,
        .link_context = sources,
        .by_libpcap = o->by_libpcap,
        .immediate = o->immediate,
        .tstamp_type = o->tstamp_type,
        .merge_window_ns = (uint64_t)o->merge_window_us * 1000,
        .fanout = o->fanout,
    };
    return capture_open(capture, &config);
}

void sources_fini(struct sources *sources) {
    source_files_fini(&sources->files);
}
