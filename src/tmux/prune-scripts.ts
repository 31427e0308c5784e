import { CLIENT_FORMAT, CLIENTS, MORE_FORMAT, START_FINDING } from './scripts.ts';

/*
 * What a session does, as far as its panes tell: rows of $azlin_mark, for each pane what tmux says of it and what runs there. A shell waits for
 * somebody when it has no child (one that was left with Ctrl-Z counts), was given no script and no command, and has its terminal in the mode in
 * which it edits a line; shells that do not edit lines are taken at their word.
 */
const FACTS = `
azlin_runs() {
  azlin_kids= azlin_comm=
  if [ -r "/proc/$1/task/$1/children" ]; then read -r azlin_kids <"/proc/$1/task/$1/children"
  else azlin_kids=$(ps -A -o ppid= -o pid= 2>/dev/null | awk -v of="$1" '$1 == of { print $2 } END { if (!NR) print "?" }'); fi
  azlin_kids=\${azlin_kids%%[!0-9?]*}
  if [ -n "$azlin_kids" ]; then
    azlin_comm='?'
    { read -r azlin_comm <"/proc/$azlin_kids/comm"; } 2>/dev/null
  else
    azlin_comm=$(tr '\\000' '\\n' <"/proc/$1/cmdline" 2>/dev/null | sed -n '2,$ { /^-[^-]*c/ { n; p; q; }; /^[^-]/ { p; q; }; }')
    case $3 in
    bash | zsh | fish) case $azlin_comm:$(stty -a <"$2" 2>/dev/null) in :*' icanon'*) azlin_comm=$3 ;; esac ;;
    esac
  fi
}
azlin_facts() {
  tmux -u list-panes -s -t "$1" -F 'pane:#{session_id}:#{session_attached}:#{session_activity}:#{window_activity}:#{pane_pid}:#{pane_dead}:#{pane_tty}:#{?session_group,#{session_group},#{session_name}}:#{pane_current_command}:#{@azlin-expires}' 2>/dev/null |
    while IFS= read -r azlin_pane; do
      azlin_rest=\${azlin_pane#*:*:*:*:*:}
      azlin_pid=\${azlin_rest%%:*} azlin_rest=\${azlin_rest#*:*:}
      azlin_tty=\${azlin_rest%%:*} azlin_rest=\${azlin_rest#*:*:}
      azlin_runs "$azlin_pid" "$azlin_tty" "\${azlin_rest%%:*}"
      printf '%s:%s\\n' "$azlin_mark" "$azlin_pane"
      [ -z "$azlin_comm" ] || printf '%s:below:%s:%s\\n' "$azlin_mark" "$azlin_pid" "$azlin_comm"
    done
}
azlin_stamp() { printf '%s' "$1" | sed 's/^[^:]*://' | cksum | tr ' ' '-'; }
`;

/** Every session, what it does, and a stamp that changes when something happens there. The word of its status: the time of the VM. */
export const IDLE_SCRIPT = `${START_FINDING}${CLIENTS}${FACTS}
printf 'ok %s\\n%s\\n' "$(date +%s)" "$azlin_rows"
[ -n "$azlin_rows" ] || exit 0
azlin_rows_of list-sessions -F "$azlin_mark:"'${MORE_FORMAT}' \\; list-clients -F "$azlin_mark:"'${CLIENT_FORMAT}'
IFS='
'
set -f
for azlin_row in $azlin_rows; do
  azlin_known=$(azlin_facts "\${azlin_row%%:*}")
  printf '%s\\n' "$azlin_known" | sed "s/^$azlin_mark://"
  printf 'stamp:%s:%s\\n' "\${azlin_row%%:*}" "$(azlin_stamp "$azlin_known")"
done
`;

/** $1: the id of a session, $2: when it was created, $3: its stamp: it is ended only if that is still so; empty for whatever it does. $4: what its clients read (a shell command). */
export const CLOSE_SCRIPT = `${START_FINDING}${FACTS}
[ "$(tmux display-message -p -t "$1:" '#{session_created}' 2>/dev/null)" = "$2" ] || { echo 'ok changed'; exit 0; }
if [ -n "$3" ]; then
  [ "$(azlin_stamp "$(azlin_facts "$1")")" = "$3" ] || { echo 'ok changed'; exit 0; }
  # Whoever looks at its windows through another session has it open, too.
  azlin_group=$(tmux -u display-message -p -t "$1:" '#{?session_group,#{session_group},#{session_name}}')
  ! tmux -u list-clients -F '#{?session_group,#{session_group},#{session_name}}' 2>/dev/null | grep -Fxq -e "$azlin_group" || { echo 'ok changed'; exit 0; }
  azlin_said=$(tmux if-shell -F -t "$1:" '#{session_attached}' '' "kill-session -t '$1'" 2>&1)
else
  tmux -u list-clients -t "$1" -F '#{client_name}' 2>/dev/null | while IFS= read -r azlin_one; do
    tmux detach-client -t "$azlin_one" -E "$4" 2>/dev/null
  done
  azlin_said=$(tmux kill-session -t "$1" 2>&1)
fi || { printf 'failed\\n%s\\n' "$azlin_said"; exit 0; }
if tmux has-session -t "$1" 2>/dev/null; then echo 'ok changed'; else echo 'ok closed'; fi
`;
