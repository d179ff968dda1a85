/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/shim/shim_real.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names under which it is loaded: Debian's, and its own. */
static const char *const sonames[] = {"libpcap.so.0.8", "libpcap.so.1"};

static struct shim_real real;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/*
 * Where to look. A libpcap that an extension module brought along is in no scope that RTLD_NEXT
 * searches, but it is loaded.
 */
static void *find_libpcap(void) {
    void *where = NULL;
    if (dlsym(RTLD_NEXT, "pcap_create") != NULL)
        return RTLD_NEXT;
    for (unsigned i = 0; i < sizeof sonames / sizeof sonames[0] && where == NULL; i++)
        where = dlopen(sonames[i], RTLD_LAZY | RTLD_NOLOAD);
    for (unsigned i = 0; i < sizeof sonames / sizeof sonames[0] && where == NULL; i++)
        where = dlopen(sonames[i], RTLD_LAZY);
    if (where != NULL)
        return where;
    fprintf(stderr, "libflowbalancer-pcap: no libpcap is loaded, and none can be: %s\n", dlerror());
    abort();
}

/* A data pointer becomes a function pointer, as POSIX has it for dlsym(). */
static void take(void *function, void *where, const char *name) {
    void *found = dlsym(where, name);
    memcpy(function, &found, sizeof found);
}

static void look_up(void) {
    void *where = find_libpcap();
#define X(name) take(&real.name, where, "pcap_" #name);
    SHIM_OURS(X)
    SHIM_USED(X)
#undef X
    take(&real.validate, where, "bpf_validate");
}

const struct shim_real *shim_real(void) {
    pthread_once(&once, look_up);
    return &real;
}
