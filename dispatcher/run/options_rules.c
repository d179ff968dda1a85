/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/run/options_rules.h"

#include <stdlib.h>
#include <string.h>

#include "flow_balancer/common/cpus.h"
#include "flow_balancer/common/parse.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/capture/packet_clock.h"
#include "dispatcher/run/options.h"

#define MS_NS UINT64_C(1000000)
#define HANG_LEAST_NS (FB_OPTION_SECOND_NS / 10)
#define MERGE_WINDOW_MOST_US 10000000u
#define BUFFER_MOST_KIB 2097151u /* below 2 GB: libpcap counts bytes in an int */
#define FRAGMENT_BYTES_LEAST (UINT64_C(4) * FB_FRAME_MAX)
#define RING_BYTES_LEAST (UINT64_C(4) * FB_FRAME_MAX)
#define RING_BYTES_MOST (UINT64_C(1) << 36)

static bool add_source(const struct fb_option_value *v, const char **list, unsigned *count) {
    if (v->text[0] == '\0') {
        fb_error("%s '': give a name", v->name);
        return false;
    }
    if (*count == OPTIONS_SOURCES_MAX) {
        fb_error("%s '%s': more than %u sources", v->name, v->text, OPTIONS_SOURCES_MAX);
        return false;
    }
    list[(*count)++] = v->text;
    return true;
}

static bool add_file(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    return add_source(v, o->files, &o->file_count);
}

/* Each has a place in the report, and its frames are to come once. */
static bool add_interface(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    for (unsigned i = 0; i < o->interface_count; i++) {
        if (strcmp(o->interfaces[i], v->text) == 0) {
            fb_error("%s '%s': given twice: once is enough", v->name, v->text);
            return false;
        }
    }
    if (o->interface_count == FB_MAX_INTERFACES) {
        fb_error("%s '%s': more than %u: start a second instance for the rest", v->name, v->text,
                 FB_MAX_INTERFACES);
        return false;
    }
    return add_source(v, o->interfaces, &o->interface_count);
}

/* With --resume-filter the others only say where the filter is to be read again. */
static bool set_filter(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    return o->line.given[FB_OPT_RESUME_FILTER] || options_set_filter(&o->filter, strdup(v->text));
}

static bool set_resume_filter(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    free(o->filter);
    o->filter = NULL;
    return v->text[0] == '\0' || options_set_filter(&o->filter, strdup(v->text));
}

/* Of a later -F there will be a refusal, or it comes from the command line: the last one counts. */
static bool set_filter_file(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->filter_file = v->text;
    return o->line.given[FB_OPT_RESUME_FILTER] ||
           options_set_filter(&o->filter, options_read_filter(v->text));
}

static bool set_direction(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    unsigned ignored;
    o->direction = v->text;
    return fb_option_choice(v, &ignored);
}

static bool set_capture(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    unsigned index;
    bool ok = fb_option_choice(v, &index);
    o->by_libpcap = ok && index == 1;
    return ok;
}

/* Those of pcap-tstamp(7); which of them an interface has is seen when it is opened. */
static bool set_tstamp_type(void *options, const struct fb_option_value *v) {
    static const char *const types[] = {"host",    "host_lowprec",         "host_hiprec",
                                        "adapter", "host_hiprec_unsynced", "adapter_unsynced",
                                        NULL};
    struct options *o = options;
    unsigned ignored;
    o->tstamp_type = v->text;
    return fb_parse_word(v->name, v->text, types, &ignored);
}

