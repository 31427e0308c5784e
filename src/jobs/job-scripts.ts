import { ENTER } from '../tmux/exec-script.ts';
import { IS_ALIVE, READ_JOURNAL } from './journal-script.ts';

/*
 * What azlin asks of the jobs of a VM, a round trip each; journal-script.ts says what a job is. The first line of the output is a
 * status, as with the scripts of tmux/.
 */

export const FOLDER = `
azlin_home=$HOME
azlin_jobs=$azlin_home/.azlin/jobs
azlin_cannot() { printf 'cannot\\n%s\\n' "$1"; exit 0; }
azlin_make_room() { [ -d "$azlin_jobs" ] || azlin_said=$(umask 077; mkdir -p "$azlin_jobs" 2>&1) || azlin_cannot "$azlin_said"; }
`;

/** $1 the word that the input ends with, and that names it: takes standard input to the VM. What was cut off half-way is thrown away. */
export const UPLOAD_SCRIPT = `${FOLDER}
azlin_make_room
umask 077
azlin_file=$azlin_jobs/.in-$1
azlin_said=$( { cat >"$azlin_file"; } 2>&1 ) || { rm -f "$azlin_file"; cat >/dev/null; azlin_cannot "$azlin_said"; }
[ "$(tail -c "\${#1}" "$azlin_file")" = "$1" ] || { rm -f "$azlin_file"; azlin_cannot 'its input was cut off'; }
azlin_size=$(($(wc -c <"$azlin_file") - \${#1}))
dd if=/dev/null of="$azlin_file" bs=1 seek="$azlin_size" 2>/dev/null || { rm -f "$azlin_file"; azlin_cannot 'dd does not work there'; }
printf 'ok\\n'
`;

/** Some readers of growing files look once a second unless they are told to look more often. */
export const CHOOSE_TAIL = `
azlin_choose_tail() {
  azlin_tail=tail
  tail -s 0.1 -n 0 /dev/null 2>/dev/null && azlin_tail='tail -s 0.1'
}
`;

