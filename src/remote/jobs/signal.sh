# Sends azlin_signal to the process group of the command of the job azlin_id_of_job.
. ./parts/prelude.sh
. ./parts/jobs/place.sh
. ./parts/jobs/journal.sh
azlin_may_begin
cd "$azlin_jobs/$azlin_id_of_job" 2>/dev/null || azlin_no_job "$azlin_id_of_job"
azlin_read
# In a live shell, the command is the foreground process group of the terminal.
if [ -n "$azlin_live" ] && azlin_read_stat "${azlin_live%% *}"; then
  # shellcheck disable=SC2086
  set -- $azlin_stat
  azlin_group=$6
fi
[ -n "$azlin_how" ] || ! azlin_alive || [ -z "$azlin_group" ] || kill "-$azlin_signal" "-$azlin_group" 2>/dev/null
azlin_answer ok
