# Asks process group $1 of the job to end, once, whoever is first: a second SIGTERM would break off what the command does on the first.
azlin_ask_to_end() { [ -z "$1" ] || ! rmdir unasked 2>/dev/null || kill -TERM "-$1" 2>/dev/null; }
