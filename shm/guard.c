/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

struct guarded {
    void *volatile base; /* NULL: free slot */
    volatile size_t size;
    volatile sig_atomic_t faulted;
};

static struct guarded table[FB_GUARD_REGIONS];
static struct sigaction before; /* what SIGBUS did without us */

static void on_sigbus(int signo, siginfo_t *info, void *context) {
    (void)context;
    int saved_errno = errno;
    /* Only a fault has an address. */
    uintptr_t address = info->si_code > 0 ? (uintptr_t)info->si_addr : 0;
    for (unsigned i = 0; i < FB_GUARD_REGIONS; i++) {
        uintptr_t base = (uintptr_t)table[i].base;
        if (base == 0 || address < base || address - base >= table[i].size)
            continue;
        void *mapped = mmap(table[i].base, table[i].size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (mapped == MAP_FAILED)
            break;
        table[i].faulted = 1;
        errno = saved_errno;
        return;
    }
    /* Not ours: let the same access fault again without us. */
    sigaction(signo, &before, NULL);
    if (info->si_code <= 0)
        raise(signo); /* sent by a process: there is no access that would fault again */
}

int fb_guard_init(void) {
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    struct sigaction old;
    if (sigaction(SIGBUS, &action, &old) == 0) {
        if ((old.sa_flags & SA_SIGINFO) == 0 || old.sa_sigaction != on_sigbus)
            before = old;
        return 0;
    }
    int error = errno;
    fb_error("cannot handle SIGBUS: %s", strerror(error));
    return -error;
}

int fb_guard_add(void *base, size_t size) {
    for (unsigned i = 0; i < FB_GUARD_REGIONS; i++) {
        if (table[i].base != NULL)
            continue;
        table[i].faulted = 0;
        table[i].size = size;
        table[i].base = base; /* last: the handler looks at it first */
        return (int)i;
    }
    fb_error("more than %u shared regions to guard against SIGBUS", FB_GUARD_REGIONS);
    return -ENOSPC;
}

void fb_guard_remove(int slot) {
    if (slot >= 0)
        table[slot].base = NULL;
}

bool fb_guard_faulted(int slot) {
    return slot >= 0 && table[slot].faulted != 0;
}
