/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A libpcap program that knows nothing of flow-balancer, for tests of libflowbalancer-pcap.so:
 *
 *   pcap_reader CASE DEVICE [FILE | FILTER]
 *
 * Each case reads the device in one of the ways that programs have, and prints what came of it:
 * "N packets, status S", or the text of an error and status 1. Where a FILE is given, packets are
 * written to it, each before the next one is asked for.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SNAPLEN 262144
#define TIMEOUT_MS 100
#define FEW 10 /* packets of cases that do not read to the end */

static pcap_t *handle;
static pcap_dumper_t *dumper;
static unsigned long packets;

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int say(int status) {
    printf("%lu packets, status %d\n", packets, status);
    if (status == PCAP_ERROR)
        printf("%s\n", pcap_geterr(handle));
    fflush(stdout);
    return 0;
}

static void take(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    (void)user;
    packets++;
    if (dumper == NULL)
        return;
    pcap_dump((u_char *)dumper, header, data);
    pcap_dump_flush(dumper);
}

/* ---- opening --------------------------------------------------------------------------------- */

static pcap_t *open_device(const char *device, int timeout_ms) {
    char errbuf[PCAP_ERRBUF_SIZE] = "";
    pcap_t *p = pcap_create(device, errbuf);
    if (p == NULL) {
        printf("%s\n", errbuf);
        exit(1);
    }
    pcap_set_snaplen(p, SNAPLEN);
    pcap_set_timeout(p, timeout_ms);
    pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO);
    int status = pcap_activate(p);
    if (status == 0)
        return p;
    printf("%s: %s\n", pcap_statustostr(status), pcap_geterr(p));
    pcap_close(p);
    exit(1);
}

static void open_file(const char *file) {
    dumper = file == NULL ? NULL : pcap_dump_open(handle, file);
    if (file == NULL || dumper != NULL)
        return;
    printf("%s\n", pcap_geterr(handle));
    exit(1);
}

static void set_nonblock(void) {
    char errbuf[PCAP_ERRBUF_SIZE];
    if (pcap_setnonblock(handle, 1, errbuf) != 0 || pcap_getnonblock(handle, errbuf) != 1)
        exit(3);
}

/* ---- ways to read to the end ----------------------------------------------------------------- */

static int by_loop(void) {
    return pcap_loop(handle, -1, take, NULL);
}

/* It comes back while there are more. */
static int by_dispatch(void) {
    int status;
    while ((status = pcap_dispatch(handle, -1, take, NULL)) >= 0) {
        if (status > 1000)
            exit(3);
    }
    return status;
}

/* Never more than asked for. */
static int by_dispatch_of_three(void) {
    for (;;) {
        unsigned long before = packets;
        int status = pcap_dispatch(handle, 3, take, NULL);
        if (status < 0)
            return status;
        if (packets - before != (unsigned long)status || status > 3)
            exit(3);
    }
}

static int by_next_ex(void) {
    struct pcap_pkthdr *header;
    const u_char *data;
    int status;
    while ((status = pcap_next_ex(handle, &header, &data)) >= 0) {
        if (status == 1)
            take(NULL, header, data);
    }
    return status;
}

/* next() does not say why there is no packet. */
static int by_next(void) {
    struct pcap_pkthdr header;
    double last = seconds_now();
    while (seconds_now() - last < 1.0) {
        const u_char *data = pcap_next(handle, &header);
        if (data == NULL)
            continue;
        take(NULL, &header, data);
        last = seconds_now();
    }
    return pcap_dispatch(handle, 1, take, NULL);
}

/* All that is there, and then the descriptor again. */
static int drain(void) {
    int status;
    do {
        status = pcap_dispatch(handle, 7, take, NULL);
    } while (status > 0);
    return status;
}

static int by_poll(void) {
    struct pollfd event = {.fd = pcap_get_selectable_fd(handle), .events = POLLIN};
    int status = 0;
    set_nonblock();
    while (status >= 0)
        status = poll(&event, 1, 10000) == 1 ? drain() : -77;
    return status;
}

/* One packet for each time that it is readable. */
static int by_select(void) {
    int fd = pcap_get_selectable_fd(handle), status = 0;
    if (fd < 0 || fd >= FD_SETSIZE)
        return say(fd);
    set_nonblock();
    while (status >= 0) {
        fd_set set;
        struct timeval most = {.tv_sec = 10};
        FD_ZERO(&set);
        FD_SET(fd, &set);
        status = select(fd + 1, &set, NULL, NULL, &most) == 1 ? pcap_dispatch(handle, 1, take, NULL)
                                                              : -77;
    }
    return status;
}

