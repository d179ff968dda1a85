/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_records.c and dispatcher/capture/capture_pcap.c: pcap files, sound,
 * damaged and changed while they are read, give what libpcap's own reading of them gives.
 */
#include "dispatcher/capture/capture_records.h"
#include "tests/lib/capture_fixture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MICRO 0xa1b2c3d4u
#define NANO 0xa1b23c4du
#define MODIFIED 0xa1b2cd34u
#define ETHERNET 1u
#define SNAPLEN_AT 16u
#define MINOR_AT(order) ((order) == LITTLE ? 6u : 7u)

static const struct kind {
    uint32_t magic;
    enum byte_order order;
} kinds[] = {{MICRO, LITTLE}, {MICRO, BIG},       {NANO, LITTLE},
             {NANO, BIG},     {MODIFIED, LITTLE}, {MODIFIED, BIG}};
#define KINDS (sizeof kinds / sizeof *kinds)

static uint64_t seed;

static uint32_t draw(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % below);
}

static void put_any(struct pcap_bytes *b, uint32_t magic, uint32_t s, uint32_t fraction,
                    uint32_t caplen, uint32_t wirelen) {
    put32(b, s);
    put32(b, fraction);
    put32(b, caplen);
    put32(b, wirelen);
    if (magic == MODIFIED) {
        put32(b, 3);
        put32(b, 0);
    }
    put_body(b, caplen, (uint8_t)b->size);
}

/* Puts a number into what is there, in the order of the file. */
static void set32(struct pcap_bytes *b, size_t at, uint32_t value) {
    struct pcap_bytes number = {.order = b->order};
    put32(&number, value);
    memcpy(b->data + at, number.data, 4);
    free(number.data);
}

static struct pcap_bytes begin(const struct kind *kind) {
    struct pcap_bytes b = {.order = kind->order};
    put_pcap_header(&b, kind->magic, ETHERNET);
    return b;
}

/* Lengths from none on; on the wire more, as many, or fewer. */
static struct pcap_bytes make(const struct kind *kind, unsigned records, uint32_t longest) {
    struct pcap_bytes b = begin(kind);
    for (unsigned i = 0; i < records; i++) {
        uint32_t caplen = draw(8) == 0 ? 0 : draw(longest);
        put_any(&b, kind->magic, 1700000000 + i, draw(1000000), caplen, caplen + draw(3) - 1);
    }
    return b;
}

/* ---- beside libpcap */

struct beside {
    struct capture *capture;
    const struct frame *frames;
    unsigned count, at;
};

/* NULL: the end. */
static const struct frame *next_frame(struct beside *b) {
    while (b->at == b->count) {
        b->at = 0;
        if (capture_burst(b->capture, 32, &b->frames, &b->count) == CAPTURE_END)
            return NULL;
    }
    return &b->frames[b->at++];
}

static uint64_t stamp_of(const struct pcap_pkthdr *header) {
    int64_t s = header->ts.tv_sec, ns = header->ts.tv_usec;
    s += s < 0 ? INT64_C(1) << 32 : 0;
    ns = ns < 0 ? 0 : ns;
    return (uint64_t)s * 1000000000 + (uint64_t)(ns > UINT32_MAX ? UINT32_MAX : ns);
}

static void expect_same(const struct frame *frame, const struct pcap_pkthdr *header,
                        const u_char *data, int dlt, uint32_t snaplen) {
    uint32_t caplen = header->caplen < snaplen ? header->caplen : snaplen;
    assert_non_null(frame);
    assert_int_equal(frame->caplen, caplen);
    assert_int_equal(frame->wirelen, header->len > header->caplen ? header->len : header->caplen);
    assert_int_equal(frame->dlt, dlt);
    assert_int_equal(frame->time_ns, stamp_of(header));
    assert_memory_equal(frame->data, data, caplen);
}

