# `azlin run`: starts and follows a job whose command runs in the interactive shell of a session's pane, where the effects of `cd` and `export` last. Only the
# name of a file is typed there. The shell reads the command from another file, with pipes for its output. Values: those of the parts, azlin_id_of_job,
# azlin_text, azlin_seconds of a timeout, azlin_supervisor.
. ./parts/prelude.sh
. ./parts/errors.sh
. ./parts/room.sh
. ./parts/jobs/place.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/paste.sh
. ./parts/jobs/journal.sh
. ./parts/jobs/prompt.sh
. ./parts/jobs/tail.sh
. ./parts/jobs/follow.sh
azlin_may_begin
azlin_job=$azlin_jobs/$azlin_id_of_job azlin_went=cwd azlin_found=new azlin_forwards= azlin_settles=1
# Short, because this is what is typed, and people see it.
azlin_go=$azlin_home/.azlin/go/$azlin_id_of_job

azlin_busy() { azlin_refuse busy "$1"; }
case $azlin_jobs in *[!A-Za-z0-9_./@+,-]*) azlin_cannot "its home directory has a name that cannot be typed: $azlin_home" ;; esac
azlin_list
azlin_find_or_make
azlin_said=$(tmux -u display-message -p -t "$azlin_id:" "$azlin_mark:#{pane_id} #{pane_pid} #{pane_dead} #{pane_tty} #{session_name}" 2>&1)
case $azlin_said in *"$azlin_mark:%"*) azlin_said=${azlin_said#*"$azlin_mark:"} ;; *) azlin_refuse failed "$azlin_said" ;; esac
azlin_pane=${azlin_said%% *} azlin_said=${azlin_said#* }
azlin_pane_pid=${azlin_said%% *} azlin_said=${azlin_said#* }
azlin_dead=${azlin_said%% *} azlin_said=${azlin_said#* }
azlin_tty=${azlin_said%% *} azlin_session=${azlin_said#* }

azlin_write() {
  [ -d "${azlin_go%/*}" ] || mkdir "${azlin_go%/*}" || return
  mkdir "$azlin_job" && cd "$azlin_job" && mkfifo o e || return
  echo new >state && : >out && : >err && : >times && printf '%s\n%s\n' "$azlin_session" separate >info || return
  printf '%s\n' "$azlin_text" >command && printf '%s' "$azlin_supervisor" >run || return
  printf '%s\n' "if command mkdir $azlin_job/begun 2>/dev/null; then" \
    "(command sh $azlin_job/run live $azlin_front $azlin_tty '$azlin_seconds' </dev/null 2>/dev/null &)" \
    "{ . $azlin_job/command; } >$azlin_job/o 2>$azlin_job/e" \
    "command sh $azlin_job/run ended $azlin_front \$?" "fi" >"$azlin_go"
}
# Whether a shell whose command line is $@ was started with neither a script nor a command.
azlin_is_interactive() {
  # Without words, the shell has ended in the meantime.
  [ $# -gt 0 ] || return
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
# Whether a shell waits at its prompt in the pane. The foreground process is looked up each time, because prompts start programs, too.
azlin_is_ready() {
  azlin_front_of "$azlin_pane_pid"
  [ -n "$azlin_front" ] || return
  azlin_comm=
  { read -r azlin_comm <"/proc/$azlin_front/comm"; } 2>/dev/null
  azlin_words=$(tr '\000' ' ' 2>/dev/null <"/proc/$azlin_front/cmdline")
  case $azlin_comm in bash | zsh) ;; *) return 1 ;; esac
  # shellcheck disable=SC2086
  azlin_is_interactive $azlin_words && azlin_at_prompt "$azlin_front" "$azlin_tty"
}
# Whether the foreground process cannot be a program of a prompt. Such a program does not run for three seconds, and a shell that sleeps without a child runs
# none. A shell that waits for a processor may be about to run one.
azlin_is_settled() {
  case $azlin_comm in
  bash | zsh)
    azlin_kids=/proc/$azlin_front/task/$azlin_front/children
    [ "$azlin_tries" -ge 5 ] && [ -r "$azlin_kids" ] && [ -z "$(cat "$azlin_kids" 2>/dev/null)" ] && azlin_read_stat "$azlin_front" && [ "${azlin_stat%% *}" = S ]
    ;;
  *) azlin_age "$azlin_front" && [ "$azlin_up" -gt 300 ] ;;
  esac
}
# Waits for the prompt: $1 tries, 20 per second.
azlin_wait_for_prompt() {
  azlin_tries=0
  until azlin_is_ready; do
    [ "$azlin_tries" -lt "$1" ] || return
    # The shell may have come to its prompt since the last look.
    ! azlin_is_settled || { azlin_is_ready; return; }
    sleep 0.05 || {
      sleep 1
      azlin_tries=$((azlin_tries + 19))
    }
    azlin_tries=$((azlin_tries + 1))
  done
}
azlin_check_pane() {
  [ "$azlin_dead" != 1 ] || azlin_busy 'its shell has ended'
  azlin_front_of "$azlin_pane_pid"
  [ -n "$azlin_front" ] || azlin_cannot 'its /proc does not show processes'
  # The shell of a new session still reads its start-up files; any other shell may be busy with what it does before each prompt.
  if [ "$azlin_created" = 1 ]; then azlin_wait_for_prompt 100; else azlin_wait_for_prompt 25; fi || {
    case $azlin_comm:$azlin_words in bash: | zsh: | bash:?*' '?* | zsh:?*' '?* | [!bz]*) azlin_busy "$azlin_words" ;; *) azlin_busy "a builtin or function of $azlin_comm" ;; esac
  }
  # A job that is being interrupted there is not done with the pane.
  azlin_other=
  { read -r azlin_other <"$azlin_jobs/.live-$azlin_front"; } 2>/dev/null
  if [ -n "$azlin_other" ] && cd "$azlin_jobs/$azlin_other" 2>/dev/null; then
    azlin_read
    [ -n "$azlin_how" ] || ! azlin_alive || azlin_busy "job $azlin_other"
  fi
}
# Only one at a time types in a pane: the Ctrl-C of the next one would end what the first one has begun.
azlin_take_pane() {
  azlin_lock=$azlin_jobs/.typing-$azlin_pane azlin_tries=0
  azlin_birth "$$"
  azlin_mine="$$ ${azlin_born:--} ${azlin_boot:--}"
  until (set -C && echo "$azlin_mine" >"$azlin_lock") 2>/dev/null; do
    azlin_other=
    { read -r azlin_other <"$azlin_lock"; } 2>/dev/null
    # shellcheck disable=SC2086
    [ -z "$azlin_other" ] || azlin_is_still $azlin_other || { mv "$azlin_lock" "$azlin_lock.$$" && rm -f "$azlin_lock.$$"; } 2>/dev/null
    [ "$azlin_tries" -lt 200 ] || azlin_busy 'another command that is about to begin'
    sleep 0.05 || {
      sleep 1
      azlin_tries=$((azlin_tries + 19))
    }
    azlin_tries=$((azlin_tries + 1))
  done
  trap 'rm -f "$azlin_lock"' EXIT
}
# Prints how many lines the pane has had so far.
azlin_lines_of() {
  azlin_said=$(tmux display-message -p -t "$azlin_pane" "$azlin_mark:#{history_size} #{cursor_y}" 2>/dev/null)
  azlin_said=${azlin_said##*"$azlin_mark:"}
  echo $((${azlin_said% *} + ${azlin_said#* }))
}
azlin_new_line() {
  azlin_lines=$(azlin_lines_of) azlin_tries=0
  printf '\003' | azlin_paste "$azlin_pane" "azlin-$azlin_id_of_job"
  until [ "$(azlin_lines_of)" != "$azlin_lines" ]; do
    [ "$azlin_tries" -lt 10 ] || return
    sleep 0.05 || sleep 1
    azlin_tries=$((azlin_tries + 1))
  done
}
# Types the command. Ctrl-C first removes what somebody has begun to type, in any editing mode, and a line that is not complete. Anything typed before the next
# prompt appears would be lost with it.
azlin_type() {
  azlin_breaks=0
  # Before tmux 3.2, a pane is frozen while somebody looks at its history.
  case $azlin_version in 2.* | 3.[01]*) azlin_leave_history "$azlin_pane" ;; esac
  # The first Ctrl-C may only end a search, and leave the line.
  until azlin_new_line; do
    azlin_breaks=$((azlin_breaks + 1))
    [ "$azlin_breaks" -lt 4 ] || return 0
  done
  azlin_wait_for_prompt 100 || return 0
  # Turns anything behind the cursor into a comment, if the shell knows comments at its prompt.
  case $azlin_comm in bash) azlin_end=' #' ;; *) azlin_end= ;; esac
  printf ' . %s%s\n' "$azlin_go" "$azlin_end" | azlin_paste "$azlin_pane" "azlin-$azlin_id_of_job"
}
# Types it again if it was lost all the same: the command begins only once, however often it is typed.
azlin_type_until_begun() {
  for azlin_try in 1 2 3; do
    [ "$azlin_try" = 1 ] || azlin_wait_for_prompt 20 || return 0
    azlin_type || return
    azlin_tries=0
    until
      cd "$azlin_job" && azlin_read
      [ -n "$azlin_pid" ] && return
      [ "$azlin_tries" -ge 60 ]
    do
      sleep 0.02 || {
        sleep 1
        azlin_tries=60
      }
      azlin_tries=$((azlin_tries + 1))
    done
  done
}

umask 077
azlin_make_jobs
azlin_take_pane
azlin_check_pane
azlin_said=$(azlin_write 2>&1) || {
  rm -rf "$azlin_job" "$azlin_go"
  azlin_cannot "$azlin_said"
}
azlin_said=$(azlin_type_until_begun 2>&1) || ! mkdir "$azlin_job/begun" 2>/dev/null || {
  rm -rf "$azlin_job" "$azlin_go"
  azlin_refuse failed "$azlin_said"
}
rm -f "$azlin_lock"
trap - EXIT
azlin_listen
azlin_choose_tail
azlin_follow 0 0
