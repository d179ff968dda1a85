/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scripts/preflight on a made-up machine: twelve CPUs on two NUMA nodes, a
 * capture card on the second. As it is, nothing has to change; then one
 * thing at a time is broken, and that one line has to say so.
 */
#include "tests/lib/process.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define CPUS 12
#define NET "sys/class/net/eth9/"
#define CPU "sys/devices/system/cpu/"
#define NODE "sys/devices/system/node/"
#define THP "sys/kernel/mm/transparent_hugepage/"
#define CLOCK "sys/devices/system/clocksource/clocksource0/"
#define POOL "/hugepages/hugepages-2048kB/"
#define SHM "tmpfs /dev/shm tmpfs rw,nosuid"
#define HUGE "none /mnt/huge hugetlbfs rw,pagesize=2M 0 0\n"
#define COMMAND "-i eth9 -w 3"

struct file {
    const char *path;
    const char *text;
};

static const struct file good[] = {
    {"proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\n"},
    {"proc/mounts", SHM ",size=2097152k 0 0\n" HUGE},
    {"proc/swaps", "Filename\tType\n"},
    {"proc/interrupts", "  50:  1  2  PCI-MSIX-0000:81:00.0  0-edge  eth9-TxRx-0\n"
                        "  60:  1  2  IO-APIC  9-edge  eth90\n"},
    {"proc/irq/50/effective_affinity_list", "6\n"},
    {"proc/irq/51/smp_affinity_list", "6-7\n"},
    {"proc/irq/60/effective_affinity_list", "8\n"},
    {"proc/100/comm", "systemd\n"},
    {"proc/net/softnet_stat", "00000a 00000000 00000002 0\n00000b 00000000 00000000 0\n"},
    {"proc/sys/net/core/bpf_jit_enable", "1\n"},
    {"proc/sys/vm/swappiness", "60\n"},
    {"etc/apparmor.d/usr.bin.tcpdump", "profile tcpdump /usr/bin/tcpdump {\n}\n"},
    {"etc/apparmor.d/local/usr.bin.tcpdump", "/dev/shm/*.ctl r,\n"},
    {"sys/module/apparmor/parameters/enabled", "Y\n"},
    {CPU "online", "0-11\n"},
    {CPU "isolated", "8-11\n"},
    {CPU "nohz_full", "8-11\n"},
    {NODE "has_memory", "0-1\n"},
    {NODE "node0/cpulist", "0-5\n"},
    {NODE "node1/cpulist", "6-11\n"},
    {NODE "node0" POOL "free_hugepages", "18\n"},
    {NODE "node0" POOL "nr_hugepages", "20\n"},
    {NODE "node1" POOL "free_hugepages", "51\n"},
    {NODE "node1" POOL "nr_hugepages", "51\n"},
    {THP "enabled", "always [madvise] never\n"},
    {THP "shmem_enabled", "always within_size advise [never] deny force\n"},
    {CLOCK "current_clocksource", "tsc\n"},
    {CLOCK "available_clocksource", "tsc hpet acpi_pm\n"},
    {NET "flags", "0x1003\n"},
    {NET "carrier", "1\n"},
    {NET "mtu", "1500\n"},
    {NET "statistics/rx_length_errors", "0\n"},
    {NET "device/numa_node", "1\n"},
    {NET "device/msi_irqs/51", ""},
    {"ethtool/eth9-k", "Features for eth9:\ntcp-segmentation-offload: off\n"
                       "generic-receive-offload: off\nlarge-receive-offload: off [fixed]\n"
                       "rx-gro-hw: off [fixed]\n"},
    {"ethtool/eth9-g", "Pre-set maximums:\nRX:\t\t8192\nTX:\t\t8192\n"
                       "Current hardware settings:\nRX:\t\t4096\nTX:\t\t512\n"},
    {"ethtool/eth9-c", "Adaptive RX: off  TX: off\n\nrx-usecs:\t50\ntx-usecs:\t50\n"},
    {"ethtool/eth9-a", "Autonegotiate:\ton\nRX:\t\toff\nTX:\t\toff\n"},
    {"ethtool/eth9-l", "Pre-set maximums:\nRX:\t\tn/a\nCombined:\t8\n"
                       "Current hardware settings:\nRX:\t\tn/a\nCombined:\t1\n"},
};
#define GOOD (sizeof good / sizeof *good)

