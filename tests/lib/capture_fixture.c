/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/capture_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int capture_fixture_set_up(void **state) {
    struct capture_fixture *f = new_state(state, sizeof *f);
    directory_make(&f->directory);
    return 0;
}

int capture_fixture_tear_down(void **state) {
    struct capture_fixture *f = *state;
    directory_remove(&f->directory);
    free(f);
    return 0;
}

const char *save(struct capture_fixture *f, const char *name, struct pcap_bytes *b) {
    const char *path = path_in(&f->directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(b->data, 1, b->size, file), b->size);
    fclose(file);
    free(b->data);
    *b = (struct pcap_bytes){.order = b->order};
    return path;
}

const char *saved_plain(struct capture_fixture *f, const char *name, unsigned count,
                        uint8_t first_tag) {
    struct pcap_bytes b = {0};
    put_plain_file(&b, count, first_tag);
    return save(f, name, &b);
}

struct capture_config config_of(const char *const *files) {
    struct capture_config config = {.files = files, .loops = 1};
    while (files[config.file_count] != NULL)
        config.file_count++;
    return config;
}

static void keep_frame(struct taken *t, const struct frame *frame) {
    uint8_t *copy = &t->bytes[(size_t)t->count * TAKEN_BYTES];
    if (t->count == TAKEN_FRAMES)
        return;
    memcpy(copy, frame->data, frame->caplen > TAKEN_BYTES ? TAKEN_BYTES : frame->caplen);
    t->new_sources += frame->new_source;
    t->frames[t->count] = *frame;
    t->frames[t->count++].data = copy;
}

enum capture_status take_until_idle(struct capture *c, struct taken *t, unsigned most_idles) {
    const struct frame *frames;
    enum capture_status status;
    unsigned count, idles = 0;

    for (;;) {
        status = capture_burst(c, 32, &frames, &count);
        if (status == CAPTURE_END)
            return status;
        for (unsigned i = 0; i < count; i++)
            keep_frame(t, &frames[i]);
        idles = status == CAPTURE_IDLE ? idles + 1 : 0;
        t->idles += status == CAPTURE_IDLE;
        if (idles == most_idles)
            return status;
        if (status == CAPTURE_IDLE)
            capture_wait(c, 1000);
    }
}

bool take_all(const struct capture_config *config, struct taken *t) {
    struct capture *c;
    bool failed;

    memset(t, 0, sizeof *t);
    assert_int_equal(capture_open(&c, config), 0);
    assert_int_equal(take_until_idle(c, t, UINT32_MAX), CAPTURE_END);
    failed = capture_failed(c);
    capture_close(c);
    return failed;
}

int set_filter(struct capture *c, const char *filter) {
    int err = capture_begin_filter(c, filter);
    for (bool begun = err == 0; begun && (err = capture_poll_filter(c)) == -EINPROGRESS;)
        usleep(100);
    return err;
}

void expect_open_refused(struct capture_fixture *f, struct capture_config config, int err,
                         const char *reason) {
    struct capture *c = NULL;
    catch_begin(&f->log);
    assert_int_equal(capture_open(&c, &config), err);
    expect_one_line(catch_end(&f->log), reason);
    assert_null(c);
}
