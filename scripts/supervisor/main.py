# SPDX-License-Identifier: BSD-2-Clause
"""From the words of the command line to the exit status; the only place that prints an error.

Must not know what a command does.
"""

from . import background, commands
from .failure import EXIT_FAILED, Failure, explain
from .log import Log
from .options import parse
from .paths import Places

COMMANDS = {
    "run": commands.run,
    "start": background.start,
    "stop": commands.stop,
    "status": commands.status,
    "top": commands.top,
    "list": commands.list_instances,
    "add": commands.add,
    "drain": commands.drain,
    "restart": commands.restart,
    "reload": commands.reload,
    "attach": commands.attach,
}
EXIT_INTERRUPTED = 130


def main(argv, script_dir):
    log = Log()
    try:
        call = parse(argv, Places(script_dir), log)
        return COMMANDS[call.options.command](call)
    except Failure as failure:
        if str(failure):
            log.error(str(failure))
        return failure.status
    except OSError as error:
        log.error(explain(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
