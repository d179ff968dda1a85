/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOW_BALANCER_COMMON_OPTION_RULE_H
#define FLOW_BALANCER_COMMON_OPTION_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/option.h"

/*
 * What the value of an option may be, and which member of its program's struct
 * it sets. A program has one constant array of rules by option:
 *
 *   static const struct fb_option_rule rules[FB_OPTIONS] = {
 *       [FB_OPT_WORKERS] = FB_RULE_COUNT(struct options, workers, 1, FB_MAX_WORKERS),
 *       [FB_OPT_POLICY] = FB_RULE_CALL(set_policy),
 *   };
 *
 * The macros refuse a member of another type. Any process.
 */

/* A value as it was given. */
struct fb_option_value {
    enum fb_option option;
    const char *name; /* "--workers", for messages */
    char *text;       /* NULL: of a flag. It lives as long as the options; may be changed */
    bool on;          /* of a flag */
    const struct fb_option_rule *rule;
};

/* Takes a value into the program's struct. Returns false after one logged line if it is wrong. */
typedef bool (*fb_option_taker)(void *options, const struct fb_option_value *value);

struct fb_option_rule {
    fb_option_taker take; /* NULL: the option is not taken by a rule */
    size_t member;        /* offset */
    uint64_t least, most; /* of a number, a size, or a time in nanoseconds */
};

#define FB_OPTION_MEMBER(owner, type, name)                                                        \
    (offsetof(owner, name) + 0 * sizeof(_Generic(&((owner *)0)->name, type * : 1)))

/* What a call of its own takes. */
#define FB_RULE_CALL(call)                                                                         \
    { .take = (call) }
/* bool: a flag. */
#define FB_RULE_FLAG(owner, name)                                                                  \
    { .take = fb_option_take_flag, .member = FB_OPTION_MEMBER(owner, bool, name) }
/* uint32_t, uint64_t: a whole number. */
#define FB_RULE_COUNT(owner, name, first, last)                                                    \
    { fb_option_take_count, FB_OPTION_MEMBER(owner, uint32_t, name), first, last }
#define FB_RULE_COUNT64(owner, name, first, last)                                                  \
    { fb_option_take_count64, FB_OPTION_MEMBER(owner, uint64_t, name), first, last }
/* uint64_t: bytes, with a unit or without. */
#define FB_RULE_SIZE(owner, name, first, last)                                                     \
    { fb_option_take_size, FB_OPTION_MEMBER(owner, uint64_t, name), first, last }
/* uint64_t: nanoseconds, given in seconds up to a day. */
#define FB_RULE_SECONDS(owner, name)                                                               \
    { fb_option_take_seconds, FB_OPTION_MEMBER(owner, uint64_t, name), 0, FB_OPTION_DAY_NS }
/* const char *: any text but none; the name of an instance. */
#define FB_RULE_TEXT(owner, name)                                                                  \
    { .take = fb_option_take_text, .member = FB_OPTION_MEMBER(owner, const char *, name) }
#define FB_RULE_NAME(owner, name)                                                                  \
    { .take = fb_option_take_name, .member = FB_OPTION_MEMBER(owner, const char *, name) }
/* enum fb_log_level */
#define FB_RULE_LOG_LEVEL(owner, name)                                                             \
    { .take = fb_option_take_log_level, .member = FB_OPTION_MEMBER(owner, enum fb_log_level, name) }

#define FB_OPTION_SECOND_NS UINT64_C(1000000000)
#define FB_OPTION_DAY_NS (86400 * FB_OPTION_SECOND_NS) /* no time to wait is longer */

bool fb_option_take_flag(void *options, const struct fb_option_value *value);
bool fb_option_take_count(void *options, const struct fb_option_value *value);
bool fb_option_take_count64(void *options, const struct fb_option_value *value);
bool fb_option_take_size(void *options, const struct fb_option_value *value);
bool fb_option_take_seconds(void *options, const struct fb_option_value *value);
bool fb_option_take_text(void *options, const struct fb_option_value *value);
bool fb_option_take_name(void *options, const struct fb_option_value *value);
bool fb_option_take_log_level(void *options, const struct fb_option_value *value);

/*
 * For calls: which of the words that stand for the argument in the list the
 * value is, by their order ("block|drop": 0 or 1). Returns false after one
 * logged line if it is none of them.
 */
bool fb_option_choice(const struct fb_option_value *value, unsigned *index);

/*
 * Hands a value to the rule of its option. text: NULL for a flag. An option
 * without a rule is an error of ours. Returns false after one logged line.
 */
bool fb_option_take(const struct fb_option_rule *rules, void *options, enum fb_option option,
                    char *text, bool on);

#endif
