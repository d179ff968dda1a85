/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/guard.h"

#include "worker/consumer/consumer_parts.h"

/* Pauses between tries to claim: a number is offered again milliseconds after its process died. */
#define RETRY_FIRST_MS 1
#define RETRY_MOST_MS 20

/* The consumer of this process, and what it owns. */
struct joined {
    struct fb_consumer consumer;      /* first: what the caller holds */
    struct fb_consumer_config config; /* for what is logged */
    struct fb_ctl_handle ctl;
    struct fb_claim claim;
};
static struct joined *only;

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static bool is_asked_to_leave(const struct fb_consumer_config *config) {
    return config->leave != NULL && *config->leave != 0;
}

/* One try at the number asked for. */
static enum fb_claim_result try_number(const struct fb_consumer_config *config,
                                       const struct fb_ctl_handle *ctl, struct fb_claim *claim) {
    uint32_t numbers = ctl->ctl->geometry.max_workers;
    if (config->worker < numbers && fb_ctl_epoch(ctl->ctl, config->worker) != 0)
        return fb_claim_take(claim, ctl, config->worker);
    if (config->worker < numbers)
        fb_error("worker number %u: instance '%s' has it only once it is added: "
                 "'flow-balancer add -n %s'",
                 config->worker, config->instance, config->instance);
    else
        fb_error("worker number %u: instance '%s' has numbers 0 to %u", config->worker,
                 config->instance, numbers - 1);
    return FB_CLAIM_WRONG;
}

/* One try at each number for whose process no flow waits. */
static enum fb_claim_result try_any(const struct fb_ctl_handle *ctl, struct fb_claim *claim) {
    bool wait = false;
    for (unsigned k = 0; k < ctl->ctl->geometry.max_workers; k++) {
        uint32_t state = fb_ctl_state(ctl->ctl, k);
        if (fb_ctl_epoch(ctl->ctl, k) == 0)
            break; /* this one, and those after it, have no ring before they are added */
        if (state != FB_STATE_ABSENT && state != FB_STATE_LOST)
            continue;
        enum fb_claim_result result = fb_claim_take(claim, ctl, k);
        if (result == FB_CLAIMED || result == FB_CLAIM_WRONG)
            return result;
        wait = wait || result == FB_CLAIM_NOT_YET;
    }
    return wait ? FB_CLAIM_NOT_YET : FB_CLAIM_BUSY;
}

static void log_busy(const struct fb_consumer_config *config, const struct fb_ctl *ctl) {
    if (config->worker == FB_WORKER_ANY)
        fb_error("instance '%s' has no free worker number: see 'flow-balancer add' and "
                 "--max-workers",
                 config->instance);
    else
        fb_error("worker %u of instance '%s' is already running (pid %lld): leave the number "
                 "out for a free one",
                 config->worker, config->instance, (long long)fb_ctl_pid(ctl, config->worker));
}

static void log_too_late(const struct fb_consumer_config *config, bool joined) {
    double waited_s = config->wait_ms / 1e3;
    if (joined)
        fb_error("instance '%s' offered no worker number for %.0f s: its dispatcher says why",
                 config->instance, waited_s);
    else
        fb_error("no dispatcher of instance '%s' for %.0f s: start flow-dispatcher -n %s, or wait "
                 "longer for one (--orphan-timeout, or wait_ms of a program's configuration)",
                 config->instance, waited_s, config->instance);
}

/* One try with the ctl that is joined, which is left again unless the number was claimed. */
static enum fb_claim_result claim_or_leave(const struct fb_consumer_config *config,
                                           struct joined *j) {
    enum fb_claim_result result = config->worker == FB_WORKER_ANY
                                      ? try_any(&j->ctl, &j->claim)
                                      : try_number(config, &j->ctl, &j->claim);
    if (result == FB_CLAIMED)
        return result;
    /* What a dispatcher that died meanwhile says of its numbers is of no use. */
    if (result == FB_CLAIM_BUSY && !fb_ctl_alive(&j->ctl))
        result = FB_CLAIM_NOT_YET;
    if (result == FB_CLAIM_BUSY)
        log_busy(config, j->ctl.ctl);
    fb_ctl_leave(&j->ctl);
    return result;
}

/* Waits for a dispatcher of the name and claims a number. */
static int join(const struct fb_consumer_config *config, struct joined *j) {
    uint64_t give_up_ns = fb_now_ns() + config->wait_ms * UINT64_C(1000000);
    for (long retry_ms = RETRY_FIRST_MS;; retry_ms *= 2) {
        enum fb_join joined = fb_ctl_join(&j->ctl, config->instance);
        enum fb_claim_result result = joined == FB_JOINED  ? claim_or_leave(config, j)
                                      : joined == FB_WRONG ? FB_CLAIM_WRONG
                                                           : FB_CLAIM_NOT_YET;
        switch (result) {
        case FB_CLAIMED:
            return 0;
        case FB_CLAIM_WRONG:
            return -EINVAL;
        case FB_CLAIM_BUSY:
            return -EAGAIN;
        default:
            break;
        }
        if (is_asked_to_leave(config))
            return -EINTR;
        if (fb_now_ns() >= give_up_ns) {
            log_too_late(config, joined == FB_JOINED);
            return -EAGAIN;
        }
        if (retry_ms > RETRY_MOST_MS)
            retry_ms = RETRY_MOST_MS;
        pause_ms(retry_ms);
    }
}