/* GROUP[:MODE] */
static bool set_fanout(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    const char *rest = v->text;
    unsigned mode = FANOUT_CBPF;
    uint64_t group = 0;
    bool ok = fb_parse_digits(&rest, FANOUT_GROUP_MAX, &group);
    if (ok && *rest == ':')
        for (mode = 0; mode < FANOUT_MODES && strcmp(rest + 1, capture_fanout_modes[mode]) != 0;)
            mode++;
    else
        ok = ok && *rest == '\0';
    if (!ok || mode == FANOUT_MODES)
        fb_error("%s '%s': give a group from 0 to %u, and perhaps a mode: cbpf, hash, cpu or "
                 "qm, such as 7 or 7:hash",
                 v->name, v->text, FANOUT_GROUP_MAX);
    o->fanout = (struct capture_fanout){
        .wanted = true, .group = (uint32_t)group, .mode = (enum capture_fanout_mode)mode};
    return ok && mode != FANOUT_MODES;
}

/* A number with fractions, above 0; strtod alone would also take signs, hexadecimal and infinity.
 */
static bool parse_factor(const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    return text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0' && *end == '\0' &&
           *value > 0;
}

static bool set_speed(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->speed = 0;
    if (strcmp(v->text, "max") == 0 ||
        (parse_factor(v->text, &o->speed) && o->speed >= 1e-6 && o->speed <= 1e6))
        return true;
    fb_error("%s '%s': give a number from 0.000001 to 1000000, or max", v->name, v->text);
    return false;
}

static bool set_policy(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->policy = policy_find(v->text);
    if (o->policy != NULL)
        return true;
    const char *names[16] = {NULL};
    for (unsigned i = 0; i + 1 < 16 && policy_at(i) != NULL; i++)
        names[i] = policy_at(i)->name;
    unsigned ignored;
    return fb_parse_word(v->name, v->text, names, &ignored);
}

static bool set_max_share(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    if (parse_factor(v->text, &o->max_share) && o->max_share <= 1)
        return true;
    fb_error("%s '%s': give a number above 0 and at most 1, such as 0.5", v->name, v->text);
    return false;
}

static bool set_on_full(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    unsigned index = 0;
    bool ok = fb_option_choice(v, &index);
    o->block = index == 0;
    o->on_full_given = true;
    return ok;
}

static bool set_ring_bytes(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->ring_bytes = 0;
    return strcmp(v->text, "auto") == 0 ||
           fb_parse_size(v->name, v->text, RING_BYTES_LEAST, RING_BYTES_MOST, &o->ring_bytes);
}

static bool set_hugepages(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    unsigned index = 0;
    bool ok = fb_option_choice(v, &index);
    o->hugepages = (enum fb_hugepages)index;
    return ok;
}

static bool set_numa(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    return placement_parse(v->text, &o->numa);
}

static bool set_cpu(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->cpu_given = true;
    return fb_cpus_parse(v->name, v->text, &o->cpus);
}

static bool set_timeouts(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    char error[256];
    if (flow_timeouts_parse(&o->timeouts, v->text, error, sizeof error) == 0)
        return true;
    fb_error("%s '%s': %s", v->name, v->text, error);
    return false;
}

static bool set_tunnel(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    unsigned index = 0;
    bool ok = fb_option_choice(v, &index);
    o->decode.outer = index == 1;
    return ok;
}

#define NAME_AND_COMMA(name, text, function) text ", "
#define TUNNELS DECODE_UDP_TUNNELS(NAME_AND_COMMA)

static bool find_tunnel(const char *text, size_t length, unsigned *tunnel) {
    for (*tunnel = 0; *tunnel < DECODE_TUNNEL_COUNT; (*tunnel)++) {
        const char *name = decode_tunnel_names[*tunnel];
        if (strlen(name) == length && memcmp(name, text, length) == 0)
            return true;
    }
    return false;
}

/* PORT[,PORT...] up to the end of the text. */
static bool parse_ports(const char *text, uint16_t list[DECODE_PORTS_MAX], unsigned *count) {
    uint64_t port;
    for (*count = 0; *count < DECODE_PORTS_MAX; text++) {
        if (!fb_parse_digits(&text, UINT16_MAX, &port) || port == 0)
            return false;
        list[(*count)++] = (uint16_t)port;
        if (*text != ',')
            return *text == '\0';
    }
    return false;
}

