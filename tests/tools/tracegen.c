/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracegen: writes a capture file of made-up traffic, the same for the same
 * options on any machine. Here are its options; what the traffic looks like is
 * in tracegen_traffic, what the frames look like in tracegen_pcap.
 *
 * Exit status: 0, 1 if something could not be written, 2 on wrong usage.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <popt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/tracegen_pcap.h"
#include "tests/tools/tracegen_random.h"
#include "tests/tools/tracegen_traffic.h"

enum { EXIT_USAGE = 2 };

struct settings {
    struct tg_profile profile;
    char *output;  /* owned */
    char *summary; /* owned, NULL if none is wanted */
};

/* How the text of an option is read. */
enum syntax { WHOLE_NUMBER, DECIMAL, FRAME_SIZE, FILE_NAME };

/* What popt returns for an option: its row below. Zero would mean "no return" to popt. */
enum option {
    OPTION_OUTPUT = 1,
    OPTION_SUMMARY,
    OPTION_PACKETS,
    OPTION_FLOWS,
    OPTION_SIZE,
    OPTION_SEED,
    OPTION_ALPHA,
    OPTION_ELEPHANT,
    OPTION_BUSY,
    OPTION_IPV6,
    OPTION_UDP,
    OPTION_VLAN,
    OPTION_RATE,
    OPTION_START,
};

#define FIELD(member) offsetof(struct settings, member)

/* A decimal is kept as a count of 1/one; min and max bound what is kept. */
static const struct option_rule {
    const char *name;
    const char *fix;
    size_t field;
    enum syntax syntax;
    uint64_t one;
    uint64_t min;
    uint64_t max;
} rules[] = {
    [OPTION_OUTPUT] = {"--output", "a file name, or - for standard output", FIELD(output),
                       FILE_NAME, 0, 0, 0},
    [OPTION_SUMMARY] = {"--summary", "a file name", FIELD(summary), FILE_NAME, 0, 0, 0},
    [OPTION_PACKETS] = {"--packets", "a whole number from 1 to 4294967295", FIELD(profile.packets),
                        WHOLE_NUMBER, 1, 1, UINT32_MAX},
    [OPTION_FLOWS] = {"--flows", "a whole number from 1 to 4194304", FIELD(profile.flows),
                      WHOLE_NUMBER, 1, 1, TG_FLOWS_MAX},
    [OPTION_SIZE] = {"--size", "a whole number from 60 to 1514, or mix", FIELD(profile.frame_bytes),
                     FRAME_SIZE, 1, TG_FRAME_MIN, TG_FRAME_MAX},
    [OPTION_SEED] = {"--seed", "a whole number below 2^64", FIELD(profile.seed), WHOLE_NUMBER, 1, 0,
                     UINT64_MAX},
    [OPTION_ALPHA] = {"--alpha", "a number from 0.3 to 10", FIELD(profile.alpha), DECIMAL,
                      TG_ALPHA_ONE, TG_ALPHA_ONE * 3 / 10, TG_ALPHA_ONE * 10},
    [OPTION_ELEPHANT] = {"--elephant", "a share from 0 to 1", FIELD(profile.elephant), DECIMAL,
                         TG_ALWAYS, 0, TG_ALWAYS},
    [OPTION_BUSY] = {"--busy", "a share from 0 to 1", FIELD(profile.busy), DECIMAL, TG_ALWAYS, 0,
                     TG_ALWAYS},
    [OPTION_IPV6] = {"--ipv6", "a share from 0 to 1", FIELD(profile.ipv6), DECIMAL, TG_ALWAYS, 0,
                     TG_ALWAYS},
    [OPTION_UDP] = {"--udp", "a share from 0 to 1", FIELD(profile.udp), DECIMAL, TG_ALWAYS, 0,
                    TG_ALWAYS},
    [OPTION_VLAN] = {"--vlan", "a share from 0 to 1", FIELD(profile.vlan), DECIMAL, TG_ALWAYS, 0,
                     TG_ALWAYS},
    [OPTION_RATE] = {"--rate", "a whole number from 1 to 1000000000", FIELD(profile.rate_pps),
                     WHOLE_NUMBER, 1, 1, 1000000000},
    [OPTION_START] = {"--start", "whole seconds since 1970, at most 4294967295",
                      FIELD(profile.start_s), WHOLE_NUMBER, 1, 0, UINT32_MAX},
};

