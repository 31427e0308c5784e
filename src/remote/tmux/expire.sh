# Sets that the session is no longer needed after azlin_seconds, empty if it is to stay: from now on or, if azlin_kind is idle, after the last activity there. Answers
# when that is, by the clock of the VM.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/option.sh
azlin_may_begin
azlin_list
azlin_find_or_make
azlin_from= azlin_expires=
[ "$azlin_kind" != idle ] || azlin_from=$(tmux -u list-windows -t "$azlin_id" -F "$azlin_mark:#{session_activity}$azlin_newline$azlin_mark:#{window_activity}" 2>/dev/null |
  sed -n "s/^$azlin_mark://p" | sort -n | tail -n 1)
case $azlin_from in '' | *[!0-9]*) azlin_from=$(date +%s) ;; esac
[ -z "$azlin_seconds" ] || azlin_expires=$((azlin_from + azlin_seconds))
# In between, the old limit counts, or none.
if [ "$azlin_kind" = idle ]; then
  azlin_set @azlin-idle "$azlin_seconds"
  azlin_set @azlin-expires ''
else
  azlin_set @azlin-expires "$azlin_expires"
  azlin_set @azlin-idle ''
fi
azlin_answer "ok ${azlin_expires:-0}"
