/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/report/html_parts.h"

#include <string.h>

#define EVENTS_FEW 30u /* that are listed without being asked for: what fits a screen */

/* The course of the run: packets by fate, what is under way, and events, on one time axis. */

/* Edges of the areas that are on top of each other, of the fates of a graph. */
struct stack {
    double edge[HTML_FATES + 1][HTML_COLUMNS];
    unsigned fates[HTML_FATES], count;
};

/* Stacks the fates from one on that the graph has anything of. */
static void make_stack(struct stack *stack, const struct html_series *s, unsigned from) {
    memset(stack, 0, sizeof *stack);
    for (unsigned f = from; f < HTML_FATES; f++) {
        if (f != HTML_INSPECTED && html_highest(s->per_s[f], s->columns) == 0)
            continue;
        unsigned n = stack->count++;
        stack->fates[n] = f;
        for (unsigned c = 0; c < s->columns; c++)
            stack->edge[n + 1][c] = stack->edge[n][c] + s->per_s[f][c];
    }
}

static void print_hover(const struct html_page *page, const struct html_plot *plot,
                        const struct stack *stack) {
    const struct html_series *s = page->series;
    for (unsigned c = 0; c < s->columns; c++) {
        html_plot_column_open(page->out, plot, c);
        fprintf(page->out, "%s to %s", html_clock(s->edge[c], 0.1).text,
                html_clock(s->edge[c + 1], 0.1).text);
        for (unsigned n = 0; n < stack->count; n++)
            fprintf(page->out, ", %s %s/s", html_fates[stack->fates[n]].name,
                    html_short(s->per_s[stack->fates[n]][c]).text);
        html_plot_column_close(page->out);
    }
}

static void print_stack(const struct html_page *page, const char *id, enum html_size size,
                        unsigned from, const char *title, const char *description) {
    struct stack stack;
    make_stack(&stack, page->series, from);
    const struct html_plot plot = {
        .id = id,
        .size = size,
        .top = html_round_top(html_highest(stack.edge[stack.count], page->series->columns)),
        .label = html_short,
        .series = page->series,
        .events = &page->events,
        .worker = -1};
    html_plot_open(page->out, &plot, title, description);
    for (unsigned n = 0; n < stack.count; n++)
        html_plot_area(page->out, &plot, n == 0 ? NULL : stack.edge[n], stack.edge[n + 1],
                       html_fate_class(stack.fates[n]));
    print_hover(page, &plot, &stack);
    html_plot_close(page->out, &plot);
    fputs("<ul class=\"legend\">\n", page->out);
    for (unsigned n = stack.count; n-- > 0;) {
        fputs("<li>", page->out);
        html_print_swatch(page->out, html_fate_class(stack.fates[n]));
        fprintf(page->out, "%s</li>\n", html_fates[stack.fates[n]].name);
    }
    fputs("</ul>\n", page->out);
}

static void print_level(const struct html_page *page, const char *id, const char *title,
                        const double *values, const char *class) {
    const struct html_plot plot = {.id = id,
                                   .size = HTML_LOW,
                                   .top =
                                       html_round_top(html_highest(values, page->series->columns)),
                                   .label = html_short,
                                   .series = page->series,
                                   .events = &page->events,
                                   .worker = -1};
    fprintf(page->out, "<h3>%s</h3>\n", title);
    html_plot_open(page->out, &plot, title, "The table below has the numbers.");
    html_plot_area(page->out, &plot, NULL, values, class);
    html_plot_line(page->out, &plot, values, class);
    html_plot_close(page->out, &plot);
}

/* ---- the same as a table */

static void print_numbers(const struct html_page *page) {
    const struct html_series *s = page->series;
    struct stack stack;
    make_stack(&stack, s, HTML_INSPECTED);
    fputs("<details><summary>The numbers of these graphs</summary>\n<div class=\"wide\"><table>\n"
          "<thead><tr><th>from</th><th>to</th>",
          page->out);
    for (unsigned n = 0; n < stack.count; n++)
        fprintf(page->out, "<th>%s, packets/s</th>", html_fates[stack.fates[n]].name);
    fputs("<th>bytes/s</th><th>under way, packets</th><th>flows alive</th></tr></thead>\n<tbody>\n",
          page->out);
    for (unsigned c = 0; c < s->columns; c++) {
        fprintf(page->out, "<tr><td>%s</td><td>%s</td>", html_clock(s->edge[c], 0.1).text,
                html_clock(s->edge[c + 1], 0.1).text);
        for (unsigned n = 0; n < stack.count; n++)
            fprintf(page->out, "<td>%s</td>", html_count(s->per_s[stack.fates[n]][c]).text);
        fprintf(page->out, "<td>%s</td><td>%s</td><td>%s</td></tr>\n",
                html_bytes(s->bytes_per_s[c]).text, html_count(s->in_flight[c]).text,
                html_count(s->flows[c]).text);
    }
    fputs("</tbody></table></div></details>\n", page->out);
}

