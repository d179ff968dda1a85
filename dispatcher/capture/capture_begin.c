/* SPDX-License-Identifier: BSD-2-Clause */
#include "dispatcher/capture/capture_begin.h"
#include "dispatcher/capture/capture_unpack.h"
#include "flow_balancer/common/log.h"

#include <string.h>

const char *capture_shown_name(const char *name) {
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

/* libpcap's own message counts wrongly when the file header breaks off, and does not recognise
 * compressed files. */
void capture_say_no_begin(const char *name, const uint8_t *bytes, size_t count,
                          const char *reason) {
    const struct capture_packed *packed = capture_find_packed(bytes, count);
    const char *shown = capture_shown_name(name);

    if (packed != NULL && shown == name)
        fb_error("cannot read %s: it is compressed: give '%s %s | ... -r -'", name, packed->command,
                 name);
    else if (packed != NULL)
        fb_error("cannot read %s: it is compressed: put '%s |' before, or name the file", shown,
                 packed->command);
    else if (count == 0)
        fb_error("cannot read %s: truncated dump file: it is empty: give a pcap or pcapng file",
                 shown);
    else if (count < CAPTURE_BEGIN_BYTES && strncmp(reason, "truncated", 9) == 0)
        fb_error("cannot read %s: truncated dump file: its header breaks off after %zu bytes: give "
                 "a whole pcap or pcapng file",
                 shown, count);
    else
        fb_error("cannot read %s: %s: give a pcap or pcapng file", shown, reason);
}

bool capture_turn_version(uint8_t *header) {
    static const uint8_t magics[][4] = {
        {0xa1, 0xb2, 0xc3, 0xd4}, {0xa1, 0xb2, 0x3c, 0x4d}, {0xa1, 0xb2, 0xcd, 0x34}};
    const uint8_t big[4] = {header[0], header[1], header[2], header[3]};
    const uint8_t little[4] = {header[3], header[2], header[1], header[0]};

    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        bool is_big = memcmp(big, magics[i], 4) == 0;
        unsigned high = is_big ? 4 : 5, low = is_big ? 5 : 4;
        if (!is_big && memcmp(little, magics[i], 4) != 0)
            continue;
        if (header[high] != 2 || header[low] != 0 || header[high + 2] > 4 || header[low + 2] != 0)
            return false;
        header[low] = 2;
        header[high] = 0;
        header[low + 2] = header[high + 2];
        header[high + 2] = 0;
        return true;
    }
    return false;
}