/* What is on every CPU. */
static const struct file of_a_cpu[] = {
    {"cpufreq/scaling_governor", "performance\n"},
    {"cpuidle/state0/name", "POLL\n"},
    {"cpuidle/state0/latency", "0\n"},
    {"cpuidle/state0/disable", "0\n"},
    {"cpuidle/state1/name", "C1E\n"},
    {"cpuidle/state1/latency", "10\n"},
    {"cpuidle/state1/disable", "0\n"},
    {"cpuidle/state2/name", "C6\n"},
    {"cpuidle/state2/latency", "170\n"},
    {"cpuidle/state2/disable", "1\n"},
};

struct row {
    struct file broken;    /* no text: the file is taken away */
    const char *line;      /* that says so */
    const char *fix;       /* is on it; "" for a note */
    const char *arguments; /* instead of COMMAND */
};

static const struct row rows[] = {
    {{"proc/self/status", "Uid:\t1000\t1000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0\n"},
     "change  permission: neither root nor cap_net_raw",
     "setcap cap_net_raw+ep ",
     NULL},
    {{"proc/self/status", "Uid:\t0\t0\nCapBnd:\t00000000a80405fb\nCapAmb:\t0\n"},
     "change  permission: cap_net_raw is not in the bounding set",
     "NET_RAW",
     NULL},
    {{NODE "node1" POOL "free_hugepages", "50\n"},
     "change  huge pages: node 0: 18 free of 2 MB, 18 needed, node 1: 50 free of 2 MB, 51 needed",
     "echo 52 >/" NODE "node1" POOL "nr_hugepages | boot: kernel command line hugepagesz=2M "
     "hugepages=0:20,1:52",
     NULL},
    {{"proc/mounts", SHM ",size=2g 0 0\n"},
     "change  hugetlbfs: not mounted",
     "mount -t hugetlbfs -o pagesize=2M",
     NULL},
    {{"proc/mounts", SHM ",size=2g 0 0\nnone /mnt/giant hugetlbfs rw,pagesize=1024M 0 0\n"},
     "change  hugetlbfs: not mounted",
     "mount -t hugetlbfs",
     NULL},
    {{"proc/mounts", SHM ",size=64m 0 0\n" HUGE},
     "change  /dev/shm size: 64 MB free, 69 needed for 3 workers",
     "remount,size=1G /dev/shm",
     NULL},
    {{NET "flags", "0x1002\n"}, "change  eth9 link: down", "ip link set eth9 up", NULL},
    {{NET "statistics/rx_length_errors", "7\n"},
     "change  eth9 mtu: 1500, and 7 frames",
     "ip link set eth9 mtu 9216",
     NULL},
    {{"ethtool/eth9-k", "generic-receive-offload: on\n"},
     "change  eth9 gro: on",
     "ethtool -K eth9 gro off",
     NULL},
    {{"ethtool/eth9-k", "large-receive-offload: on\n"},
     "change  eth9 lro: on",
     "ethtool -K eth9 lro off",
     NULL},
    {{"ethtool/eth9-k", "rx-gro-hw: on\n"},
     "change  eth9 rx-gro-hw: on",
     "ethtool -K eth9 rx-gro-hw off",
     NULL},
    {{"ethtool/eth9-g", "Pre-set maximums:\nRX:\t\t8192\nCurrent hardware settings:\nRX:\t\t512\n"},
     "change  eth9 rx ring: 512 frames of 8192",
     "ethtool -G eth9 rx 4096",
     NULL},
    {{"ethtool/eth9-c", "Adaptive RX: off  TX: on\nrx-usecs:\t200\n"},
     "change  eth9 rx-usecs: 200 us",
     "ethtool -C eth9 rx-usecs 50",
     NULL},
    {{"ethtool/eth9-c", "Adaptive RX: on  TX: on\nrx-usecs:\t20\n"},
     "change  eth9 rx-usecs: adaptive",
     "ethtool -C eth9 adaptive-rx off rx-usecs 50",
     NULL},
    {{"ethtool/eth9-a", "Autonegotiate:\ton\nRX:\t\ton\nTX:\t\ton\n"},
     "change  eth9 pause frames: sent",
     "ethtool -A eth9 autoneg off rx off tx off",
     NULL},
    {{"ethtool/eth9-l", "Pre-set maximums:\nCombined:\t8\nCurrent hardware settings:\nRX:\t\tn/a\n"
                        "Combined:\t8\n"},
     "change  eth9 queues: 8, hash not symmetric",
     "ethtool -L eth9 combined 1",
     NULL},
    {{"proc/irq/50/effective_affinity_list", "9\n"},
     "change  eth9 interrupts: 2 on CPU 6-7,9, of which 1 not where they belong",
     "for i in 50; do echo 6-7 >/proc/irq/$i/smp_affinity_list; done",
     NULL},
    {{"proc/irq/51/smp_affinity_list", "0\n"},
     "change  eth9 interrupts: 2 on CPU 0,6, of which 1",
     "for i in 51; do echo 6-7 ",
     NULL},
    {{"proc/200/comm", "irqbalance\n"},
     "change  irqbalance: running",
     "systemctl disable --now irqbalance",
     NULL},
    {{CPU "online", "0,8-9\n"},
     "change  cpus: 3 for 3 workers and the dispatcher",
     "run with -w 2",
     NULL},
    {{CPU "isolated", "10-11\n"},
     "change  isolated cpus: 10-11, 4 wanted",
     "kernel command line isolcpus=managed_irq,domain,8-11 nohz_full=8-11 rcu_nocbs=8-11",
     NULL},
    {{CPU "cpu11/cpufreq/scaling_governor", "powersave\n"},
     "change  governor: powersave on CPU 11",
     "echo performance | tee ",
     NULL},
    {{CPU "cpu8/cpuidle/state2/disable", "0\n"},
     "change  idle states: C6 170 us",
     "/cpuidle/state2/disable; do echo 1 >$f",
     NULL},
    {{CLOCK "current_clocksource", "hpet\n"},
     "change  clock: hpet",
     "echo tsc >/" CLOCK "current_clocksource",
     NULL},
    {{"proc/sys/net/core/bpf_jit_enable", "0\n"},
     "change  bpf jit: off",
     "sysctl -w net.core.bpf_jit_enable=1",
     NULL},
    /* What may be as it is. */
    {{NET "carrier", "0\n"}, "note    eth9 link: up, no carrier", "", NULL},
    {{"ethtool/eth9-k", "large-receive-offload: on [fixed]\n"},
     "note    eth9 lro: on, and fixed by the driver",
     "",
     NULL},
    {{"ethtool/eth9-k", "tcp-segmentation-offload: on\n"}, "note    eth9 tso: on", "", NULL},
    {{"proc/swaps", "Filename\tType\n/dev/sda2 partition\n"},
     "note    swap: 1 areas, swappiness 60",
     "",
     NULL},
    {{"etc/apparmor.d/local/usr.bin.tcpdump", "# none\n"},
     "note    apparmor: tcpdump may not read /dev/shm",
     "flow-balancer-pcap(7)",
     NULL},
    {{"proc/net/softnet_stat", "0a 00000010 00000000 0\n"},
     "note    kernel backlog: 16 dropped",
     "",
     NULL},
    {{CPU "nohz_full", "(null)\n"}, "note    scheduler tick: on CPU 8-11", "", NULL},
    {{CLOCK "current_clocksource", "kvm-clock\n"}, "ok      clock: kvm-clock", "", NULL},
    /* Huge pages can be had in two ways. */
    {{"proc/mounts", SHM ",size=2g,huge=advise 0 0\n"}, "note    hugetlbfs: not mounted", "", NULL},
    {{THP "enabled", "always madvise [never]\n"},
     "ok      transparent huge pages: never",
     "",
     NULL},
    /* The options. */
    {{"none", ""},
     "change  eth8: there is no such interface",
     "flow-dispatcher -D",
     COMMAND " -i eth8"},
    {{"none", ""},
     "change  huge pages: node 0: 18 free of 2 MB, 18 needed, node 1: 51 free of 2 MB, 60 needed",
     "hugepages=0:20,1:60",
     COMMAND " -w 4 --cpu 7-11"},
    {{"none", ""},
     "change  huge pages: node 0: 18 free of 2 MB, 18 needed, node 1: 51 free of 2 MB, "
     "89 needed",
     "hugepages=0:20,1:89",
     COMMAND " --max-flows 2000000"},
    {{"none", ""},
     "change  isolated cpus: 8-9, 4 wanted",
     "isolcpus=managed_irq,domain,5,8-9",
     COMMAND " --cpu 5,8-9"},
};
#define ROWS (sizeof rows / sizeof *rows)

