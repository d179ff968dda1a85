/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inspectors of flow-worker-fault: those of flow-worker, `events`, `lines`, and `fault`, which
 * records as `record` does and breaks the worker as it is told. They are here
 * in place of worker/inspectors/inspectors.c: no worker that is installed can do this.
 *
 * A packet is recorded when its faults are over: one that the process died of,
 * or left by itself, is not, since its inspection never ended.
 */
#include "worker/inspectors/inspectors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/log.h"

#include "tests/tools/fault_actions.h"
#include "tests/tools/fault_events.h"
#include "tests/tools/fault_lines.h"
#include "tests/tools/fault_rules.h"

struct fault {
    void *record; /* the inspector `record` */
    int directory;
    uint64_t packets; /* seen by this process */
    struct fault_rule rules[FAULT_RULES_MAX];
    unsigned count;
};

static void fault_close(void *self) {
    struct fault *fault = self;
    if (fault->record != NULL)
        inspect_record_ops.close(fault->record);
    if (fault->directory >= 0)
        close(fault->directory);
    free(fault);
}

static int parse_rules(struct fault *fault, char *text) {
    for (char *rule; (rule = strsep(&text, ",")) != NULL;) {
        if (fault->count == FAULT_RULES_MAX) {
            fb_error("--inspector fault: '%s' is one rule too many: at most %u", rule,
                     FAULT_RULES_MAX);
            return -EINVAL;
        }
        if (!fault_rule_parse(rule, &fault->rules[fault->count++]))
            return -EINVAL;
    }
    if (fault->count != 0)
        return 0;
    fb_error("--inspector fault: nothing to do: write fault:DIR,ACTION[=NUMBER]@WHEN[!],...");
    return -EINVAL;
}

static int open_parts(struct fault *fault, char *directory) {
    char *rules = strchr(directory, ',');
    struct fb_setup setup = {.args = directory};
    if (rules != NULL)
        *rules++ = '\0';
    int rc = parse_rules(fault, rules);
    if (rc == 0)
        rc = inspect_record_ops.open(&setup);
    fault->record = rc == 0 ? setup.self : NULL;
    if (rc != 0)
        return rc;
    fault->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fault->directory >= 0)
        return 0;
    rc = -errno;
    fb_error("--inspector fault: cannot open %s: %s", directory, strerror(-rc));
    return rc;
}

static int fault_open(struct fb_setup *setup) {
    struct fault *fault = calloc(1, sizeof *fault);
    char *text = strdup(setup->args != NULL ? setup->args : "");
    int rc = -ENOMEM;
    if (fault != NULL && text != NULL) {
        fault->directory = -1;
        rc = open_parts(fault, text);
        if (rc != 0)
            fault_close(fault);
    } else {
        fb_error("inspector fault: no memory for %zu bytes", sizeof *fault);
        free(fault);
    }
    free(text);
    setup->self = fault;
    return rc;
}

static int fault_claimed(void *self, const struct fb_instance *instance) {
    return inspect_record_ops.claimed(((struct fault *)self)->record, instance);
}

/* Whether this process is the first of the directory that comes to rule i. */
static bool is_first(const struct fault *fault, unsigned i) {
    char name[32];
    snprintf(name, sizeof name, "rule-%u.done", i);
    int file = openat(fault->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
    return file >= 0;
}

static int fault_packet(void *self, void *state, const struct fb_packet *packet) {
    struct fault *fault = self;
    fault->packets++;
    for (unsigned i = 0; i < fault->count; i++) {
        const struct fault_rule *rule = &fault->rules[i];
        if (!fault_rule_due(rule, fault->packets, packet->data, packet->caplen) ||
            (rule->once && !is_first(fault, i)))
            continue;
        int rc = fault_act(rule, packet, fault->directory);
        if (rc != 0)
            return rc;
    }
    return inspect_record_ops.packet(fault->record, state, packet);
}

static const struct fb_inspector inspect_fault_ops = {
    FB_INSPECTOR_HEAD,
    .name = "fault",
    .help = "fault:DIR,ACTION[=N]@WHEN[!],...: records, and fails as told. Actions:"
#define X(id, name, takes, number, text) "\n             " name ": " text
    FAULT_ACTIONS(X)
#undef X
        ,
    .open = fault_open,
    .claimed = fault_claimed,
    .packet = fault_packet,
    .close = fault_close,
};

static const struct fb_inspector *const inspectors[] = {
#define X(name) &inspect_##name##_ops,
    INSPECTORS(X)
#undef X
        & inspect_fault_ops,
    &inspect_events_ops,
    &inspect_lines_ops,
};

const struct fb_inspector *inspector_at(unsigned i) {
    return i < sizeof inspectors / sizeof *inspectors ? inspectors[i] : NULL;
}

const struct fb_inspector *inspector_find(const char *name) {
    for (unsigned i = 0; inspector_at(i) != NULL; i++)
        if (strcmp(inspectors[i]->name, name) == 0)
            return inspectors[i];
    return NULL;
}
