# Sessions, as tmux lists them: rows that start with azlin_mark, a word that nobody on the VM can know. So a line break in a friendly name cannot make a row,
# nor can anything that a preloaded library prints. If no server runs, there are no sessions; that is not a failure.

azlin_find_tmux() {
  command -v tmux >/dev/null 2>&1 && return
  # On some systems, only login shells have it on their PATH.
  azlin_login=$("${SHELL:-/bin/sh}" -l -c env </dev/null 2>/dev/null | sed -n 's/^PATH=//p' | tail -n 1)
  PATH=$PATH:$azlin_login
  command -v tmux >/dev/null 2>&1 || azlin_refuse no-tmux
}
[ -n "$azlin_alone" ] || azlin_find_tmux

# $1: the version that the server reports; before 2.4 it reports none. Old versions are refused, because they would do wrong what they do not know.
azlin_check_version() {
  azlin_version=${1:-$(tmux -V 2>/dev/null)}
  azlin_version=${azlin_version##* }
  azlin_version=${azlin_version#next-}
  case $azlin_version in
  [01].* | 2.[0-5] | 2.[0-5][!0-9]*) azlin_refuse old-tmux "$azlin_version" ;;
  esac
}

# A row: `$3:windows:attached:created:activity:version:name`. tmux 3.7 allows colons in names, so the name comes last.
azlin_row_format='#{session_id}:#{session_windows}:#{session_attached}:#{session_created}:#{session_activity}:#{version}:#{session_name}'
# More rows: the session's friendly name, and its group, which sessions that share its windows have in common.
azlin_friendly_format='friendly:#{session_id}:#{@azlin-name}'
azlin_group_format='group:#{session_id}:#{?session_group,#{session_group},#{session_name}}'

# Sets azlin_rows to the rows among the lines of $1, without their mark.
azlin_take_rows() {
  azlin_rows=
  # With thousands of rows, the loop below would be slow: each row copies all those before it.
  if [ "${#1}" -gt 30000 ]; then
    azlin_rows=$(printf '%s\n' "$1" | sed -n "s/^$azlin_mark://p")$azlin_newline
    return
  fi
  IFS=$azlin_newline
  set -f
  for azlin_row in $1; do
    case $azlin_row in
    "$azlin_mark:"*) azlin_rows=$azlin_rows${azlin_row#"$azlin_mark:"}$azlin_newline ;;
    esac
  done
  set +f
  unset IFS
}

# Runs tmux with $@ and takes the rows that it prints; azlin_trouble is its message if it fails. If the server is just ending, tries once more.
azlin_ask() {
  azlin_trouble=
  # A server that starts now must not inherit what start-up files have opened: it would keep that open, and the connection with it.
  azlin_said=$(tmux -u "$@" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-)
  azlin_take_rows "$azlin_said"
  [ -z "$azlin_rows" ] || return 0
  case $azlin_said in
  '' | *'no server running'* | *'No such file or directory'* | *'no sessions'* | *'no current '*) ;;
  *'server exited'*)
    [ -z "$azlin_again" ] || return 0
    azlin_again=1
    azlin_ask "$@"
    ;;
  # What the loader says about a broken LD_PRELOAD is not a failure of tmux.
  *) azlin_trouble=$(printf '%s\n' "$azlin_said" | sed '/^ERROR: ld\.so: /d') ;;
  esac
}

azlin_list() {
  azlin_again=
  azlin_ask list-sessions -F "$azlin_mark:row:$azlin_row_format" \; list-sessions -F "$azlin_mark:$azlin_friendly_format"
  [ -z "$azlin_trouble" ] || azlin_refuse failed "$azlin_trouble"
  azlin_row=${azlin_rows#row:*:*:*:*:*:}
  [ -n "$azlin_version" ] || azlin_check_version "${azlin_row%%:*}"
}
azlin_version=
