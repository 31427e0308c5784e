import { FIND } from './scripts.ts';
import { compact } from './sh-argv.ts';

/*
 * `exec`: one tmux call tells where the session is and what its environment holds, then the user's command takes this
 * script's place, so that sshd reports the command's own end. Arguments after the two of FIND: $3 what to run
 * (`command`, `script`, `errexit`), $4 the command, $5 `stdin` when the command reads it, $6 and $7 the whole and the fractional
 * seconds of a timeout (empty without one), $8 the directory whose existence says that the timeout ended the command, $9 `agent`
 * when the SSH agent is forwarded: the session knows the one of whoever attached last, if any. ${10} the directory to go to, ${11} how
 * many lines of variables come first on standard input (values must not stand in an argument: every user of the VM can read those),
 * ${12} the shell to use instead of the login shell, ${13} what a script ends with.
 */

// Turns what tmux says into shell statements: first where the session is, then its environment, then its directory, which may hold
// line breaks. Of the environment only what is safe to evaluate: an exported bash function, say, has a name that no assignment
// can have. Without a session there is nothing but an empty azlin_id.
const CONTEXT_AWK = `
function quoted(text) { gsub(/\\047/, "\\047\\\\\\047\\047", text); return "\\047" text "\\047" }
function wanted(name) { return name !~ /^(SHLVL|PWD|OLDPWD|_|IFS|TERM|TMUX|TMUX_PANE|OPTIND|SHELLOPTS|BASHOPTS|UID|EUID|PPID)$/ && name !~ /^(azlin_|BASH_)/ }
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
END { sub(/\\nazlin-end$/, "", path); print "azlin_id=" quoted(rest ? id : "") " azlin_cwd=" quoted(path) }
`;

// The answer ends with a line of ours: what is taken from a command loses the line breaks at its end, and directories may have some.
// Nearly always each variable is on a line of its own; then the shell reads them itself, and no awk has to start. A line that only looks like
// one is part of a longer value: what opens that value looks like none, and a quote inside of a value stands after a backslash.
const PLAIN_CONTEXT = `
azlin_plain() {
  azlin_first= azlin_last= azlin_over= azlin_said_so=
  for azlin_line in $1; do
    [ -z "$azlin_over" ] || return 1
    if [ -n "$azlin_last" ]; then
      [ "$azlin_line" = azlin-end ] || return 1
      azlin_over=1
      continue
    fi
    if [ -z "$azlin_first" ]; then
      case $azlin_line in '$'[0-9]*,%[0-9]*,[0-9]*,*) azlin_first=$azlin_line; continue ;; *) return 1 ;; esac
    fi
    case $azlin_line in
    azlin-cwd:*) azlin_last=$azlin_line; continue ;;
    'unset '*';') azlin_name=\${azlin_line#unset } azlin_name=\${azlin_name%;} ;;
    *=\\"*)
      azlin_name=\${azlin_line%%=*}
      azlin_value=\${azlin_line#*=\\"}
      case $azlin_value in *"\\"; export $azlin_name;") ;; *) return 1 ;; esac
      case \${azlin_value%"\\"; export $azlin_name;"} in *\\\\) return 1 ;; esac ;;
    *) return 1 ;;
    esac
    case $azlin_name in
    '' | [0-9]* | *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]*) return 1 ;;
    SHLVL | PWD | OLDPWD | _ | IFS | TERM | TMUX | TMUX_PANE | OPTIND | SHELLOPTS | BASHOPTS | UID | EUID | PPID | azlin_* | BASH_*) ;;
    *) azlin_said_so="$azlin_said_so$azlin_line
" ;;
    esac
  done
  # Lines without anything in them are none for the loop.
  case $azlin_over$1 in
  1*"$azlin_last
azlin-end") ;;
  *) return 1 ;;
  esac
}
`;

const CONTEXT = `
${PLAIN_CONTEXT}
azlin_context() {
  azlin_id= azlin_cwd=
  azlin_said=$(tmux -u display-message -p -t "$1:" '#{session_id},#{pane_id},#{pid},#{socket_path}' \\; show-environment -g -s \\; \\
    show-environment -s -t "$1" \\; display-message -p -t "$1:" 'azlin-cwd:#{pane_current_path}' \\; display-message -p -t "$1:" azlin-end 2>/dev/null)
  IFS='
'
  set -f
  if azlin_plain "$azlin_said"; then
    set +f
    unset IFS
    azlin_id=\${azlin_first%%,*} azlin_cwd=\${azlin_last#azlin-cwd:} azlin_first=\${azlin_first#*,}
    TMUX_PANE=\${azlin_first%%,*} azlin_first=\${azlin_first#*,}
    TMUX=\${azlin_first#*,},\${azlin_first%%,*},\${azlin_id#?}
    eval "$azlin_said_so"
  else
    set +f
    unset IFS
    eval "$(printf '%s\\n' "$azlin_said" | LC_ALL=C awk '${CONTEXT_AWK}')"
  fi
  [ -n "$azlin_id" ]
}
`;

