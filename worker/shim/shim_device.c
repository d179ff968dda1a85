/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/shim/shim_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"
#include "flow_balancer/ctl.h"

#define LOOK_AGAIN_MS 5 /* how often the dispatcher looks after deaths */
#define PROFILE_MAX 128u
#define CTL_SUFFIX ".ctl"

bool shim_names_device(const char *name) {
    return name != NULL && strncmp(name, SHIM_PREFIX, strlen(SHIM_PREFIX)) == 0;
}

bool shim_parse_device(struct shim_device *device, const char *name) {
    const char *instance = name + strlen(SHIM_PREFIX);
    const char *colon = strchr(instance, ':');
    size_t length = colon != NULL ? (size_t)(colon - instance) : strlen(instance);
    device->worker = FB_WORKER_ANY;
    if (length > FB_NAME_MAX)
        return false;
    memcpy(device->instance, instance, length);
    device->instance[length] = '\0';
    if (!fb_name_valid(device->instance))
        return false;
    if (colon == NULL)
        return true;
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 3 || colon[1 + digits] != '\0')
        return false;
    device->worker = (uint32_t)strtoul(colon + 1, NULL, 10);
    return true;
}

/* ---- one instance ---------------------------------------------------------------------------- */

/* The number is taken with no process waiting for its flows. */
static bool is_free_for_any(const struct fb_ctl *ctl, unsigned worker) {
    uint32_t state = fb_ctl_state(ctl, worker);
    return state == FB_STATE_ABSENT || state == FB_STATE_LOST;
}

/* Numbers beyond those that have a ring are made when they are added. */
static void count_numbers(const struct fb_ctl *ctl, struct shim_instance *instance) {
    instance->numbers = instance->free = 0;
    while (instance->numbers < ctl->geometry.max_workers &&
           fb_ctl_epoch(ctl, instance->numbers) != 0) {
        instance->free += is_free_for_any(ctl, instance->numbers);
        instance->numbers++;
    }
}

/* A number that has flows and no process; -1: there is none. */
static int find_vacant(const struct fb_ctl *ctl, unsigned numbers) {
    for (unsigned k = 0; k < numbers; k++) {
        if (fb_ctl_state(ctl, k) == FB_STATE_VACANT)
            return (int)k;
    }
    return -1;
}

static int check_any(const struct fb_ctl *ctl, const char *name, char *problem) {
    struct shim_instance counted;
    count_numbers(ctl, &counted);
    if (counted.free != 0)
        return 0;
    int vacant = find_vacant(ctl, counted.numbers);
    if (vacant >= 0)
        snprintf(problem, PCAP_ERRBUF_SIZE,
                 "no worker number of instance '%s' is free; the flows of number %d wait for their "
                 "next process: that is " SHIM_PREFIX "%s:%d",
                 name, vacant, name, vacant);
    else
        snprintf(
            problem, PCAP_ERRBUF_SIZE,
            "all %u worker numbers of instance '%s' are taken: 'flow-balancer add -n %s' makes "
            "one more",
            counted.numbers, name, name);
    return PCAP_ERROR;
}

static int check_number(const struct fb_ctl *ctl, const struct shim_device *device, char *problem) {
    struct shim_instance counted;
    count_numbers(ctl, &counted);
    if (device->worker >= counted.numbers) {
        snprintf(problem, PCAP_ERRBUF_SIZE, "instance '%s' has worker numbers 0 to %u",
                 device->instance, counted.numbers - 1);
        return PCAP_ERROR_NO_SUCH_DEVICE;
    }
    uint32_t state = fb_ctl_state(ctl, device->worker);
    if (state >= FB_STATE_COUNT || !fb_life_has_process((enum fb_state)state))
        return 0;
    snprintf(problem, PCAP_ERRBUF_SIZE,
             "worker %u of instance '%s' is already running (pid %lld): " SHIM_PREFIX
             "%s takes a free number",
             device->worker, device->instance, (long long)fb_ctl_pid(ctl, device->worker),
             device->instance);
    return PCAP_ERROR;
}

