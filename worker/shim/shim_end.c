/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/shim/shim_end.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "worker/shim/shim.h"

static volatile bool is_closed; /* by the program, after the end */
static volatile bool is_waiting;

static void wait_ms(long ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0)
        continue;
}

static void *wait_for_exit(void *arg) {
    bool attached = shim_is_attached();
    (void)arg;
    wait_ms(SHIM_TERM_MS);
    if (attached)
        kill(0, SIGTERM);
    else if (!is_closed)
        kill(getpid(), SIGTERM);
    if (attached) {
        wait_ms(SHIM_KILL_MS - SHIM_TERM_MS);
        kill(0, SIGKILL);
    }
    is_waiting = false;
    return NULL;
}

void shim_end_begin(void) {
    pthread_t thread;
    sigset_t all, before;
    is_closed = false;
    if (is_waiting)
        return;
    is_waiting = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, wait_for_exit, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        pthread_detach(thread);
        return;
    }
    is_waiting = false;
    fprintf(stderr, "flow-balancer: warning: no thread to end this process with: %s\n",
            strerror(error));
}

void shim_end_close(void) {
    is_closed = true;
}