// Three readers of growing files write to the channel as bytes come: the journal and `out` to its output, `err` to its errors. Each line
// of the journal gets a key in front, the first line that azlin says; it stands nowhere else, in no file and no list of processes, so
// a line is told from the command's output wherever it lands. azlin says when it has what it wants by closing its end. Until then it is told
// if nobody is left who could say how the job ends. The SSH agent of a connection goes with it: the job's is a link to the latest one.
export const FOLLOW = `${CHOOSE_TAIL}
# $1 and $2 where to start in \`out\` and \`err\`: a byte, \`-N\` for the last N lines, \`none\`; $3 \`now\` for what there is by now.
azlin_from() {
  case $1 in
  -*) azlin_size=$(wc -c <"$2"); echo $((azlin_size - $(head -c "$azlin_size" "$2" | tail -n "\${1#-}" | wc -c))) ;;
  *) echo "$1" ;;
  esac
}
# Every line from azlin says that it is there; when it has gone, all this goes.
azlin_listen() {
  exec 3<&0 </dev/null
  (while IFS= read -r azlin_line; do command : >"$azlin_job/lease"; done; kill $$) <&3 >/dev/null 2>&1 3<&- &
  azlin_listener=$! azlin_kids=
  exec 3<&-
}
# Ends with all that is left here: whoever listens must not outlive the process that it would end.
azlin_leave() { kill $azlin_kids $azlin_listener 2>/dev/null; exit 0; }
azlin_no_job() { echo no-job; azlin_leave; }
# The lines of the journal on standard input, after the number of the process that they come from: told to end, that ends as well.
azlin_tell_journal() {
  read -r azlin_reader
  trap 'kill $azlin_reader 2>/dev/null; exit 0' TERM
  while read -r azlin_word azlin_rest; do printf '%s %s %s\\n' "$azlin_wire" "$azlin_word" "$azlin_rest"; done
}
# Waits until the job has begun; the first line says where following starts.
azlin_await() {
  cd "$azlin_job" 2>/dev/null || azlin_no_job
  azlin_tries=0
  until azlin_read; [ -n "$azlin_pid" ]; do
    # Whoever made it may be at it, or may have been stopped; from then on it will not begin.
    if [ -n "$azlin_settles" ] && [ "$azlin_tries" -gt 250 ] && mkdir begun 2>/dev/null; then cd ..; rm -rf "$azlin_job"; azlin_no_job; fi
    [ "$azlin_tries" -lt 400 ] || azlin_no_job
    sleep 0.02 2>/dev/null || { sleep 1; azlin_tries=$((azlin_tries + 50)); }
    azlin_tries=$((azlin_tries + 1))
  done
  [ "$azlin_forwards" != agent ] || [ -z "$SSH_AUTH_SOCK" ] || ln -sf "$SSH_AUTH_SOCK" agent
  azlin_out=$1 azlin_err=$2
  case $1$2 in *-*) azlin_out=$(azlin_from "$1" out) azlin_err=$(azlin_from "$2" err) ;; esac
  printf 'ok %s %s %s %s %s\\n' "$azlin_created" "$azlin_place" "$azlin_found" "$azlin_out" "$azlin_err"
  [ "$3" != now ] || {
    for azlin_word in $azlin_cut; do printf '%s cut %s\\n' "$azlin_wire" "$azlin_word"; done
    printf '%s now %s %s\\n' "$azlin_wire" $(wc -c <out) $(wc -c <err)
  }
}
# Whether all that the journal promises is there.
azlin_whole() {
  set -- $azlin_how
  while [ $# -gt 2 ]; do shift; done
  [ "$(wc -c <out)" -ge "\${1:-0}" ] && [ "$(wc -c <err)" -ge "\${2:-0}" ]
}
azlin_follow() {
  azlin_await "$1" "$2" "$3"
  azlin_told=
  trap azlin_leave TERM
  { read -r azlin_me azlin_rest </proc/self/stat; echo "$azlin_me"; exec $azlin_tail -n +1 -f state 2>/dev/null; } | azlin_tell_journal &
  azlin_kids=$!
  [ "$azlin_out" = none ] || { $azlin_tail -c "+$((azlin_out + 1))" -f out 2>/dev/null & azlin_kids="$azlin_kids $!"; }
  [ "$azlin_err" = none ] || { $azlin_tail -c "+$((azlin_err + 1))" -f err >&2 2>/dev/null & azlin_kids="$azlin_kids $!"; }
  while :; do
    sleep 2 >/dev/null 2>&1 &
    wait "$!"
    # Without one of its readers azlin would wait for ever: it comes again.
    for azlin_kid in $azlin_kids; do kill -0 "$azlin_kid" 2>/dev/null || azlin_leave; done
    [ -z "$azlin_told" ] || continue
    azlin_read
    [ -n "$azlin_how" ] || { azlin_alive && continue; azlin_read; }
    azlin_told=1
    [ -n "$azlin_how" ] && azlin_whole 2>/dev/null && continue
    printf '%s gone %s %s\\n' "$azlin_wire" $(wc -c 2>/dev/null <out) $(wc -c 2>/dev/null <err)
  done
}
`;

/**
 * Starts a job and follows it; one that is there already is followed only. Arguments after those of ENTER and BEGIN: ${14} id, ${15} the
 * name of an upload, ${16} `new` when it must not be there, ${17} seconds that it goes on with nobody following, empty for ever,
 * ${18} the supervisor, ${19} `detach` to return at once.
 */
