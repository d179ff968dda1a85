/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tools/fault_rules.h"

#include <stdio.h>
#include <string.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parse.h"

#define OPTION_BYTES 160u
#define NUMBER_MOST UINT32_MAX

static const char *const names[] = {
#define X(id, name, takes, number, text) name,
    FAULT_ACTIONS(X)
#undef X
        NULL,
};

static const struct {
    bool takes_number;
    uint64_t number;
} traits[] = {
#define X(id, name, takes, number, text) {takes, number},
    FAULT_ACTIONS(X)
#undef X
};

/* The part before `end` as a text of its own; false if it is too long. */
static bool take_part(const char *text, const char *end, char part[OPTION_BYTES]) {
    size_t n = (size_t)(end - text);
    if (n >= OPTION_BYTES)
        return false;
    memcpy(part, text, n);
    part[n] = '\0';
    return true;
}

static bool parse_action(const char *text, char *action, struct fault_rule *rule) {
    char option[OPTION_BYTES + 64];
    unsigned index;
    char *equals = strchr(action, '=');
    if (equals != NULL)
        *equals = '\0';
    snprintf(option, sizeof option, "--inspector fault, action of '%s'", text);
    if (!fb_parse_word(option, action, names, &index))
        return false;
    rule->action = (enum fault_action)index;
    rule->number = traits[index].number;
    if (equals == NULL)
        return true;
    if (!traits[index].takes_number) {
        fb_error("--inspector fault, '%s': %s takes no number: leave out '=%s'", text, action,
                 equals + 1);
        return false;
    }
    snprintf(option, sizeof option, "--inspector fault, number of '%s'", text);
    return fb_parse_count(option, equals + 1, 0, NUMBER_MOST, &rule->number);
}

static bool parse_pattern(const char *text, const char *hex, struct fault_rule *rule) {
    size_t digits = strlen(hex);
    if (digits == 0 || digits % 2 != 0 || digits / 2 > FAULT_PATTERN_MAX ||
        strspn(hex, "0123456789abcdefABCDEF") != digits) {
        fb_error("--inspector fault, '%s': the pattern '%s' must be 1 to %u bytes, two hexadecimal "
                 "digits each",
                 text, hex, FAULT_PATTERN_MAX);
        return false;
    }
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        rule->pattern[i] = (uint8_t)byte;
    }
    rule->pattern_bytes = digits / 2;
    return true;
}

static bool parse_when(const char *text, char *when, struct fault_rule *rule) {
    char option[OPTION_BYTES + 64];
    size_t n = strlen(when);
    rule->once = n != 0 && when[n - 1] == '!';
    if (rule->once)
        when[n - 1] = '\0';
    if (*when == '=')
        return parse_pattern(text, when + 1, rule);
    rule->every = *when == '%';
    snprintf(option, sizeof option, "--inspector fault, packet of '%s'", text);
    return fb_parse_count(option, when + rule->every, 1, NUMBER_MOST, &rule->packet);
}

bool fault_rule_parse(const char *text, struct fault_rule *rule) {
    char action[OPTION_BYTES], when[OPTION_BYTES];
    const char *at = strchr(text, '@');
    *rule = (struct fault_rule){.action = FAULT_COUNT};
    if (at == NULL || !take_part(text, at, action) || !take_part(at + 1, strchr(at, '\0'), when)) {
        fb_error(
            "--inspector fault, '%s': write ACTION[=NUMBER]@WHEN[!], WHEN being N, %%N or =HEX",
            text);
        return false;
    }
    return parse_action(text, action, rule) && parse_when(text, when, rule);
}

bool fault_rule_due(const struct fault_rule *rule, uint64_t packet, const uint8_t *data,
                    uint32_t caplen) {
    if (rule->packet == 0)
        return memmem(data, caplen, rule->pattern, rule->pattern_bytes) != NULL;
    return rule->every ? packet % rule->packet == 0 : packet == rule->packet;
}
