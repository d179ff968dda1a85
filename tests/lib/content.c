/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/content.h"

#include <dirent.h>
#include <pcap/pcap.h>

static uint64_t hash_number(uint64_t hash, uint64_t number) {
    return (hash ^ number) * UINT64_C(0x100000001b3);
}

static uint64_t hash_packet(const struct pcap_pkthdr *header, const u_char *bytes, bool has_us) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    uint64_t below_ns = (uint64_t)header->ts.tv_usec;
    hash = hash_number(hash, (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
                                 (has_us ? below_ns - below_ns % 1000 : below_ns));
    hash = hash_number(hash, (uint64_t)header->caplen << 32 | header->len);
    for (bpf_u_int32 i = 0; i < header->caplen; i++)
        hash = hash_number(hash, bytes[i]);
    return hash;
}

void content_add(struct content *content, const char *path) {
    char why[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *bytes;
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
    if (pcap == NULL)
        fail_msg("%s", why);
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        content->packets++;
        content->sum += hash_packet(header, bytes, content->has_us);
    }
    pcap_close(pcap);
}

unsigned content_add_all(struct content *content, const struct test *t, const char *folder,
                         const char *begin) {
    char of[PROCESS_PATH_MAX], path[2 * PROCESS_PATH_MAX];
    unsigned count = 0;
    snprintf(of, sizeof of, "%s", file_in(t, folder));
    DIR *directory = opendir(of);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, begin, strlen(begin)) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", of, entry->d_name);
        content_add(content, path);
        count++;
    }
    closedir(directory);
    return count;
}

void expect_same_content(const struct content *wanted, const struct content *found) {
    assert_int_equal(found->packets, wanted->packets);
    assert_int_equal(found->sum, wanted->sum);
}
