# Tells every session, client and pane, and again whenever something has changed or a job has ended, until nobody listens any more. Each report ends with a NUL; an
# empty one says that nothing has changed for a while, so that this ends with the connection. Values: azlin_seen_at, the VM's time of the report before, if there
# was one: what has ended since is told first.
. ./parts/prelude.sh
. ./parts/list-all.sh
. ./parts/jobs/place.sh
. ./parts/jobs/journal.sh
azlin_ask_all() {
  azlin_list_all list-panes -a -F "$azlin_mark:pane:#{session_id}:#{pane_id}:#{?pane_dead,dead,}" \; display-message -p "$azlin_time_format"
}
# Sets azlin_ends to a row for each job that has ended since the last look. As long as no job comes or goes, only those that run are looked at.
azlin_over= azlin_open= azlin_there=
azlin_look_at_jobs() {
  azlin_ends=
  cd "$azlin_jobs" 2>/dev/null || return 0
  set -- *
  [ -e "$1" ] || return 0
  # shellcheck disable=SC2086
  if [ "$*" = "$azlin_there" ]; then set -- $azlin_open; else azlin_there=$* azlin_known=$azlin_over azlin_over=; fi
  azlin_open=
  for azlin_id; do
    case $azlin_id in *[!A-Za-z0-9_-]*) continue ;; esac
    case " $azlin_known " in
    *" $azlin_id "*) ;;
    *)
      azlin_state=$azlin_id/state
      azlin_read
      if [ -z "$azlin_how" ]; then
        azlin_open="$azlin_open $azlin_id"
        continue
      fi
      azlin_session=
      { read -r azlin_session <"$azlin_id/info"; } 2>/dev/null
      [ "${azlin_end:-0}" -lt "$azlin_since" ] || azlin_ends=${azlin_ends}ended:$azlin_id:$azlin_how:$azlin_session$azlin_newline
      ;;
    esac
    azlin_over="$azlin_over $azlin_id"
  done
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
azlin_since=${azlin_seen_at:-0}
azlin_look_at_jobs
[ -n "$azlin_seen_at" ] || azlin_ends=
azlin_since=0
while :; do
  azlin_key=${azlin_rows%now:*}
  if [ "$azlin_key$azlin_ends" != "$azlin_last" ]; then
    azlin_last=$azlin_key
    azlin_quiet=0
    azlin_time
    { printf '%s\n%s%s' "$azlin_now" "$azlin_ends" "$azlin_rows" && azlin_who "$azlin_rows" && printf '\000'; } || exit 0
  elif [ "$azlin_quiet" -ge 8 ]; then
    azlin_quiet=0
    printf '\000' || exit 0
  fi
  azlin_quiet=$((azlin_quiet + 1))
  sleep "$azlin_step"
  azlin_ask_all
  azlin_look_at_jobs
  # The server may be gone, and comes back with the next session.
  [ -z "$azlin_trouble" ] || exit 0
done
