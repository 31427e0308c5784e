import { FIND } from '../tmux/scripts.ts';
import { CHOOSE_TAIL, FOLDER, FOLLOW } from './job-scripts.ts';
import { IS_ALIVE, READ_JOURNAL } from './journal-script.ts';
import { SWEEP } from './supervisor-script.ts';

/*
 * `azlin run`: a job whose command runs in the interactive shell of a session's pane, where `cd` and `export` stay. All that is typed
 * there is the name of a file. The shell reads the command from another one, with pipes for its output; a supervisor beside it shows
 * what comes on the pane and keeps it. In the journal `live` tells the shell and `code` its exit status before the last output has
 * come. A command that is broken off by Ctrl-C takes the rest of its line with it: the supervisor sees the prompt, and says how it ended.
 */

const PROMPT = `
# The process group in the foreground of the terminal of process $1.
azlin_front_of() {
  azlin_front=
  { read -r azlin_stat <"/proc/$1/stat"; } 2>/dev/null || return
  set -- \${azlin_stat##*) }
  azlin_front=$6
}
# A shell at its prompt reads keys as they come, shows none, and takes Return as it is (bash) or tells it from Ctrl-J (zsh). A program finds
# the terminal reading lines; a \`read -n\` of a shell is told by Return.
azlin_at_prompt() {
  azlin_front_of "$1"
  [ "$azlin_front" = "$1" ] || return
  case " $(stty -a <"$2" 2>/dev/null | tr '\\n' ' ') " in
  *' -icrnl '*' -icanon '*' -echo '* | *' inlcr '*' -icanon '*' -echo '*) ;;
  *' -icanon '*' -echo '*' -icrnl '* | *' -icanon '*' -echo '*' inlcr '*) ;;
  *) return 1 ;;
  esac
}
`;

// While the command's line runs, the shell's own output is the job's pipe: that tells its prompt from a `read` of the command.
const SUPERVISE = `
azlin_finish() {
  azlin_say "$1" $(wc -c <out) $(wc -c <err)
  azlin_say end "$(date +%s)"
  rm -f o e go "../.live-$azlin_shell"
}
azlin_left_line() {
  [ ! "/proc/$azlin_shell/fd/1" -ef o ] && azlin_at_prompt "$azlin_shell" "$azlin_tty"
}
azlin_interrupt() {
  azlin_tries=$((azlin_tries + 1))
  azlin_front_of "$azlin_shell"
  case $azlin_tries in
  1 | 11 | 21 | 31 | 41) kill -s INT -- "-$azlin_front" ;;
  51 | 61 | 71 | 81 | 91) [ "$azlin_front" = "$azlin_shell" ] || kill -s KILL -- "-$azlin_front" ;;
  esac
  [ "$azlin_tries" -lt 100 ] || { azlin_finish "$azlin_why"; exit 0; }
}
azlin_live() {
  trap '' HUP INT QUIT TTOU TTIN
  azlin_birth "$$"
  azlin_say live "$azlin_shell" "$azlin_tty"
  echo "\${PWD##*/}" >"../.live-$azlin_shell"
  azlin_say started "$$" "\${azlin_born:--}" "\${azlin_boot:--}"
  azlin_say at "$(date +%s)"
  printf '%s\\n' "$(head -n 1 command | cut -c 1-200 | tr -d '\\000-\\037\\177')"
  { cat <o >>out || azlin_say cut out; azlin_say drained; } &
  { cat <e >>err || azlin_say cut err; azlin_say drained; } &
  # A pane that is stopped by Ctrl-S holds up what is shown, not what is kept.
  azlin_choose_tail
  $azlin_tail -c +1 -f out 2>/dev/null &
  azlin_shown=$!
  $azlin_tail -c +1 -f err 2>/dev/null &
  azlin_readers="$azlin_shown $!" azlin_tries=0
  azlin_say shown "$azlin_readers"
  trap 'kill $azlin_readers 2>/dev/null' EXIT
  while :; do
    if [ -n "$azlin_why" ]; then sleep 0.1 || sleep 1; else sleep 1; fi
    azlin_read
    [ -z "$azlin_how" ] || break
    [ -d "/proc/$azlin_shell" ] || { azlin_finish "\${azlin_why:-left}"; break; }
    if azlin_left_line; then
      azlin_read
      [ -n "$azlin_how" ] || azlin_finish "\${azlin_why:-signaled INT}"
      break
    fi
    [ -z "$azlin_left" ] || azlin_left=$((azlin_left - 1))
    if [ "$azlin_left" = 0 ] && [ -z "$azlin_why" ]; then azlin_say ending timed-out; azlin_why=timed-out; fi
    [ -z "$azlin_why" ] || azlin_interrupt
  done
  azlin_sweep "$(date +%s)"
}
# Whether the readers $1 and $2 have shown all there is: how far each has read stands in its open files.
azlin_is_shown() {
  for azlin_reader in "$@"; do
    for azlin_fd in /proc/"$azlin_reader"/fd/*; do
      for azlin_file in out err; do
        [ "$azlin_fd" -ef "$azlin_file" ] || continue
        azlin_at_byte=
        { read -r azlin_word azlin_at_byte <"/proc/$azlin_reader/fdinfo/\${azlin_fd##*/}"; } 2>/dev/null
        [ "\${azlin_at_byte:-0}" -ge "$(wc -c <"$azlin_file")" ] || return
      done
    done
  done
}
# The shell has done the command. What it left in the background may keep its output; nobody waits for that long.
azlin_ended() {
  trap '' HUP INT QUIT
  azlin_tries=0
  until azlin_read; { [ "$azlin_drained" = .. ] && azlin_is_shown $azlin_shown; } || [ "$azlin_tries" -ge 50 ]; do
    sleep 0.02 || { sleep 1; azlin_tries=50; }
    azlin_tries=$((azlin_tries + 1))
  done
  [ -n "$azlin_how" ] || azlin_finish "\${azlin_why:-exited $1}"
  exit "$1"
}
`;

