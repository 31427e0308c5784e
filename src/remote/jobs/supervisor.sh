# The file `run` of a job. It runs between the tmux server and the user's command, and outlives connections. `run supervise SECONDS FRACTION KILL_AFTER GRACE
# ERRORS`, in an empty environment, starts the command with `run begin` in a process group of its own, keeps its output, and records how it ended. The command
# writes to pipes, not to the files: a `> /dev/stderr` in a script would empty a file.
. ./parts/jobs/journal.sh
. ./parts/jobs/times.sh
. ./parts/jobs/ask-to-end.sh
. ./parts/begin.sh
. ./parts/jobs/sweep.sh

# Ends the whole process group: when asked to, when the time is up, or when nobody has followed for GRACE seconds.
azlin_watch() {
  # Kept open: even if the command deletes the journal, it cannot escape its timeout.
  exec 5<state
  azlin_state=/proc/self/fd/5
  [ -z "$azlin_left" ] || [ "$azlin_part" = 0 ] || sleep "$azlin_part" || sleep 1
  azlin_idle=0 azlin_its=
  while :; do
    azlin_read
    azlin_its=${azlin_group:-$azlin_its}
    [ -z "$azlin_why" ] || break
    kill -0 "$$" || [ -z "$azlin_its" ] || kill -0 "-$azlin_its" || exit 0
    if [ "$azlin_left" = 0 ]; then
      azlin_say ending timed-out
      break
    fi
    if [ -n "$azlin_grace" ]; then
      azlin_idle=$((azlin_idle + 1))
      if [ -e lease ]; then
        rm -f lease
        azlin_idle=0
      fi
      if [ "$azlin_idle" -gt "$azlin_grace" ]; then
        azlin_say ending cancelled
        break
      fi
    fi
    sleep 1
    azlin_note_growth
    [ -z "$azlin_left" ] || azlin_left=$((azlin_left - 1))
  done
  azlin_read
  azlin_its=${azlin_group:-$azlin_its}
  if [ -n "$azlin_its" ]; then
    azlin_ask_to_end "$azlin_its"
    azlin_left=$((azlin_kill_after * 2))
    while [ "$azlin_left" -gt 0 ] && kill -0 "-$azlin_its"; do
      sleep 0.5 || {
        sleep 1
        azlin_left=$((azlin_left - 1))
      }
      azlin_left=$((azlin_left - 1))
    done
    kill -KILL "-$azlin_its"
  fi
  # A process that has left the group may hold the output open forever, so stop waiting for it.
  azlin_left=5
  while kill -0 "$1" || kill -0 "$2"; do
    [ "$azlin_left" -gt 0 ] || kill "$1" "$2"
    sleep 0.2 || sleep 1
    azlin_left=$((azlin_left - 1))
  done
}

# Runs the command, and sets azlin_ended to how it ended. awk's system() tells a signal from an exit status of 128 + n, which `wait` does not. An awk that
# cannot tell, such as busybox's and mawk before 1.3.4, prints nothing.
azlin_run_command() {
  azlin_code=$(awk 'BEGIN { if (system("kill -9 $$") >= 256) printf "%s", system(ARGV[1]) }' "exec setsid sh ./run begin $azlin_errors >&3 2>&4 3>&- 4>&-")
  if [ -z "$azlin_code" ]; then
    # The redirections are inside, because a shell reports on its own standard error which signal ended a child.
    setsid sh -c "exec sh ./run begin $azlin_errors >&3 2>&4 3>&- 4>&-"
    azlin_code=$?
    [ "$azlin_code" -le 128 ] || ! kill -l $((azlin_code - 128)) >/dev/null || azlin_code=$((azlin_code + 128))
  fi
  azlin_ended="exited $azlin_code"
  [ "$azlin_code" -lt 256 ] || {
    azlin_code=$((azlin_code % 128))
    # Shells have names for few of the real-time signals.
    azlin_name=$(kill -l $azlin_code 2>/dev/null)
    azlin_ended="signaled ${azlin_name:-$azlin_code}"
  }
}

