# SPDX-License-Identifier: BSD-2-Clause
"""The supervisor of flow-balancer: starts one dispatcher and its workers, watches them, ends them.

It holds no packet and maps no shared memory. It starts the two programs, restarts a worker that
crashed, forwards signals, and asks the dispatcher over its control socket. It signals only
processes that it started itself, through their pidfd, never a pid that it read somewhere.

From the top down; a module imports only from those below it:

    main                     which command, and what an error looks like
    commands, background     what each command does; `start` in the background
    run, plan, instance      one run; what it was asked for; a running instance, asked by others
    options, arguments       the command line: ours, and what goes on to the dispatcher
    worker, holding          one worker number; whether a program of --attach has its number
    child, group, loop       one process; a program with all that it starts; timers and descriptors
    attach, preload          the command of --attach; whether a program can be one
    control, paths           the dispatcher's control socket; where files and programs are
    outcome                  how a run ended, for who asks later
    config, values           what the script takes from the file of --config; values of options
    log, log_output          log lines; writes that never wait for a reader
    failure                  the error that ends the program
"""