export const LIVE_SUPERVISOR = `${READ_JOURNAL}${IS_ALIVE}${PROMPT}${CHOOSE_TAIL}${SWEEP}${SUPERVISE}
cd "\${0%/run}" || exit 1
azlin_read
case $1 in
live) azlin_shell=$2 azlin_tty=$3 azlin_left=$4; azlin_live ;;
ended) azlin_shell=$2; azlin_ended "$3" ;;
esac
`;

/** Arguments after the two of FIND: $3 id, $4 the command, $5 the whole seconds of a timeout, $6 the supervisor. Follows it. */
export const LIVE_SCRIPT = `${FOLDER}${READ_JOURNAL}${IS_ALIVE}${PROMPT}${FOLLOW}
azlin_job=$azlin_jobs/$3 azlin_place=cwd azlin_found=new azlin_forwards= azlin_settles=1
IFS= read -r azlin_wire || exit 1
azlin_busy() { printf 'busy\\n%s\\n' "$1"; exit 0; }
case $azlin_jobs in *[!A-Za-z0-9_./@+,-]*) azlin_cannot "its home directory has a name that cannot be typed: $azlin_home" ;; esac
${FIND}
azlin_pane=$(tmux -u display-message -p -t "$azlin_id:" '#{pane_id} #{pane_pid} #{pane_dead} #{pane_tty}' 2>&1) || {
  printf 'failed\\n%s\\n' "$azlin_pane"
  exit 0
}
azlin_session=$(tmux -u display-message -p -t "$azlin_id:" '#{session_name}')
azlin_write() {
  mkdir "$azlin_job" && cd "$azlin_job" && mkfifo o e || return
  echo new >state && : >out && : >err && printf '%s\\n' "$azlin_session" >info || return
  printf '%s\\n' "$4" >command && printf '%s' "$6" >run || return
  printf '%s\\n' "if command mkdir $azlin_job/begun 2>/dev/null; then" \\
    "(command sh $azlin_job/run live $azlin_front $azlin_tty '$5' </dev/null 2>/dev/null &)" \\
    "{ . $azlin_job/command; } >$azlin_job/o 2>$azlin_job/e" \\
    "command sh $azlin_job/run ended $azlin_front \\$?" fi >go
}
# Whether the words that a shell was started with name neither a script nor a command.
azlin_is_interactive() {
  shift
  while [ $# -gt 0 ]; do
    case $1 in
    --rcfile | --init-file) [ $# = 1 ] || shift ;;
    --*) ;;
    -*c*) return 1 ;;
    -*) ;;
    *) return 1 ;;
    esac
    shift
  done
}
azlin_wait_for_prompt() {
  azlin_tries=0
  until azlin_at_prompt "$azlin_front" "$azlin_tty"; do
    [ "$azlin_tries" -lt "$1" ] || return
    sleep 0.05 || sleep 1
    azlin_tries=$((azlin_tries + 1))
  done
}
azlin_run() {
  azlin_tty=$5
  [ "$4" != 1 ] || azlin_busy 'its shell has ended'
  azlin_front_of "$3"
  [ -n "$azlin_front" ] || azlin_cannot 'it tells nothing about its processes in /proc'
  # The shell of a session that has just been made reads its start-up files.
  [ "$azlin_created" != 1 ] || { azlin_wait_for_prompt 100; azlin_front_of "$3"; }
  azlin_comm=
  { read -r azlin_comm <"/proc/$azlin_front/comm"; } 2>/dev/null
  azlin_line=$(tr '\\000' ' ' <"/proc/$azlin_front/cmdline" 2>/dev/null)
  case $azlin_comm in bash | zsh) ;; *) azlin_busy "$azlin_line" ;; esac
  azlin_is_interactive $azlin_line || azlin_busy "$azlin_line"
  # A job that is being broken off there is not done with the pane.
  azlin_other=
  { read -r azlin_other <"$azlin_jobs/.live-$azlin_front"; } 2>/dev/null
  if [ -n "$azlin_other" ] && cd "$azlin_jobs/$azlin_other" 2>/dev/null; then
    azlin_read
    [ -n "$azlin_how" ] || ! azlin_alive || azlin_busy "job $azlin_other"
  fi
  azlin_at_prompt "$azlin_front" "$azlin_tty" && return
  case $azlin_line in ?*' '?*) azlin_busy "$azlin_line" ;; *) azlin_busy "a command of $azlin_comm itself" ;; esac
}
azlin_run "$1" $azlin_pane
azlin_make_room
umask 077
azlin_said=$(azlin_write "$@" 2>&1) || { rm -rf "$azlin_job"; azlin_cannot "$azlin_said"; }
azlin_pane=\${azlin_pane%% *}
azlin_paste() {
  tmux -u load-buffer -b "azlin-$3" - && tmux -u if-shell -F -t "$azlin_pane" '#{pane_dead}' '' "paste-buffer -d -b azlin-$3 -t $azlin_pane"
}
# How many lines the pane has had so far.
azlin_lines_of() { tmux display-message -p -t "$azlin_pane" '#{history_size} #{cursor_y}' | { read -r azlin_above azlin_row; echo $((azlin_above + azlin_row)); }; }
# Ctrl-C takes away what somebody has begun to type, in whatever way of typing, and a line that is not at its end. What comes before the
# next prompt is there would be lost with it.
azlin_type() {
  azlin_breaks=0
  # The first one may end a search only, and leave the line.
  until azlin_new_line "$@"; do
    azlin_breaks=$((azlin_breaks + 1))
    [ "$azlin_breaks" -lt 4 ] || return 0
  done
  azlin_wait_for_prompt 20 || return 0
  printf ' . %s/go #\\n' "$azlin_job" | azlin_paste "$@"
}
azlin_new_line() {
  azlin_before=$(azlin_lines_of) azlin_tries=0
  printf '\\003' | azlin_paste "$@"
  until [ "$(azlin_lines_of)" != "$azlin_before" ]; do
    [ "$azlin_tries" -lt 10 ] || return
    sleep 0.05 || sleep 1
    azlin_tries=$((azlin_tries + 1))
  done
}
# Typed again if it has been lost all the same: the command begins once, however often it is typed.
azlin_type_until_begun() {
  for azlin_try in 1 2 3; do
    [ "$azlin_try" = 1 ] || azlin_at_prompt "$azlin_front" "$azlin_tty" || return 0
    azlin_type "$@" || return
    azlin_tries=0
    until cd "$azlin_job" && azlin_read; [ -n "$azlin_pid" ] && return; [ "$azlin_tries" -ge 60 ]; do
      sleep 0.02 || { sleep 1; azlin_tries=60; }
      azlin_tries=$((azlin_tries + 1))
    done
  done
}
azlin_said=$(azlin_type_until_begun "$@" 2>&1) || {
  rm -rf "$azlin_job"
  printf 'failed\\n%s\\n' "$azlin_said"
  exit 0
}
azlin_listen
azlin_choose_tail
azlin_follow 0 0
`;