/* NAME=PORT[,PORT...] */
static bool set_tunnel_ports(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    size_t length = strcspn(v->text, "=");
    uint16_t list[DECODE_PORTS_MAX];
    unsigned tunnel, count;
    if (!find_tunnel(v->text, length, &tunnel)) {
        fb_error("%s '%s': give one of " TUNNELS "and its ports, such as vxlan=4789,8472", v->name,
                 v->text);
        return false;
    }
    if (v->text[length] != '=' || !parse_ports(v->text + length + 1, list, &count)) {
        fb_error("%s '%s': give ports from 1 to 65535 behind the name, at most %u, such as "
                 "vxlan=4789,8472",
                 v->name, v->text, DECODE_PORTS_MAX);
        return false;
    }
    const char *wrong =
        decode_ports_replace(&o->tunnel_ports, (enum decode_tunnel)tunnel, list, count);
    if (wrong != NULL)
        fb_error("%s '%s': %s: give each port to one tunnel, and at most %u in all", v->name,
                 v->text, wrong, DECODE_PORTS_MAX);
    return wrong == NULL;
}

static bool set_fragment_timeout(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    uint64_t ns;
    if (!fb_parse_duration(v->name, v->text, FB_OPTION_SECOND_NS, FB_OPTION_DAY_NS, &ns))
        return false;
    o->fragments.timeout_ticks = (uint32_t)(ns / PACKET_CLOCK_NS_PER_TICK);
    if (o->fragments.timeout_ticks != 0)
        return true;
    fb_error("%s '%s': give at least 0.1 s", v->name, v->text);
    return false;
}

static bool set_failover(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->failover_ns = UINT64_MAX;
    return strcmp(v->text, "never") == 0 ||
           fb_parse_duration(v->name, v->text, MS_NS, FB_OPTION_DAY_NS, &o->failover_ns);
}

static bool set_hang(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->hang_ns = UINT64_MAX;
    if (strcmp(v->text, "never") == 0)
        return true;
    if (!fb_parse_duration(v->name, v->text, FB_OPTION_SECOND_NS, FB_OPTION_DAY_NS, &o->hang_ns))
        return false;
    if (o->hang_ns >= HANG_LEAST_NS)
        return true;
    fb_error("%s '%s': give at least 0.1 s, above any pause of a scheduler, or never", v->name,
             v->text);
    return false;
}

static bool set_runtime_dir(void *options, const struct fb_option_value *v) {
    struct options *o = options;
    o->runtime_dir = v->text;
    if (v->text[0] == '/')
        return true;
    fb_error("%s '%s': give an absolute path", v->name, v->text);
    return false;
}

#define CALL(call) FB_RULE_CALL(call)
#define FLAG(member) FB_RULE_FLAG(struct options, member)
#define COUNT(member, least, most) FB_RULE_COUNT(struct options, member, least, most)
#define COUNT64(member, least, most) FB_RULE_COUNT64(struct options, member, least, most)
#define SIZE(member, least, most) FB_RULE_SIZE(struct options, member, least, most)
#define SECONDS(member) FB_RULE_SECONDS(struct options, member)
#define TEXT(member) FB_RULE_TEXT(struct options, member)

