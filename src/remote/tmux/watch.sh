# Tells every session, client and pane, and again whenever something has changed, until nobody listens any more. Each report ends with a NUL; an empty one says that
# nothing has changed for a while, so that this ends with the connection.
. ./parts/prelude.sh
. ./parts/list-all.sh
azlin_ask_all() {
  azlin_list_all list-panes -a -F "$azlin_mark:pane:#{session_id}:#{pane_id}:#{?pane_dead,dead,}" \; display-message -p "$azlin_time_format"
}
azlin_ask_all
[ -z "$azlin_trouble" ] || azlin_refuse failed "$azlin_trouble"
azlin_row=${azlin_rows#row:*:*:*:*:*:}
azlin_check_version "${azlin_row%%:*}"
azlin_answer 'ok watching'
# Not every sleep takes fractions of seconds.
azlin_step=1.6
sleep 0.01 2>/dev/null || azlin_step=1
azlin_last=none azlin_quiet=0
while :; do
  azlin_key=${azlin_rows%now:*}
  if [ "$azlin_key" != "$azlin_last" ]; then
    azlin_last=$azlin_key
    azlin_quiet=0
    azlin_time
    { printf '%s\n%s' "$azlin_now" "$azlin_rows" && azlin_who "$azlin_rows" && printf '\000'; } || exit 0
  elif [ "$azlin_quiet" -ge 8 ]; then
    azlin_quiet=0
    printf '\000' || exit 0
  fi
  azlin_quiet=$((azlin_quiet + 1))
  sleep "$azlin_step"
  azlin_ask_all
  # The server may be gone, and comes back with the next session.
  [ -z "$azlin_trouble" ] || exit 0
done
