/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_buffer.h"
#include "flow_balancer/common/log.h"
#include "flow_balancer/common/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* libpcap's, in every version that has TPACKET_V3 and a limit of 256 KB for frames. */
#define BLOCK_KIB 256

/*
 * The buffer where -B is not given: 1.5 seconds at up to 32 MB a second, which is a
 * block each time; with the kernel's headers 44,000 frames of 650 bytes. libpcap's
 * default of 2 MB is full before a dispatcher that lost its core for 100 ms runs again.
 */
#define DEFAULT_KIB (192 * BLOCK_KIB)

/* The longest possible frame, which every slot of --immediate has to hold: 64 KB and its headers,
 * where segments are joined before they are captured. */
#define IMMEDIATE_SNAPLEN (65536 + 256)

int capture_buffer_wanted_kib(const struct capture_config *config) {
    return config->buffer_kib > 0 ? config->buffer_kib : DEFAULT_KIB;
}

static void warn_immediate(const struct capture_config *config) {
    int kib = capture_buffer_wanted_kib(config);

    if (config->immediate && config->snaplen == (int)FB_FRAME_MAX)
        fb_warning("--immediate: every frame takes the room of the longest, up to 64 KB: a buffer "
                   "of %d KiB holds as few as %d: more with -s 2000 if frames are no longer, or -B",
                   kib, kib / (IMMEDIATE_SNAPLEN / 1024));
}

/*
 * If the kernel cannot give the buffer, libpcap silently asks for a smaller one. If it
 * can, but only by taking the last free memory, it may kill other processes.
 */
int capture_buffer_check(const struct capture_config *config) {
    uint64_t wanted = ((uint64_t)capture_buffer_wanted_kib(config) << 10) * config->interface_count;
    uint64_t available = fb_memory_available();

    if (wanted > available) {
        fb_error("-B %d for %u interfaces is %" PRIu64 " MB, and %" PRIu64
                 " MB of memory are available: give less",
                 capture_buffer_wanted_kib(config), config->interface_count, wanted >> 20,
                 available >> 20);
        return -ENOMEM;
    }
    warn_immediate(config);
    return 0;
}

void capture_buffer_configure(const struct capture_config *config, pcap_t *pcap, bool receives) {
    int kib = capture_buffer_wanted_kib(config);
    bool cut = config->snaplen != (int)FB_FRAME_MAX;

    pcap_set_immediate_mode(pcap, config->immediate);
    pcap_set_snaplen(pcap, config->immediate && !cut ? IMMEDIATE_SNAPLEN : config->snaplen);
    pcap_set_timeout(pcap, CAPTURE_RETIRE_MS);
    if (!receives)
        pcap_set_buffer_size(pcap, 1);
    else
        pcap_set_buffer_size(pcap, kib > INT32_MAX / 1024 ? INT32_MAX : kib * 1024);
}

/* libpcap has one code for all that it cannot name, and puts the reason into its text. */
bool capture_buffer_is_refused(pcap_t *pcap) {
    return strstr(pcap_geterr(pcap), strerror(ENOMEM)) != NULL;
}

/* Neither libpcap nor the kernel tells the size, but the memory map has it. Returns 0 if not. */
static int mapped_kib(pcap_t *pcap) {
    char line[512], wanted[64];
    uint64_t bytes = 0, from, to;
    struct stat socket;
    FILE *maps;

    if (fstat(pcap_fileno(pcap), &socket) < 0 || (maps = fopen("/proc/self/maps", "re")) == NULL)
        return 0;
    snprintf(wanted, sizeof wanted, " socket:[%" PRIuMAX "]", (uintmax_t)socket.st_ino);
    while (bytes == 0 && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, wanted) != NULL && sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2 &&
            to > from)
            bytes = to - from;
    }
    fclose(maps);
    return (int)(bytes >> 10);
}

int capture_buffer_given_kib(const struct capture_config *config, pcap_t *pcap) {
    int given = mapped_kib(pcap);
    return given == 0 ? capture_buffer_wanted_kib(config) : given;
}

void capture_buffer_warn(const struct capture_config *config, int given_kib, const char *name) {
    int wanted = capture_buffer_wanted_kib(config);

    if (given_kib < wanted)
        fb_warning("interface %s: the kernel had memory for a buffer of %d KiB only, not %d: it is "
                   "full sooner while the dispatcher has no core: free some memory, or accept it "
                   "with -B %d",
                   name, given_kib, wanted, given_kib);
}