const struct fb_option_rule options_rules[FB_OPTIONS] = {
    [FB_OPT_READ] = CALL(add_file),
    [FB_OPT_PATTERN] = TEXT(pattern),
    [FB_OPT_RECONNECT] = FLAG(reconnect),
    [FB_OPT_INTERFACE] = CALL(add_interface),
    [FB_OPT_BPF] = CALL(set_filter),
    [FB_OPT_FILTER_FILE] = CALL(set_filter_file),
    [FB_OPT_SNAPSHOT_LENGTH] = COUNT(snaplen, 0, FB_FRAME_MAX),
    [FB_OPT_BUFFER_SIZE] = COUNT(buffer_kib, 1, BUFFER_MOST_KIB),
    [FB_OPT_NO_PROMISCUOUS_MODE] = FLAG(no_promiscuous),
    [FB_OPT_CAPTURE] = CALL(set_capture),
    [FB_OPT_DIRECTION] = CALL(set_direction),
    [FB_OPT_IMMEDIATE] = FLAG(immediate),
    [FB_OPT_TSTAMP_TYPE] = CALL(set_tstamp_type),
    [FB_OPT_MERGE_WINDOW] = COUNT(merge_window_us, 0, MERGE_WINDOW_MOST_US),
    [FB_OPT_FANOUT] = CALL(set_fanout),
    [FB_OPT_PRELOAD] = FLAG(preload),
    [FB_OPT_LOOP] = COUNT64(loops, 1, UINT64_C(1) << 40),
    [FB_OPT_SPEED] = CALL(set_speed),
    [FB_OPT_NAME] = FB_RULE_NAME(struct options, name),
    [FB_OPT_WORKERS] = COUNT(workers, 1, FB_MAX_WORKERS),
    [FB_OPT_MAX_WORKERS] = COUNT(max_workers, 1, FB_MAX_WORKERS),
    [FB_OPT_POLICY] = CALL(set_policy),
    [FB_OPT_MAX_SHARE] = CALL(set_max_share),
    [FB_OPT_ON_FULL] = CALL(set_on_full),
    [FB_OPT_REPORT] = TEXT(report),
    [FB_OPT_HTML] = TEXT(html),
    [FB_OPT_RUNTIME_DIR] = CALL(set_runtime_dir),
    [FB_OPT_RING_DEPTH] = COUNT(depth, 1, 1u << 24),
    [FB_OPT_RING_BYTES] = CALL(set_ring_bytes),
    [FB_OPT_HUGEPAGES] = CALL(set_hugepages),
    [FB_OPT_NUMA] = CALL(set_numa),
    [FB_OPT_CPU] = CALL(set_cpu),
    [FB_OPT_TIMEOUT] = CALL(set_timeouts),
    [FB_OPT_MAX_FLOWS] = COUNT(max_flows, 1, 1u << 27),
    [FB_OPT_TUNNEL] = CALL(set_tunnel),
    [FB_OPT_TUNNEL_PORT] = CALL(set_tunnel_ports),
    [FB_OPT_KEY_VLAN] = FLAG(decode.key_vlan),
    [FB_OPT_KEY_TUNNEL] = FLAG(decode.key_tunnel),
    [FB_OPT_FRAGMENT_TIMEOUT] = CALL(set_fragment_timeout),
    [FB_OPT_FRAGMENT_FRAMES] = COUNT(fragments.max_frames, 1, FRAGMENTS_MAX),
    [FB_OPT_FRAGMENT_BYTES] = SIZE(fragments.max_bytes, FRAGMENT_BYTES_LEAST, UINT32_MAX),
    [FB_OPT_FAILOVER] = CALL(set_failover),
    [FB_OPT_HANG] = CALL(set_hang),
    [FB_OPT_QUARANTINE] = TEXT(quarantine),
    [FB_OPT_START_TIMEOUT] = SECONDS(start_timeout_ns),
    [FB_OPT_NO_WORKER_TIMEOUT] = SECONDS(no_worker_timeout_ns),
    [FB_OPT_DRAIN_TIMEOUT] = SECONDS(drain_timeout_ns),
    [FB_OPT_LOG_LEVEL] = FB_RULE_LOG_LEVEL(struct options, log_level),
    [FB_OPT_RESUME_FILTER] = CALL(set_resume_filter),
    [FB_OPT_RELOAD_CONFIG] = TEXT(reload_config),
    [FB_OPT_PARENT] = COUNT64(parent, 1, INT32_MAX),
};