static bool is_lossy(const struct html_series *s) {
    for (unsigned f = HTML_INSPECTED + 1; f < HTML_FATES; f++) {
        if (html_highest(s->per_s[f], s->columns) > 0)
            return true;
    }
    return false;
}

void html_print_course(const struct html_page *page) {
    const struct html_series *s = page->series;
    fputs("<section>\n<h2>Over time</h2>\n", page->out);
    if (s->columns < 2) {
        fputs(page->history == NULL
                  ? "<p>There are no graphs: nothing was recorded of the course of the run.</p>\n"
                  : "<p>There are no graphs: the run left fewer than two samples, of which one is "
                    "taken each second.</p>\n",
              page->out);
        fputs("</section>\n", page->out);
        return;
    }
    fprintf(page->out, "<p class=\"note\">From %s to %s.%s</p>\n", html_date(s->edge[0]).text,
            html_date(s->edge[s->columns]).text,
            page->events.count != 0 ? " Numbered marks are the events listed below." : "");
    fputs("<h3>Packets a second, by where they went</h3>\n", page->out);
    print_stack(page, "fate", HTML_TALL, HTML_INSPECTED, "Packets a second by fate",
                "Areas on top of each other over time; the table below has the numbers.");
    if (is_lossy(s)) {
        fputs("<h3>Of these, lost: on a scale of their own</h3>\n", page->out);
        print_stack(page, "loss", HTML_LOW, HTML_INSPECTED + 1, "Packets a second that were lost",
                    "Areas on top of each other over time; the table below has the numbers.");
    }
    print_level(page, "way", "Packets under way", s->in_flight, "under-way");
    print_level(page, "alive", "Flows alive", s->flows, "flows");
    print_numbers(page);
    fputs("</section>\n", page->out);
}

/* ---- events */

static void print_event_row(FILE *out, const struct html_event *event) {
    fprintf(out,
            "<tr><td class=\"%s\"><span class=\"number\">%u</span></td><td>%s</td><td>%s</td><td>",
            event->severity, event->number, html_clock(event->time, 0.1).text, event->severity);
    if (event->worker >= 0)
        fprintf(out, "<span class=\"narrow\">worker </span>%d", event->worker);
    fputs("</td><td class=\"text\">", out);
    if (json_object_get(event->json, "text") != NULL)
        html_word(out, event->json, "text");
    else
        html_word(out, event->json, "event");
    fputs("</td></tr>\n", out);
}

static bool is_routine(const struct html_event *event) {
    return strcmp(event->severity, "info") == 0;
}

static void print_event_table(const struct html_page *page, bool routine_too) {
    fputs("<div class=\"wide\"><table class=\"events\">\n<thead><tr><th>mark</th><th>time</th>"
          "<th>severity</th><th>worker</th><th>event</th></tr></thead>\n<tbody>\n",
          page->out);
    for (unsigned i = 0; i < page->events.count; i++) {
        if (routine_too || !is_routine(&page->events.list[i]))
            print_event_row(page->out, &page->events.list[i]);
    }
    fputs("</tbody></table></div>\n", page->out);
}

/* Of many, those that are a warning at least, and all of them where they are asked for. */
static void print_many_events(const struct html_page *page) {
    unsigned count = page->events.count, warnings = 0;
    for (unsigned i = 0; i < count; i++)
        warnings += !is_routine(&page->events.list[i]);
    if (warnings == 0)
        fputs("<p>No warning and no error.</p>\n", page->out);
    else
        print_event_table(page, false);
    if (warnings == count)
        return;
    fprintf(page->out, "<details><summary>All %u events</summary>\n", count);
    print_event_table(page, true);
    fputs("</details>\n", page->out);
}

void html_print_events(const struct html_page *page) {
    if (page->history == NULL)
        return;
    size_t all = json_array_size(json_object_get(page->history, "events"));
    fputs("<section>\n<h2>Events</h2>\n", page->out);
    if (page->events.count < all)
        fprintf(page->out, "<p class=\"note\">The last %u of %zu.</p>\n", page->events.count, all);
    if (page->events.count == 0)
        fputs("<p>None.</p>\n", page->out);
    else if (page->events.count <= EVENTS_FEW)
        print_event_table(page, true);
    else
        print_many_events(page);
    fputs("</section>\n", page->out);
}
