/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/shim/shim_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker/shim/shim_device.h"
#include "worker/shim/shim_end.h"

#define WAIT_ATTACHED_MS 30000u /* as a worker waits for a dispatcher */
#define WAIT_BY_HAND_MS                                                                            \
    300u /* a number is offered again milliseconds after its process is gone                       \
          */

unsigned shim_wait_ms(void) {
    return shim_is_attached() ? WAIT_ATTACHED_MS : WAIT_BY_HAND_MS;
}

/* ---- the claim ------------------------------------------------------------------------------- */

static void inherit(struct shim_handle *h) {
    h->inherited = h->consumer != NULL;
}

static void inherit_all(void) {
    shim_each(inherit);
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, inherit_all);
}

/* What the library said; where it was not allowed to open something, why that may be. */
static int say_refused(struct shim_handle *h, int error) {
    char why[PCAP_ERRBUF_SIZE / 2] = "";
    if (error == -EINVAL && strstr(shim_log_error(), strerror(EACCES)) != NULL)
        shim_why_denied(why, sizeof why);
    if (why[0] != '\0')
        return shim_fail(h, PCAP_ERROR, "%.120s: %.120s", shim_log_error(), why);
    return shim_fail(h, PCAP_ERROR, "%s", shim_log_error());
}

int shim_claim(struct shim_handle *h) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (h->inherited)
        return shim_fail(h, PCAP_ERROR, "%s was read by the process that this one was forked from",
                         h->name);
    if (h->consumer != NULL)
        return 0;
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    config.instance = h->device.instance;
    config.worker = h->device.worker;
    config.wait_ms = shim_wait_ms();
    config.log_level = shim_log_level();
    config.log = shim_log_line;
    pthread_once(&once, watch_forks);
    shim_log_begin();
    int error = fb_consumer_open(&h->consumer, &config);
    h->pid = getpid();
    return error == 0 ? 0 : say_refused(h, error);
}

/* ---- the descriptor -------------------------------------------------------------------------- */

static void make_readable(int fd) {
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* EAGAIN: its count is at the top, so it is readable */
}

/* A copy of the consumer's, so that it is still there after the end, and readable then. */
int shim_descriptor(struct shim_handle *h) {
    if (h->fd >= 0)
        return h->fd;
    if (h->ended != 0) {
        h->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    } else {
        if (shim_claim(h) != 0)
            return PCAP_ERROR;
        shim_log_begin();
        int fd = fb_consumer_fd(h->consumer);
        if (fd < 0)
            return shim_fail(h, PCAP_ERROR, "%s", shim_log_error());
        h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    if (h->fd < 0)
        return shim_fail(h, PCAP_ERROR, "%s: no descriptor to poll: %s", h->name, strerror(errno));
    return h->fd;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The pid: a fork that went around the C library is not noticed. */
static void release(struct shim_handle *h) {
    if (h->consumer != NULL && !h->inherited && h->pid == getpid())
        fb_consumer_close(h->consumer);
    h->consumer = NULL;
}

void shim_finish(struct shim_handle *h, int ended) {
    h->ended = ended;
    release(h);
    if (h->fd >= 0)
        make_readable(h->fd);
    if (ended != FB_ENDED_FAILED)
        shim_end_begin();
}

void shim_leave(struct shim_handle *h) {
    release(h);
    if (h->ended != 0)
        shim_end_close();
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
}

/*
 * A program that ends without closing its handle has finished its last packet, and leaves. Not if
 * it ends within the call that gives it packets: in a callback, or in another thread than reads.
 * Then it goes as it would by a signal, and the packet of the callback comes again.
 */
static void leave_at_exit(struct shim_handle *h) {
    if (!h->reading)
        release(h);
}

static __attribute__((destructor)) void leave_all(void) {
    shim_each(leave_at_exit);
}