#define OPTION(name, letter, option, help, argument)                                               \
    { name, letter, POPT_ARG_STRING, NULL, option, help, argument }

static const struct poptOption popt_table[] = {
    OPTION("output", 'o', OPTION_OUTPUT, "the capture file to write, - for standard output",
           "FILE"),
    OPTION("summary", 0, OPTION_SUMMARY, "write what was made as JSON", "FILE"),
    OPTION("packets", 0, OPTION_PACKETS, "length of the trace (1000000)", "N"),
    OPTION("flows", 0, OPTION_FLOWS,
           "flows alive at the same time, reached after N packets (10000)", "N"),
    OPTION("size", 0, OPTION_SIZE,
           "bytes of every frame (more where headers need it), or a mix of 650 on average (mix)",
           "60..1514|mix"),
    OPTION("seed", 0, OPTION_SEED, "another number, another trace (1)", "N"),
    OPTION("alpha", 0, OPTION_ALPHA, "Pareto exponent of flow sizes, smaller is heavier (1.2)",
           "A"),
    OPTION("elephant", 0, OPTION_ELEPHANT, "share of packets that go to one more flow (0)",
           "SHARE"),
    OPTION("busy", 0, OPTION_BUSY,
           "share of the others that go to flows of 1000 packets and more; 0: all send alike (0)",
           "SHARE"),
    OPTION("ipv6", 0, OPTION_IPV6, "share of flows over IPv6 (0)", "SHARE"),
    OPTION("udp", 0, OPTION_UDP, "share of flows that are UDP (0.2)", "SHARE"),
    OPTION("vlan", 0, OPTION_VLAN, "share of flows with a VLAN tag (0)", "SHARE"),
    OPTION("rate", 0, OPTION_RATE, "packets a second in the time stamps (1000000)", "PPS"),
    OPTION("start", 0, OPTION_START, "time of the first packet, since 1970 (1700000000)",
           "SECONDS"),
    POPT_AUTOHELP POPT_TABLEEND,
};

static bool read_whole_number(const char *text, uint64_t *value) {
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0;
}

/* strtod rounds correctly and one is a power of two, so that every machine keeps the same count. */
static bool read_decimal(const char *text, uint64_t one, uint64_t max, uint64_t *value) {
    char *end;
    if (text[strspn(text, "0123456789.")] != '\0')
        return false;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || number > (double)(max / one))
        return false;
    *value = (uint64_t)(number * (double)one);
    return true;
}

static int refuse(const struct option_rule *rule, const char *text) {
    fprintf(stderr, "tracegen: %s '%s': give %s\n", rule->name, text, rule->fix);
    return -EINVAL;
}

/* Returns 0, or -EINVAL after one line. Keeps nothing of text but a copy. */
static int set_option(struct settings *settings, const struct option_rule *rule, const char *text) {
    void *field = (char *)settings + rule->field;
    if (rule->syntax == FILE_NAME) {
        if (*text == '\0')
            return refuse(rule, text);
        char *copy = strdup(text);
        if (copy == NULL) {
            fprintf(stderr, "tracegen: %s '%s': no memory for the name\n", rule->name, text);
            return -ENOMEM;
        }
        free(*(char **)field);
        *(char **)field = copy;
        return 0;
    }
    uint64_t value;
    bool valid = rule->syntax == DECIMAL ? read_decimal(text, rule->one, rule->max, &value)
                                         : read_whole_number(text, &value);
    if (rule->syntax == FRAME_SIZE && strcmp(text, "mix") == 0)
        value = TG_FRAME_MIX;
    else if (!valid || value < rule->min || value > rule->max)
        return refuse(rule, text);
    *(uint64_t *)field = value;
    return 0;
}

