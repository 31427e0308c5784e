# Comes first in every script. Before it stand assignments: azlin_frame and azlin_errors_frame, the words that tell our output from what login
# shells print (transport/frame.ts); azlin_mark, which rows of ours start with; azlin_patience, seconds; and the script's own values.
set +evxu
unset IFS TMUX TMUX_PANE ENV
# A bash that is called sh would hand its own options on, and what it cannot read back.
# shellcheck disable=SC3045
case $BASH_VERSION:$SHELLOPTS in ?*:*posix*) export -n SHELLOPTS BASHOPTS UID EUID ;; esac

# The frame, then the status: what comes before them is noise. Nobody answers twice.
azlin_answer() { printf '\n%s\n%s\n' "$azlin_frame" "$*" || exit 253; }
# Answers with a word, and a line that says more, and ends the script.
azlin_refuse() {
  azlin_answer "$1"
  [ $# = 1 ] || printf '%s\n' "$2"
  exit 0
}

azlin_newline='
'

. ./parts/stat.sh
# A start-up file that sends standard output elsewhere leaves nobody to answer to. sshd gives a socket, a pipe or a terminal.
if [ -d /proc/self/fd ] && [ ! -S /proc/self/fd/1 ] && [ ! -p /proc/self/fd/1 ] && [ ! -t 1 ]; then exit 253; fi

# How long process $1 has been there, in azlin_up, in hundredths of a second; its process group is in azlin_its_group.
azlin_age() {
  azlin_its_group=
  azlin_read_stat "$1" && { read -r azlin_up azlin_stat_rest </proc/uptime; } 2>/dev/null || return
  # shellcheck disable=SC2086
  set -- $azlin_stat
  azlin_its_group=$3
  azlin_up=${azlin_up%.*}${azlin_up#*.}
  azlin_up=$((azlin_up - ${20}))
}
# The number of the file that is open as descriptor $1, in azlin_ino. Older kernels do not tell it in /proc.
azlin_take_ino() {
  azlin_ino=
  while read -r azlin_word azlin_rest; do [ "$azlin_word" != ino: ] || azlin_ino=$azlin_rest; done <"/proc/$$/fdinfo/$1"
  [ -n "$azlin_ino" ] || azlin_ino=$(ls -Lid "/proc/$$/fd/$1")
  azlin_ino=${azlin_ino%%[!0-9]*}
}
# Whether standard output is what the server gave: one socket or terminal with standard input, or the pipe that was made right after the one of input.
azlin_is_open() {
  [ ! /proc/self/fd/0 -ef /proc/self/fd/1 ] || return 0
  [ -p /proc/self/fd/0 ] && [ -p /proc/self/fd/1 ] || return
  # While a file is read here it is descriptor 0.
  { azlin_take_ino 9; } 9<&0
  azlin_first=$azlin_ino
  azlin_take_ino 1
  [ "$azlin_ino" = $((azlin_first + 1)) ]
}
# A start-up file may have sent standard output through a program, to azlin or away from it: azlin is asked, and nothing begins that it would not hear of.
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
# What starts something comes by here. After a start-up file that took so long azlin has given up: what begins now would be a surprise. This process was
# the login shell.
azlin_may_begin() {
  if azlin_age "$$" && [ -n "$azlin_patience" ] && [ "$azlin_up" -gt "${azlin_patience}00" ]; then exit 252; fi
  [ ! -d /proc/self/fd ] || azlin_is_open || azlin_be_heard
} 2>/dev/null