void shim_why_denied(char *why, size_t size) {
    char profile[PROFILE_MAX] = "";
    int fd = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, profile, sizeof profile - 1);
    if (fd >= 0)
        close(fd);
    profile[n > 0 ? n : 0] = '\0';
    profile[strcspn(profile, " \n")] = '\0';
    if (profile[0] != '\0' && strcmp(profile, "unconfined") != 0)
        snprintf(why, size,
                 "if AppArmor's profile '%.60s' does not allow it, flow-balancer-pcap(7) has "
                 "the lines to add",
                 profile);
    else
        snprintf(why, size, "run as the user that started the dispatcher");
}

/* Whether ctl is there and must not be opened. */
static bool is_denied(const char *instance) {
    char path[FB_PATH_MAX];
    if (!fb_object_path(path, FB_SHM_DIR, instance, FB_KIND_CTL, 0))
        return false;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int error = errno;
    if (fd >= 0)
        close(fd);
    return fd < 0 && error == EACCES;
}

static int say_denied(const char *instance, char *problem) {
    char why[PCAP_ERRBUF_SIZE / 2];
    shim_why_denied(why, sizeof why);
    snprintf(problem, PCAP_ERRBUF_SIZE, "cannot open " FB_SHM_DIR "/%.60s" CTL_SUFFIX ": %.130s",
             instance, why);
    return PCAP_ERROR_PERM_DENIED;
}

/* One look. */
static int look_at(const struct shim_device *device, struct shim_look *look) {
    struct fb_ctl_handle ctl;
    look->link_type = -1;
    if (is_denied(device->instance))
        return say_denied(device->instance, look->problem);
    shim_log_begin();
    enum fb_join joined = fb_ctl_join(&ctl, device->instance);
    if (joined == FB_WRONG) {
        snprintf(look->problem, sizeof look->problem, "%s", shim_log_error());
        return PCAP_ERROR;
    }
    if (joined != FB_JOINED) {
        snprintf(look->problem, sizeof look->problem,
                 "no dispatcher of instance '%s' is running: 'flow-balancer list' names those that "
                 "are",
                 device->instance);
        return PCAP_ERROR_NO_SUCH_DEVICE;
    }
    if (fb_ctl_links(ctl.ctl) != 0)
        look->link_type = fb_ctl_link_type(ctl.ctl, 0);
    int status = device->worker == FB_WORKER_ANY
                     ? check_any(ctl.ctl, device->instance, look->problem)
                     : check_number(ctl.ctl, device, look->problem);
    fb_ctl_leave(&ctl);
    return status;
}

int shim_look(const struct shim_device *device, unsigned wait_ms, struct shim_look *look) {
    uint64_t until_ns = fb_now_ns() + wait_ms * UINT64_C(1000000);
    for (;;) {
        int status = look_at(device, look);
        if (status == 0 || status == PCAP_ERROR_PERM_DENIED || fb_now_ns() >= until_ns)
            return status;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L}, NULL);
    }
}

/* ---- all instances --------------------------------------------------------------------------- */

void shim_each_instance(void (*found)(const struct shim_instance *instance, void *arg), void *arg) {
    DIR *folder = opendir(FB_SHM_DIR);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char name[FB_NAME_MAX + 1];
        struct fb_ctl_handle ctl;
        size_t length = strlen(entry->d_name), suffix = strlen(CTL_SUFFIX);
        if (length <= suffix || length - suffix > FB_NAME_MAX ||
            strcmp(entry->d_name + length - suffix, CTL_SUFFIX) != 0)
            continue;
        memcpy(name, entry->d_name, length - suffix);
        name[length - suffix] = '\0';
        shim_log_begin(); /* what cannot be joined is not listed, and nothing is said of it */
        if (!fb_name_valid(name) || fb_ctl_join(&ctl, name) != FB_JOINED)
            continue;
        struct shim_instance instance = {.name = name};
        count_numbers(ctl.ctl, &instance);
        fb_ctl_leave(&ctl);
        found(&instance, arg);
    }
    if (folder != NULL)
        closedir(folder);
}
