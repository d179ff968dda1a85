/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dispatcher/capture/capture_file.c, dispatcher/capture/capture_window.c and
 * dispatcher/capture/capture_unpack.c: captures of more than 2^32 bytes, which are almost nothing
 * on the disk, in processes that may have less memory than that.
 */
#include "tests/lib/packed.h"
#include "tests/lib/packet.h"
#include "tests/lib/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAME_BYTES 262144u /* the longest that there is */
#define RECORD_BYTES (16u + FRAME_BYTES)
#define FRAMES 16500u /* 4,325,640,024 bytes */
#define FLOWS 10u
#define CHUNK_FRAMES 60u /* of a compressed file, which has so many of them: */
#define CHUNKS (FRAMES / CHUNK_FRAMES)
/* What a process may map: less than the files. */
#define MEMORY_BYTES (UINT64_C(1) << 30)

static void enter_with_little_memory(const struct test *t) {
    (void)t;
    setrlimit(RLIMIT_AS, &(struct rlimit){MEMORY_BYTES, MEMORY_BYTES});
}

/* The headers of a record and its frame, which goes on with zeros. */
static struct packet record_of(unsigned frame) {
    const uint32_t head[4] = {1700000000 + frame / 1000, frame % 1000 * 1000, FRAME_BYTES,
                              FRAME_BYTES};
    struct packet p = {.n = sizeof head};
    memcpy(p.bytes, head, sizeof head);
    ADD(&p, 2, 0, 0, 0, 0, 11, 2, 0, 0, 0, 0, 10, 8, 0);
    ADD(&p, 0x45, 0, 0, 46, 0, 1, 0, 0, 64, 17, 0, 0);
    ADD(&p, 10, 1, 0, LOW(frame % FLOWS), 10, 0, 0, 2);
    ADD(&p, 0x03, 0xe8, 0, 80, 0, 26, 0, 0);
    return p;
}

static void make_sparse(struct test *t, const char *name) {
    const uint32_t header[6] = {0xa1b2c3d4, 4u << 16 | 2u, 0, 0, FRAME_BYTES, 1};
    int file = open(file_in(t, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    off_t at = sizeof header;
    assert_true(file >= 0);
    assert_int_equal(write(file, header, sizeof header), sizeof header);
    for (unsigned i = 0; i < FRAMES; i++, at += RECORD_BYTES) {
        const struct packet p = record_of(i);
        assert_int_equal(pwrite(file, p.bytes, p.n, at), p.n);
    }
    assert_int_equal(ftruncate(file, at), 0);
    close(file);
    assert_true(at > INT64_C(1) << 32);
}

/* The same packets, as chunks that are compressed each, over and over. */
static void make_packed(struct test *t, const char *name, enum packed_way way) {
    struct pcap_bytes plain = {.order = LITTLE}, begin = {.order = LITTLE},
                      chunk = {.order = LITTLE};
    put_pcap_header(&plain, 0xa1b2c3d4, 1);
    put_packed(&begin, way, plain.data, plain.size);
    free(plain.data);
    uint8_t *records = calloc(CHUNK_FRAMES, RECORD_BYTES);
    assert_non_null(records);
    for (unsigned i = 0; i < CHUNK_FRAMES; i++) {
        const struct packet p = record_of(i);
        memcpy(records + (size_t)i * RECORD_BYTES, p.bytes, p.n);
    }
    put_packed(&chunk, way, records, (size_t)CHUNK_FRAMES * RECORD_BYTES);
    free(records);
    FILE *file = fopen(file_in(t, name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(begin.data, 1, begin.size, file), begin.size);
    for (unsigned i = 0; i < CHUNKS; i++)
        assert_int_equal(fwrite(chunk.data, 1, chunk.size, file), chunk.size);
    assert_int_equal(fclose(file), 0);
    free(begin.data);
    free(chunk.data);
}

static void expect_read_whole(struct test *t, const char *name) {
    double begin_s = seconds_now();
    t->enter = enter_with_little_memory;
    struct process *run = process_start(t,
                                        "flow-balancer run -n @ -r %s -w 1 --max-flows 1000 "
                                        "--timeout all=never --report out.json",
                                        name);
    t->enter = NULL;
    process_expect(t, run, EXIT_DONE);
    const json_t *report = report_of(t, "out.json");
    expect_all_inspected(report, FRAMES);
    expect_number(report, "flows.created", FLOWS);
    expect_number(report, "workers.0.bytes", (json_int_t)FRAMES * FRAME_BYTES);
    print_message("%s: %.1f s\n", name, seconds_now() - begin_s);
    processes_forget(t);
}

static void a_sparse_file_is_read_to_its_end(void **state) {
    struct test *t = *state;
    make_sparse(t, "sparse.pcap");
    expect_read_whole(t, "sparse.pcap");
}

/* Cut in its last frame, it is as any file that breaks off. */
static void one_that_breaks_off_behind_four_gigabytes_says_where(void **state) {
    struct test *t = *state;
    struct stat st;
    make_sparse(t, "sparse.pcap");
    assert_int_equal(stat(file_in(t, "sparse.pcap"), &st), 0);
    assert_int_equal(truncate(file_in(t, "sparse.pcap"), st.st_size - 1), 0);
    t->enter = enter_with_little_memory;
    struct process *run = process_start(
        t, "flow-worker --read sparse.pcap -s 96 --inspector count --timeout all=never");
    t->enter = NULL;
    process_expect(t, run, EXIT_RUNTIME);
    expect_said(t, run, "sparse.pcap breaks off after 16499 frames");
    expect_said(t, run, "16,499 packets");
}

static void a_small_compressed_file_may_hold_four_gigabytes(void **state) {
    struct test *t = *state;
    static const char *const names[] = {[PACKED_ZSTD] = "t.zst", [PACKED_LZ4] = "t.lz4"};
    need_packed();
    for (enum packed_way way = PACKED_ZSTD; way <= PACKED_LZ4; way++) {
        struct stat st;
        make_packed(t, names[way], way);
        assert_int_equal(stat(file_in(t, names[way]), &st), 0);
        assert_in_range(st.st_size, 1, 64 << 20);
        expect_read_whole(t, names[way]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(a_sparse_file_is_read_to_its_end),
        PROCESS_TEST(one_that_breaks_off_behind_four_gigabytes_says_where),
        PROCESS_TEST(a_small_compressed_file_may_hold_four_gigabytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
