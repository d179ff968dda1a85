/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/sinks_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow_balancer/common/clock.h"

#define LINE_MOST (1u << 19)

int sinks_set_up(void **state) {
    struct sinks_fixture *f = new_state(state, sizeof *f);
    directory_make(&f->directory);
    return chdir(f->directory.path);
}

int sinks_tear_down(void **state) {
    struct sinks_fixture *f = *state;
    sinks_close();
    directory_remove(&f->directory);
    free(f);
    return chdir("/");
}

void add_sink(struct sinks_fixture *f, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(f->texts[f->config.count], sizeof f->texts[0], format, args);
    va_end(args);
    f->sinks[f->config.count] = f->texts[f->config.count];
    f->config.count++;
    f->config.sinks = f->sinks;
}

void open_sinks(struct sinks_fixture *f, uint64_t wait_ms) {
    const struct fb_instance instance = {.name = "test", .worker = 4, .incarnation = 2};
    f->config.wait_ns = wait_ms == UINT64_MAX ? UINT64_MAX : wait_ms * 1000000;
    if (f->config.drain_ns == 0)
        f->config.drain_ns = FB_NS_PER_S;
    assert_int_equal(sinks_open(&f->config), 0);
    assert_int_equal(sinks_claimed(&instance), 0);
}

static size_t make_line(char *line, unsigned n, size_t more) {
    size_t length = (size_t)sprintf(line, "line %u", n);
    memset(line + length, 'x', more);
    line[length + more] = '\n';
    return length + more + 1;
}

int give_line(unsigned n, size_t more) {
    static char line[LINE_MOST + 64];
    return sinks_write(line, make_line(line, n, more));
}

void give_line_again(unsigned n, size_t more) {
    uint64_t end_ns = fb_now_ns() + 20 * FB_NS_PER_S;
    while (give_line(n, more) != 0) {
        assert_true(fb_now_ns() < end_ns);
        usleep(1000);
    }
}

void tick_ms(unsigned ms) {
    usleep(ms * 1000);
    sinks_tick(fb_now_ns());
}

void expect_counted(unsigned sink, uint64_t written, uint64_t dropped, uint64_t retried) {
    uint64_t values[SINK_STATS];
    sinks_stats(sink, values);
    assert_int_equal(values[SINK_WRITTEN], written);
    assert_int_equal(values[SINK_DROPPED], dropped);
    assert_int_equal(values[SINK_RETRIED], retried);
}

const char *text_of(const char *path) {
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    text[n] = '\0';
    return text;
}

void expect_lines(const char *text, unsigned first, unsigned last, size_t more) {
    static char line[LINE_MOST + 64];
    for (unsigned n = first; n <= last; n++) {
        size_t length = make_line(line, n, more);
        if (strncmp(text, line, length) != 0)
            fail_msg("not line %u: '%.40s'", n, text);
        text += length;
    }
    assert_string_equal(text, "");
}
