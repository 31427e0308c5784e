/*
 * What runs on the VM: POSIX sh, tmux, sed and awk, nothing installed. Each script is one round trip. Arguments: $1 the session's
 * name, $2 the same for `new-session` when a missing session is to be made (empty when not), then the script's own. The first line
 * of the output is the status (status.ts). Before the arguments comes $azlin_mark (server.ts), which nobody on the VM can know:
 * rows of ours start with it, so that a line break in somebody's friendly name makes no row. Variables start with azlin_ because
 * the session's own environment is loaded beside them.
 */

/** A row of `tmux list-sessions`. No name holds a colon but the friendly name, which therefore comes last. */
export const ROW_FORMAT =
  '#{session_id}:#{session_windows}:#{session_attached}:#{session_created}:#{session_activity}:#{session_name}:#{@azlin-name}';

// Where no server runs there are no sessions; that is no failure. One that is just ending is asked about once more.
const ROWS = `
command -v tmux >/dev/null 2>&1 || { echo no-tmux; exit 0; }
azlin_again=
azlin_list() {
  if azlin_rows=$(tmux -u list-sessions -F "$azlin_mark:"'${ROW_FORMAT}' 2>&1); then
    azlin_rows=$(printf '%s\\n' "$azlin_rows" | sed -n "s/^$azlin_mark://p")
    return
  fi
  case $azlin_rows in
  *'no server running'* | *'No such file or directory'* | *'no sessions'*) azlin_rows= ;;
  *'server exited'*) [ -z "$azlin_again" ] && azlin_again=1 && azlin_list && return; azlin_rows= ;;
  *) printf 'failed\\n%s\\n' "$azlin_rows"; exit 0 ;;
  esac
}
azlin_list
`;

/** What sessions that share their windows have in common; tmux gives it the name of one of them. */
const GROUP_FORMAT = '#{?session_group,#{session_group},#{session_name}}';

/** A second row of `tmux list-sessions`: what it has in common with others, and until when it is needed. */
export const MORE_FORMAT = `more:#{session_id}:${GROUP_FORMAT}:#{@azlin-expires}`;

/** A row of `tmux list-clients`. The name of the client, usually its terminal, comes last. */
export const CLIENT_FORMAT = `client:#{client_pid}:#{session_id}:${GROUP_FORMAT}:#{client_created}:#{client_activity}:#{client_width}x#{client_height}:#{client_readonly}:#{client_name}`;

/**
 * Defines azlin_clients, which prints a row for each client and then, for each process that azlin started, who it is. azlin puts that into the environment
 * of the client: it is there as long as the client is, and nowhere else. azlin_clients_here tells the group of the session as well.
 */
export const CLIENTS = `
azlin_who() {
  case $1 in *client:*) ;; *) return 0 ;; esac
  printf '%s\\n' "$1" | while IFS=: read -r azlin_word azlin_pid azlin_rest; do
    [ "$azlin_word" = client ] || continue
    printf '\\000%s:%s\\000' "$azlin_mark" "$azlin_pid"
    cat "/proc/$azlin_pid/environ" 2>/dev/null
  done | tr '\\000\\n' '\\n ' | sed -n -e "s/^$azlin_mark:/pid:/p" -e 's/^AZLIN_CLIENT=/who:/p'
}
azlin_rows_of() {
  azlin_seen=$(tmux -u "$@" 2>/dev/null | sed -n "s/^$azlin_mark://p")
  [ -n "$azlin_seen" ] || return 0
  printf '%s\\n' "$azlin_seen"
  azlin_who "$azlin_seen"
}
azlin_clients_here() {
  azlin_all=$(azlin_rows_of list-clients -F "$azlin_mark:"'${CLIENT_FORMAT}')
  [ -z "$azlin_all" ] || { printf '%s\\n' "$azlin_all"; tmux -u display-message -p -t "$azlin_id:" 'here:${GROUP_FORMAT}'; }
}
`;

// Times are the VM's own; its clock tells how long ago they were. One call of tmux, and the shell alone takes the answer apart: a fleet is asked this
// all day.
export const LIST_SCRIPT = `${CLIENTS}
command -v tmux >/dev/null 2>&1 || { echo no-tmux; exit 0; }
azlin_again=
azlin_ask() {
  azlin_said=$(tmux -u list-sessions -F "$azlin_mark:"'${ROW_FORMAT}' \\; \\
    list-sessions -F "$azlin_mark:"'${MORE_FORMAT}' \\; \\
    list-clients -F "$azlin_mark:"'${CLIENT_FORMAT}' \\; display-message -p "$azlin_mark:now:%s" 2>&1)
  case $azlin_said in
  *"$azlin_mark:"*) ;;
  '' | *'no server running'* | *'No such file or directory'* | *'no sessions'* | *'no current '*) azlin_said= ;;
  *'server exited'*) [ -z "$azlin_again" ] && azlin_again=1 && azlin_ask && return; azlin_said= ;;
  *) printf 'failed\\n%s\\n' "$azlin_said"; exit 0 ;;
  esac
}
azlin_ask
azlin_now= azlin_rows=
IFS='
'
set -f
for azlin_row in $azlin_said; do
  case $azlin_row in
  "$azlin_mark:now:"*) azlin_now=\${azlin_row##*:} ;;
  "$azlin_mark:"*) azlin_rows="$azlin_rows\${azlin_row#"$azlin_mark:"}
" ;;
  esac
done
set +f
unset IFS
case $azlin_now in '' | *[!0-9]*) azlin_now=$(date +%s) ;; esac
printf 'ok %s\\n%s' "$azlin_now" "$azlin_rows"
azlin_who "$azlin_rows"
`;