/* One that libpcap opens, read by both. Returns how many frames there are. */
static unsigned compare_open(struct capture_fixture *f, const char *path, pcap_t *pcap,
                             struct capture_config config) {
    struct beside b = {0};
    struct pcap_pkthdr *header;
    struct bpf_program bpf;
    const u_char *data;
    char said[512];
    unsigned read = 0, taken = 0;
    int next;
    if (config.filter != NULL)
        assert_int_equal(pcap_compile(pcap, &bpf, config.filter, 1, 0), 0);
    catch_begin(&f->log);
    assert_int_equal(capture_open(&b.capture, &config), 0);
    for (; (next = pcap_next_ex(pcap, &header, &data)) == 1; read++) {
        if (config.filter != NULL && pcap_offline_filter(&bpf, header, data) == 0)
            continue;
        expect_same(next_frame(&b), header, data, pcap_datalink(pcap),
                    config.snaplen == 0 ? FB_FRAME_MAX : (uint32_t)config.snaplen);
        taken++;
    }
    assert_null(next_frame(&b));
    catch_end(&f->log);
    assert_int_equal(capture_failed(b.capture), next == PCAP_ERROR);
    snprintf(said, sizeof said, "%s breaks off after %u frames: %s: the frames before were taken",
             path, read, pcap_geterr(pcap));
    if (next == PCAP_ERROR)
        assert_non_null(strstr(f->log.text, said));
    else if (!config.preload)
        assert_string_equal(f->log.text, "");
    capture_close(b.capture);
    if (config.filter != NULL)
        pcap_freecode(&bpf);
    return taken;
}

static unsigned compare_with(struct capture_fixture *f, const char *path,
                             struct capture_config config) {
    char reason[PCAP_ERRBUF_SIZE];
    struct capture *c;
    unsigned taken = 0;
    pcap_t *pcap =
        pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (pcap != NULL) {
        taken = compare_open(f, path, pcap, config);
        pcap_close(pcap);
        return taken;
    }
    catch_begin(&f->log);
    assert_true(capture_open(&c, &config) < 0);
    if (strncmp(reason, "truncated", 9) == 0)
        reason[9] = 0; /* what follows counts wrongly */
    expect_one_line(catch_end(&f->log), reason);
    return 0;
}

static unsigned compare(struct capture_fixture *f, struct pcap_bytes *b) {
    const char *files[] = {save(f, "x.pcap", b), NULL};
    return compare_with(f, files[0], config_of(files));
}

static void every_kind_gives_the_same_frames(void **state) {
    struct capture_fixture *f = *state;
    for (size_t i = 0; i < KINDS; i++) {
        struct pcap_bytes b = make(&kinds[i], 700, 3000); /* a megabyte: the buffer is refilled */
        assert_true(b.size > 900000);
        assert_int_equal(compare(f, &b), 700);
    }
}

static void cut_filtered_and_preloaded_frames_are_the_same(void **state) {
    struct capture_fixture *f = *state;
    for (size_t i = 0; i < KINDS; i++) {
        struct pcap_bytes b = make(&kinds[i], 500, 1500);
        const char *files[] = {save(f, "x.pcap", &b), NULL};
        struct capture_config config = config_of(files);
        config.snaplen = 60;
        config.filter = "greater 700";
        unsigned taken = compare_with(f, files[0], config);
        assert_in_range(taken, 100, 400);
        config.preload = true;
        assert_int_equal(compare_with(f, files[0], config), taken);
    }
}

static void stamps_beyond_their_range_are_the_same(void **state) {
    struct capture_fixture *f = *state;
    static const uint32_t numbers[] = {0, 1, 999999999, INT32_MAX, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < KINDS; i++) {
        struct pcap_bytes b = begin(&kinds[i]);
        for (unsigned k = 0; k < 36; k++)
            put_any(&b, kinds[i].magic, numbers[k / 6], numbers[k % 6], 60, 60);
        assert_int_equal(compare(f, &b), 36);
    }
}

static void longest_frames_follow_one_another(void **state) {
    struct capture_fixture *f = *state;
    for (size_t i = 0; i < KINDS; i++) {
        struct pcap_bytes b = begin(&kinds[i]);
        for (unsigned k = 0; k < 12; k++)
            put_any(&b, kinds[i].magic, k, 0, k % 3 == 2 ? 5 : FB_FRAME_MAX, FB_FRAME_MAX);
        assert_int_equal(compare(f, &b), 12);
    }
}

