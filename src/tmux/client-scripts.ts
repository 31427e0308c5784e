import { CLIENTS, FIND, FIND_BY_NAME, START_FINDING } from './scripts.ts';

// A TERM that the VM does not know would be refused, even where it names several; those used instead are known nearly everywhere,
// and every terminal is nearly one of them.
const KNOWN_TERM = `
if command -v infocmp >/dev/null 2>&1 && ! infocmp >/dev/null 2>&1; then
  for azlin_term in xterm-256color xterm screen vt100; do
    TERM=$azlin_term
    export TERM
    infocmp >/dev/null 2>&1 && break
  done
fi
`;

// What azlin started says who it is in its environment, first a token.
const WHOSE = `
azlin_tells() { tmux -u display-message -p -t "$1:" "$2" 2>/dev/null; }
azlin_token_of() { tr '\\000' '\\n' <"/proc/$1/environ" 2>/dev/null | sed -n 's/^AZLIN_CLIENT=\\([0-9a-f]*\\) .*/\\1/p'; }
`;

// Whoever is detached reads who did it: tmux lets their client end with a command, $azlin_words. Before 2.4 it does not. Whose connection is
// lost reads it when they come back: the last ones to be detached, and $azlin_by, are kept for them.
const PART = `
azlin_gone=,
azlin_part() {
  azlin_gone=$azlin_gone$(azlin_token_of "$1"),
  tmux set-option -s @azlin-parted "$azlin_gone:$azlin_by" 2>/dev/null
  tmux detach-client -t "$2" -E "$azlin_words" 2>/dev/null || tmux detach-client -t "$2" 2>/dev/null
}
azlin_part_all() {
  IFS='
'
  set -f
  for azlin_one in $(tmux -u list-clients -t "$1" -F '#{client_pid} #{client_name}' 2>/dev/null); do
    [ -z "$2" ] || [ "\${azlin_one#* }" = "$2" ] || continue
    azlin_part "\${azlin_one%% *}" "\${azlin_one#* }" && printf '%s\\n' "\${azlin_one#* }"
  done
  set +f
  unset IFS
}
`;

/**
 * Arguments after the two of FIND: $3 who is attaching (a token and a label), $4 `read-only` or nothing, $5 the name of a view of one's own or nothing, $6 `RGB`
 * or nothing, $7 what those read who are detached (a shell command), $8 and $9 the id and the birth of the session that was left
 * when a connection was lost. The words of its status: created (0 or 1), the id of the session, its birth, the time of the VM. The text: azlin_clients_here.
 *
 * tmux begins with throwing away what the terminal has not passed on yet: the script waits for a line, which says that the status has arrived. It
 * holds a key, and `take-over` or nothing. The key comes before what is said at the end: as an argument anybody could print it.
 */
