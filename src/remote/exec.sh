# `exec`, direct: the user's command takes this script's place, so that sshd reports the command's own end. Values besides those of the parts:
# azlin_input, set when the command reads standard input; azlin_seconds and azlin_part, the whole and the fractional seconds of a timeout, empty without
# one; azlin_kill_after, the seconds between SIGTERM and SIGKILL; azlin_ticket, a name that nobody can guess. The words of its status: created (0 or 1),
# `cwd` or `no-cwd`, its process id.
. ./parts/prelude.sh
. ./parts/errors.sh
. ./parts/room.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/context.sh
. ./parts/begin.sh

# The watchdog belongs to the process group that it ends: when the time is up, or when the SSH server's process above is gone, and azlin with it. It exits once
# the command has ended. The folder that it makes says that the timeout ended the command.
azlin_above() {
  azlin_parent=
  azlin_read_stat "$1" || return
  # shellcheck disable=SC2086
  set -- $azlin_stat
  azlin_parent=$2
}
# A command that has become root, by sudo for example, cannot be signaled, but is still there.
azlin_is_there() { kill -0 "$$" || [ -d "/proc/$$" ]; }
azlin_end() {
  kill -0 "$$" || [ ! -d "/proc/$$" ] || sudo -n kill -s "$1" -- "-$$"
  kill "-$1" "-$$" || kill -s "$1" "$$"
}
azlin_watch() {
  trap '' HUP INT TERM
  exec </dev/null >/dev/null 2>&1
  PATH=$PATH:/usr/bin:/bin
  azlin_left=$azlin_seconds
  [ -z "$azlin_left" ] || [ "$azlin_part" = 0 ] || sleep "$azlin_part" || sleep 1
  while [ "$azlin_left" != 0 ]; do
    azlin_is_there || exit 0
    [ -z "$azlin_sshd" ] || {
      azlin_above "$azlin_below"
      [ "$azlin_parent" = "$azlin_sshd" ]
    } || break
    sleep 1
    [ -z "$azlin_left" ] || azlin_left=$((azlin_left - 1))
  done
  azlin_is_there || exit 0
  [ "$azlin_left" != 0 ] || mkdir "$azlin_room/$azlin_ticket"
  azlin_end TERM
  sleep "$azlin_kill_after"
  azlin_end KILL
}
# Finds a place where the watchdog can leave its folder: in the home directory, or else in the user's runtime directory.
azlin_open_room() {
  azlin_room=$HOME/.azlin/run
  azlin_private "$HOME/.azlin" && { [ -d "$azlin_room" ] || (umask 077 && mkdir "$azlin_room") 2>/dev/null; } && [ -w "$azlin_room" ] && return
  azlin_why=$azlin_said
  azlin_room=$XDG_RUNTIME_DIR/azlin
  [ -n "$XDG_RUNTIME_DIR" ] && azlin_private "$azlin_room" && [ -w "$azlin_room" ] && return
  azlin_cannot "${azlin_why:-$HOME/.azlin cannot be written}; --timeout needs a private directory there"
}

azlin_may_begin
# OpenSSH gives each command its own process group. dropbear leaves it in dropbear's, which must not be ended.
[ "${azlin_its_group:-$$}" = "$$" ] || ! command -v setsid >/dev/null 2>&1 || azlin_setsid=setsid
# Done before the session's environment is loaded, which may have another HOME.
azlin_said=
[ -z "$azlin_seconds" ] || azlin_open_room
# Between the server and this script there may be a login shell, which would not end with the server.
azlin_below=$$ azlin_sshd=
azlin_comm=
{ read -r azlin_comm <"/proc/$PPID/comm"; } 2>/dev/null
case $azlin_comm in
sshd* | dropbear*) azlin_sshd=$PPID ;;
?*)
  azlin_above "$PPID"
  azlin_below=$PPID azlin_sshd=$azlin_parent
  ;;
esac
azlin_start_watch() { azlin_watch & }
# A timeout counts from the start of the command. Without one, the watchdog starts earlier, while tmux is asked, so that the command need not wait for it.
azlin_beside=
[ -n "$azlin_seconds" ] || azlin_beside=azlin_start_watch
azlin_enter
[ -z "$azlin_seconds" ] || (azlin_watch &)
[ -z "$BASH_VERSION" ] || azlin_said=$(azlin_has_room 2>&1) || azlin_cannot "$azlin_said"
azlin_open_errors
azlin_answer "ok $azlin_created $azlin_went $$"
[ -n "$azlin_input" ] || exec </dev/null
[ "$azlin_errors" != closed ] || exec 2>&-
azlin_begin