const FINDING = `
azlin_find() {
  azlin_id= azlin_more=
  IFS='
'
  set -f
  for azlin_row in $azlin_rows; do
    azlin_names=\${azlin_row#*:*:*:*:*:}
    if [ "\${azlin_names%%:*}" = "$azlin_name" ]; then azlin_id=\${azlin_row%%:*} azlin_more=; break; fi
    [ "\${azlin_names#*:}" = "$azlin_name" ] || continue
    [ -z "$azlin_id" ] || azlin_more=1
    azlin_id=\${azlin_row%%:*}
  done
  set +f
  unset IFS
  [ -z "$azlin_more" ] || { printf 'ambiguous\\n%s\\n' "$azlin_rows"; exit 0; }
}
`;

/** Sets azlin_id to that of the session; its name itself wins over friendly names. tmux would match prefixes and patterns: it is not asked. */
export const FIND_BY_NAME = `
azlin_name=$1
azlin_find
if [ -z "$azlin_id" ] && [ -n "$2" ]; then
  azlin_make() { azlin_made=$(tmux -u new-session -d -P -F '#{session_id}:#{session_name}' -s "$1" -c "$HOME" 2>&1); }
  azlin_make "$2" || case $azlin_made in *'server exited'*) azlin_make "$2" ;; *) false ;; esac
  if [ $? = 0 ]; then
    azlin_id=\${azlin_made%%:*} azlin_created=1
    if [ "\${azlin_made#*:}" != "$azlin_name" ]; then
      tmux kill-session -t "$azlin_id"
      printf 'renamed\\n%s\\n%s\\n' "\${azlin_made#*:}" "$azlin_name"
      exit 0
    fi
  else
    azlin_list
    azlin_find
    [ -n "$azlin_id" ] || { printf 'failed\\n%s\\n' "$azlin_made"; exit 0; }
  fi
fi
[ -n "$azlin_id" ] || { printf 'missing\\n%s\\n' "$azlin_rows"; exit 0; }
`;

export const START_FINDING = `${ROWS}${FINDING}
azlin_created=0
`;

export const FIND = `${START_FINDING}${FIND_BY_NAME}`;

export const ENSURE_SCRIPT = `${FIND}
printf 'ok %s\\n' "$azlin_created"
`;

const SET = `
azlin_set() {
  if [ -n "$2" ]; then azlin_said=$(tmux -u set-option -t "$azlin_id" "$1" "$2" 2>&1)
  else azlin_said=$(tmux -u set-option -u -t "$azlin_id" "$1" 2>&1); fi ||
    { printf 'failed\\n%s\\n' "$azlin_said"; exit 0; }
}
`;

/** $3: the friendly name, empty to remove it. */
export const NAME_SCRIPT = `${FIND}${SET}
azlin_set @azlin-name "$3"
printf 'ok 0\\n'
`;

/** $3: seconds from now after which the session is no longer needed, empty when it is to stay. Says when that is by the clock of the VM. */
export const EXPIRE_SCRIPT = `${FIND}${SET}
azlin_expires=
[ -z "$3" ] || azlin_expires=$(($(date +%s) + $3))
azlin_set @azlin-expires "$azlin_expires"
printf 'ok %s\\n' "\${azlin_expires:-0}"
`;

/** $3: the new name, $4: the same for tmux, which expands formats in it. A name that tmux would change is taken back. */
export const RENAME_SCRIPT = `${FIND}
azlin_old=$(tmux -u display-message -p -t "$azlin_id:" '#{session_name}')
azlin_said=$(tmux -u rename-session -t "$azlin_id" "$4" 2>&1) || { printf 'failed\\n%s\\n' "$azlin_said"; exit 0; }
azlin_now=$(tmux -u display-message -p -t "$azlin_id:" '#{session_name}')
[ "$azlin_now" = "$3" ] || {
  tmux -u rename-session -t "$azlin_id" "$(printf %s "$azlin_old" | sed 's/#/##/g')"
  printf 'renamed\\n%s\\n%s\\n' "$azlin_now" "$3"
  exit 0
}
printf 'ok 0\\n'
`;

/** $3: how many lines of history above what the pane shows. */
export const SCREEN_SCRIPT = `${FIND}
azlin_said=$(tmux -u capture-pane -p -t "$azlin_id:" -S "-$3" 2>&1) || { printf 'failed\\n%s\\n' "$azlin_said"; exit 0; }
printf 'ok 0\\n%s\\n' "$azlin_said"
`;

/** $3: text to type, then keys by tmux's names. Whoever looks at the history of the pane is taken back: else the keys would mean something there. */
export const SEND_SCRIPT = `${FIND}
azlin_text=$3
shift 3
azlin_send() {
  tmux copy-mode -q -t "$azlin_id:" 2>/dev/null
  # A tmux that pastes into a pane whose shell has ended may end itself, and with it every session.
  [ "$(tmux display-message -p -t "$azlin_id:" '#{pane_dead}')" != 1 ] || { echo 'the shell of its pane has ended'; return 1; }
  [ -z "$azlin_text" ] || {
    printf %s "$azlin_text" | tmux -u load-buffer -b azlin-send-$$ - &&
      tmux -u if-shell -F -t "$azlin_id:" '#{pane_dead}' '' "paste-buffer -d -b azlin-send-$$ -t '$azlin_id:'"
  } || return
  [ $# = 0 ] || tmux -u send-keys -t "$azlin_id:" "$@"
}
azlin_said=$(azlin_send "$@" 2>&1) || { printf 'failed\\n%s\\n' "$azlin_said"; exit 0; }
printf 'ok 0\\n'
`;
