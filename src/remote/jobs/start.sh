# Starts a job and follows it; a job that already exists is only followed. Values besides those of the parts: azlin_id_of_job; azlin_title, what lists call it;
# azlin_upload, the name of its standard input; azlin_is_new, set if the job must not exist yet; azlin_seconds and azlin_part of a timeout; azlin_kill_after,
# the seconds between SIGTERM and SIGKILL; azlin_grace, the seconds that it goes on while nobody follows it, empty for no limit; azlin_supervisor;
# azlin_detach, set to return at once.
. ./parts/prelude.sh
. ./parts/errors.sh
. ./parts/room.sh
. ./parts/jobs/place.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/context.sh
. ./parts/jobs/journal.sh
. ./parts/jobs/tail.sh
. ./parts/jobs/follow.sh
azlin_may_begin
azlin_job=$azlin_jobs/$azlin_id_of_job azlin_went=cwd azlin_found=found azlin_forwards=$azlin_agent
# An upload that no job takes is thrown away.
[ -z "$azlin_upload" ] || trap 'rm -f "$azlin_jobs/.in-$azlin_upload"' EXIT
# Ended by azlin, it must come to that, too.
trap 'exit 0' TERM

azlin_write() {
  cd "$azlin_job" && mkfifo w o e && mkdir unasked || return
  # With this first line, the journal gets the disk space that it needs until its end.
  echo new >state && : >out && : >err && : >times && printf '%s\n%s\n%s\n' "$azlin_session" "$azlin_errors" "$azlin_settles" >info || return
  printf '%s\n' "$azlin_title" >command && printf '%s' "$azlin_supervisor" >run || return
  # A text that is too long for the environment gets a file of its own. So does any text in bash, which may export it in a form that other shells cannot read.
  if [ "${#azlin_text}" -gt 30000 ] || [ -n "$BASH_VERSION" ]; then printf '%s' "$azlin_text" >text || return; else export azlin_text; fi
  [ -z "$azlin_upload" ] || mv "$azlin_jobs/.in-$azlin_upload" in || return
  [ -z "$azlin_grace" ] || : >lease
  [ "$azlin_agent" != agent ] || [ -z "$azlin_own_agent" ] || { ln -sf "$azlin_own_agent" agent && export SSH_AUTH_SOCK="$azlin_job/agent"; }
  PATH=$azlin_user_path
  export azlin_umask azlin_cwd azlin_program azlin_kind azlin_given_shell
  unset PWD OLDPWD
  export -p >env
}
azlin_start() {
  azlin_found=new
  azlin_said=$(azlin_write 2>&1) || {
    rm -rf "$azlin_job"
    azlin_cannot "$azlin_said"
  }
  case $azlin_job in
  *[!A-Za-z0-9_./@+,-]*) azlin_quoted="'$(printf '%s' "$azlin_job" | sed "s/'/'\\\\''/g; s/#/##/g")'" ;;
  *) azlin_quoted=$azlin_job ;;
  esac
  # Opened for reading and writing, so that neither side waits for the other to open it.
  exec 4<>"$azlin_job/w"
  # shellcheck disable=SC2016
  azlin_line='setsid env -i PATH="$PATH" sh '"$azlin_quoted/run supervise '$azlin_seconds' '$azlin_part' $azlin_kill_after '$azlin_grace' $azlin_errors </dev/null >/dev/null 2>&1; exit 0"
  # Not in the background by `&`, which would make it deaf to SIGINT. A server without sessions ends at once and would take it along, so it has to wait.
  azlin_said=$(tmux -u run-shell -b -t "$azlin_id:" "$azlin_line" 2>&1) || azlin_said=$([ -n "$azlin_alone" ] && tmux -u start \; run-shell -b "$azlin_line" \; run-shell 'sleep 1' 2>&1) || ! mkdir "$azlin_job/begun" 2>/dev/null || {
    azlin_remove
    azlin_refuse failed "$azlin_said"
  }
  # Not earlier: a job that has come this far begins, whether azlin is still there or not.
  azlin_listen
  azlin_choose_tail
  read -r azlin_word <&4
  exec 4>&-
}

# Removed first, so that a process that is still in the folder finds nothing to run.
azlin_remove() {
  rm -f "$azlin_job/run" "$azlin_job/env"
  rm -rf "$azlin_job"
}
# Whether the job does not exist or was given up before it began. Then its id is free for a new try, but not for the try that gave it up, however late that
# one's packets arrive.
azlin_is_free() {
  [ -e "$azlin_job/begun/void" ] || return
  azlin_void=
  { read -r azlin_void <"$azlin_job/begun/void"; } 2>/dev/null
  [ "$azlin_void" != "$azlin_settles" ]
}
if [ ! -e "$azlin_job" ] || azlin_is_free; then
  azlin_path=$PATH
  azlin_enter
  # The PATH of the session is only for the user's command.
  azlin_user_path=$PATH PATH=$azlin_path
  for azlin_tool in setsid mkfifo awk; do
    command -v "$azlin_tool" >/dev/null || azlin_cannot "$azlin_tool is not installed there"
  done
  azlin_make_jobs
  azlin_umask=$(umask) azlin_cwd=$PWD azlin_program=$azlin_shell
  umask 077
  # If several tries come for it at once, only one clears it away.
  ! azlin_is_free || ! mv "$azlin_job/begun/void" "$azlin_job/begun/void-$$" 2>/dev/null || azlin_remove
  if azlin_said=$(mkdir "$azlin_job" 2>&1); then azlin_start
  elif [ ! -d "$azlin_job" ]; then azlin_cannot "$azlin_said"; fi
fi
if [ "$azlin_found" != new ]; then
  [ -z "$azlin_is_new" ] || azlin_cannot 'a job with that id already exists'
  azlin_listen
  azlin_choose_tail
fi
if [ -n "$azlin_detach" ]; then
  azlin_await none none
  azlin_leave
else azlin_follow 0 0; fi
