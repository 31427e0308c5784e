# Follows the job azlin_id_of_job. Values: azlin_out and azlin_err, where to start: a byte, `-N` for the last N lines, `@N` for the last N seconds, or `none`;
# azlin_now, `now` to read only what is there now; azlin_forwards and azlin_settles, see parts/jobs/follow.sh.
. ./parts/prelude.sh
. ./parts/errors.sh
. ./parts/room.sh
. ./parts/jobs/place.sh
. ./parts/jobs/journal.sh
. ./parts/jobs/tail.sh
. ./parts/jobs/from.sh
. ./parts/jobs/follow.sh
azlin_job=$azlin_jobs/$azlin_id_of_job azlin_created=0 azlin_went=cwd azlin_found=found azlin_title=
# If the job's folder does not exist yet, make it, so that the job cannot be started any more. If that fails, the job may still begin.
[ -z "$azlin_settles" ] || azlin_may_begin
if [ -n "$azlin_settles" ] && [ ! -d "$azlin_job" ]; then
  azlin_make_jobs
  azlin_said=$(umask 077 && mkdir "$azlin_job" 2>&1) || [ -d "$azlin_job" ] || azlin_cannot "$azlin_said"
fi
azlin_listen
azlin_choose_tail
azlin_follow "$azlin_out" "$azlin_err" "$azlin_now"
