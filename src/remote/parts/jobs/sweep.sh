# Removes old jobs. Jobs that have ended are kept for a week, at most 200 of them; running ones are never removed. All of them are checked once an hour.
azlin_sweep() {
  azlin_now=$1 azlin_count=0 azlin_last=0
  cd .. || return
  set -- *
  { read -r azlin_last <.swept; } 2>/dev/null
  if [ $((azlin_now - azlin_last)) -gt 3600 ]; then azlin_all=1; else azlin_all=; fi
  [ -n "$azlin_all" ] || [ $# -gt 200 ] || return
  # Names of jobs have no blanks.
  # shellcheck disable=SC2045
  for azlin_name in $(ls -t); do
    azlin_count=$((azlin_count + 1))
    [ -n "$azlin_all" ] || [ "$azlin_count" -gt 200 ] || continue
    cd "./$azlin_name" || continue
    azlin_read
    cd .. || return
    # A job that has not begun by now never will.
    [ -n "$azlin_pid" ] || {
      [ -z "$azlin_all" ] || find "./$azlin_name" -prune -mmin +60 -exec rm -rf {} +
      continue
    }
    [ -n "$azlin_how" ] || ! azlin_alive || continue
    [ "$azlin_count" -gt 200 ] || [ $((azlin_now - ${azlin_end:-${azlin_at:-$azlin_now}})) -gt 604800 ] || continue
    rm -rf "./$azlin_name"
  done
  [ -z "$azlin_all" ] || {
    echo "$azlin_now" >.swept
    find . -name '.in-*' -mtime +0 -exec rm -f {} +
    find ../../go ../../run -mtime +0 ! -name go ! -name run -exec rm -rf {} +
  }
}
