/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_balancer/common/option_rule.h"

#include <assert.h>
#include <string.h>

#include "flow_balancer/common/parse.h"
#include "flow_balancer/names.h"

#define CHOICES_MAX 8 /* words in an argument of the list */
#define ARGUMENT_MAX 64

static void *member_of(void *options, const struct fb_option_value *value) {
    return (char *)options + value->rule->member;
}

bool fb_option_take_flag(void *options, const struct fb_option_value *value) {
    *(bool *)member_of(options, value) = value->on;
    return true;
}

bool fb_option_take_count(void *options, const struct fb_option_value *value) {
    uint64_t wide;
    if (!fb_parse_count(value->name, value->text, value->rule->least, value->rule->most, &wide))
        return false;
    *(uint32_t *)member_of(options, value) = (uint32_t)wide;
    return true;
}

bool fb_option_take_count64(void *options, const struct fb_option_value *value) {
    return fb_parse_count(value->name, value->text, value->rule->least, value->rule->most,
                          member_of(options, value));
}

bool fb_option_take_size(void *options, const struct fb_option_value *value) {
    return fb_parse_size(value->name, value->text, value->rule->least, value->rule->most,
                         member_of(options, value));
}

bool fb_option_take_seconds(void *options, const struct fb_option_value *value) {
    return fb_parse_duration(value->name, value->text, FB_OPTION_SECOND_NS, value->rule->most,
                             member_of(options, value));
}

bool fb_option_take_text(void *options, const struct fb_option_value *value) {
    *(const char **)member_of(options, value) = value->text;
    if (value->text[0] != '\0')
        return true;
    fb_error("%s '': give %s", value->name, fb_option_line(value->option)->argument);
    return false;
}

bool fb_option_take_name(void *options, const struct fb_option_value *value) {
    *(const char **)member_of(options, value) = value->text;
    if (fb_name_valid(value->text))
        return true;
    fb_error("%s '%s': give 1 to %u letters, digits, '_' or '-'", value->name, value->text,
             FB_NAME_MAX);
    return false;
}

bool fb_option_take_log_level(void *options, const struct fb_option_value *value) {
    if (fb_log_parse_level(value->text, member_of(options, value)) == 0)
        return true;
    fb_error("%s '%s': give one of error, warning, info, debug", value->name, value->text);
    return false;
}

bool fb_option_choice(const struct fb_option_value *value, unsigned *index) {
    const char *argument = fb_option_line(value->option)->argument;
    char words[ARGUMENT_MAX];
    const char *choices[CHOICES_MAX + 1] = {NULL};
    assert(strlen(argument) < sizeof words);
    strcpy(words, argument);
    char *rest = words;
    for (unsigned i = 0; i < CHOICES_MAX && rest != NULL; i++)
        choices[i] = strsep(&rest, "|");
    return fb_parse_word(value->name, value->text, choices, index);
}

bool fb_option_take(const struct fb_option_rule *rules, void *options, enum fb_option option,
                    char *text, bool on) {
    const struct fb_option_rule *rule = &rules[option];
    assert(rule->take != NULL);
    const struct fb_option_value value = {
        .option = option,
        .name = fb_option_line(option)->spelled,
        .text = text,
        .on = on,
        .rule = rule,
    };
    return rule->take(options, &value);
}