/** Goes where the command is to run: finds the session, takes its environment over, changes to its directory. Sets azlin_id, azlin_place. */
export const ENTER = `
azlin_shell=\${12:-\${SHELL:-/bin/sh}} azlin_created=0 azlin_agent=\${SSH_AUTH_SOCK:-} azlin_lines=\${11} azlin_variables= azlin_session=$1
while [ "$azlin_lines" -gt 0 ]; do
  IFS= read -r azlin_line || exit 1
  azlin_variables="$azlin_variables$azlin_line
" azlin_lines=$((azlin_lines - 1))
done
${CONTEXT}
# A name that ends in a semicolon would end the tmux command: it takes the longer way, by id.
case $1 in *\\;) false ;; *) azlin_context "=$1" ;; esac || {
  ${FIND}
  azlin_context "$azlin_id" || { printf 'failed\\n%s\\n' "the session $azlin_id cannot be read"; exit 0; }
  azlin_session=$(tmux -u display-message -p -t "$azlin_id:" '#{session_name}')
}
# A login by ssh has read ~/.bashrc already; at this level the command's own bash leaves it alone, and what it prints.
SHLVL=1
export TMUX TMUX_PANE SHLVL
[ "$9" != agent ] || [ -z "$azlin_agent" ] || export SSH_AUTH_SOCK="$azlin_agent"
eval "$azlin_variables"
azlin_place=cwd
cd "$azlin_cwd" 2>/dev/null || azlin_place=no-cwd
if [ -n "\${10}" ]; then
  case \${10} in '~') azlin_cwd=$HOME ;; '~/'*) azlin_cwd=$HOME/\${10#??} ;; *) azlin_cwd=\${10} ;; esac
  azlin_said=$(CDPATH= cd -- "$azlin_cwd" 2>&1) || { printf 'no-directory\\n%s\\n' "$azlin_cwd"; exit 0; }
  CDPATH= cd -- "$azlin_cwd" >/dev/null
  azlin_place=cwd
fi
command -v "$azlin_shell" >/dev/null 2>&1 || { printf 'no-shell\\n%s\\n' "$azlin_shell"; exit 0; }
`;

/**
 * Becomes the user's command. A script comes on standard input and counts only with its last word: one that was cut off half-way must
 * not run. A shell of another kind reads it from there itself.
 */
export const BEGIN = `
# $1 what to run, $2 the command, $3 whether the shell was asked for, $4 the last word of a script, empty where it is known to be whole.
azlin_begin() {
  case $1:\${azlin_shell##*/} in
  command:*) exec "$azlin_shell" -c "$2" ;;
  script:bash | script:zsh | script:ksh | script:mksh | script:dash | script:ash | script:sh) azlin_end=$4; set -- ;;
  errexit:bash | errexit:zsh | errexit:ksh | errexit:mksh) azlin_end=$4; set -- -eo pipefail ;;
  *)
    if [ -n "$3" ] && [ "$1" = errexit ]; then azlin_end=$4; set -- -e
    elif [ -n "$3" ]; then
      [ -n "$4" ] || exec "$azlin_shell"
      azlin_script=$(cat; echo .)
      case $azlin_script in *"$4.") ;; *) exit 255 ;; esac
      azlin_file=\${TMPDIR:-/tmp}/azlin-$4
      (umask 077; set -C; printf %s "\${azlin_script%"$4."}" >"$azlin_file") || exit 255
      exec <"$azlin_file"
      rm -f "$azlin_file"
      exec "$azlin_shell"
    elif [ "$1" = errexit ]; then azlin_shell=bash azlin_end=$4; set -- -eo pipefail
    else azlin_shell=$(command -v bash || echo /bin/sh) azlin_end=$4; set --; fi ;;
  esac
  exec "$azlin_shell" "$@" -c 'azlin_script=$(cat); exec </dev/null; azlin_end=$1; shift
    case $azlin_script in *"$azlin_end") ;; *) exit 255 ;; esac
    eval "\${azlin_script%"$azlin_end"}"' "$azlin_shell" "$azlin_end"
}
`;

// The watchdog belongs to the process group that it ends. It ends it when the time is up, and when the SSH server's process above has
// gone, and azlin with it. It leaves once the command has ended.
const WATCHDOG = `
# The parent of process $1, and the name of that process.
azlin_above() {
  azlin_parent= azlin_name=
  { read -r azlin_stat <"/proc/$1/stat"; } 2>/dev/null || return
  azlin_name=\${azlin_stat#*(}
  azlin_name=\${azlin_name%)*}
  set -- \${azlin_stat##*) }
  azlin_parent=$2
}
# Below the server there may be a login shell, which would not end with it.
azlin_below=$$ azlin_server=
azlin_above "$PPID"
case $azlin_name in sshd* | dropbear*) azlin_server=$PPID ;; ?*) azlin_below=$PPID azlin_server=$azlin_parent ;; esac
azlin_watch() {
  trap '' HUP INT TERM
  exec </dev/null >/dev/null 2>&1
  PATH=$PATH:/usr/bin:/bin
  azlin_left=$1
  [ -z "$1" ] || [ "$2" = 0 ] || sleep "$2" || sleep 1
  while [ "$azlin_left" != 0 ]; do
    kill -0 "$$" || exit 0
    [ -z "$azlin_server" ] || { azlin_above "$azlin_below"; [ "$azlin_parent" = "$azlin_server" ]; } || break
    sleep 1
    [ -z "$azlin_left" ] || azlin_left=$((azlin_left - 1))
  done
  kill -0 "$$" || exit 0
  [ "$azlin_left" != 0 ] || mkdir "$3"
  kill -s TERM 0
  sleep 5
  kill -s KILL 0
}
`;

export const EXEC_SCRIPT = compact(`
${ENTER}
${WATCHDOG}
${BEGIN}
(azlin_watch "$6" "$7" "$8" &)
printf 'ok %s %s %s\\n' "$azlin_created" "$azlin_place" "$$"
[ "$5" = stdin ] || exec </dev/null
azlin_begin "$3" "$4" "\${12}" "\${13}"
`);

/**
 * $1 signal, $2 process: signals the process group of a command. Not the signal request of the SSH protocol: sshd refuses it to
 * root, and older ones do not know it.
 */
export const SIGNAL_SCRIPT = `
azlin_group=$(ps -o pgid= -p "$2" 2>/dev/null | tr -d ' ')
kill -s "$1" -- "-\${azlin_group:-$2}" || kill -s "$1" "$2"
`;
