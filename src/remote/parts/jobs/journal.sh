# A job is a folder of mode 0700 in azlin_jobs:
#   state    the journal: lines that are only ever appended, by any script that has something to say
#   out, err what the command has written; times: how long they were at which time
#   command  what lists call it; text: what runs, if that is too long for env; in: its standard input; info: its session, what becomes of its errors, and the word of the call that started it
#   run, env its supervisor, and its environment, which is emptied once it has been read
#   unasked  a folder: the process that removes it sends SIGTERM
#   begun    a folder: the process that makes it decides whether the command is started; void in it: the command is not, and who decided that
# Words of the journal:
#   new | started PID BORN BOOT | at SECONDS | running GROUP BORN BOOT | live SHELL TERMINAL | shown READERS | drained | ending timed-out, cancelled | cut out, err |
#   exited CODE OUT ERR | signaled NAME OUT ERR | timed-out OUT ERR | cancelled OUT ERR | void | left | end SECONDS
# OUT and ERR are the lengths of the two streams. The journal gets its disk space before the command begins, so that the end is recorded even on a full disk.
. ./parts/stat.sh

# Reads the journal of the job in the current directory.
azlin_read() {
  azlin_new= azlin_pid= azlin_at= azlin_group= azlin_leader= azlin_live= azlin_drained= azlin_shown= azlin_why= azlin_how= azlin_end= azlin_cut=
  while read -r azlin_word azlin_rest; do
    case $azlin_word in
    new) azlin_new=1 ;;
    started) azlin_pid=$azlin_rest ;;
    at) azlin_at=$azlin_rest ;;
    running) azlin_group=${azlin_rest%% *} azlin_leader=$azlin_rest ;;
    live) azlin_live=$azlin_rest ;;
    drained) azlin_drained=$azlin_drained. ;;
    shown) azlin_shown=$azlin_rest ;;
    ending) azlin_why=${azlin_why:-$azlin_rest} ;;
    exited | signaled | timed-out | cancelled | void | left) azlin_how="$azlin_word $azlin_rest" ;;
    end) azlin_end=$azlin_rest ;;
    cut) azlin_cut="$azlin_cut $azlin_rest" ;;
    esac
  done 2>/dev/null <"${azlin_state:-state}"
}
azlin_say() { printf '%s\n' "$*" >>state; }

# Helps to tell whether a process id in the journal still means the same process: ids are used again, above all after a restart.
azlin_boot=
{ read -r azlin_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
# Sets azlin_born to when process $1 began, in ticks since the system started.
azlin_birth() {
  azlin_born=
  azlin_read_stat "$1" || return
  # shellcheck disable=SC2086
  set -- $azlin_stat
  [ "$1" = Z ] || azlin_born=${20}
}
# shellcheck disable=SC2086
azlin_alive() { azlin_is_still $azlin_pid; }
# Whether process $1 is the one that began at $2, when the boot id of the system was $3.
azlin_is_still() {
  [ -n "$1" ] || return
  # If the system does not tell these, the process id must do.
  if [ "$2" = - ] || [ "$3" = - ]; then
    kill -0 "$1" 2>/dev/null
    return
  fi
  [ "$3" = "$azlin_boot" ] || return
  azlin_birth "$1"
  [ -n "$azlin_born" ] && [ "$azlin_born" = "$2" ]
}
