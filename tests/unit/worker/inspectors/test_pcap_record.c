/* SPDX-License-Identifier: BSD-2-Clause */
/* worker/inspectors/pcap_record.c against libpcap. */
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "worker/inspectors/pcap_record.h"

#define DLT_LAST 320 /* libpcap's last one is below */

/* What libpcap writes for a file without packets of that type, or with one. */
static size_t libpcap_writes(int dlt, const struct fb_packet *packet, uint8_t file[256]) {
    pcap_t *pcap = pcap_open_dead_with_tstamp_precision(dlt, 262144, PCAP_TSTAMP_PRECISION_NANO);
    FILE *out = fmemopen(file, 256, "wb");
    assert_true(pcap != NULL && out != NULL);
    pcap_dumper_t *dumper = pcap_dump_fopen(pcap, out);
    if (dumper == NULL) { /* no file can name it */
        fclose(out);
        pcap_close(pcap);
        return 0;
    }
    if (packet != NULL) {
        const struct pcap_pkthdr header = {
            .ts = {(time_t)(packet->time_ns / 1000000000), (long)(packet->time_ns % 1000000000)},
            .caplen = packet->caplen,
            .len = packet->wirelen};
        pcap_dump((unsigned char *)dumper, &header, packet->data);
    }
    long n = pcap_dump_ftell(dumper);
    pcap_dump_close(dumper);
    pcap_close(pcap);
    return (size_t)n;
}

static void each_link_type_is_named_as_libpcap_names_it(void **state) {
    (void)state;
    unsigned known = 0;
    for (int dlt = 0; dlt <= DLT_LAST; dlt++) {
        uint8_t file[256] = {0};
        if (pcap_datalink_val_to_name(dlt) == NULL || libpcap_writes(dlt, NULL, file) == 0)
            continue;
        const struct pcap_file_head header = pcap_file_head(dlt);
        known++;
        if (memcmp(file, &header, PCAP_FILE_BYTES) != 0) {
            uint32_t theirs;
            memcpy(&theirs, file + 20, sizeof theirs);
            fail_msg("DLT %d: %u, libpcap writes %u", dlt, header.link_type, theirs);
        }
    }
    assert_in_range(known, 100, DLT_LAST);
}

static void a_packet_is_written_as_libpcap_writes_it(void **state) {
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5};
    const struct fb_packet packet = {.time_ns = UINT64_C(1700000000123456789),
                                     .data = bytes,
                                     .caplen = sizeof bytes,
                                     .wirelen = 1500};
    uint8_t file[256] = {0};
    size_t n = libpcap_writes(DLT_EN10MB, &packet, file);
    const struct pcap_record_head header = pcap_record_head(&packet);
    assert_int_equal(n, PCAP_FILE_BYTES + PCAP_RECORD_BYTES + sizeof bytes);
    assert_memory_equal(file + PCAP_FILE_BYTES, &header, PCAP_RECORD_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_link_type_is_named_as_libpcap_names_it),
        cmocka_unit_test(a_packet_is_written_as_libpcap_writes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
