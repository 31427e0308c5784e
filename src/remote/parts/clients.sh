# Who is attached: a row for each client of tmux, then, for each process that azlin started, who it is. azlin puts that into the environment of the client,
# so that it exists as long as the client does, and nowhere else. The name of the client, usually its terminal, comes last.
azlin_client_format='client:#{client_pid}:#{session_id}:#{client_created}:#{client_activity}:#{client_width}x#{client_height}:#{client_readonly}:#{client_name}'

# Prints who the clients among the rows $1 are.
azlin_who() {
  case $1 in *client:*) ;; *) return 0 ;; esac
  printf '%s\n' "$1" | while IFS=: read -r azlin_word azlin_pid azlin_rest; do
    [ "$azlin_word" = client ] || continue
    printf '\000%s:%s\000' "$azlin_mark" "$azlin_pid"
    cat "/proc/$azlin_pid/environ" 2>/dev/null
  done | tr '\000\n' '\n ' | sed -n -e "s/^$azlin_mark:/pid:/p" -e 's/^AZLIN_CLIENT=/who:/p'
}
