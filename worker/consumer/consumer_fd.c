/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/consumer/consumer_fd.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#include "worker/consumer/consumer_parts.h"

#define PARK_MS 100u /* bounds every lost wake, and the wait of consumer_fd_stop() */

/* What the consumer has seen. */
struct arming {
    struct fb_rx rx;
    uint64_t asked_ns; /* when it noted a request to leave, or 0 */
    uint64_t number;
};

struct consumer_fd {
    const struct fb_ctl_handle *ctl;
    const volatile int *leave;
    int event; /* the eventfd */
    pthread_t thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t changed;
    struct arming last;
    bool armed;
    bool quit;
};

/* Whether the consumer has to look at a request to leave: for the first time, or to follow it. */
static bool is_to_leave(const struct consumer_fd *fd, uint64_t asked_ns) {
    int times = fd->leave != NULL ? *fd->leave : 0;
    return times != 0 && (asked_ns == 0 || consumer_leave_is_due(fd->ctl->ctl, times, asked_ns));
}

/* Whether there is something beyond what the consumer has seen, of which *a is a copy. */
static bool find_more(const struct consumer_fd *fd, struct arming *a, uint32_t seen_command) {
    /* The command first: what was published before it is then seen. */
    uint32_t command = fb_rx_command(&a->rx);
    return fb_rx_peek(&a->rx) != 0 || command != seen_command || fb_rx_revoked(&a->rx) ||
           !fb_ctl_alive(fd->ctl) || is_to_leave(fd, a->asked_ns);
}

static void fire(struct consumer_fd *fd) {
    uint64_t one = 1;
    fd->armed = false;
    if (write(fd->event, &one, sizeof one) < 0)
        return; /* EAGAIN: its count is at the top, so it is readable */
}

/* Waits until it is armed, and takes the copy; false: it is to end. */
static bool await_arming(struct consumer_fd *fd, struct arming *arming) {
    pthread_mutex_lock(&fd->mutex);
    while (!fd->armed && !fd->quit)
        pthread_cond_wait(&fd->changed, &fd->mutex);
    *arming = fd->last;
    bool go_on = !fd->quit;
    pthread_mutex_unlock(&fd->mutex);
    return go_on;
}

/* Fires if `found`; true while the arming is the last one, and what it is for was not found. */
static bool settle(struct consumer_fd *fd, uint64_t arming, bool found) {
    pthread_mutex_lock(&fd->mutex);
    bool last = fd->armed && fd->last.number == arming && !fd->quit;
    if (last && found)
        fire(fd);
    pthread_mutex_unlock(&fd->mutex);
    return last && !found;
}

static void *watch(void *arg) {
    struct consumer_fd *fd = arg;
    struct arming arming;
    while (await_arming(fd, &arming)) {
        uint32_t command = arming.rx.command;
        while (settle(fd, arming.number, find_more(fd, &arming, command)))
            fb_rx_park(&arming.rx, PARK_MS);
    }
    return NULL;
}

/* With all signals blocked: they are the program's. Returns 0, or an errno value. */
static int start_thread(struct consumer_fd *fd) {
    sigset_t all, before;
    sigfillset(&all);
    int error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error != 0)
        return error;
    error = pthread_create(&fd->thread, NULL, watch, fd);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct consumer_fd *consumer_fd_start(const struct fb_ctl_handle *ctl, const volatile int *leave) {
    struct consumer_fd *fd = calloc(1, sizeof *fd);
    int error = ENOMEM;
    if (fd != NULL) {
        fd->ctl = ctl;
        fd->leave = leave;
        pthread_mutex_init(&fd->mutex, NULL);
        pthread_cond_init(&fd->changed, NULL);
        fd->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        error = fd->event < 0 ? errno : start_thread(fd);
    }
    if (error == 0)
        return fd;
    fb_error("cannot make a descriptor to poll for packets: %s", strerror(error));
    if (fd != NULL && fd->event >= 0)
        close(fd->event);
    free(fd);
    errno = error;
    return NULL;
}

void consumer_fd_stop(struct consumer_fd *fd) {
    if (fd == NULL)
        return;
    pthread_mutex_lock(&fd->mutex);
    fd->quit = true;
    pthread_cond_signal(&fd->changed);
    pthread_mutex_unlock(&fd->mutex);
    pthread_join(fd->thread, NULL);
    close(fd->event);
    free(fd);
}

int consumer_fd_number(const struct consumer_fd *fd) {
    return fd->event;
}

void consumer_fd_arm(struct consumer_fd *fd, const struct fb_rx *rx, uint64_t asked_ns) {
    uint64_t count;
    pthread_mutex_lock(&fd->mutex);
    if (!fd->armed && read(fd->event, &count, sizeof count) < 0)
        count = 0; /* EAGAIN: it did not fire */
    fd->last = (struct arming){.rx = *rx, .asked_ns = asked_ns, .number = fd->last.number + 1};
    fd->armed = true;
    pthread_cond_signal(&fd->changed);
    pthread_mutex_unlock(&fd->mutex);
}

bool consumer_fd_wait(struct consumer_fd *fd, unsigned timeout_ms) {
    struct pollfd event = {.fd = fd->event, .events = POLLIN};
    return poll(&event, 1, (int)timeout_ms) >= 0;
}
