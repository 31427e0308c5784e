# Ends the job azlin_id_of_job and says how it ended, or, after azlin_seconds, that it is still ending. A job that has already ended is left alone. If its
# supervisor is gone, this script ends the job itself, with azlin_kill_after seconds between SIGTERM and SIGKILL.
. ./parts/prelude.sh
. ./parts/jobs/place.sh
. ./parts/jobs/journal.sh
. ./parts/jobs/ask-to-end.sh
azlin_may_begin
cd "$azlin_jobs/$azlin_id_of_job" 2>/dev/null || azlin_no_job "$azlin_id_of_job"
[ ! -e begun/void ] || azlin_no_job "$azlin_id_of_job"
azlin_read
[ -z "$azlin_how" ] || azlin_refuse "ok ended $azlin_how"
if [ -n "$azlin_pid" ] && ! azlin_alive; then
  # The supervisor is gone: nothing else would end what may still be running, or say how it ends.
  # shellcheck disable=SC2086
  azlin_is_still $azlin_leader || azlin_refuse 'ok ended lost'
  azlin_say ending cancelled
  kill -TERM "-$azlin_group" 2>/dev/null
  azlin_left=$((azlin_kill_after * 2))
  while [ "$azlin_left" -gt 0 ] && kill -0 "-$azlin_group" 2>/dev/null; do
    sleep 0.5 || {
      sleep 1
      azlin_left=$((azlin_left - 1))
    }
    azlin_left=$((azlin_left - 1))
  done
  kill -KILL "-$azlin_group" 2>/dev/null
  azlin_refuse 'ok now lost'
fi
azlin_say ending cancelled
# A command that begins at this moment either reads this word, or its `running` line is read here.
azlin_read
azlin_ask_to_end "$azlin_group"
azlin_left=$((azlin_seconds * 10))
while [ "$azlin_left" -gt 0 ]; do
  azlin_read
  [ -z "$azlin_how" ] || azlin_refuse "ok now $azlin_how"
  sleep 0.1 2>/dev/null || {
    sleep 1
    azlin_left=$((azlin_left - 9))
  }
  azlin_left=$((azlin_left - 1))
done
azlin_answer 'ok now ending'
