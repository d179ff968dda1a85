/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_ng.c and dispatcher/capture/capture_window.c beside
 * libpcap: of every sample pcapng both give the same frames, as far as libpcap reads.
 */
#include "tests/lib/capture_fixture.h"
#include "tests/lib/samples.h"

#include <dirent.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_pcapng(const char *path) {
    char magic[4] = "";
    FILE *file = fopen(path, "re");
    bool is = file != NULL && fread(magic, 1, 4, file) == 4 && memcmp(magic, "\n\r\r\n", 4) == 0;
    if (file != NULL)
        fclose(file);
    return is;
}

static void expect_same_frame(const char *path, uint64_t number, const struct frame *frame,
                              const struct pcap_pkthdr *header, const u_char *data, int dlt) {
    uint64_t time_ns = (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;
    if (frame->caplen != header->caplen || frame->wirelen != header->len || frame->dlt != dlt ||
        frame->time_ns != time_ns || memcmp(frame->data, data, header->caplen) != 0)
        fail_msg("%s: frame %llu differs", path, (unsigned long long)number);
}

/* Returns how many frames libpcap gave. What it ends with is no matter if it is no end of the file.
 */
static uint64_t compare(const char *path, bool preload) {
    const char *files[] = {path, NULL};
    struct capture_config config = config_of(files);
    char reason[PCAP_ERRBUF_SIZE];
    pcap_t *pcap =
        pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
    struct pcap_pkthdr *header;
    struct capture *capture;
    const struct frame *frames;
    const u_char *data;
    unsigned count, at = 0;
    uint64_t same = 0;
    int next;
    assert_non_null(pcap);
    config.preload = preload;
    assert_int_equal(capture_open(&capture, &config), 0);
    for (count = 0; (next = pcap_next_ex(pcap, &header, &data)) == 1; at++, same++) {
        while (at == count) {
            at = 0;
            if (capture_burst(capture, 32, &frames, &count) == CAPTURE_END)
                fail_msg("%s ends after %llu frames", path, (unsigned long long)same);
        }
        expect_same_frame(path, same + 1, &frames[at], header, data, pcap_datalink(pcap));
    }
    if (next == PCAP_ERROR_BREAK) {
        assert_int_equal(at, count);
        while (capture_burst(capture, 32, &frames, &count) != CAPTURE_END)
            assert_int_equal(count, 0);
        assert_false(capture_failed(capture));
    }
    pcap_close(pcap);
    capture_close(capture);
    return same;
}

static void compare_all(const char *folder, unsigned least) {
    DIR *entries = opendir(folder);
    unsigned files = 0;
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_DIR || !is_pcapng(path))
            continue;
        uint64_t same = compare(path, false);
        assert_int_equal(compare(path, true), same);
        files++;
    }
    closedir(entries);
    assert_in_range(files, least, UINT32_MAX);
}

static void captures_of_others_give_the_same_frames_bytes_and_stamps(void **state) {
    (void)state;
    compare_all(samples_folder(SAMPLES_CAPTURES), 10);
}

static void captures_that_were_read_wrongly_begin_with_the_same_frames(void **state) {
    (void)state;
    compare_all(samples_folder(SAMPLES_FAULTS), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_of_others_give_the_same_frames_bytes_and_stamps),
        cmocka_unit_test(captures_that_were_read_wrongly_begin_with_the_same_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
