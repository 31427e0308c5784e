# Sends azlin_signal to the process group of azlin_pid. The signal request of the SSH protocol would not do: sshd refuses it to root, and older versions do not
# know it. A command that the watchdog of azlin_ticket is already ending is left to the watchdog.
. ./parts/prelude.sh
for azlin_room in "$HOME/.azlin/run" "$XDG_RUNTIME_DIR/azlin"; do
  [ -z "$azlin_ticket" ] || [ ! -d "$azlin_room/$azlin_ticket" ] || azlin_refuse ok
done
azlin_read_stat "$azlin_pid"
# shellcheck disable=SC2086
set -- $azlin_stat
# On some servers a command is in the process group of the connection, so signal only the command there.
{ [ "${3:-$azlin_pid}" = "$azlin_pid" ] && kill "-$azlin_signal" "-$azlin_pid"; } 2>/dev/null || kill -s "$azlin_signal" "$azlin_pid" 2>/dev/null
azlin_answer ok
