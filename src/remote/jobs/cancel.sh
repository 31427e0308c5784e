# Ends the job azlin_id_of_job, and says how it ended, or after azlin_seconds that it is ending; a job that has ended already is left as it is. Where its
# supervisor is gone, azlin_kill_after seconds are between SIGTERM and SIGKILL.
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
  # Nobody is left to end what may still run, or to say how it ends.
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
# What begins meanwhile reads this word, or has been read here.
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
