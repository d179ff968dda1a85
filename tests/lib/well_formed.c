/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/well_formed.h"

#include <stdbool.h>
#include <string.h>

#include "tests/lib/unit.h"

#define DEEPEST 32u
#define NAME_BYTES " \t\n/>=<\"'&"

struct reading {
    const char *at;
    struct {
        const char *name;
        size_t length;
    } open[DEEPEST];
    unsigned depth;
};

static void expect(const struct reading *r, bool ok, const char *what) {
    if (!ok)
        fail_msg("%s: ...%.60s", what, r->at);
}

static void skip_entity(struct reading *r) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(r->at, known[i], strlen(known[i])) == 0) {
            r->at += strlen(known[i]);
            return;
        }
    }
    expect(r, false, "no entity that there is");
}

/* Text up to one of two characters. */
static void skip_text(struct reading *r, char end) {
    while (*r->at != '\0' && *r->at != '<' && *r->at != end) {
        unsigned char byte = (unsigned char)*r->at;
        expect(r, (byte >= 0x20 && byte != 0x7f) || byte == '\n', "a control character");
        if (byte == '&')
            skip_entity(r);
        else
            r->at++;
    }
}

static void skip_attributes(struct reading *r) {
    for (r->at += strspn(r->at, " \n"); *r->at != '>' && *r->at != '/';
         r->at += strspn(r->at, " \n")) {
        size_t length = strcspn(r->at, NAME_BYTES);
        expect(r, length != 0 && strncmp(r->at + length, "=\"", 2) == 0, "no attribute");
        r->at += length + 2;
        skip_text(r, '"');
        expect(r, *r->at == '"', "an attribute that does not end");
        r->at++;
    }
}

static void read_tag(struct reading *r) {
    bool end = r->at[1] == '/';
    r->at += end ? 2 : 1;
    size_t length = strcspn(r->at, NAME_BYTES);
    const char *name = r->at;
    expect(r, length != 0, "an element without a name");
    r->at += length;
    if (end) {
        expect(r, r->depth != 0 && *r->at == '>', "an end without a beginning");
        r->depth--;
        expect(r,
               r->open[r->depth].length == length &&
                   memcmp(r->open[r->depth].name, name, length) == 0,
               "the end of another element");
        r->at++;
        return;
    }
    skip_attributes(r);
    bool empty = *r->at == '/';
    r->at += empty ? 2 : 1;
    expect(r, r->at[-1] == '>', "an element that does not end");
    if (empty)
        return;
    expect(r, r->depth < DEEPEST, "too deep");
    r->open[r->depth].name = name;
    r->open[r->depth++].length = length;
}

void expect_well_formed(const char *page) {
    static const char type[] = "<!DOCTYPE html>\n";
    struct reading r = {.at = page};
    expect(&r, strncmp(page, type, sizeof type - 1) == 0, "no page of HTML");
    r.at += sizeof type - 1;
    while (*r.at != '\0') {
        if (*r.at == '<')
            read_tag(&r);
        else
            skip_text(&r, '<');
    }
    expect(&r, r.depth == 0, "an element is open at the end");
}