static const char *in_tree(struct test *t, const char *path) {
    char name[PROCESS_PATH_MAX];
    snprintf(name, sizeof name, "machine/%s", path);
    return file_in(t, name);
}

static void write_text(struct test *t, const char *path, const char *text) {
    char full[PROCESS_PATH_MAX];
    snprintf(full, sizeof full, "%s", in_tree(t, path));
    for (char *slash = strchr(full + strlen(t->directory) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void make_machine(struct test *t) {
    for (size_t i = 0; i < GOOD; i++)
        write_text(t, good[i].path, good[i].text);
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        for (size_t i = 0; i < sizeof of_a_cpu / sizeof *of_a_cpu; i++) {
            char path[128];
            snprintf(path, sizeof path, CPU "cpu%u/%s", cpu, of_a_cpu[i].path);
            write_text(t, path, of_a_cpu[i].text);
        }
    assert_int_equal(symlink("../../bus/drivers/ixgbe", in_tree(t, NET "device/driver")), 0);
}

/* As it was before a row. */
static void fix_machine(struct test *t, const char *path) {
    unlink(in_tree(t, path));
    for (size_t i = 0; i < GOOD; i++)
        if (strcmp(good[i].path, path) == 0)
            write_text(t, path, good[i].text);
    for (size_t i = 0; i < sizeof of_a_cpu / sizeof *of_a_cpu; i++) {
        size_t length = strlen(of_a_cpu[i].path), whole = strlen(path);
        if (whole > length && strcmp(path + whole - length, of_a_cpu[i].path) == 0)
            write_text(t, path, of_a_cpu[i].text);
    }
}

/* What it printed, in t->text; good until the next. */
static const char *preflight(struct test *t, int status, const char *arguments) {
    struct process *p = process_start(t, "%s/preflight --root machine %s", t->scripts, arguments);
    process_expect(t, p, status);
    assert_string_equal(process_errors(t, p), "");
    process_output(t, p);
    process_forget(t, p);
    return t->text;
}

static unsigned lines_that_begin_with(const char *text, const char *word) {
    unsigned count = 0;
    for (const char *line = text; line != NULL && *line != '\0';
         line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1)
        count += strncmp(line, word, strlen(word)) == 0;
    return count;
}

static void nothing_is_to_be_changed_on_a_good_machine(void **state) {
    struct test *t = *state;
    make_machine(t);
    const char *said = preflight(t, EXIT_DONE, COMMAND);
    if (lines_that_begin_with(said, "change") + lines_that_begin_with(said, "note") != 0)
        fail_msg("of a good machine it says:\n%s", said);
    assert_in_range(lines_that_begin_with(said, "ok "), 24, 40);
    assert_non_null(strstr(said, "ok      eth9: driver ixgbe, NUMA node 1\n"));
    assert_non_null(strstr(said, "ok      eth9 interrupts: 2 on CPU 6-7\n"));
    assert_non_null(strstr(said, "\npreflight: 0 to change, 0 notes, "));
}

static void expect_row(struct test *t, const struct row *row) {
    bool change = strncmp(row->line, "change", 6) == 0;
    const char *said =
        preflight(t, change ? 1 : EXIT_DONE, row->arguments == NULL ? COMMAND : row->arguments);
    const char *line = strstr(said, row->line), *end = line == NULL ? NULL : strchr(line, '\n');
    const char *fix = line == NULL ? NULL : strstr(line, row->fix);
    if (fix == NULL || fix > end)
        fail_msg("%s broken: no line with '%s' and '%s':\n%s", row->broken.path, row->line,
                 row->fix, said);
    if (change && row->arguments == NULL && lines_that_begin_with(said, "change") != 1) {
        /* Reserved pages are half of what it takes: one less is said of both. */
        bool pages = strstr(row->line, "huge pages") != NULL || strstr(row->line, "hugetlbfs");
        if (!pages || lines_that_begin_with(said, "change  /dev/shm: huge=never") != 1)
            fail_msg("%s broken: more than that is to be changed:\n%s", row->broken.path, said);
    }
}

static void each_thing_that_is_wrong_has_its_line(void **state) {
    struct test *t = *state;
    make_machine(t);
    for (size_t i = 0; i < ROWS; i++) {
        write_text(t, rows[i].broken.path, rows[i].broken.text);
        expect_row(t, &rows[i]);
        fix_machine(t, rows[i].broken.path);
    }
    assert_non_null(strstr(preflight(t, EXIT_DONE, COMMAND), "preflight: 0 to change, 0 notes, "));
}

static void what_is_wrong_twice_has_two_lines(void **state) {
    struct test *t = *state;
    make_machine(t);
    write_text(t, CPU "cpu8/topology/thread_siblings_list", "8-9\n");
    write_text(t, CPU "cpu9/topology/thread_siblings_list", "8-9\n");
    write_text(t, CPU "cpu10/cpufreq/scaling_governor", "ondemand\n");
    const char *said = preflight(t, 1, COMMAND);
    assert_non_null(strstr(said, "change  smt: CPU 8-9 share a core"));
    assert_non_null(strstr(said, "run with --cpu 8,10-11 of these"));
    assert_non_null(strstr(said, "change  governor: ondemand on CPU 10"));
    assert_non_null(strstr(said, "\npreflight: 2 to change, 0 notes, "));
}

static void several_queues_are_right_with_a_symmetric_hash(void **state) {
    struct test *t = *state;
    make_machine(t);
    write_text(t, "ethtool/eth9-l", "Current hardware settings:\nRX:\t\tn/a\nCombined:\t8\n");
    write_text(t, "ethtool/eth9-x", "RSS input transformation:\n    symmetric-xor: off\n");
    assert_non_null(strstr(preflight(t, 1, COMMAND), "change  eth9 queues: 8, hash not symmetric"));
    write_text(t, "ethtool/eth9-x", "RSS input transformation:\n    symmetric-xor: on\n");
    assert_non_null(strstr(preflight(t, EXIT_DONE, COMMAND), "ok      eth9 queues: 8, symmetric"));
}

static void a_machine_that_tells_nothing_is_looked_at_as_far_as_it_goes(void **state) {
    struct test *t = *state;
    write_text(t, CPU "online", "0\n");
    const char *said = preflight(t, 1, "-w 1");
    assert_non_null(strstr(said, "note    huge pages: this kernel has none of 2 MB"));
    assert_non_null(strstr(said, "note    cpus: 1 for 1 workers and the dispatcher"));
    assert_non_null(strstr(said, "note    clock: unknown"));
}

/* Where there is a library to preload; any will do. */
static void enter_with_library(const struct test *t) {
    setenv("FB_BUILD", file_in(t, "programs"), 1);
}

static void a_program_that_is_to_be_a_worker_is_looked_at(void **state) {
    static const char *const programs[][2] = {
        {"flow-dispatcher", "programs/flow-dispatcher"},
        {"libflowbalancer.so.1.0", "programs/libflowbalancer-pcap.so"}};
    struct test *t = *state;
    make_machine(t);
    assert_int_equal(mkdir(file_in(t, "programs"), 0700), 0);
    for (unsigned i = 0; i < 2; i++) {
        char from[2 * PROCESS_PATH_MAX];
        snprintf(from, sizeof from, "%s/%s", t->programs, programs[i][0]);
        assert_int_equal(symlink(from, file_in(t, programs[i][1])), 0);
    }
    t->enter = enter_with_library;
    const char *said = preflight(t, EXIT_DONE, COMMAND " --attach sh");
    assert_non_null(strstr(said, "ok      attach sh: /"));
    said = preflight(t, 1, COMMAND " --attach no-such-program --attach sh");
    assert_non_null(
        strstr(said, "change  attach no-such-program: 'no-such-program' cannot be run"));
    assert_non_null(strstr(said, "ok      attach sh: /"));
    write_text(t, "sys/kernel/security/apparmor/profiles", "man (enforce)\nsh (enforce)\n");
    write_text(t, "etc/apparmor.d/sh", "profile sh /bin/sh {\n}\n");
    said = preflight(t, 1, COMMAND " --attach sh");
    assert_non_null(strstr(said, "change  attach sh: AppArmor's profile 'sh' keeps /"));
    assert_non_null(strstr(said, "/programs/libflowbalancer-pcap.so mr, /dev/shm/ r,"));
    assert_non_null(strstr(said, " /dev/shm/*.up.[0-9]* rwk, "));
    assert_int_equal(unlink(file_in(t, "programs/libflowbalancer-pcap.so")), 0);
    said = preflight(t, 1, COMMAND " --attach sh");
    assert_non_null(strstr(said, "change  attach sh: libflowbalancer-pcap.so is not in "));
}

static void wrong_usage_is_one_line_and_status_2(void **state) {
    static const struct {
        const char *arguments, *part;
    } wrong[] = {
        {"--workers 0", "'0' is no whole number from 1"},
        {"--workers 257", "'257' is more than the 256 workers"},
        {"--max-flows many", "'many' is no whole number from 1"},
        {"--cpu 1,,2", "'1,,2' is no list of CPUs"},
        {"--cpu 12", "CPU 12 is not online"},
        {"--interface a/b", "'a/b' is no interface name"},
        {"--root nowhere", "'nowhere' is no directory"},
        {"--attach '", "''' is no command, for example tcpdump"},
        {"--iface eth9", "unrecognized arguments: --iface eth9 (see 'preflight --help')"},
    };
    struct test *t = *state;
    make_machine(t);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct process *p =
            process_start(t, "%s/preflight --root machine %s", t->scripts, wrong[i].arguments);
        process_expect(t, p, EXIT_WRONG_USAGE);
        expect_one_line_with(t, p, wrong[i].part);
        process_forget(t, p);
    }
    struct process *p = process_start(t, "%s/preflight --help", t->scripts);
    process_expect(t, p, EXIT_DONE);
    assert_non_null(strstr(process_output(t, p), "Exit status: 0"));
    p = process_start(t, "%s/preflight --version", t->scripts);
    process_expect(t, p, EXIT_DONE);
    assert_string_equal(process_output(t, p), "preflight " FB_VERSION "\n");
}

/* Whatever it finds: it comes to its end, and says how many there are of each. */
static void it_runs_on_this_machine(void **state) {
    struct test *t = *state;
    struct process *p = process_start(t, "%s/preflight -i lo -w 2", t->scripts);
    int status = process_wait(t, p);
    assert_in_range(status, 0, 1);
    assert_string_equal(process_errors(t, p), "");
    const char *said = process_output(t, p);
    assert_int_equal(lines_that_begin_with(said, "change") != 0, status);
    assert_non_null(strstr(said, "\npreflight: "));
    if (access("/sys/class/net/lo", F_OK) == 0)
        assert_non_null(
            strstr(said, "ok      lo: driver none, it is virtual, NUMA node unknown\n"));
    else
        assert_non_null(strstr(said, "change  lo: there is no such interface"));
    assert_null(strstr(said, "cpus: 0 for"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(nothing_is_to_be_changed_on_a_good_machine),
        PROCESS_TEST(each_thing_that_is_wrong_has_its_line),
        PROCESS_TEST(what_is_wrong_twice_has_two_lines),
        PROCESS_TEST(several_queues_are_right_with_a_symmetric_hash),
        PROCESS_TEST(a_machine_that_tells_nothing_is_looked_at_as_far_as_it_goes),
        PROCESS_TEST(a_program_that_is_to_be_a_worker_is_looked_at),
        PROCESS_TEST(wrong_usage_is_one_line_and_status_2),
        PROCESS_TEST(it_runs_on_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
