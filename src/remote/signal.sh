# Sends azlin_signal to the process group of azlin_pid. Not the signal request of the SSH protocol: sshd refuses it to root, and older ones do not know it.
. ./parts/prelude.sh
azlin_read_stat "$azlin_pid"
# shellcheck disable=SC2086
set -- $azlin_stat
# On some servers a command is in the process group of the connection.
{ [ "${3:-$azlin_pid}" = "$azlin_pid" ] && kill -s "$azlin_signal" -- "-$azlin_pid"; } 2>/dev/null || kill -s "$azlin_signal" "$azlin_pid" 2>/dev/null
azlin_answer ok