export const START_SCRIPT = `${FOLDER}${READ_JOURNAL}${IS_ALIVE}${FOLLOW}
azlin_job=$azlin_jobs/\${14} azlin_created=0 azlin_place=cwd azlin_found=found azlin_forwards=$9 azlin_input=\${15} azlin_settles=1
IFS= read -r azlin_wire || exit 1
# What nobody takes is thrown away.
[ -z "$azlin_input" ] || trap 'rm -f "$azlin_jobs/.in-$azlin_input"' EXIT
azlin_write() {
  cd "$azlin_job" && mkfifo w o e || return
  # With its first line the journal has the room on the disk that it needs to its end.
  echo new >state && : >out && : >err && printf '%s\\n' "$azlin_session" >info || return
  printf '%s\\n' "$4" >command && printf '%s' "\${18}" >run || return
  [ -z "$azlin_input" ] || mv "$azlin_jobs/.in-$azlin_input" in || return
  [ -z "\${17}" ] || : >lease
  [ "$9" != agent ] || [ -z "$azlin_agent" ] || { ln -sf "$azlin_agent" agent && export SSH_AUTH_SOCK="$azlin_job/agent"; }
  PATH=$azlin_user_path
  export azlin_umask azlin_cwd azlin_program azlin_kind=$3 azlin_given=\${12} azlin_command=$4
  unset PWD OLDPWD
  export -p >env
}
if [ ! -e "$azlin_job" ]; then
  azlin_path=$PATH
  ${ENTER}
  # The user's PATH is for the user's command.
  azlin_user_path=$PATH PATH=$azlin_path
  for azlin_tool in setsid mkfifo awk; do
    command -v "$azlin_tool" >/dev/null || azlin_cannot "$azlin_tool is not installed there"
  done
  azlin_make_room
  azlin_umask=$(umask) azlin_cwd=$PWD azlin_program=$azlin_shell
  umask 077
  if azlin_said=$(mkdir "$azlin_job" 2>&1); then
    azlin_found=new
    azlin_said=$(azlin_write "$@" 2>&1) || { rm -rf "$azlin_job"; azlin_cannot "$azlin_said"; }
    case $azlin_job in
    *[!A-Za-z0-9_./@+,-]*) azlin_quoted="'$(printf '%s' "$azlin_job" | sed "s/'/'\\\\\\\\''/g; s/#/##/g")'" ;;
    *) azlin_quoted=$azlin_job ;;
    esac
    azlin_listen
    # Opened both ways: neither side waits for the other one to open it.
    exec 4<>"$azlin_job/w"
    azlin_line='setsid env -i PATH="$PATH" sh '"$azlin_quoted/run supervise '$6' '$7' '\${17}' </dev/null >/dev/null 2>&1; exit 0"
    azlin_said=$(tmux -u run-shell -b -t "$azlin_id:" "$azlin_line" 2>&1) || ! mkdir "$azlin_job/begun" 2>/dev/null || {
      rm -rf "$azlin_job"
      printf 'failed\\n%s\\n' "$azlin_said"
      exit 0
    }
    azlin_choose_tail
    read -r azlin_word <&4
    exec 4>&-
  elif [ ! -d "$azlin_job" ]; then azlin_cannot "$azlin_said"; fi
fi
[ "\${16}" != new ] || [ "$azlin_found" = new ] || azlin_cannot 'a job of that id is there already'
if [ "$azlin_found" != new ]; then
  [ "$(cat "$azlin_job/command" 2>/dev/null)" = "$4" ] || azlin_found=other
  azlin_listen
  azlin_choose_tail
fi
if [ "\${19}" = detach ]; then azlin_await none none; azlin_leave; else azlin_follow 0 0; fi
`;

/**
 * $1 id, $2 and $3 where to start in `out` and `err`, $4 `now` for what there is, $5 `agent` when the SSH agent is forwarded, $6 `settle`
 * when it must not begin from now on if it has not begun.
 */