export const ATTACH_SCRIPT = `${KNOWN_TERM}
unset TMUX TMUX_PANE
${START_FINDING}${CLIENTS}${WHOSE}${PART}
azlin_view=$5
# Ids begin anew with each server: what was created when, and by which server, tells the same session.
azlin_birth() { azlin_tells "$1" '#{session_created}-#{pid}'; }
# What the lost connection has left of itself: the VM may not know yet that it is lost. It tells which session its user went to.
azlin_take_ghost() {
  IFS='
'
  set -f
  for azlin_one in $(tmux -u list-clients -F '#{client_pid} #{session_id} #{client_name}' 2>/dev/null); do
    [ "$(azlin_token_of "\${azlin_one%% *}")" = "\${azlin_who%% *}" ] || continue
    azlin_one=\${azlin_one#* }
    azlin_id=\${azlin_one%% *}
    tmux detach-client -t "\${azlin_one#* }" -E 'echo "[moved]"' 2>/dev/null || tmux detach-client -t "\${azlin_one#* }"
  done
  set +f
  unset IFS
}
# A view that a lost connection has left is taken again; one that is in use is left alone, and so is what only has its name.
azlin_make_view() {
  azlin_base=$azlin_id azlin_number=1 azlin_name=$azlin_view
  until azlin_made=$(tmux -u new-session -d -P -F '#{session_id}' -t "$azlin_base" -s "$azlin_name" 2>&1); do
    case $azlin_made in *'duplicate session'*) ;; *) printf 'failed\\n%s\\n' "$azlin_made"; exit 0 ;; esac
    azlin_find
    [ -n "$azlin_id" ] && [ "$(azlin_tells "$azlin_id" '#{session_attached}:#{@azlin-view}:#{session_group}')" = "0:1:$(azlin_tells "$azlin_base" '#{session_group}')" ] && return
    azlin_number=$((azlin_number + 1))
    azlin_name=$azlin_view-$azlin_number
  done
  azlin_id=$azlin_made
  tmux set-option -t "$azlin_id" @azlin-view 1
}
azlin_who=$3 azlin_flags=\${4:+-r} azlin_words=$7 azlin_by=\${3#* } azlin_colours= azlin_hup=
if [ -n "$8" ]; then
  azlin_said=$(tmux -u show-options -sqv @azlin-parted 2>/dev/null)
  case $azlin_said in *",\${azlin_who%% *},"*:*) printf 'parted\\n%s\\n' "\${azlin_said#*:}"; exit 0 ;; esac
  azlin_id=
  azlin_take_ghost
  [ -n "$azlin_id" ] || azlin_id=$8
  [ "$azlin_id" != "$8" ] || [ "$(azlin_birth "$8")" = "$9" ] || { echo gone; exit 0; }
else
  ${FIND_BY_NAME}
  [ -z "$azlin_view" ] || azlin_make_view
fi
[ -z "$6" ] || case $(tmux -V) in *' '3.[2-9]* | *' '[4-9].* | *next-3.[2-9]*) azlin_colours='-T RGB' ;; esac
stty -echo 2>/dev/null
printf 'ok %s %s %s %s +%s\\n%s\\n%s\\n' "$azlin_created" "$azlin_id" "$(azlin_birth "$azlin_id")" "$(date +%s)" "$azlin_mark" "$(azlin_clients_here)" "$azlin_mark"
read -r azlin_key azlin_go || exit 1
[ "$azlin_go" != take-over ] || azlin_part_all "$azlin_id" '' >/dev/null
trap azlin_hup=1 HUP
azlin_said=$(AZLIN_CLIENT=$azlin_who; export AZLIN_CLIENT; exec tmux -u $azlin_colours attach-session $azlin_flags -t "$azlin_id" 2>&1)
case $azlin_said in
'[moved]') exit 0 ;;
'[detached by '* | '[detached and SIGHUP'*) ;;
# The connection is lost: its user will be back.
*) [ -z "$azlin_hup" ] || exit 1 ;;
esac
# Without other sessions in its group the view is all that holds the windows.
[ -z "$azlin_view" ] || tmux if-shell -F -t "$azlin_id:" '#{||:#{session_attached},#{==:#{session_group_size},1}}' '' "kill-session -t '$azlin_id'" 2>/dev/null
printf '\\001%s%s\\n' "$azlin_key" "$azlin_said"
`;

// The views that people have of the session; none of one that is a view itself.
const VIEWS = `
azlin_views() {
  azlin_group=$(azlin_tells "$azlin_id" '#{?@azlin-view,,#{session_group}}')
  [ -z "$azlin_group" ] || tmux -u list-sessions -F '#{session_id} #{?@azlin-view,1,0} #{session_group}' 2>/dev/null | while read -r azlin_one azlin_is azlin_its; do
    [ "$azlin_is" = 0 ] || [ "$azlin_its" != "$azlin_group" ] || echo "$azlin_one"
  done
}
`;

/**
 * $3: `kill` to end the session as well, $4: what those read who are detached (a shell command), $5: who does it, then the clients; none means all. Views
 * of the session are a part of it. Prints who was detached.
 */
export const DETACH_SCRIPT = `${FIND}${WHOSE}${PART}${VIEWS}
azlin_kill=$3 azlin_words=$4 azlin_by=$5
shift 5
azlin_all="$azlin_id $(azlin_views)"
azlin_parted=$(
  for azlin_session in $azlin_all; do
    if [ $# = 0 ]; then azlin_part_all "$azlin_session" ''
    else for azlin_name; do azlin_part_all "$azlin_session" "$azlin_name"; done; fi
  done
)
if [ "$azlin_kill" = kill ]; then
  for azlin_session in $azlin_all; do
    azlin_said=$(tmux kill-session -t "$azlin_session" 2>&1) || [ "$azlin_session" != "$azlin_id" ] || { printf 'failed\\n%s\\n' "$azlin_said"; exit 0; }
  done
fi
printf 'ok 0\\n%s\\n' "$azlin_parted"
`;

/** The login shell on the terminal, without tmux. */
export const SHELL_SCRIPT = `${KNOWN_TERM}
echo 'ok 0'
exec "\${SHELL:-/bin/sh}" -l
`;

/** $1: the token of a client, $2: what tmux is to do with it: `refresh-client`, `detach-client`. */
export const OWN_CLIENT_SCRIPT = `${WHOSE}
tmux -u list-clients -F '#{client_pid} #{client_name}' 2>/dev/null | while read -r azlin_pid azlin_one; do
  [ "$(azlin_token_of "$azlin_pid")" != "$1" ] || tmux "$2" -t "$azlin_one"
done
echo 'ok 0'
`;
