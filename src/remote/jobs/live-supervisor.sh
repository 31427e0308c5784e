# The file `run` of a job in a live shell. `run live SHELL TERMINAL SECONDS` keeps the output and shows it on the pane; the shell runs `run ended SHELL CODE`
# after the command. While the command's line runs, the shell's own output is the job's pipe. This tells the shell's prompt from a `read` in the command, and a
# program of the prompt from the command. If Ctrl-C interrupts the command, the shell drops the rest of its line, and `run ended` with it.
. ./parts/jobs/journal.sh
. ./parts/jobs/times.sh
. ./parts/jobs/prompt.sh
. ./parts/jobs/tail.sh
. ./parts/jobs/sweep.sh

azlin_finish() {
  azlin_now=$(date +%s) azlin_out=$(wc -c <out) azlin_err=$(wc -c <err)
  azlin_note_times "$azlin_out" "$azlin_err" "$azlin_now"
  azlin_say end "$azlin_now"
  azlin_say "$1" "$azlin_out" "$azlin_err"
  rm -f o e "../../../go/${PWD##*/}" "../.live-$azlin_shell"
}
azlin_in_line() { [ "/proc/$azlin_shell/fd/1" -ef o ]; }
azlin_interrupt() {
  # Do not interrupt a program that the shell starts for its prompt.
  azlin_in_line || return 0
  azlin_tries=$((azlin_tries + 1))
  azlin_front_of "$azlin_shell"
  case $azlin_tries in
  1 | 11 | 21 | 31 | 41) kill -INT "-$azlin_front" ;;
  51 | 61 | 71 | 81 | 91) [ "$azlin_front" = "$azlin_shell" ] || kill -KILL "-$azlin_front" ;;
  esac
  [ "$azlin_tries" -lt 100 ] || {
    azlin_finish "$azlin_why"
    exit 0
  }
}
azlin_live() {
  trap '' HUP INT QUIT TTOU TTIN
  azlin_birth "$$"
  azlin_say live "$azlin_shell" "$azlin_tty"
  echo "${PWD##*/}" >"../.live-$azlin_shell"
  azlin_say started "$$" "${azlin_born:--}" "${azlin_boot:--}"
  azlin_say at "$(date +%s)"
  printf '%s\n' "$(head -n 1 command | cut -c 1-200 | tr -d '\000-\037\177')"
  {
    cat <o >>out || azlin_say cut out
    azlin_say drained
  } &
  {
    cat <e >>err || azlin_say cut err
    azlin_say drained
  } &
  # Shown by other processes: a pane that is stopped by Ctrl-S holds up what is shown, not what is kept.
  azlin_choose_tail
  $azlin_tail -c +1 -f out 2>/dev/null &
  azlin_readers=$!
  $azlin_tail -c +1 -f err 2>/dev/null &
  azlin_readers="$azlin_readers $!" azlin_tries=0
  azlin_say shown "$azlin_readers"
  trap 'kill $azlin_readers 2>/dev/null' EXIT
  while :; do
    if [ -n "$azlin_why" ]; then sleep 0.1 || sleep 1; else sleep 1; fi
    azlin_note_growth
    azlin_read
    [ -z "$azlin_how" ] || break
    [ -d "/proc/$azlin_shell" ] || {
      azlin_finish "${azlin_why:-left}"
      break
    }
    if ! azlin_in_line && azlin_at_prompt "$azlin_shell" "$azlin_tty"; then
      azlin_read
      [ -n "$azlin_how" ] || azlin_finish "${azlin_why:-signaled INT}"
      break
    fi
    [ -z "$azlin_left" ] || azlin_left=$((azlin_left - 1))
    if [ "$azlin_left" = 0 ] && [ -z "$azlin_why" ]; then
      azlin_say ending timed-out
      azlin_why=timed-out
    fi
    [ -z "$azlin_why" ] || azlin_interrupt
  done
  azlin_sweep "$(date +%s)"
}
# Whether the readers $@ have shown everything: /proc tells how far each has read its files.
azlin_is_shown() {
  for azlin_reader in "$@"; do
    for azlin_fd in /proc/"$azlin_reader"/fd/*; do
      for azlin_file in out err; do
        [ "$azlin_fd" -ef "$azlin_file" ] || continue
        azlin_at_byte=
        # shellcheck disable=SC2034
        { read -r azlin_word azlin_at_byte <"/proc/$azlin_reader/fdinfo/${azlin_fd##*/}"; } 2>/dev/null
        [ "${azlin_at_byte:-0}" -ge "$(wc -c <"$azlin_file")" ] || return
      done
    done
  done
}
# The shell is done with the command. Background processes may still hold its output open, so do not wait for that long.
azlin_ended() {
  trap '' HUP INT QUIT
  azlin_tries=0
  # shellcheck disable=SC2086
  until
    azlin_read
    { [ "$azlin_drained" = .. ] && azlin_is_shown $azlin_shown; } || [ "$azlin_tries" -ge 50 ]
  do
    sleep 0.02 || {
      sleep 1
      azlin_tries=50
    }
    azlin_tries=$((azlin_tries + 1))
  done
  [ -n "$azlin_how" ] || azlin_finish "${azlin_why:-exited $1}"
  exit "$1"
}

cd "${0%/run}" || exit 1
azlin_read
case $1 in
live)
  azlin_shell=$2 azlin_tty=$3 azlin_left=$4
  azlin_live
  ;;
ended)
  azlin_shell=$2
  azlin_ended "$3"
  ;;
esac
