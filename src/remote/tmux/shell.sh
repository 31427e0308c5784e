# The login shell on the terminal, without tmux.
. ./parts/prelude.sh
. ./parts/terminal.sh
stty echo 2>/dev/null
azlin_answer 'ok 0'
exec "${SHELL:-/bin/sh}" -l
