/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "flow_balancer/common/log.h"
#include "flow_balancer/common/parent.h"
#include "flow_balancer/names.h"

#include "dispatcher/capture/capture.h"
#include "dispatcher/run/options.h"
#include "dispatcher/run/run.h"

int main(int argc, char **argv) {
    static struct options options; /* 64 KB of source names */
    fb_log_init("flow-dispatcher", FB_LOG_INFO);
    int status = 0;
    enum options_result result = options_parse(&options, argc, (const char **)argv);
    fb_runtime_dir_use(options.runtime_dir);
    switch (result) {
    case OPTIONS_DONE:
        break;
    case OPTIONS_WRONG:
        status = 2;
        break;
    case OPTIONS_INTERFACES:
        status = capture_list_interfaces() == 0 ? 0 : 1;
        break;
    case OPTIONS_CHECK:
        puts(options.json);
        break;
    case OPTIONS_LAST_REPORT:
        fb_log_set_level(options.log_level);
        status = run_last_report(&options);
        break;
    case OPTIONS_CLEAN:
        fb_log_set_level(options.log_level);
        status = run_clean(&options);
        break;
    case OPTIONS_RUN:
        fb_log_set_level(options.log_level);
        if (options.parent != 0 && !fb_follow_parent(options.parent))
            status = 1;
        else
            status = run_dispatcher(&options);
        break;
    }
    options_free(&options);
    fb_log_report_lost();
    return status;
}
