/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls each function that libpcap has for a live handle, and logs what it returned, a line each:
 *
 *   pcap_calls DEVICE [NAME]
 *
 * Run on an interface and on a device of libflowbalancer-pcap.so the logs are to be the same. What
 * waits for packets has some: libpcap's own waits on when the timeout is over (1.10.3, Linux). It
 * asks for packets by a line "send A B", to ports 53 and 80, and goes on when a line comes back.
 * The name of the device is written as DEVICE. NAME: as it is listed, if that differs.
 */
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define PORT_AT 36 /* Ethernet, IPv4 without options, UDP: destination port */

static const char *device, *listed;
static pcap_t *p;
static int taken; /* by the callback since it was last set to 0 */
static bool breaks_at_second;

/* ---- the log --------------------------------------------------------------------------------- */

static void log_text(const char *text) {
    for (const char *at; (at = strstr(text, device)) != NULL; text = at + strlen(device))
        printf("%.*sDEVICE", (int)(at - text), text);
    printf("%s", text);
}

/* With the handle's text, if the call set one. */
static void log_result(const char *call, int result) {
    printf("%s = %d", call, result);
    if (p != NULL && result < 0 && pcap_geterr(p)[0] != '\0') {
        printf(": ");
        log_text(pcap_geterr(p));
    }
    printf("\n");
    fflush(stdout);
}