/* libpcap gives their beginnings, and makes the modified kind's limit longer. */
static void frames_longer_than_the_file_says_are_cut(void **state) {
    struct capture_fixture *f = *state;
    static const uint32_t limits[] = {0, 1, 96, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < KINDS * 5; i++) {
        const struct kind *kind = &kinds[i / 5];
        struct pcap_bytes b = begin(kind);
        set32(&b, SNAPLEN_AT, limits[i % 5]);
        for (unsigned k = 0; k < 300; k++)
            put_any(&b, kind->magic, k, 0, k, k + 100);
        assert_int_equal(compare(f, &b), 300);
    }
}

static void impossible_lengths_break_off_at_the_same_frame(void **state) {
    struct capture_fixture *f = *state;
    static const uint32_t lengths[] = {FB_FRAME_MAX + 1, 1u << 24, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < KINDS * 4; i++) {
        struct pcap_bytes b = make(&kinds[i / 4], 400, 2000);
        size_t at = b.size;
        put_any(&b, kinds[i / 4].magic, 1, 1, 60, 60);
        set32(&b, at + 8, lengths[i % 4]);
        put_any(&b, kinds[i / 4].magic, 1, 1, 60, 60);
        assert_int_equal(compare(f, &b), 400);
        expect_one_line(f->log.text, "invalid packet capture length");
    }
}

static void a_file_cut_anywhere_breaks_off_at_the_same_frame(void **state) {
    struct capture_fixture *f = *state;
    for (size_t i = 0; i < KINDS; i++) {
        for (unsigned cut = 0; cut < 130; cut++) {
            struct pcap_bytes b = begin(&kinds[i]);
            for (unsigned k = 0; k < 3; k++)
                put_any(&b, kinds[i].magic, k, 0, 50, 50);
            b.size -= cut;
            compare(f, &b);
        }
    }
}

static void damaged_files_give_the_same_frames_and_messages(void **state) {
    struct capture_fixture *f = *state;
    for (unsigned i = 0; i < 1200; i++) {
        struct pcap_bytes b = make(&kinds[i % KINDS], 60, i % 4 == 0 ? 30 : 300);
        for (unsigned k = draw(6) + 1; k > 0; k--)
            b.data[draw(8) == 0 ? draw(24) : draw((uint32_t)b.size)] = (uint8_t)draw(256);
        b.size -= draw(3) == 0 ? draw((uint32_t)b.size) : 0;
        if (b.size != 0)
            compare(f, &b);
        free(b.data);
    }
}

/* ---- while it is read */

/* 2,000 records of 1,016 bytes. Opens it, and takes the first burst of 32. */
static const char *begin_to_read(struct capture_fixture *f, struct beside *b) {
    struct pcap_bytes bytes = begin(&kinds[0]);
    static const char *files[2];
    for (unsigned i = 0; i < 2000; i++)
        put_any(&bytes, MICRO, i, 0, 1000, 1000);
    files[0] = save(f, "changing.pcap", &bytes);
    struct capture_config config = config_of(files);
    *b = (struct beside){0};
    assert_int_equal(capture_open(&b->capture, &config), 0);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(next_frame(b)->time_ns, i * UINT64_C(1000000000));
    return files[0];
}

static unsigned count_rest(struct beside *b) {
    const struct frame *frame;
    unsigned count = 0;
    for (; (frame = next_frame(b)) != NULL; count++) {
        assert_int_equal(frame->caplen, 1000); /* and its stamp: none is made of zeros */
        assert_int_equal(frame->time_ns, (32 + count) * UINT64_C(1000000000));
    }
    return count;
}

