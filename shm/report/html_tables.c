/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_parts.h"

#include <math.h>
#include <string.h>

#include "flow_balancer/report.h"
#include "shm/report/report_table.h"
#include "shm/report/report_text.h"

/* What has no time: flows, interfaces, counters and the configuration, as tables. */

static void open_table(FILE *out, const char *title, const char *head) {
    fprintf(out,
            "<section>\n<h2>%s</h2>\n<div "
            "class=\"wide\"><table>\n<thead><tr>%s</tr></thead>\n<tbody>\n",
            title, head);
}

static void close_table(FILE *out) {
    fputs("</tbody></table></div>\n</section>\n", out);
}

/* ---- largest flows */

/* An address of IP with its port, or one of Ethernet. */
static void print_end_point(FILE *out, const json_t *flow, const char *ip, const char *port,
                            const char *mac) {
    bool brackets = strchr(report_word(flow, ip), ':') != NULL && html_at(flow, port) > 0;
    fputs(brackets ? "[" : "", out);
    html_word(out, flow, json_object_get(flow, ip) != NULL ? ip : mac);
    fputs(brackets ? "]" : "", out);
    if (html_at(flow, port) > 0)
        fprintf(out, ":%.0f", html_at(flow, port));
}

static void print_scalar(FILE *out, const json_t *value) {
    if (json_is_string(value))
        html_string(out, value);
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        fprintf(out, "%.6g", json_real_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", out);
}

static void print_flow_row(FILE *out, const json_t *flow) {
    double share = html_at(flow, "share");
    bool ended = json_is_true(json_object_get(flow, "ended"));
    fputs("<tr><td class=\"text\">", out);
    print_end_point(out, flow, "src_ip", "src_port", "src_mac");
    fputs(" \u2192 ", out);
    print_end_point(out, flow, "dest_ip", "dest_port", "dest_mac");
    fputs("</td><td class=\"text\">", out);
    print_scalar(out, json_object_get(flow, "proto"));
    fputs("</td><td>", out);
    print_scalar(out, json_object_get(flow, "worker"));
    fprintf(out,
            "</td><td>%s</td><td>%s</td><td>%s</td><td class=\"share\"><svg width=\"100%%\" "
            "height=\"10\" aria-hidden=\"true\"><rect class=\"area inspected\" width=\"%.1f%%\" "
            "height=\"10\"/></svg></td><td>%s</td><td>%s</td></tr>\n",
            html_count(html_at(flow, "packets")).text, html_bytes(html_at(flow, "bytes")).text,
            html_percent(share).text, fmin(share, 1) * 100,
            ended ? "" : html_count(html_at(flow, "packets_per_s")).text,
            ended ? "ended" : "alive");
}

static void print_flow_table(const struct html_page *page, const char *title, const char *key) {
    const json_t *flows = json_object_get(page->report, key), *flow;
    size_t i;
    if (json_array_size(flows) == 0)
        return;
    open_table(
        page->out, title,
        "<th class=\"text\">flow, from its first sender</th>"
        "<th class=\"text\">protocol</th><th>worker</th><th>packets</th><th>bytes, about</th>"
        "<th colspan=\"2\">share of all packets</th><th>packets/s now</th><th>state</th>");
    json_array_foreach(flows, i, flow) {
        print_flow_row(page->out, flow);
    }
    close_table(page->out);
}

void html_print_flows(const struct html_page *page) {
    print_flow_table(page, "Largest flows", "largest_flows");
    if (html_at(page->report, "flows.active") > 0) /* at the end of a run none is busy */
        print_flow_table(page, "Busiest flows now", "busiest_flows");
}

/* ---- interfaces */

static void print_interface(FILE *out, const json_t *interface) {
    fputs("<tr><th scope=\"row\" class=\"text\">", out);
    html_word(out, interface, "name");
    fputs("</th><td class=\"text\">", out);
    html_word(out, interface, "state");
    fputs("</td>", out);
    for (unsigned i = 0; i < FB_INTERFACE_COUNT; i++)
        fprintf(out, "<td>%s</td>",
                html_count(html_at(interface, fb_interface_texts[i].name)).text);
    fputs("</tr>\n", out);
}

static void print_pair(FILE *out, const json_t *pair) {
    fputs("<tr><th scope=\"row\" class=\"text\">", out);
    html_word(out, pair, "forward");
    fputs("</th><td class=\"text\">", out);
    if (json_is_string(json_object_get(pair, "reverse")))
        html_word(out, pair, "reverse");
    else
        fputs("none", out);
    fprintf(out, "</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
            html_count(html_at(pair, "flows")).text, html_count(html_at(pair, "one_sided")).text,
            html_count(html_at(pair, "guessed")).text);
}

void html_print_interfaces(const struct html_page *page) {
    const json_t *capture = json_object_get(page->report, "capture"), *each;
    const json_t *interfaces = json_object_get(capture, "interfaces");
    const json_t *pairs = json_object_get(capture, "pairs");
    size_t i;
    if (json_array_size(interfaces) != 0) {
        open_table(page->out, "Interfaces",
                   "<th class=\"text\">interface</th><th class=\"text\">state</th><th>received</th>"
                   "<th>dropped by the kernel</th><th>dropped by the interface</th>");
        json_array_foreach(interfaces, i, each) {
            print_interface(page->out, each);
        }
        close_table(page->out);
    }
    if (json_array_size(pairs) == 0)
        return;
    open_table(page->out, "Flows by pair of interfaces",
               "<th class=\"text\">forward on</th><th class=\"text\">reverse on</th><th>flows</th>"
               "<th>one-sided</th><th>direction guessed</th>");
    json_array_foreach(pairs, i, each) {
        print_pair(page->out, each);
    }
    close_table(page->out);
}

/* ---- counters, by the table of which the report is made */

static void print_counter(FILE *out, const char *name, double value, const char *text) {
    fprintf(
        out,
        "<tr><th scope=\"row\" class=\"text\">%s</th><td>%s</td><td class=\"text\">%s</td></tr>\n",
        name, html_count(value).text, text);
}

static bool is_always_shown(const struct report_section *section, const char *key) {
    for (const char *const *each = section->always; each != NULL && *each != NULL; each++) {
        if (strcmp(*each, key) == 0)
            return true;
    }
    return false;
}

static void print_section_rows(FILE *out, const json_t *object,
                               const struct report_section *section) {
    struct report_row rows[REPORT_ROWS_MAX];
    unsigned count = report_rows(section, NULL, rows);
    double total = 0;
    for (unsigned i = 0; i < count; i++)
        total += html_at(object, rows[i].key);
    if (section->total != NULL)
        print_counter(out, section->total, total, "in all");
    for (unsigned i = 0; i < count; i++) {
        double value = html_at(object, rows[i].key);
        const char *text = rows[i].counters == 1
                               ? rows[i].text->text
                               : "in rings, held as fragments, or not yet in a ring";
        if (value > 0 || is_always_shown(section, rows[i].key))
            print_counter(out, rows[i].key, value, text);
    }
}

static bool has_rows(const json_t *object, const struct report_section *section) {
    struct report_row rows[REPORT_ROWS_MAX];
    unsigned count = report_rows(section, NULL, rows);
    for (unsigned i = 0; i < count; i++) {
        if (html_at(object, rows[i].key) > 0 || is_always_shown(section, rows[i].key))
            return true;
    }
    return section->total != NULL;
}

static void print_inspector_counters(FILE *out, const json_t *report) {
    const char *inspector, *name;
    json_t *counters, *value;
    json_object_foreach(json_object_get(report, "inspectors"), inspector, counters) {
        json_object_foreach(counters, name, value) {
            fputs("<tr><th scope=\"row\" class=\"text\">", out);
            html_escaped(out, inspector, strlen(inspector));
            fputc('.', out);
            html_escaped(out, name, strlen(name));
            fprintf(out, "</th><td>%s</td><td class=\"text\">as the inspector says</td></tr>\n",
                    html_count(json_number_value(value)).text);
        }
    }
}

void html_print_ledger(const struct html_page *page) {
    FILE *out = page->out;
    fputs("<section>\n<h2>Counters</h2>\n<p class=\"note\">Counters that are not zero; their names "
          "are "
          "those of the report, see flow-balancer-report(5).</p>\n<div class=\"wide\"><table "
          "class=\"counters\">\n",
          out);
    for (const struct report_section *each = report_sections; each->object != NULL; each++) {
        const json_t *object = report_object(page->report, each->object, strlen(each->object));
        if (!has_rows(object, each))
            continue;
        if (each->title != NULL)
            fprintf(out,
                    "<tbody><tr><th colspan=\"3\" scope=\"colgroup\" class=\"text "
                    "group\">%s%s</th></tr></tbody>\n",
                    each->title,
                    strcmp(each->object, "ledger") != 0 ? ""
                    : fb_report_balanced(page->report)  ? ": balanced"
                                                        : ": NOT BALANCED");
        fputs("<tbody>\n", out);
        print_section_rows(out, object, each);
        fputs("</tbody>\n", out);
    }
    if (json_object_size(json_object_get(page->report, "inspectors")) != 0) {
        fputs("<tbody><tr><th colspan=\"3\" scope=\"colgroup\" class=\"text group\">inspectors, "
              "all together</th></tr>\n",
              out);
        print_inspector_counters(out, page->report);
        fputs("</tbody>\n", out);
    }
    fputs("</table></div>\n</section>\n", out);
}

/* ---- configuration */

static void print_option(FILE *out, const char *name, const json_t *value) {
    size_t i;
    const json_t *each;
    fputs("<tr><th scope=\"row\" class=\"text\">--", out);
    html_escaped(out, name, strlen(name));
    fputs("</th><td class=\"text\">", out);
    print_scalar(out, value);
    json_array_foreach(value, i, each) {
        fputs(i == 0 ? "" : "<br/>", out);
        print_scalar(out, each);
    }
    fputs("</td></tr>\n", out);
}

static void print_fact(FILE *out, const char *name, const json_t *value) {
    if (value == NULL)
        return;
    fprintf(out, "<tr><th scope=\"row\" class=\"text\">%s</th><td class=\"text\">", name);
    print_scalar(out, value);
    fputs("</td></tr>\n", out);
}

static const struct fact {
    const char *name, *object, *key;
} facts[] = {
    {"policy", NULL, "policy"},
    {"pid of the dispatcher", "dispatcher", "pid"},
    {"CPU of the dispatcher (-1: any)", "dispatcher", "cpu"},
    {"NUMA nodes that it may use", "dispatcher", "numa_nodes"},
    {"workers at the start", "geometry", "workers"},
    {"workers at most", "geometry", "max_workers"},
    {"packets that a ring holds", "geometry", "depth"},
    {"bytes of packets that a ring holds", "geometry", "arena_bytes"},
    {"flows at most", "geometry", "max_flows"},
    {"pages of the rings", "hugepages", "down"},
    {"pages of the flow table", "hugepages", "flow_table"},
};

void html_print_configuration(const struct html_page *page) {
    const char *name;
    json_t *value, *options = json_object_get(page->report, "options");
    open_table(page->out, "Configuration",
               "<th class=\"text\">option, as it was given</th><th class=\"text\">value</th>");
    if (json_object_size(options) == 0)
        fputs("<tr><td class=\"text\" colspan=\"2\">none</td></tr>\n", page->out);
    json_object_foreach(options, name, value) {
        print_option(page->out, name, value);
    }
    fputs("</tbody><tbody><tr><th colspan=\"2\" scope=\"colgroup\" class=\"text group\">what came "
          "of it</th></tr>\n",
          page->out);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const json_t *object =
            facts[i].object == NULL ? page->report : json_object_get(page->report, facts[i].object);
        print_fact(page->out, facts[i].name, json_object_get(object, facts[i].key));
    }
    close_table(page->out);
}