#define CALL(call)                                                                                 \
    do {                                                                                           \
        if (p != NULL)                                                                             \
            pcap_geterr(p)[0] = '\0';                                                              \
        log_result(#call, (int)(call));                                                            \
    } while (0)

static void say(const char *what) {
    printf("# %s\n", what);
    fflush(stdout);
}

/* ---- packets --------------------------------------------------------------------------------- */

static void ask_for(int to_53, int to_80) {
    char line[16];
    printf("send %d %d\n", to_53, to_80);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        exit(1);
    usleep(300000); /* until they have arrived */
}

static void take(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    printf("packet %d: %u of %u bytes, port %d, user %s\n", ++taken, header->caplen, header->len,
           header->caplen > PORT_AT + 1 ? data[PORT_AT] << 8 | data[PORT_AT + 1] : -1,
           (const char *)user);
    if (breaks_at_second && taken == 2)
        pcap_breakloop(p);
}

static int dispatch(int count) {
    taken = 0;
    return pcap_dispatch(p, count, take, (u_char *)"d");
}

static int loop(int count) {
    taken = 0;
    return pcap_loop(p, count, take, (u_char *)"l");
}

static int next(void) {
    struct pcap_pkthdr header;
    const u_char *data = pcap_next(p, &header);
    return data == NULL ? 0 : (int)header.caplen;
}

static int next_ex(void) {
    struct pcap_pkthdr *header;
    const u_char *data;
    int status = pcap_next_ex(p, &header, &data);
    return status == 1 ? (int)header->caplen : status;
}

static int stats(void) {
    struct pcap_stat s;
    int status = pcap_stats(p, &s);
    if (status == 0)
        printf("received %u, dropped %u, by the interface %u\n", s.ps_recv, s.ps_drop, s.ps_ifdrop);
    return status;
}

static int is_readable(int fd) {
    struct pollfd event = {.fd = fd, .events = POLLIN};
    return poll(&event, 1, 0);
}

/* ---- filters and lists ----------------------------------------------------------------------- */

static int filter(const char *text) {
    struct bpf_program program;
    int status = pcap_compile(p, &program, text, 1, PCAP_NETMASK_UNKNOWN);
    if (status != 0)
        return status;
    status = pcap_setfilter(p, &program);
    pcap_freecode(&program);
    return status;
}

static int filter_nonsense(void) {
    struct bpf_insn bad = {.code = BPF_RET | BPF_K, .k = 1}, jump = {.code = BPF_JMP, .k = 77};
    struct bpf_insn both[] = {jump, bad};
    struct bpf_program program = {.bf_len = 2, .bf_insns = both};
    return pcap_setfilter(p, &program);
}

/* What a program returns is how much of a packet is wanted. */
static int filter_for_bytes(unsigned bytes) {
    struct bpf_insn all = {.code = BPF_RET | BPF_K, .k = bytes};
    struct bpf_program program = {.bf_len = 1, .bf_insns = &all};
    return pcap_setfilter(p, &program);
}

static int list_datalinks(void) {
    int *list = NULL, count = pcap_list_datalinks(p, &list);
    if (count > 0)
        pcap_free_datalinks(list);
    return count;
}

static int list_tstamp_types(void) {
    int *list = NULL, count = pcap_list_tstamp_types(p, &list);
    if (count > 0)
        pcap_free_tstamp_types(list);
    return count;
}

static int getnonblock(void) {
    char text[PCAP_ERRBUF_SIZE];
    return pcap_getnonblock(p, text);
}

static int setnonblock(int on) {
    char text[PCAP_ERRBUF_SIZE];
    return pcap_setnonblock(p, on, text);
}

/* What the header of a file says: link type and snapshot length. */
static int dump(void) {
    unsigned char header[24];
    pcap_dumper_t *dumper = pcap_dump_open(p, "calls.pcap");
    if (dumper == NULL)
        return -1;
    pcap_dump_close(dumper);
    FILE *file = fopen("calls.pcap", "re");
    if (file == NULL || fread(header, 1, sizeof header, file) != sizeof header)
        exit(1);
    printf("link type %d, snapshot length %d, magic %02x%02x\n", header[20],
           header[16] | header[17] << 8 | header[18] << 16, header[0], header[1]);
    return fclose(file);
}

static int is_listed(void) {
    pcap_if_t *all;
    char text[PCAP_ERRBUF_SIZE];
    int found = 0;
    if (pcap_findalldevs(&all, text) != 0)
        return -1;
    for (const pcap_if_t *each = all; each != NULL; each = each->next)
        found += strcmp(each->name, listed) == 0;
    pcap_freealldevs(all);
    return found;
}

static int lookupnet(void) {
    bpf_u_int32 net, mask;
    char text[PCAP_ERRBUF_SIZE];
    return pcap_lookupnet(device, &net, &mask, text);
}

/* ---- a handle's life ------------------------------------------------------------------------- */

static void create(void) {
    char text[PCAP_ERRBUF_SIZE];
    p = pcap_create(device, text);
    if (p == NULL) {
        printf("%s\n", text);
        exit(1);
    }
}

static void close_handle(void) {
    pcap_close(p);
    p = NULL;
}

static void ask_settings(void) {
    CALL(pcap_set_snaplen(p, 96));
    CALL(pcap_set_promisc(p, 1));
    CALL(pcap_set_rfmon(p, 0));
    CALL(pcap_can_set_rfmon(p));
    CALL(pcap_set_timeout(p, 100));
    CALL(pcap_set_immediate_mode(p, 1));
    CALL(pcap_set_buffer_size(p, 0));
    CALL(pcap_set_buffer_size(p, 1 << 21));
    CALL(pcap_set_tstamp_type(p, -1));
    CALL(pcap_set_tstamp_type(p, 77));
    CALL(pcap_set_tstamp_type(p, PCAP_TSTAMP_HOST));
    CALL(pcap_set_tstamp_precision(p, -1));
    CALL(pcap_set_tstamp_precision(p, 2));
    CALL(pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO));
    CALL(pcap_get_tstamp_precision(p));
    CALL(list_tstamp_types());
    CALL(pcap_set_protocol_linux(p, 0));
    CALL(pcap_set_protocol_linux(p, 0x800) != 0);
}

static void ask_answers(void) {
    CALL(pcap_datalink(p));
    CALL(pcap_datalink_ext(p));
    CALL(list_datalinks());
    CALL(pcap_snapshot(p));
    CALL(pcap_is_swapped(p));
    CALL(pcap_major_version(p));
    CALL(pcap_minor_version(p));
    CALL(pcap_bufsize(p));
    CALL(pcap_file(p) == NULL);
    CALL(pcap_get_required_select_timeout(p) == NULL);
    CALL(stats());
    CALL(getnonblock());
    CALL(pcap_setdirection(p, PCAP_D_INOUT));
    CALL(pcap_setdirection(p, PCAP_D_IN));
    CALL(pcap_setdirection(p, PCAP_D_INOUT));
    CALL(pcap_setdirection(p, (pcap_direction_t)7));
    CALL(filter("udp port 53"));
    CALL(filter("no such thing"));
    CALL(pcap_setfilter(p, NULL));
    CALL(filter_nonsense());
    CALL(pcap_set_datalink(p, DLT_EN10MB));
    CALL(pcap_set_datalink(p, DLT_RAW));
    CALL(pcap_set_datalink(p, 9999));
    CALL(pcap_set_datalink(p, -1));
    CALL(dump());
}

