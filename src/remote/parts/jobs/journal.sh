# A job is a folder of mode 0700 in azlin_jobs:
#   state    the journal: lines that are only ever appended, by whoever has something to say
#   out, err what the command has written
#   command  what lists call it; text: what runs, where that is too long for env; in: its standard input; info: its session, and what becomes of its errors
#   run, env its supervisor, and its environment, which is gone once it has been read
#   unasked  a folder: whoever takes it away sends SIGTERM
#   begun    a folder: whoever makes it decides whether the command is started; void in it: it is not, and who decided so
# Words of the journal:
#   new | started PID BORN BOOT | at SECONDS | running GROUP BORN BOOT | live SHELL TERMINAL | shown READERS | drained | ending timed-out, cancelled | cut out, err |
#   exited CODE OUT ERR | signaled NAME OUT ERR | timed-out OUT ERR | cancelled OUT ERR | void | left | end SECONDS
# OUT and ERR are the lengths of the two streams. The journal has had its room on the disk since before the command began: the end is recorded on a full
# disk, too.
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

# Whether the process that the journal names is still that one: a number is used again, above all after a restart.
azlin_boot=
{ read -r azlin_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
# When process $1 began, in ticks since the system did.
azlin_birth() {
  azlin_born=
  azlin_read_stat "$1" || return
  # shellcheck disable=SC2086
  set -- $azlin_stat
  [ "$1" = Z ] || azlin_born=${20}
}
# shellcheck disable=SC2086
azlin_alive() { azlin_is_still $azlin_pid; }
# Whether process $1 is the one that began at $2, after the start $3 of the system.
azlin_is_still() {
  [ -n "$1" ] || return
  # Where the system does not tell, the number must do.
  if [ "$2" = - ] || [ "$3" = - ]; then
    kill -0 "$1" 2>/dev/null
    return
  fi
  [ "$3" = "$azlin_boot" ] || return
  azlin_birth "$1"
  [ -n "$azlin_born" ] && [ "$azlin_born" = "$2" ]
}