/* Told only when something comes. */
static int by_epoll(void) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}, got;
    int set = epoll_create1(EPOLL_CLOEXEC), status = 0;
    if (epoll_ctl(set, EPOLL_CTL_ADD, pcap_fileno(handle), &event) != 0)
        return -78;
    set_nonblock();
    while (status >= 0)
        status = epoll_wait(set, &got, 1, 10000) == 1 ? drain() : -77;
    return status;
}

/* Without any wait. */
static int by_asking(void) {
    int status;
    set_nonblock();
    while ((status = pcap_dispatch(handle, -1, take, NULL)) >= 0)
        usleep(200);
    return status;
}

static void *read_in_thread(void *status) {
    *(int *)status = by_loop();
    return NULL;
}

static int by_thread(void) {
    pthread_t thread;
    int status = 0;
    pthread_create(&thread, NULL, read_in_thread, &status);
    pthread_join(thread, NULL);
    return status;
}

/* ---- breakloop ------------------------------------------------------------------------------- */

static void on_alarm(int signo) {
    (void)signo;
    pcap_breakloop(handle);
}

static void alarm_in_ms(long ms) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* On a line without packets: 0 when the timeout is over, and not before. */
static int wait_for_timeout(void) {
    double began = seconds_now();
    int status = pcap_dispatch(handle, -1, take, NULL);
    double waited_s = seconds_now() - began;
    printf("%s\n", waited_s < 0.09 ? "early" : waited_s < 0.3 ? "in time" : "late");
    return say(status);
}

/* How long the call went on behind the 300 ms after which it is to end. */
static int say_late(double began, int status) {
    double late_s = seconds_now() - began - 0.3;
    printf("%s\n", late_s < -0.01 ? "early" : late_s < 0.2 ? "in time" : "late");
    return say(status);
}

/* On a line without packets. */
static int broken_by_signal(void) {
    double began = seconds_now();
    alarm_in_ms(300);
    return say_late(began, by_loop());
}

static void *break_soon(void *arg) {
    (void)arg;
    usleep(300000);
    pcap_breakloop(handle);
    return NULL;
}

static int broken_by_thread(void) {
    pthread_t thread;
    double began = seconds_now();
    pthread_create(&thread, NULL, break_soon, NULL);
    int status = by_loop();
    pthread_join(thread, NULL);
    return say_late(began, status);
}

static void take_and_break(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    take(user, header, data);
    if (packets % FEW == 0)
        pcap_breakloop(handle);
}

/* Each break ends one call, none loses a packet. */
static int broken_again_and_again(void) {
    unsigned long breaks = 0;
    int status = 0;
    for (;;) {
        unsigned long before = packets;
        status = pcap_loop(handle, -1, take_and_break, NULL);
        if (status != PCAP_ERROR_BREAK || packets == before)
            break;
        breaks += packets % FEW == 0;
    }
    printf("%lu breaks\n", breaks);
    return say(status);
}

/* ---- processes ------------------------------------------------------------------------------- */

static int wait_for(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* As a daemon: opens, and reads in a child. */
static int read_in_child(void) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        exit(say(by_loop()));
    return wait_for(pid);
}

/* A child that was forked in the middle has a handle that it can only close. */
static int read_beside_child(void) {
    pcap_loop(handle, FEW, take, NULL);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int status = pcap_dispatch(handle, 1, take, NULL);
        printf("child: status %d: %s\n", status, pcap_geterr(handle));
        pcap_close(handle);
        exit(0);
    }
    if (wait_for(pid) != 0)
        return 3;
    return say(by_loop());
}

/* Ends without pcap_close(). */
static int exit_after_few(void) {
    struct pcap_pkthdr *header;
    const u_char *data;
    while (packets < FEW && pcap_next_ex(handle, &header, &data) == 1)
        packets++;
    return say(0); /* main() closes nothing then */
}

static void take_and_exit(u_char *user, const struct pcap_pkthdr *header, const u_char *data) {
    take(user, header, data);
    if (packets == FEW)
        exit(say(0));
}

static int exit_within(void) {
    return pcap_loop(handle, -1, take_and_exit, NULL);
}

static int wait_for_signals(void) {
    while (pause() < 0)
        continue;
    return 0;
}

/* Reads on after the end, and waits for a signal. */
static int linger(void) {
    say(by_loop());
    say(by_loop());
    return wait_for_signals();
}

/* A parent with nothing of the capture, as tshark, and a child that has the number. */
static int linger_in_parent(const char *device, bool stubborn) {
    fflush(stdout);
    if (stubborn)
        signal(SIGTERM, SIG_IGN);
    if (fork() == 0) {
        handle = open_device(device, TIMEOUT_MS);
        say(by_loop());
    }
    return wait_for_signals();
}

/* What it does after the end takes longer than a process that does nothing may. */
static int close_and_work(void) {
    int status = by_loop();
    pcap_close(handle);
    sleep(3);
    printf("%lu packets, status %d\n", packets, status);
    return 0;
}