/* What no single option shows. */
static int check_settings(const struct settings *settings) {
    if (settings->output == NULL) {
        fprintf(stderr, "tracegen: no output: give -o FILE, or -o - for standard output\n");
        return -EINVAL;
    }
    uint64_t end_s = tg_profile_end_s(&settings->profile);
    if (end_s > UINT32_MAX) {
        fprintf(stderr,
                "tracegen: last packet at %" PRIu64 " s: pcap ends at 4294967295 s, "
                "give an earlier --start, a higher --rate or fewer --packets\n",
                end_s);
        return -EINVAL;
    }
    return 0;
}

/* Returns 0, or a negative number after one line. */
static int read_options(poptContext popt, struct settings *settings) {
    int option;
    while ((option = poptGetNextOpt(popt)) > 0) {
        char *text = poptGetOptArg(popt);
        int error = set_option(settings, &rules[option], text);
        free(text);
        if (error != 0)
            return error;
    }
    if (option < -1) {
        fprintf(stderr, "tracegen: %s: %s, see tracegen --help\n", poptBadOption(popt, 0),
                poptStrerror(option));
        return -EINVAL;
    }
    const char *stray = poptGetArg(popt);
    if (stray != NULL) {
        fprintf(stderr, "tracegen: '%s': not an option, see tracegen --help\n", stray);
        return -EINVAL;
    }
    return check_settings(settings);
}

static int write_summary(const char *path, const struct tg_summary *summary) {
#define COUNT(member) #member, (json_int_t)summary->member
    json_t *json = json_pack("{sI sI sI sI sI sI sI sI sI}", COUNT(packets), COUNT(bytes),
                             COUNT(flows), COUNT(tcp), COUNT(udp), COUNT(ipv4), COUNT(ipv6),
                             COUNT(elephant_packets), COUNT(alive_at_end));
#undef COUNT
    errno = 0;
    int failed = json == NULL || json_dump_file(json, path, JSON_INDENT(2)) != 0;
    if (failed)
        fprintf(stderr, "tracegen: --summary '%s': %s\n", path,
                strerror(errno != 0 ? errno : ENOMEM));
    json_decref(json);
    return failed ? -EIO : 0;
}

static int write_trace(const struct settings *settings) {
    struct tg_pcap pcap;
    struct tg_summary summary;
    int error = tg_pcap_open(&pcap, settings->output);
    if (error == 0) {
        error = tg_traffic_write(&settings->profile, &pcap, &summary);
        int close_error = tg_pcap_close(&pcap);
        if (error == 0)
            error = close_error;
    }
    if (error != 0) {
        fprintf(stderr, "tracegen: --output '%s': %s\n", settings->output, strerror(-error));
        return error;
    }
    return settings->summary == NULL ? 0 : write_summary(settings->summary, &summary);
}

int main(int argc, char **argv) {
    struct settings settings = {
        .profile = {.packets = 1000000,
                    .flows = 10000,
                    .frame_bytes = TG_FRAME_MIX,
                    .seed = 1,
                    .alpha = TG_ALPHA_ONE * 12 / 10,
                    .udp = TG_ALWAYS * 2 / 10,
                    .rate_pps = 1000000,
                    .start_s = 1700000000},
    };
    poptContext popt = poptGetContext("tracegen", argc, (const char **)argv, popt_table, 0);
    int status = EXIT_USAGE;
    if (read_options(popt, &settings) == 0)
        status = write_trace(&settings) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    poptFreeContext(popt);
    free(settings.output);
    free(settings.summary);
    return status;
}
