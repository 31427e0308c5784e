# Three readers of growing files write to the channel as bytes come: the journal and `out` to standard output, `err` to standard error. If only `err` is wanted,
# it goes to standard output, too. Each line of the journal gets azlin_wire in front, a word that is in no file and in no list of processes, so that the line
# can be told from the command's output wherever it ends up. azlin closes its end when it has what it wants. Until then, it is told if nothing is left that
# could say how the job ends. The SSH agent of a connection goes away with it, so the job's agent is a link to the latest one.
# Values: azlin_job, azlin_forwards (`agent` if the SSH agent is forwarded), azlin_settles, a word that is set if azlin must know for certain: if the job has
# not begun, it must not begin from now on; azlin_created, azlin_went, azlin_found for the status.

# Each line from azlin says that it is still there. When azlin is gone, this script ends.
azlin_listen() {
  exec 3<&0 </dev/null
  # shellcheck disable=SC2034
  (
    while IFS= read -r azlin_line; do command : >"$azlin_job/lease"; done
    kill $$
  ) <&3 >/dev/null 2>&1 3<&- &
  azlin_listener=$! azlin_kids=
  exec 3<&-
}
# shellcheck disable=SC2086
azlin_kill() { kill $azlin_kids $azlin_listener 2>/dev/null; }
# Ends this script and its children: the listener must not outlive the process that it would end.
azlin_leave() {
  azlin_kill
  exit 0
}
azlin_leave_without() {
  azlin_kill
  azlin_no_job "${azlin_job##*/}"
}
# Passes on the lines of the journal from standard input. Before them comes the id of the process that they come from, which is ended together with this one.
azlin_tell_journal() {
  read -r azlin_reader
  trap 'kill $azlin_reader 2>/dev/null; exit 0' TERM
  while read -r azlin_word azlin_rest; do printf '%s %s %s\n' "$azlin_wire" "$azlin_word" "$azlin_rest"; done
}
# Whether the job runs what azlin_title says. The dot keeps line breaks at the end of the command.
azlin_is_same() {
  azlin_said=$(cat command && echo .) 2>/dev/null
  [ "$azlin_said" = "$azlin_title$azlin_newline." ]
}
# Waits until the job has begun. The status says where following starts, and `lost` for standard error that a start-up file redirects.
azlin_await() {
  cd "$azlin_job" 2>/dev/null || azlin_leave_without
  azlin_tries=0
  until
    azlin_read
    [ -n "$azlin_pid" ]
  do
    [ ! -e begun/void ] || azlin_leave_without
    # The script that made the job may still be at work, or may have been stopped. Making `begun` here keeps the job from beginning. The job's folder stays:
    # without it, that script would make the job anew.
    if [ -n "$azlin_settles" ] && [ "$azlin_tries" -gt 250 ] && mkdir begun 2>/dev/null; then
      echo "$azlin_settles" >begun/void
      azlin_leave_without
    fi
    # Wait longer only for a job that is about to begin, if azlin must know for certain.
    [ "$azlin_tries" -lt 400 ] || { [ -n "$azlin_settles" ] && [ -d begun ]; } || azlin_leave_without
    sleep 0.02 2>/dev/null || {
      sleep 1
      azlin_tries=$((azlin_tries + 50))
    }
    azlin_tries=$((azlin_tries + 1))
  done
  [ "$azlin_found" != found ] || [ -z "$azlin_title" ] || azlin_is_same || azlin_found=other
  [ "$azlin_forwards" != agent ] || [ -z "$SSH_AUTH_SOCK" ] || ln -sf "$SSH_AUTH_SOCK" agent
  azlin_out=$1 azlin_err=$2
  case $1$2 in *[@-]*) azlin_out=$(azlin_from "$1" out) azlin_err=$(azlin_from "$2" err) ;; esac
  # The job keeps the kind of standard error that it was started with, which need not be the kind that this script has.
  azlin_its= azlin_one=
  { read -r azlin_one; read -r azlin_its; read -r azlin_one; } 2>/dev/null <info
  # An earlier try of this call has started it.
  [ "$azlin_found$azlin_one" != "found${azlin_settles:--}" ] || azlin_found=new
  case $azlin_out$azlin_err:$azlin_its in
  *none*:*) ;;
  *:separate | *:elsewhere) [ "$azlin_errors" = separate ] || azlin_err=lost ;;
  *) azlin_err=none ;;
  esac
  azlin_open_errors
  azlin_answer "ok $azlin_created $azlin_went $azlin_found $azlin_out $azlin_err"
  [ "$3" != now ] || {
    for azlin_word in $azlin_cut; do echo "$azlin_wire" cut "$azlin_word"; done
    echo "$azlin_wire" now "$(wc -c <out)" "$(wc -c <err)"
  }
}
# Whether all output that the journal promises is there.
azlin_whole() {
  # shellcheck disable=SC2086
  set -- $azlin_how
  while [ $# -gt 2 ]; do shift; done
  [ "$(wc -c <out)" -ge "${1:-0}" ] && [ "$(wc -c <err)" -ge "${2:-0}" ]
}
azlin_follow() {
  azlin_await "$@"
  azlin_told=
  trap azlin_leave TERM
  {
    read -r azlin_me azlin_rest </proc/self/stat
    echo "$azlin_me"
    exec $azlin_tail -n +1 -f state 2>/dev/null
  } | azlin_tell_journal &
  azlin_kids=$!
  [ "$azlin_out" = none ] || {
    $azlin_tail -c "+$((azlin_out + 1))" -f out 2>/dev/null &
    azlin_kids="$azlin_kids $!"
  }
  case $azlin_err:$azlin_out in
  none:* | lost:*) ;;
  *:none)
    $azlin_tail -c "+$((azlin_err + 1))" -f err 2>/dev/null &
    azlin_kids="$azlin_kids $!"
    ;;
  *)
    $azlin_tail -c "+$((azlin_err + 1))" -f err >&2 2>/dev/null &
    azlin_kids="$azlin_kids $!"
    ;;
  esac
  while :; do
    sleep 2 >/dev/null 2>&1 &
    wait "$!"
    # If one of the readers is gone, azlin would wait forever. So end, and azlin connects again.
    for azlin_kid in $azlin_kids; do kill -0 "$azlin_kid" 2>/dev/null || azlin_leave; done
    [ -z "$azlin_told" ] || continue
    azlin_read
    [ -n "$azlin_how" ] || {
      azlin_alive && continue
      azlin_read
    }
    azlin_told=1
    [ -n "$azlin_how" ] && azlin_whole 2>/dev/null && continue
    echo "$azlin_wire" gone "$(wc -c 2>/dev/null <out)" "$(wc -c 2>/dev/null <err)"
  done
}
