# Starts a job and follows it; one that is there already is followed only. More values than those of the parts: azlin_id_of_job, azlin_title, what lists call
# it, azlin_upload, the name of its standard input, azlin_is_new, set when it must not be there, azlin_seconds and azlin_part of a timeout,
# azlin_kill_after, seconds between SIGTERM and SIGKILL, azlin_grace, seconds that it goes on with nobody following, empty for ever, azlin_supervisor,
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
# What nobody takes is thrown away.
[ -z "$azlin_upload" ] || trap 'rm -f "$azlin_jobs/.in-$azlin_upload"' EXIT

azlin_write() {
  cd "$azlin_job" && mkfifo w o e && mkdir unasked || return
  # With its first line the journal has the room on the disk that it needs to its end.
  echo new >state && : >out && : >err && printf '%s\n%s\n' "$azlin_session" "$azlin_errors" >info || return
  printf '%s\n' "$azlin_title" >command && printf '%s' "$azlin_supervisor" >run || return
  # What is too long for the environment has a file of its own; so has what bash would write in a way that other shells do not read.
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
  # Opened both ways: neither side waits for the other one to open it.
  exec 4<>"$azlin_job/w"
  # shellcheck disable=SC2016
  azlin_line='setsid env -i PATH="$PATH" sh '"$azlin_quoted/run supervise '$azlin_seconds' '$azlin_part' $azlin_kill_after '$azlin_grace' $azlin_errors </dev/null >/dev/null 2>&1; exit 0"
  azlin_said=$(tmux -u run-shell -b -t "$azlin_id:" "$azlin_line" 2>&1) || ! mkdir "$azlin_job/begun" 2>/dev/null || {
    azlin_remove
    azlin_refuse failed "$azlin_said"
  }
  # Not before: what has come this far begins, whether azlin is still there or not.
  azlin_listen
  azlin_choose_tail
  read -r azlin_word <&4
  exec 4>&-
}

# Whoever still stands in it finds nothing to run.
azlin_remove() {
  rm -f "$azlin_job/run" "$azlin_job/env"
  rm -rf "$azlin_job"
}
# One that was given up before it began leaves its id to whoever tries again: that is not who gave it up, however late a packet of theirs comes.
azlin_is_free() {
  [ -e "$azlin_job/begun/void" ] || return
  azlin_void=
  { read -r azlin_void <"$azlin_job/begun/void"; } 2>/dev/null
  [ "$azlin_void" != "$azlin_settles" ]
}
if [ ! -e "$azlin_job" ] || azlin_is_free; then
  azlin_path=$PATH
  azlin_enter
  # The user's PATH is for the user's command.
  azlin_user_path=$PATH PATH=$azlin_path
  for azlin_tool in setsid mkfifo awk; do
    command -v "$azlin_tool" >/dev/null || azlin_cannot "$azlin_tool is not installed there"
  done
  azlin_make_jobs
  azlin_umask=$(umask) azlin_cwd=$PWD azlin_program=$azlin_shell
  umask 077
  # Of many who come for it one clears it away.
  ! azlin_is_free || ! mv "$azlin_job/begun/void" "$azlin_job/begun/void-$$" 2>/dev/null || azlin_remove
  if azlin_said=$(mkdir "$azlin_job" 2>&1); then azlin_start
  elif [ ! -d "$azlin_job" ]; then azlin_cannot "$azlin_said"; fi
fi
[ -z "$azlin_is_new" ] || [ "$azlin_found" = new ] || azlin_cannot 'a job with that id already exists'
if [ "$azlin_found" != new ]; then
  azlin_listen
  azlin_choose_tail
fi
if [ -n "$azlin_detach" ]; then
  azlin_await none none
  azlin_leave
else azlin_follow 0 0; fi