export const FOLLOW_SCRIPT = `${FOLDER}${READ_JOURNAL}${IS_ALIVE}${FOLLOW}
azlin_job=$azlin_jobs/$1 azlin_created=0 azlin_place=cwd azlin_found=found azlin_forwards=$5 azlin_settles=$6
IFS= read -r azlin_wire || exit 1
[ -z "$azlin_settles" ] || (umask 077; mkdir "$azlin_job" 2>/dev/null)
azlin_listen
azlin_choose_tail
azlin_follow "$2" "$3" "$4"
`;

/** $1 an id, or nothing for every job. Two lines each: id, when it was started and when it ended, how, session; the command. */
export const LIST_SCRIPT = `${FOLDER}${READ_JOURNAL}${IS_ALIVE}
printf 'ok %s\\n' "$(date +%s)"
cd "$azlin_jobs" 2>/dev/null || exit 0
for azlin_id in \${1:-*}; do
  cd "$azlin_id" 2>/dev/null || continue
  azlin_read
  azlin_session= azlin_command= azlin_more=
  { IFS= read -r azlin_session; } 2>/dev/null <info
  { IFS= read -r azlin_command; IFS= read -r azlin_more; } 2>/dev/null <command
  [ -n "$azlin_new" ] || { cd ..; continue; }
  if [ -n "$azlin_how" ]; then :
  elif [ -z "$azlin_pid" ]; then azlin_how=starting
  elif azlin_alive; then azlin_how=running
  else azlin_how=lost; fi
  printf '%s:%s:%s:%s:%s\\n%.300s%s\\n' "$azlin_id" "$azlin_at" "$azlin_end" "$azlin_how" "$azlin_session" \\
    "$azlin_command" "\${azlin_more:+ ...}"
  cd ..
done
`;

/** $1 id, $2 signal: signals the process group of the job's command. */
export const SIGNAL_JOB_SCRIPT = `${FOLDER}${READ_JOURNAL}${IS_ALIVE}
cd "$azlin_jobs/$1" 2>/dev/null || { echo no-job; exit 0; }
azlin_read
# In a live shell the command is what has the terminal.
[ -z "$azlin_live" ] || { read -r azlin_stat <"/proc/\${azlin_live%% *}/stat" && set -- "$1" "$2" \${azlin_stat##*) } && azlin_group=$8; } 2>/dev/null
[ -n "$azlin_how" ] || ! azlin_alive || [ -z "$azlin_group" ] || kill -s "$2" -- "-$azlin_group" 2>/dev/null
echo ok
`;

/** $1 id: ends a job, and says how it ended; a job that has ended already is left as it is. */
export const CANCEL_SCRIPT = `${FOLDER}${READ_JOURNAL}${IS_ALIVE}
cd "$azlin_jobs/$1" 2>/dev/null || { echo no-job; exit 0; }
azlin_read
[ -z "$azlin_how" ] || { echo "ok ended $azlin_how"; exit 0; }
azlin_say ending cancelled
if [ -n "$azlin_pid" ] && ! azlin_alive; then
  # Nobody is left to end what may still run, or to say how it ends.
  azlin_is_still $azlin_leader || { echo 'ok ended lost'; exit 0; }
  kill -s TERM -- "-$azlin_group" 2>/dev/null
  azlin_tries=0
  while [ "$azlin_tries" -lt 10 ] && kill -0 -- "-$azlin_group" 2>/dev/null; do sleep 0.5 || sleep 1; azlin_tries=$((azlin_tries + 1)); done
  kill -s KILL -- "-$azlin_group" 2>/dev/null
  echo 'ok now lost'
  exit 0
fi
[ -z "$azlin_group" ] || kill -s TERM -- "-$azlin_group" 2>/dev/null
azlin_tries=0
while [ "$azlin_tries" -lt 100 ]; do
  azlin_read
  [ -z "$azlin_how" ] || { echo "ok now $azlin_how"; exit 0; }
  sleep 0.1 2>/dev/null || { sleep 1; azlin_tries=$((azlin_tries + 9)); }
  azlin_tries=$((azlin_tries + 1))
done
echo 'ok now ending'
`;
