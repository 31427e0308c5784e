import { FIND } from './scripts.ts';

/*
 * `exec`: one tmux call tells where the session is and what its environment holds, then the user's command takes this
 * script's place, so that sshd reports the command's own end. Arguments after the two of FIND: $3 what to run
 * (`command`, `script`, `errexit`), $4 the command, $5 `stdin` when the command reads it, $6 and $7 the whole and the fractional
 * seconds of a timeout (empty without one), $8 the directory whose existence says that the timeout ended the command, $9 `agent`
 * when the SSH agent is forwarded: the session knows the one of whoever attached last, if any.
 */

// Turns what tmux says into shell statements: first where the session is, then its environment, then its directory, which may hold
// line breaks. Of the environment only what is safe to evaluate: an exported bash function, say, has a name that no assignment
// can have. Without a session there is nothing but an empty azlin_id.
const CONTEXT_AWK = `
function quoted(text) { gsub(/\\047/, "\\047\\\\\\047\\047", text); return "\\047" text "\\047" }
function wanted(name) { return name !~ /^(SHLVL|PWD|OLDPWD|_|IFS|TERM|TMUX|TMUX_PANE|SHELLOPTS|BASHOPTS|UID|EUID|PPID)$/ && name !~ /^(azlin_|BASH_)/ }
NR == 1 {
  if (!match($0, /^[$][0-9]+,%[0-9]+,[0-9]+,/)) exit
  split($0, part, ",")
  id = part[1]
  print "TMUX_PANE=" quoted(part[2]) " TMUX=" quoted(substr($0, RLENGTH + 1) "," part[3] "," substr(id, 2))
  next
}
rest { path = path "\\n" $0; next }
!open && /^azlin-cwd:/ { path = substr($0, 11); rest = 1; next }
!open && /^unset [A-Za-z_][A-Za-z0-9_]*;$/ { if (wanted(substr($0, 7, length($0) - 7))) print; next }
!open && !/="/ { next }
!open { good = match($0, /^[A-Za-z_][A-Za-z0-9_]*="/) && wanted(substr($0, 1, RLENGTH - 2)); statement = $0 }
open { statement = statement "\\n" $0 }
{
  line = $0
  gsub(/\\\\./, "", line)
  quotes += gsub(/"/, "", line)
  open = quotes % 2
  if (!open) { if (good) print statement; quotes = 0 }
}
END { print "azlin_id=" quoted(rest ? id : "") " azlin_cwd=" quoted(path) }
`;

const CONTEXT = `
azlin_context() {
  eval "$(tmux -u display-message -p -t "$1:" '#{session_id},#{pane_id},#{pid},#{socket_path}' \\; show-environment -g -s \\; \\
    show-environment -s -t "$1" \\; display-message -p -t "$1:" 'azlin-cwd:#{pane_current_path}' 2>/dev/null | LC_ALL=C awk '${CONTEXT_AWK}')"
  [ -n "$azlin_id" ]
}
`;

// The watchdog belongs to the process group that it ends and outlives this connection. It leaves once the command has ended.
const WATCHDOG = `
azlin_watch() {
  trap '' HUP INT TERM
  exec </dev/null >/dev/null 2>&1
  PATH=$PATH:/usr/bin:/bin
  [ "$2" = 0 ] || sleep "$2" || sleep 1
  azlin_left=$1
  while [ "$azlin_left" -gt 0 ]; do
    kill -0 "$$" || exit 0
    sleep 1
    azlin_left=$((azlin_left - 1))
  done
  kill -0 "$$" || exit 0
  mkdir "$3"
  kill -s TERM 0
  sleep 5
  kill -s KILL 0
}
`;

export const EXEC_SCRIPT = `
azlin_shell=\${SHELL:-/bin/sh} azlin_created=0 azlin_agent=\${SSH_AUTH_SOCK:-}
${CONTEXT}
# A name that ends in a semicolon would end the tmux command: it takes the longer way, by id.
case $1 in *\\;) false ;; *) azlin_context "=$1" ;; esac || {
  ${FIND}
  azlin_context "$azlin_id" || { printf 'failed\\n%s\\n' "the session $azlin_id cannot be read"; exit 0; }
}
# A login by ssh has read ~/.bashrc already; at this level the command's own bash leaves it alone, and what it prints.
SHLVL=1
export TMUX TMUX_PANE SHLVL
[ "$9" != agent ] || [ -z "$azlin_agent" ] || export SSH_AUTH_SOCK="$azlin_agent"
azlin_place=cwd
cd "$azlin_cwd" 2>/dev/null || azlin_place=no-cwd
${WATCHDOG}
[ -z "$6" ] || (azlin_watch "$6" "$7" "$8" &)
printf 'ok %s %s %s\\n' "$azlin_created" "$azlin_place" "$$"
[ "$5" = stdin ] || exec </dev/null
case $3:\${azlin_shell##*/} in
command:*) exec "$azlin_shell" -c "$4" ;;
script:bash | script:zsh | script:ksh | script:mksh | script:dash | script:ash | script:sh) set -- ;;
errexit:bash | errexit:zsh | errexit:ksh | errexit:mksh) set -- -eo pipefail ;;
script:*) azlin_shell=$(command -v bash || echo /bin/sh); set -- ;;
*) azlin_shell=bash; set -- -eo pipefail ;;
esac
exec "$azlin_shell" "$@" -c 'azlin_script=$(cat; echo .); exec </dev/null; eval "\${azlin_script%.}"' "$azlin_shell"
`;

/**
 * $1 signal, $2 process: signals the process group of a command. Not the signal request of the SSH protocol: sshd refuses it to
 * root, and older ones do not know it.
 */
export const SIGNAL_SCRIPT = `
azlin_group=$(ps -o pgid= -p "$2" 2>/dev/null | tr -d ' ')
kill -s "$1" -- "-\${azlin_group:-$2}" || kill -s "$1" "$2"
`;
