# Whoever is detached reads who did it: tmux lets their client end with a command, azlin_words. Whose connection is lost reads it when they come
# back: the last ones to be detached, and azlin_by, are kept for them.
azlin_tells() {
  azlin_told=$(tmux -u display-message -p -t "$1:" "$azlin_mark:$2" 2>/dev/null)
  case $azlin_told in *"$azlin_mark:"*) printf '%s\n' "${azlin_told#*"$azlin_mark:"}" ;; esac
}
# What azlin started says who it is in its environment, first a token.
azlin_token_of() { tr '\000' '\n' 2>/dev/null <"/proc/$1/environ" | sed -n 's/^AZLIN_CLIENT=\([0-9a-f]*\) .*/\1/p'; }
azlin_gone_clients=,
azlin_part() {
  azlin_gone_clients=$azlin_gone_clients$(azlin_token_of "$1"),
  tmux set-option -s @azlin-parted "$azlin_gone_clients:$azlin_by" 2>/dev/null
  tmux detach-client -t "$2" -E "$azlin_words" 2>/dev/null || tmux detach-client -t "$2" 2>/dev/null
}
# Clients of the session $1: `process name`.
azlin_clients_of() { tmux -u list-clients -t "$1" -F "$azlin_mark:#{client_pid} #{client_name}" 2>/dev/null | sed -n "s/^$azlin_mark://p"; }
# Parts with the clients of the session $1, or only with the one named $2, and prints their names.
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