static void before_activation(void) {
    say("before activation");
    create();
    ask_answers();
    CALL(dispatch(-1));
    CALL(loop(-1));
    CALL(next());
    CALL(next_ex());
    CALL(pcap_get_selectable_fd(p));
    CALL(pcap_fileno(p));
    CALL(setnonblock(1));
    CALL(getnonblock());
    close_handle();
}

static void activate(int nonblock) {
    create();
    ask_settings();
    CALL(setnonblock(nonblock));
    CALL(pcap_set_protocol_linux(p, 0));
    CALL(pcap_activate(p));
}

static void when_activated(void) {
    say("activated");
    activate(0);
    CALL(pcap_activate(p));
    ask_settings();
    ask_answers();
    CALL(pcap_get_selectable_fd(p) >= 0);
    CALL(pcap_fileno(p) == pcap_get_selectable_fd(p));
}

/* ---- reading: of the handle of when_activated(), whose filter is for port 53 ------------------
 */

static void read_some(void) {
    say("counts");
    ask_for(5, 2);
    CALL(dispatch(2));
    CALL(dispatch(2));
    CALL(dispatch(-1));
    CALL(stats());
    ask_for(4, 0);
    CALL(loop(3));
    CALL(next());
    ask_for(2, 0);
    CALL(next_ex());
    CALL(next_ex());
    CALL(filter_for_bytes(40));
    ask_for(1, 1);
    CALL(dispatch(-1));
    CALL(filter("udp port 80"));
    ask_for(2, 2);
    CALL(dispatch(-1));
    CALL(stats());
}

static void read_without_waiting(void) {
    int fd = pcap_get_selectable_fd(p);
    say("nonblock");
    CALL(setnonblock(1));
    CALL(getnonblock());
    CALL(dispatch(-1));
    CALL(next());
    CALL(next_ex());
    CALL(is_readable(fd));
    ask_for(0, 3);
    CALL(is_readable(fd));
    CALL(dispatch(-1));
    CALL(dispatch(-1));
    CALL(is_readable(fd));
    CALL(setnonblock(0));
    CALL(getnonblock());
}

static void on_alarm(int signo) {
    (void)signo;
    pcap_breakloop(p);
}

static void alarm_soon(void) {
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {.it_value = {.tv_usec = 50000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void *break_soon(void *arg) {
    usleep(100000);
    pcap_breakloop(p);
    return arg;
}

static void read_broken(void) {
    pthread_t thread;
    say("breakloop");
    pcap_breakloop(p);
    CALL(dispatch(-1));
    pcap_breakloop(p);
    CALL(loop(-1));
    pcap_breakloop(p);
    CALL(next_ex());
    pcap_breakloop(p);
    CALL(next());
    alarm_soon();
    CALL(loop(-1));
    pthread_create(&thread, NULL, break_soon, NULL);
    CALL(loop(-1));
    pthread_join(thread, NULL);
    breaks_at_second = true;
    ask_for(0, 3);
    CALL(loop(-1));
    breaks_at_second = false;
    CALL(dispatch(-1));
    ask_for(0, 2);
    breaks_at_second = true;
    CALL(dispatch(-1));
    breaks_at_second = false;
}

static void by_open_live(void) {
    char text[PCAP_ERRBUF_SIZE] = "";
    say("open_live");
    p = pcap_open_live(device, 100, 1, 50, text);
    if (p == NULL) {
        log_text(text);
        printf("\n");
        return;
    }
    CALL(pcap_snapshot(p));
    CALL(pcap_get_tstamp_precision(p));
    CALL(pcap_activate(p));
    CALL(pcap_set_snaplen(p, 10));
    ask_for(1, 1);
    CALL(loop(2));
    close_handle();
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    device = argv[1];
    listed = argc > 2 ? argv[2] : device;
    CALL(is_listed());
    CALL(lookupnet());
    before_activation();
    when_activated();
    read_some();
    read_without_waiting();
    read_broken();
    close_handle();
    by_open_live();
    say("done");
    return 0;
}
