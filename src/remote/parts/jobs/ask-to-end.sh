# Asks the job's process group $1 to end. Only the first call does: a second SIGTERM would interrupt what the command does after the first.
azlin_ask_to_end() { [ -z "$1" ] || ! rmdir unasked 2>/dev/null || kill -TERM "-$1" 2>/dev/null; }