static void a_file_truncated_while_it_is_read_gives_what_is_left(void **state) {
    struct capture_fixture *f = *state;
    struct beside b;
    const char *path = begin_to_read(f, &b);
    assert_int_equal(truncate(path, 24 + 1500 * 1016 + 500), 0);
    catch_begin(&f->log);
    assert_int_equal(count_rest(&b), 1500 - 32);
    expect_one_line(catch_end(&f->log), "breaks off after 1500 frames: truncated dump file; tried "
                                        "to read 1000 captured bytes, only got 484");
    assert_true(capture_failed(b.capture));
    capture_close(b.capture);
}

static void a_file_truncated_to_nothing_ends_behind_what_was_read(void **state) {
    struct capture_fixture *f = *state;
    struct beside b;
    assert_int_equal(truncate(begin_to_read(f, &b), 0), 0);
    assert_in_range(count_rest(&b), 0, 1000);
    assert_false(capture_failed(b.capture));
    capture_close(b.capture);
}

static void a_file_that_grows_while_it_is_read_is_read_to_its_end(void **state) {
    struct capture_fixture *f = *state;
    struct pcap_bytes more = {.order = LITTLE};
    struct capture_progress progress;
    struct beside b;
    const char *path = begin_to_read(f, &b);
    for (unsigned i = 2000; i < 2500; i++)
        put_any(&more, MICRO, i, 0, 1000, 1000);
    FILE *file = fopen(path, "ae");
    assert_int_equal(fwrite(more.data, 1, more.size, file), more.size);
    fclose(file);
    free(more.data);
    capture_progress(b.capture, &progress);
    assert_int_equal(progress.total_bytes, 24 + 2500 * 1016);
    assert_int_equal(progress.done_bytes, 24 + 32 * 1016);
    assert_int_equal(count_rest(&b), 2500 - 32);
    assert_false(capture_failed(b.capture));
    capture_close(b.capture);
}

/* ---- by itself */

struct alone {
    struct capture_records records;
    struct capture_sink sink;
    struct frame frames[CAPTURE_BURST_MAX];
    uint8_t copies[2 * CAPTURE_SINK_ROOM];
    FILE *file;
    pcap_t *pcap;
};

static void open_alone(struct alone *a, const char *path, const struct pcap_bytes *head) {
    char reason[PCAP_ERRBUF_SIZE];
    a->sink = (struct capture_sink){.frames = a->frames,
                                    .next = a->copies,
                                    .end = a->copies + sizeof a->copies,
                                    .align_mask = CAPTURE_SLACK - 1,
                                    .snaplen = FB_FRAME_MAX,
                                    .may_point = true};
    a->file = fopen(path, "re");
    assert_non_null(a->file);
    a->pcap = pcap_open_offline(path, reason);
    assert_non_null(a->pcap);
    assert_int_equal(capture_records_init(&a->records), 0);
    assert_false(capture_records_is_reading(&a->records));
    capture_records_begin(&a->records, head->data, a->pcap, fileno(a->file));
}

static void close_alone(struct alone *a) {
    capture_records_end(&a->records);
    assert_false(capture_records_is_reading(&a->records));
    capture_records_fini(&a->records);
    pcap_close(a->pcap);
    fclose(a->file);
}

/* Whether the records of a file with this header, which is freed, are taken. */
static bool takes(struct capture_fixture *f, struct pcap_bytes *head) {
    static struct alone a;
    struct pcap_bytes copy = {.order = head->order};
    put_bytes(&copy, head->data, head->size);
    open_alone(&a, save(f, "head.pcap", &copy), head);
    bool is = capture_records_is_reading(&a.records);
    close_alone(&a);
    free(head->data);
    return is;
}

static bool takes_link(struct capture_fixture *f, const struct kind *kind, uint32_t link) {
    struct pcap_bytes b = {.order = kind->order};
    put_pcap_header(&b, kind->magic, link);
    return takes(f, &b);
}

