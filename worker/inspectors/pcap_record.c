/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/pcap_record.h"

#define MAGIC_NS 0xa1b23c4du
#define SNAPLEN 262144u /* libpcap's own limit, and that of a frame in a ring */

_Static_assert(sizeof(struct pcap_file_head) == PCAP_FILE_BYTES, "as in a file");
_Static_assert(sizeof(struct pcap_record_head) == PCAP_RECORD_BYTES, "as in a file");

/* Where a DLT_ value means different things on different systems the files have a number of their
 * own; these are the values on Linux. */
uint32_t pcap_link_type(int32_t dlt) {
    switch (dlt) {
    case 11: /* ATM_RFC1483 */
        return 100;
    case 12: /* RAW */
        return 101;
    case 15: /* SLIP_BSDOS */
        return 102;
    case 16: /* PPP_BSDOS */
        return 103;
    case 18: /* PFSYNC */
        return 246;
    case 19: /* ATM_CLIP */
        return 106;
    default:
        return (uint32_t)dlt;
    }
}

struct pcap_file_head pcap_file_head(int32_t dlt) {
    return (struct pcap_file_head){.magic = MAGIC_NS,
                                   .major = 2,
                                   .minor = 4,
                                   .snaplen = SNAPLEN,
                                   .link_type = pcap_link_type(dlt)};
}
