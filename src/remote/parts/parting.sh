# Users who are detached are told who did it: their tmux client ends with a command, azlin_words. Users whose connection is lost are told when they come back:
# the clients that were last detached, and azlin_by, are kept for that.
azlin_tells() {
  azlin_told=$(tmux -u display-message -p -t "$1:" "$azlin_mark:$2" 2>/dev/null)
  case $azlin_told in *"$azlin_mark:"*) printf '%s\n' "${azlin_told#*"$azlin_mark:"}" ;; esac
}
# Prints the token of process $1. A client that azlin started says in its environment who it is, the token first.
azlin_token_of() { tr '\000' '\n' 2>/dev/null <"/proc/$1/environ" | sed -n 's/^AZLIN_CLIENT=\([0-9a-f]*\) .*/\1/p'; }
azlin_gone_clients=,
azlin_part() {
  azlin_gone_clients=$azlin_gone_clients$(azlin_token_of "$1"),
  tmux set-option -s @azlin-parted "$azlin_gone_clients:$azlin_by" 2>/dev/null
  tmux detach-client -t "$2" -E "$azlin_words" 2>/dev/null || tmux detach-client -t "$2" 2>/dev/null
}
# Lists the clients of the session $1: process id and name.
azlin_clients_of() { tmux -u list-clients -t "$1" -F "$azlin_mark:#{client_pid} #{client_name}" 2>/dev/null | sed -n "s/^$azlin_mark://p"; }
# Detaches the clients of the session $1, or only the one named $2, and prints their names.
azlin_part_all() {
  IFS=$azlin_newline
  set -f
  for azlin_one in $(azlin_clients_of "$1"); do
    [ -z "$2" ] || [ "${azlin_one#* }" = "$2" ] || continue
    azlin_part "${azlin_one%% *}" "${azlin_one#* }" && printf '%s\n' "${azlin_one#* }"
  done
  set +f
  unset IFS
}