static void free_joined(struct joined *j) {
    free(j);
    only = NULL;
    fb_log_set_sink(NULL, NULL); /* the caller's, which may be gone from now on */
}

static void leave_instance(struct joined *j) {
    fb_claim_release(&j->claim);
    fb_ctl_leave(&j->ctl);
}

static int open_with(const struct fb_consumer_config *config) {
    int error = fb_guard_init();
    if (error == 0)
        error = join(config, only);
    if (error != 0)
        return error;
    const struct consumer_sides sides = {.ctl = &only->ctl,
                                         .down = only->claim.down,
                                         .up = only->claim.up,
                                         .flows = only->claim.flows};
    error = consumer_init(&only->consumer, &sides, config);
    if (error != 0)
        leave_instance(only);
    else if (config->stats != NULL)
        consumer_add_stats(&only->consumer, config->program, config->stats);
    return error;
}

/* Lines go where this consumer's are to go. */
static void use_log(const struct fb_consumer_config *config) {
    fb_log_init(config->program != NULL ? config->program : program_invocation_short_name,
                (enum fb_log_level)config->log_level);
    fb_log_set_sink(config->log, config->log_arg);
}

/* Returns 0, or -errno after one logged line. */
static int check_config(const struct fb_consumer_config *config, size_t given_size) {
    if (given_size > sizeof *config) {
        fb_error("this program was built for a later libflowbalancer: a configuration of %zu "
                 "bytes, this one (%s) knows %zu",
                 given_size, fb_consumer_version(), sizeof *config);
        return -EINVAL;
    }
    if (config->instance == NULL) {
        fb_error("config.instance is NULL: give the name of a dispatcher's instance");
        return -EINVAL;
    }
    if (!consumer_check_stats(config->stats))
        return -EINVAL;
    if (config->state_bytes > CONSUMER_STATE_MAX) {
        fb_error("a flow's state of %zu bytes is too large: at most %u", config->state_bytes,
                 CONSUMER_STATE_MAX);
        return -EINVAL;
    }
    if (only == NULL)
        return 0;
    fb_error("this process is worker %u already: close that consumer first", only->claim.worker);
    return -EBUSY;
}

int fb_consumer_open(struct fb_consumer **consumer, const struct fb_consumer_config *given) {
    struct fb_consumer_config config = FB_CONSUMER_CONFIG;
    *consumer = NULL;
    /* What it was built with may be older, and its struct shorter. */
    memcpy(&config, given, given->size < sizeof config ? given->size : sizeof config);
    use_log(&config);
    int error = check_config(&config, given->size);
    if (only != NULL) {
        use_log(&only->config); /* that of the other one is as it was */
        return error;
    }
    if (error == 0)
        only = calloc(1, sizeof *only);
    if (error == 0 && only == NULL) {
        fb_error("no memory for a consumer of %zu bytes", sizeof *only);
        error = -ENOMEM;
    }
    if (error != 0) {
        fb_log_set_sink(NULL, NULL);
        return error;
    }
    only->config = config;
    error = open_with(&config);
    if (error == 0)
        *consumer = &only->consumer;
    else
        free_joined(only);
    return error;
}

static void close_joined(struct joined *j, bool abandon) {
    struct fb_consumer *c = &j->consumer;
    bool leaves = c->ended == 0 || c->ended == FB_ENDED_STOPPED || c->ended == FB_ENDED_LEFT;
    if (c->ended == 0)
        consumer_finish(c, abandon);
    if (leaves && !abandon)
        fb_up_set_worker_status(c->up, FB_STATUS_LEFT);
    consumer_fini(c); /* its thread, if there is one, looks at the sides */
    leave_instance(j);
    free_joined(j);
}

void fb_consumer_abandon(struct fb_consumer *consumer) {
    if (consumer != NULL)
        close_joined((struct joined *)consumer, true);
}

void fb_consumer_close(struct fb_consumer *consumer) {
    if (consumer != NULL)
        close_joined((struct joined *)consumer, false);
}

/* ---- what it says ---------------------------------------------------------------------------- */

uint64_t fb_consumer_now(const struct fb_consumer *consumer) {
    return consumer->now_ns;
}

const char *fb_consumer_interface(const struct fb_consumer *c, unsigned index) {
    const struct fb_ctl *ctl = c->ctl->ctl;
    return index < ctl->interfaces ? ctl->interface_names[index] : "";
}

const char *fb_consumer_version(void) {
    return FB_VERSION;
}