azlin_supervise() {
  mkdir begun 2>/dev/null || exit 0
  azlin_birth "$$"
  azlin_say started "$$" "${azlin_born:--}" "${azlin_boot:--}" || {
    rm -rf "$PWD"
    exit 0
  }
  # The script that started this waits for this word. If that script is gone, only the word is lost.
  echo begun 1<>w
  # Opened this way, no end waits for the other to be opened. A child that ends during such a wait would interrupt it, and some shells would fail.
  exec 7<>o 8<>e
  exec 5<o 6<e
  exec 3>o 4>e 7>&- 8>&-
  { cat <&5 >>out || azlin_say cut out; } 3>&- 4>&- 6<&- &
  azlin_outs=$!
  { cat <&6 >>err || azlin_say cut err; } 3>&- 4>&- 5<&- &
  azlin_errs=$!
  exec 5<&- 6<&-
  azlin_say at "$(date +%s)" &
  azlin_ats=$!
  # Only helpers are started with an ampersand: what is started that way ignores Ctrl-C, and so would the command.
  { azlin_watch "$azlin_outs" "$azlin_errs"; } 3>&- 4>&- &
  azlin_watcher=$!
  azlin_run_command
  exec 3>&- 4>&-
  wait "$azlin_outs" "$azlin_errs" "$azlin_ats"
  azlin_read
  # The user's command has not run.
  [ -n "$azlin_group" ] || azlin_ended=void
  if [ -n "$azlin_why" ]; then
    azlin_ended=$azlin_why
    wait "$azlin_watcher"
  else kill "$azlin_watcher"; fi
  azlin_out=0 azlin_err=0
  [ ! -s out ] || azlin_out=$(wc -c <out)
  [ ! -s err ] || azlin_err=$(wc -c <err)
  azlin_now=$(date +%s)
  azlin_note_times "$azlin_out" "$azlin_err" "$azlin_now"
  # In this order, whoever knows how it ended can also see when.
  azlin_say end "$azlin_now"
  # shellcheck disable=SC2086
  azlin_say "$azlin_ended" $azlin_out $azlin_err
  rm -f w o e env in text lease
  rmdir unasked
  azlin_sweep "$azlin_now"
}

# Becomes the command. The command's own environment is loaded last, so that nothing of azlin's is left in it.
azlin_run() {
  # A text that is too long for the environment.
  [ ! -s text ] || { azlin_text=$(cat text && echo .) && azlin_text=${azlin_text%.}; } || exit 255
  # shellcheck disable=SC1091
  . ./env
  : >env
  [ -z "$BASH_VERSION" ] || azlin_has_room || exit 255
  # A command that is not recorded must not run: its end would be recorded as if nothing had run.
  azlin_birth "$$"
  azlin_say running "$$" "${azlin_born:--}" "${azlin_boot:--}" || exit 255
  azlin_read
  [ -z "$azlin_why" ] || exit 143
  if [ -e in ]; then exec <in; else exec </dev/null; fi
  umask "$azlin_umask"
  cd "$azlin_cwd" 2>/dev/null || cd || exit
  azlin_shell=$azlin_program
  unset azlin_umask azlin_cwd azlin_program
  azlin_unexport
  case $1 in
  merged) exec 2>&1 ;;
  none) exec 2>/dev/null ;;
  closed) exec 2>&- ;;
  esac
  azlin_begin
}
# Keeps the values that came with the environment, but does not pass them on to the command.
azlin_unexport() {
  set -- "$azlin_kind" "$azlin_given_shell" "$azlin_text"
  unset azlin_kind azlin_given_shell azlin_text
  azlin_kind=$1 azlin_given_shell=$2 azlin_text=$3
}

cd "${0%/run}" || exit 0
azlin_read
case $1 in
supervise)
  azlin_left=$2 azlin_part=$3 azlin_kill_after=$4 azlin_grace=$5 azlin_errors=$6
  azlin_supervise
  ;;
begin) azlin_run "$2" ;;
esac
exit 0