/* ---- what is refused ------------------------------------------------------------------------- */

static int open_second(const char *device) {
    char errbuf[PCAP_ERRBUF_SIZE];
    pcap_t *p = pcap_create(device, errbuf);
    if (p == NULL)
        return 3;
    int status = pcap_activate(p);
    printf("second: %d %s\n", status, pcap_geterr(p));
    pcap_close(p);
    return say(by_loop());
}

static int refusals(void) {
    struct bpf_program program;
    if (pcap_compile(handle, &program, "inbound", 1, 0) != 0)
        return say(PCAP_ERROR);
    printf("inbound: %d %s\n", pcap_setfilter(handle, &program), pcap_geterr(handle));
    pcap_freecode(&program);
    printf("inject: %d %s\n", pcap_inject(handle, "x", 1), pcap_geterr(handle));
    printf("sendpacket: %d %s\n", pcap_sendpacket(handle, (const u_char *)"x", 1),
           pcap_geterr(handle));
    printf("direction: %d %s\n", pcap_setdirection(handle, PCAP_D_IN), pcap_geterr(handle));
    return 0;
}

/* Only asks, and takes no number. */
static int ask(void) {
    int *list;
    struct pcap_stat stats;
    printf("link type %d, snapshot %d\n", pcap_datalink(handle), pcap_snapshot(handle));
    printf("%d link types\n", pcap_list_datalinks(handle, &list));
    pcap_free_datalinks(list);
    printf("%d time stamp types\n", pcap_list_tstamp_types(handle, &list));
    pcap_free_tstamp_types(list);
    int status = pcap_stats(handle, &stats);
    printf("stats %d: %u\n", status, stats.ps_recv);
    fflush(stdout);
    pause(); /* until the test has seen the number free */
    return 0;
}

static int read_filtered(const char *text) {
    struct bpf_program program;
    struct pcap_stat stats;
    if (pcap_compile(handle, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0 ||
        pcap_setfilter(handle, &program) != 0)
        return say(PCAP_ERROR);
    pcap_freecode(&program);
    int status = by_loop();
    pcap_stats(handle, &stats);
    printf("received %u, dropped %u, left out %u\n", stats.ps_recv, stats.ps_drop, stats.ps_ifdrop);
    return say(status);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*to_the_end)(void); /* reads all, into the file that is given */
    int (*alone)(void);
    int (*with_word)(const char *word); /* the filter, or the device again */
} cases[] = {
    {"loop", by_loop, NULL, NULL},
    {"dispatch", by_dispatch, NULL, NULL},
    {"dispatch-3", by_dispatch_of_three, NULL, NULL},
    {"next-ex", by_next_ex, NULL, NULL},
    {"next", by_next, NULL, NULL},
    {"poll", by_poll, NULL, NULL},
    {"select", by_select, NULL, NULL},
    {"epoll", by_epoll, NULL, NULL},
    {"asking", by_asking, NULL, NULL},
    {"thread", by_thread, NULL, NULL},
    {"timeout", NULL, wait_for_timeout, NULL},
    {"signal", NULL, broken_by_signal, NULL},
    {"other-thread", NULL, broken_by_thread, NULL},
    {"breaks", NULL, broken_again_and_again, NULL},
    {"child", NULL, read_in_child, NULL},
    {"beside-child", NULL, read_beside_child, NULL},
    {"exit", NULL, exit_after_few, NULL},
    {"exit-within", NULL, exit_within, NULL},
    {"linger", NULL, linger, NULL},
    {"close", NULL, close_and_work, NULL},
    {"refusals", NULL, refusals, NULL},
    {"ask", NULL, ask, NULL},
    {"second", NULL, NULL, open_second},
    {"filter", NULL, NULL, read_filtered},
};

int main(int argc, char **argv) {
    const char *word = argc > 3 ? argv[3] : NULL;
    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "parent") == 0 || strcmp(argv[1], "stubborn-parent") == 0)
        return linger_in_parent(argv[2], argv[1][0] == 's');
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(argv[1], cases[i].name) != 0)
            continue;
        handle = open_device(argv[2], cases[i].alone == broken_by_thread ? 0 : TIMEOUT_MS);
        if (cases[i].with_word != NULL)
            return cases[i].with_word(word != NULL ? word : argv[2]);
        open_file(word);
        int status = cases[i].to_the_end != NULL ? say(cases[i].to_the_end()) : cases[i].alone();
        if (dumper != NULL)
            pcap_dump_close(dumper);
        if (strcmp(argv[1], "close") != 0 && strcmp(argv[1], "exit") != 0)
            pcap_close(handle);
        return status;
    }
    return 2;
}