static void kinds_that_libpcap_changes_are_left_to_it(void **state) {
    struct capture_fixture *f = *state;
    static const uint32_t plain[] = {0, 1, 9, 50, 51, 101, 104, 105, 108, 127, 228, 229, 113, 276};
    static const uint32_t changed[] = {189, 220, 239, 117, 227}; /* USB, NFLOG, PFLOG, CAN */
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
            assert_int_equal(takes_link(f, &kinds[i], plain[k]),
                             kinds[i].order == LITTLE || (plain[k] != 113 && plain[k] != 276));
        for (size_t k = 0; k < sizeof changed / sizeof *changed; k++)
            assert_false(takes_link(f, &kinds[i], changed[k]));
        struct pcap_bytes b = begin(&kinds[i]);
        b.data[MINOR_AT(b.order)] = 3; /* its two lengths may be exchanged */
        assert_false(takes(f, &b));
    }
}

static void sound_records_are_taken_where_they_are(void **state) {
    struct capture_fixture *f = *state;
    static struct alone a;
    for (size_t i = 0; i < KINDS; i++) {
        uint32_t header_bytes = kinds[i].magic == MODIFIED ? 24 : 16;
        struct pcap_bytes b = begin(&kinds[i]), head = begin(&kinds[i]);
        for (unsigned k = 0; k < 5; k++)
            put_any(&b, kinds[i].magic, k, 0, 60 + k, 60 + k);
        size_t sound = b.size;
        put_any(&b, kinds[i].magic, 0, 0, 10, 10);
        b.size--;
        open_alone(&a, save(f, "x.pcap", &b), &head);
        assert_int_equal(capture_records_read(&a.records, &a.sink, 2), 2);
        assert_int_equal(capture_records_read(&a.records, &a.sink, 100), 3);
        assert_int_equal(capture_records_read(&a.records, &a.sink, 100), 0);
        assert_int_equal(a.records.at, sound);
        assert_int_equal(a.sink.count, 5);
        assert_ptr_equal(a.sink.next, a.copies);
        for (unsigned k = 1; k < 5; k++)
            assert_ptr_equal(a.frames[k].data, a.frames[k - 1].data + 59 + k + header_bytes);
        assert_int_equal(lseek(fileno(a.file), 0, SEEK_CUR), 0);
        close_alone(&a);
        free(head.data);
    }
}

/* A sink that keeps its frames gets copies, as many as have room. */
static void frames_that_are_kept_are_copied(void **state) {
    struct capture_fixture *f = *state;
    static struct alone a;
    struct pcap_bytes b = begin(&kinds[0]), head = begin(&kinds[0]);
    for (unsigned k = 0; k < 3; k++)
        put_any(&b, MICRO, k, 0, 200000, 200000);
    open_alone(&a, save(f, "x.pcap", &b), &head);
    a.sink.may_point = false;
    assert_int_equal(capture_records_read(&a.records, &a.sink, 100), 1);
    assert_int_equal(capture_records_read(&a.records, &a.sink, 100), 1);
    assert_ptr_equal(a.frames[0].data, a.copies);
    assert_ptr_equal(a.frames[1].data, a.copies + 200000);
    close_alone(&a);
    free(head.data);
}

static int set_up(void **state) {
    seed = UINT64_C(0x9e3779b97f4a7c15);
    return capture_fixture_set_up(state);
}

#define RECORDS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, capture_fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(every_kind_gives_the_same_frames),
        RECORDS_TEST(cut_filtered_and_preloaded_frames_are_the_same),
        RECORDS_TEST(stamps_beyond_their_range_are_the_same),
        RECORDS_TEST(longest_frames_follow_one_another),
        RECORDS_TEST(frames_longer_than_the_file_says_are_cut),
        RECORDS_TEST(impossible_lengths_break_off_at_the_same_frame),
        RECORDS_TEST(a_file_cut_anywhere_breaks_off_at_the_same_frame),
        RECORDS_TEST(damaged_files_give_the_same_frames_and_messages),
        RECORDS_TEST(a_file_truncated_while_it_is_read_gives_what_is_left),
        RECORDS_TEST(a_file_truncated_to_nothing_ends_behind_what_was_read),
        RECORDS_TEST(a_file_that_grows_while_it_is_read_is_read_to_its_end),
        RECORDS_TEST(kinds_that_libpcap_changes_are_left_to_it),
        RECORDS_TEST(sound_records_are_taken_where_they_are),
        RECORDS_TEST(frames_that_are_kept_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
