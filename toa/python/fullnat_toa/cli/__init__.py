"""The commands. Exit status: 0 done, 1 something is wrong that one line on standard error tells, 2 wrong command line.

Each takes its arguments and the name to call itself by, because ``fullnat`` has them as subcommands too.
"""
