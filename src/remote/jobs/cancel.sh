# Ends the job azlin_id_of_job, and says how it ended; a job that has ended already is left as it is.
. ./parts/prelude.sh
. ./parts/place.sh
. ./parts/journal.sh
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
  kill -s TERM -- "-$azlin_group" 2>/dev/null
  azlin_tries=0
  while [ "$azlin_tries" -lt 10 ] && kill -0 -- "-$azlin_group" 2>/dev/null; do
    sleep 0.5 || sleep 1
    azlin_tries=$((azlin_tries + 1))
  done
  kill -s KILL -- "-$azlin_group" 2>/dev/null
  azlin_refuse 'ok now lost'
fi
azlin_say ending cancelled
[ -z "$azlin_group" ] || kill -s TERM -- "-$azlin_group" 2>/dev/null
azlin_tries=0
while [ "$azlin_tries" -lt 100 ]; do
  azlin_read
  [ -z "$azlin_how" ] || azlin_refuse "ok now $azlin_how"
  sleep 0.1 2>/dev/null || {
    sleep 1
    azlin_tries=$((azlin_tries + 9))
  }
  azlin_tries=$((azlin_tries + 1))
done
azlin_answer 'ok now ending'
