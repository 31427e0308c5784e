# Comes first in every script, after assignments of azlin_frame and azlin_errors_frame, the words that tell azlin's output from what login shells print
# (transport/frame.ts); azlin_mark, which azlin's rows start with; azlin_patience, seconds; and the script's own values.
set +evxu
unset IFS TMUX TMUX_PANE ENV
# Running as sh, bash would export its own options, and read-only variables that cannot be read back.
# shellcheck disable=SC3045
case $BASH_VERSION:$SHELLOPTS in ?*:*posix*) export -n SHELLOPTS BASHOPTS UID EUID ;; esac

# Prints the frame, then the status; what comes before them is noise. A script answers only once.
azlin_answer() { printf '\n%s\n%s\n' "$azlin_frame" "$*" || exit 253; }
# Answers with a status, and perhaps a line that says more, and ends the script.
azlin_refuse() {
  azlin_answer "$1"
  [ $# = 1 ] || printf '%s\n' "$2"
  exit 0
}

azlin_newline='
'

. ./parts/stat.sh
# If a start-up file has redirected standard output, no answer would arrive. sshd gives a socket, a pipe or a terminal.
if [ -d /proc/self/fd ] && [ ! -S /proc/self/fd/1 ] && [ ! -p /proc/self/fd/1 ] && [ ! -t 1 ]; then exit 253; fi

# Sets azlin_up to how long process $1 has existed, in hundredths of a second, and azlin_its_group to its process group.
azlin_age() {
  azlin_its_group=
  azlin_read_stat "$1" && { read -r azlin_up azlin_stat_rest </proc/uptime; } 2>/dev/null || return
  # shellcheck disable=SC2086
  set -- $azlin_stat
  azlin_its_group=$3
  azlin_up=${azlin_up%.*}${azlin_up#*.}
  azlin_up=$((azlin_up - ${20}))
}
# Sets azlin_ino to the inode of the file that is open as descriptor $1. Older kernels do not show it in /proc.
azlin_take_ino() {
  azlin_ino=
  while read -r azlin_word azlin_rest; do [ "$azlin_word" != ino: ] || azlin_ino=$azlin_rest; done <"/proc/$$/fdinfo/$1"
  [ -n "$azlin_ino" ] || azlin_ino=$(ls -Lid "/proc/$$/fd/$1")
  azlin_ino=${azlin_ino%%[!0-9]*}
}
# Whether standard output is what the server gave: the same socket or terminal as standard input, or the pipe that was made right after that of the input.
azlin_is_open() {
  [ ! /proc/self/fd/0 -ef /proc/self/fd/1 ] || return 0
  [ -p /proc/self/fd/0 ] && [ -p /proc/self/fd/1 ] || return
  # azlin_take_ino reads a file as descriptor 0, so standard input needs another number.
  { azlin_take_ino 9; } 9<&0
  azlin_first=$azlin_ino
  azlin_take_ino 1
  [ "$azlin_ino" = $((azlin_first + 1)) ]
}
# A start-up file may have sent standard output through a program, which may pass it on to azlin or not. So ask azlin, and begin nothing without its answer.
azlin_be_heard() {
  {
    sleep 5
    kill "$$"
  } </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
  azlin_kid=$!
  trap 'exit 253' TERM
  printf '\n%s?\n' "$azlin_frame"
  read -r azlin_word && [ "$azlin_word" = "$azlin_frame" ] || exit 253
  kill -s KILL "$azlin_kid"
  wait "$azlin_kid"
  trap - TERM
}
# Scripts that start something call this first. If the start-up files took longer than azlin_patience, azlin has given up, and nothing must begin any more.
# This process was the login shell, so its age tells.
azlin_may_begin() {
  if azlin_age "$$" && [ -n "$azlin_patience" ] && [ "$azlin_up" -gt "${azlin_patience}00" ]; then exit 252; fi
  [ ! -d /proc/self/fd ] || azlin_is_open || azlin_be_heard
} 2>/dev/null
