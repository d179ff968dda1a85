/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_LIB_CAPTURE_FIXTURE_H
#define TESTS_LIB_CAPTURE_FIXTURE_H

/* Capture files made by hand, a directory for them, and what was logged meanwhile. */

#include "dispatcher/capture/capture.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum byte_order { LITTLE, BIG };

struct bytes {
    uint8_t *data;
    size_t size, room;
    enum byte_order order;
};

/* What a whole capture gave. */
struct taken {
    struct frame frames[1024]; /* data: a copy in bytes */
    uint8_t bytes[1 << 16];    /* up to 64 of each frame */
    unsigned count, idles, news;
};

static char directory[64];
static char log_text[8192];
static int kept_stderr = -1;

static inline void put(struct bytes *b, const void *data, size_t size) {
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->data = realloc(b->data, b->room);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void put16(struct bytes *b, unsigned value) {
    uint8_t out[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    if (b->order == BIG)
        out[0] = (uint8_t)(value >> 8), out[1] = (uint8_t)value;
    put(b, out, 2);
}

static inline void put32(struct bytes *b, uint32_t value) {
    put16(b, b->order == BIG ? value >> 16 : value & 0xffff);
    put16(b, b->order == BIG ? value & 0xffff : value >> 16);
}

static inline void put_body(struct bytes *b, uint32_t size, uint8_t tag) {
    uint8_t *body = malloc(size + 1u);
    assert_non_null(body);
    for (uint32_t i = 0; i < size; i++)
        body[i] = (uint8_t)(tag + i);
    put(b, body, size);
    free(body);
}

/* pcap: the file header, and records of made-up bytes that begin with `tag`. */
static inline void put_pcap_header(struct bytes *b, uint32_t magic, uint32_t dlt) {
    put32(b, magic);
    put16(b, 2);
    put16(b, 4);
    put32(b, 0);
    put32(b, 0);
    put32(b, FB_FRAME_MAX);
    put32(b, dlt);
}

static inline void put_record(struct bytes *b, uint32_t s, uint32_t fraction, uint32_t caplen,
                              uint32_t wirelen, uint8_t tag) {
    put32(b, s);
    put32(b, fraction);
    put32(b, caplen);
    put32(b, wirelen);
    put_body(b, caplen, tag);
}

/* A little-endian file of microseconds, Ethernet, count frames of 60 bytes, a second apart. */
static inline void put_plain_file(struct bytes *b, unsigned count, uint8_t first_tag) {
    put_pcap_header(b, 0xa1b2c3d4, 1);
    for (unsigned i = 0; i < count; i++)
        put_record(b, 1000 + i, 0, 60, 60, (uint8_t)(first_tag + i));
}

/* pcapng blocks. */
static inline void put_section(struct bytes *b) {
    put32(b, 0x0a0d0d0a);
    put32(b, 28);
    put32(b, 0x1a2b3c4d);
    put16(b, 1);
    put16(b, 0);
    put32(b, UINT32_MAX);
    put32(b, UINT32_MAX);
    put32(b, 28);
}

static inline void put_interface(struct bytes *b, unsigned dlt) {
    put32(b, 1);
    put32(b, 20);
    put16(b, dlt);
    put16(b, 0);
    put32(b, FB_FRAME_MAX);
    put32(b, 20);
}

static inline void put_packet(struct bytes *b, uint32_t interface, uint32_t caplen, uint8_t tag) {
    uint32_t padding = (4 - caplen % 4) % 4, length = 32 + caplen + padding;
    put32(b, 6);
    put32(b, length);
    put32(b, interface);
    put32(b, 0); /* microseconds, high and low half */
    put32(b, 1000000);
    put32(b, caplen);
    put32(b, caplen);
    put_body(b, caplen, tag);
    put_body(b, padding, 0);
    put32(b, length);
}

static inline void remove_directory(void) {
    DIR *all = opendir(directory);
    const struct dirent *entry;
    while (all != NULL && (entry = readdir(all)) != NULL)
        unlinkat(dirfd(all), entry->d_name, 0);
    if (all != NULL)
        closedir(all);
    rmdir(directory);
}

/* A name in the test directory, which is made at the first call and removed at exit. */
static inline const char *in_directory(const char *name) {
    static char paths[16][128];
    static unsigned next;
    char *path = paths[next++ % 16];

    if (directory[0] == '\0') {
        strcpy(directory, "/tmp/test_capture.XXXXXX");
        assert_non_null(mkdtemp(directory));
        atexit(remove_directory);
    }
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* Writes the bytes, frees them, returns the path. */
static inline const char *save(const char *name, struct bytes *b) {
    const char *path = in_directory(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(b->data, 1, b->size, file), b->size);
    fclose(file);
    free(b->data);
    *b = (struct bytes){.order = b->order};
    return path;
}

/* Standard error goes to a file from here to log_end(), which returns what it holds. */
static inline void log_begin(void) {
    int file = open(in_directory("log"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    assert_true(file >= 0);
    kept_stderr = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
}

static inline const char *log_end(void) {
    ssize_t n = pread(STDERR_FILENO, log_text, sizeof log_text - 1, 0);
    log_text[n < 0 ? 0 : n] = '\0';
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    return log_text;
}

/* The configuration for a list of files that ends with NULL. */
static inline struct capture_config config_of(const char *const *files) {
    struct capture_config config = {.files = files, .loops = 1};
    while (files[config.file_count] != NULL)
        config.file_count++;
    return config;
}

static inline void keep(struct taken *t, const struct frame *frame) {
    uint8_t *copy = &t->bytes[(size_t)t->count * 64];
    if (t->count == 1024) /* enough for any test to see what it wants */
        return;
    memcpy(copy, frame->data, frame->caplen > 64 ? 64 : frame->caplen);
    t->news += frame->new_source;
    t->frames[t->count] = *frame;
    t->frames[t->count++].data = copy;
}

/* Takes bursts until the end, or until the source was idle most_idles times in a row. */
static inline enum capture_status take(struct capture *c, struct taken *t, unsigned most_idles) {
    const struct frame *frames;
    enum capture_status status;
    unsigned count, idles = 0;

    for (;;) {
        status = capture_burst(c, 32, &frames, &count);
        if (status == CAPTURE_END)
            return status;
        for (unsigned i = 0; i < count; i++)
            keep(t, &frames[i]);
        idles = status == CAPTURE_IDLE ? idles + 1 : 0;
        t->idles += status == CAPTURE_IDLE;
        if (idles == most_idles)
            return status;
        if (status == CAPTURE_IDLE)
            capture_wait(c, 1000);
    }
}

/* Opens, takes everything, closes; asserts that it opened. Returns capture_failed(). */
static inline bool take_all(const struct capture_config *config, struct taken *t) {
    struct capture *c;
    bool failed;

    memset(t, 0, sizeof *t);
    assert_int_equal(capture_open(&c, config), 0);
    assert_int_equal(take(c, t, UINT32_MAX), CAPTURE_END);
    failed = capture_failed(c);
    capture_close(c);
    return failed;
}

#endif
