/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "flow_balancer/common/grouped.h"

/* ---- characters */

/* The least code point of a sequence of so many bytes: what is below it has a shorter one. */
static const uint32_t least_code[] = {0, 0, 0x80, 0x800, 0x10000};

/* How many bytes the character at text has, and its code point; 0 if it is none. */
static size_t decode_character(const unsigned char *text, size_t size, uint32_t *code) {
    unsigned char first = text[0];
    size_t bytes = first < 0x80       ? 1
                   : first >> 5 == 6  ? 2
                   : first >> 4 == 14 ? 3
                   : first >> 3 == 30 ? 4
                                      : 0;
    if (bytes == 0 || bytes > size)
        return 0;
    *code = bytes == 1 ? first : first & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        *code = *code << 6 | (text[i] & 0x3fu);
    }
    bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least_code[bytes] || surrogate || *code > 0x10ffff ? 0 : bytes;
}

/* Ranges of what is not seen, or changes how its neighbours are. */
static const struct range {
    uint32_t first, last;
} unseen[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff0, 0xffff}, {0xe0000, 0xe0fff},
};

static bool is_seen(uint32_t code) {
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++) {
        if (code >= unseen[i].first && code <= unseen[i].last)
            return false;
    }
    return (code & 0xfffe) != 0xfffe;
}

static const char *entity_of(uint32_t code) {
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_escaped(FILE *out, const char *text, size_t size) {
    const unsigned char *at = (const unsigned char *)text;
    for (size_t i = 0, bytes; i < size; i += bytes) {
        uint32_t code = at[i];
        bytes = decode_character(at + i, size - i, &code);
        if (bytes == 0 || (code < 0x80 && !is_seen(code)))
            fprintf(out, "\\x%02x", (unsigned)at[i]);
        else if (!is_seen(code))
            fprintf(out, "\\u{%04x}", (unsigned)code);
        else if (entity_of(code) != NULL)
            fputs(entity_of(code), out);
        else
            fwrite(at + i, 1, bytes, out);
        bytes += bytes == 0;
    }
}

void html_string(FILE *out, const json_t *string) {
    if (json_is_string(string))
        html_escaped(out, json_string_value(string), json_string_length(string));
}

void html_word(FILE *out, const json_t *object, const char *key) {
    html_string(out, json_object_get(object, key));
}

double html_at(const json_t *object, const char *path) {
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1)
        object = json_object_getn(object, path, (size_t)(dot - path));
    double value = json_number_value(json_object_get(object, path));
    return value > 0 ? value : 0;
}

/* ---- numbers */

#define COUNT_MOST 9.2e18

struct html_number html_count(double count) {
    struct html_number out;
    uint64_t whole = count < 0 ? 0 : count < COUNT_MOST ? (uint64_t)(count + 0.5) : INT64_MAX;
    snprintf(out.text, sizeof out.text, "%s", fb_grouped(whole).text);
    return out;
}

/* Three digits, and no zeros behind the point. */
static void print_three_digits(struct html_number *out, double value, const char *unit) {
    int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    char digits[32];
    snprintf(digits, sizeof digits, "%.*f", decimals, value);
    if (decimals != 0) {
        size_t end = strlen(digits);
        while (digits[end - 1] == '0')
            end--;
        digits[digits[end - 1] == '.' ? end - 1 : end] = '\0';
    }
    snprintf(out->text, sizeof out->text, "%s%s%s", digits, unit[0] != '\0' ? " " : "", unit);
}

static struct html_number scaled(double value, const char *const *units, unsigned count) {
    struct html_number out;
    unsigned unit = 0;
    value = value < 0 ? 0 : value < COUNT_MOST ? value : COUNT_MOST;
    for (; value >= 999.5 && unit + 1 < count; unit++)
        value /= 1000;
    print_three_digits(&out, value, units[unit]);
    return out;
}

struct html_number html_short(double count) {
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    return scaled(count, units, sizeof units / sizeof *units);
}

struct html_number html_bytes(double bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    return scaled(bytes, units, sizeof units / sizeof *units);
}

struct html_number html_percent(double share) {
    struct html_number out;
    double percent = share * 100;
    if (percent <= 0)
        snprintf(out.text, sizeof out.text, "0 %%");
    else if (percent < 0.001)
        snprintf(out.text, sizeof out.text, "below 0.001 %%");
    else if (percent > 99.9 && percent < 100) /* what lacks a little is not all */
        snprintf(out.text, sizeof out.text, "%.3f %%", fmin(percent, 99.999));
    else
        snprintf(out.text, sizeof out.text, "%.*f %%",
                 percent < 0.1   ? 3
                 : percent < 100 ? 1
                                 : 0,
                 fmin(percent, 1e6));
    return out;
}

struct html_number html_time(double seconds) {
    static const char *const units[] = {"ns", "\u00b5s", "ms", "s"};
    return scaled(seconds * 1e9, units, sizeof units / sizeof *units);
}

struct html_number html_duration(double seconds) {
    struct html_number out;
    seconds = seconds < 1e12 ? seconds : 1e12;
    unsigned long long s = (unsigned long long)(seconds > 0 ? seconds : 0);
    if (s < 60)
        return html_time(seconds);
    if (s < 3600)
        snprintf(out.text, sizeof out.text, "%llu min %llu s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out.text, sizeof out.text, "%llu h %llu min", s / 3600, s / 60 % 60);
    else
        snprintf(out.text, sizeof out.text, "%llu d %llu h", s / 86400, s / 3600 % 24);
    return out;
}

/* ---- times */

#define YEAR_9999_S 253402214400.0

static struct tm local_of(double time) {
    struct tm tm = {.tm_mday = 1, .tm_year = 70};
    time_t second = time > 0 && time < YEAR_9999_S ? (time_t)time : 0;
    localtime_r(&second, &tm);
    return tm;
}

struct html_number html_clock(double time, double step_s) {
    struct html_number out;
    unsigned tenths = (unsigned)(time > 0 && time < YEAR_9999_S ? fmod(time, 1) * 10 + 0.5 : 0);
    struct tm tm = local_of(step_s < 1 && tenths == 10 ? time + 0.5 : time);
    size_t used = strftime(out.text, sizeof out.text, "%H:%M:%S", &tm);
    if (step_s < 1)
        snprintf(out.text + used, sizeof out.text - used, ".%u", tenths % 10);
    return out;
}

struct html_number html_date(double time) {
    struct html_number out;
    struct tm tm = local_of(time);
    strftime(out.text, sizeof out.text, "%Y-%m-%d %H:%M:%S UTC%z", &tm);
    return out;
}
