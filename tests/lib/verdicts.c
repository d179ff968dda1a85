/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/verdicts.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "flow_balancer/common/protocol_name.h"
#include "tests/lib/unit.h"

#define LINE_BYTES 8192u

/* Columns of ndpiReader's table, from 0. */
enum { PROTOCOL = 1, SRC_IP = 5, SRC_PORT, DST_IP, DST_PORT, PROTO = 10, HOST, JA3 = 70, COLUMNS };

static struct verdict *add(struct verdicts *v) {
    if (v->count == v->room) {
        v->room = v->room == 0 ? 256 : 2 * v->room;
        v->rows = realloc(v->rows, v->room * sizeof *v->rows);
        assert_non_null(v->rows);
    }
    memset(&v->rows[v->count], 0, sizeof *v->rows);
    return &v->rows[v->count++];
}

/* ndpiReader writes :: for each :0: of an IPv6 address. */
static void shorten(char *address) {
    char *to = address;
    for (const char *from = address; *from != '\0';) {
        if (strncmp(from, ":0:", 3) == 0) {
            *to++ = ':';
            *to++ = ':';
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* The same for both directions. Only TCP and UDP have ports. */
static void set_ends(struct verdict *row, unsigned proto, const char *src, unsigned src_port,
                     const char *dst, unsigned dst_port) {
    char a[56], b[56];
    bool has_ports = proto == IPPROTO_TCP || proto == IPPROTO_UDP;
    snprintf(a, sizeof a, "%s", src);
    snprintf(b, sizeof b, "%s", dst);
    shorten(a);
    shorten(b);
    snprintf(a + strlen(a), sizeof a - strlen(a), " %u", has_ports ? src_port : 0);
    snprintf(b + strlen(b), sizeof b - strlen(b), " %u", has_ports ? dst_port : 0);
    bool swap = strcmp(a, b) > 0;
    snprintf(row->ends, sizeof row->ends, "%u %s %s", proto, swap ? b : a, swap ? a : b);
}

/* ---- records --------------------------------------------------------------------------------- */

static unsigned number_of(const char *name) {
    char each[FB_PROTOCOL_NAME_SIZE];
    unsigned number = 0;
    for (; number < 256; number++) {
        fb_protocol_name((uint8_t)number, each);
        if (strcmp(each, name) == 0)
            break;
    }
    return number;
}

static const char *text_in(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static unsigned number_in(const json_t *object, const char *name) {
    return (unsigned)json_integer_value(json_object_get(object, name));
}

static void take_ndpi(struct verdict *row, const json_t *ndpi) {
    const json_t *tls = json_object_get(ndpi, "tls");
    const json_t *confidence = json_object_get(ndpi, "confidence");
    void *first = json_object_iter((json_t *)(uintptr_t)confidence);
    row->is_inspected = ndpi != NULL;
    snprintf(row->proto, sizeof row->proto, "%s",
             ndpi == NULL ? "Unknown" : text_in(ndpi, "proto"));
    snprintf(row->host, sizeof row->host, "%s", text_in(ndpi, "hostname"));
    snprintf(row->ja3, sizeof row->ja3, "%s",
             text_in(tls != NULL ? tls : json_object_get(ndpi, "quic"), "ja3"));
    if (first != NULL)
        snprintf(row->confidence, sizeof row->confidence, "%s",
                 json_string_value(json_object_iter_value(first)));
}

static void take_record(struct verdicts *v, const json_t *json) {
    const json_t *ours = json_object_get(json, "flow_balancer");
    if (strcmp(text_in(json, "event_type"), "flow") != 0)
        return;
    struct verdict *row = add(v);
    row->flow = (uint64_t)json_integer_value(json_object_get(ours, "flow"));
    row->is_excepted = json_object_get(ours, "tunnel") != NULL;
    set_ends(row, number_of(text_in(json, "proto")), text_in(json, "src_ip"),
             number_in(json, "src_port"), text_in(json, "dest_ip"), number_in(json, "dest_port"));
    take_ndpi(row, json_object_get(json, "ndpi"));
}

static int by_flow(const void *left, const void *right) {
    uint64_t a = ((const struct verdict *)left)->flow, b = ((const struct verdict *)right)->flow;
    return (a > b) - (a < b);
}

/* Lines "frame worker community_id flow flow_seq dir proto flags". */
static void except_fragments(struct verdicts *v, size_t first, const char *record) {
    char line[LINE_BYTES], flags[256];
    FILE *file = fopen(record, "re");
    if (file == NULL || v->count == first)
        goto end;
    qsort(v->rows + first, v->count - first, sizeof *v->rows, by_flow);
    while (fgets(line, sizeof line, file) != NULL) {
        struct verdict key = {.flow = 0};
        assert_int_equal(
            sscanf(line, "%*u %*u %*s %" SCNu64 " %*u %*u %*s %255s", &key.flow, flags), 2);
        struct verdict *row =
            bsearch(&key, v->rows + first, v->count - first, sizeof *v->rows, by_flow);
        if (row != NULL && strstr(flags, "fragment") != NULL)
            row->is_excepted = true;
    }
end:
    if (file != NULL)
        fclose(file);
}

void verdicts_add_records(struct verdicts *v, const char *eve, const char *record) {
    char line[LINE_BYTES];
    size_t first = v->count;
    FILE *file = fopen(eve, "re");
    if (file == NULL) /* of a worker that got no flow */
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        json_error_t error;
        json_t *json = json_loads(line, 0, &error);
        if (json == NULL)
            fail_msg("%s: %s: %s", eve, error.text, line);
        take_record(v, json);
        json_decref(json);
    }
    fclose(file);
    except_fragments(v, first, record);
}

/* ---- ndpiReader's table ---------------------------------------------------------------------- */

bool verdicts_read_table(struct verdicts *v, const char *path) {
    char line[LINE_BYTES], *columns[COLUMNS];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (fgets(line, sizeof line, file) != NULL) {
        char *rest = line;
        unsigned count = 0;
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        while (count < COLUMNS && rest != NULL)
            columns[count++] = strsep(&rest, ",");
        if (count < COLUMNS)
            fail_msg("%s: a row of %u columns: %s", path, count, line);
        struct verdict *row = add(v);
        row->is_inspected = true;
        set_ends(row, (unsigned)strtoul(columns[PROTOCOL], NULL, 10), columns[SRC_IP],
                 (unsigned)strtoul(columns[SRC_PORT], NULL, 10), columns[DST_IP],
                 (unsigned)strtoul(columns[DST_PORT], NULL, 10));
        snprintf(row->proto, sizeof row->proto, "%s", columns[PROTO]);
        snprintf(row->host, sizeof row->host, "%s", columns[HOST]);
        snprintf(row->ja3, sizeof row->ja3, "%s", columns[JA3]);
    }
    fclose(file);
    return true;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static int by_ends(const void *left, const void *right) {
    return strcmp(((const struct verdict *)left)->ends, ((const struct verdict *)right)->ends);
}

void verdicts_sort(struct verdicts *v) {
    if (v->count != 0)
        qsort(v->rows, v->count, sizeof *v->rows, by_ends);
}

void verdicts_free(struct verdicts *v) {
    free(v->rows);
    *v = (struct verdicts){.rows = NULL};
}

static bool has_ports(const struct verdict *row) {
    return strncmp(row->ends, "6 ", 2) == 0 || strncmp(row->ends, "17 ", 3) == 0;
}

/* ndpiReader has the software's name in the place of SSH's host. */
static bool is_same(const struct verdict *mine, const struct verdict *its) {
    bool is_ssh = strncmp(mine->proto, "SSH", 3) == 0;
    return strcmp(mine->proto, its->proto) == 0 && (is_ssh || strcmp(mine->host, its->host) == 0) &&
           strcmp(mine->ja3, its->ja3) == 0;
}

/* One with these ends that says the same, or any. Without ports it may be matched with several. */
static struct verdict *find(const struct verdicts *theirs, const struct verdict *mine, bool same) {
    size_t low = 0, high = theirs->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(theirs->rows[middle].ends, mine->ends) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < theirs->count && strcmp(theirs->rows[low].ends, mine->ends) == 0; low++) {
        struct verdict *its = &theirs->rows[low];
        if ((!its->is_matched || !has_ports(mine)) && (!same || is_same(mine, its)))
            return its;
    }
    return NULL;
}

size_t verdicts_compare(struct verdicts *ours, struct verdicts *theirs,
                        void (*differs)(void *arg, const struct verdict *mine,
                                        const struct verdict *its),
                        void *arg) {
    size_t counted = 0;
    for (size_t i = 0; i < ours->count; i++) {
        struct verdict *mine = &ours->rows[i];
        if (mine->is_excepted || !mine->is_inspected)
            continue;
        counted++;
        struct verdict *its = find(theirs, mine, true);
        mine->is_matched = its != NULL;
        if (its != NULL)
            its->is_matched = true;
    }
    for (size_t i = 0; i < ours->count; i++) {
        struct verdict *mine = &ours->rows[i];
        if (mine->is_excepted || !mine->is_inspected || mine->is_matched)
            continue;
        struct verdict *its = find(theirs, mine, false);
        differs(arg, mine, its);
        if (its != NULL)
            its->is_matched = true;
    }
    return counted;
}
