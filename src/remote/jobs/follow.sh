# Follows the job azlin_id_of_job. Values: azlin_out and azlin_err, where to start: a byte, `-N` for the last N lines, `none`; azlin_now, `now` for what
# there is by now; azlin_forwards, azlin_settles.
. ./parts/prelude.sh
. ./parts/errors.sh
. ./parts/place.sh
. ./parts/journal.sh
. ./parts/tail.sh
. ./parts/follow.sh
azlin_job=$azlin_jobs/$azlin_id_of_job azlin_created=0 azlin_went=cwd azlin_found=found
[ -z "$azlin_settles" ] || (umask 077 && mkdir "$azlin_job" 2>/dev/null)
azlin_listen
azlin_choose_tail
azlin_follow "$azlin_out" "$azlin_err" "$azlin_now"
