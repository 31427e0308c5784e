# Lists the job azlin_id_of_job, or every job if that is empty. Two lines for each: first the VM if the job belongs to another one, its id, when it was started
# and when it ended, how it ended, `live` if it runs in the session's own shell, its session; then the command. azlin_id_of_job may end with a star.
. ./parts/prelude.sh
. ./parts/jobs/place.sh
. ./parts/jobs/journal.sh

# Lists the jobs in the folder $1, of the VM called $2; $2 is empty for this VM.
azlin_list_jobs() {
  cd "$1" 2>/dev/null || return
  for azlin_id in ${azlin_id_of_job:-*}; do
    cd "./$azlin_id" 2>/dev/null || continue
    azlin_read
    azlin_session= azlin_command= azlin_more=
    { IFS= read -r azlin_session; } 2>/dev/null <info
    {
      IFS= read -r azlin_command
      IFS= read -r azlin_more
    } 2>/dev/null <command
    if [ -n "$azlin_new" ] && [ ! -e begun/void ]; then
      if [ -n "$azlin_how" ]; then :
      elif [ -n "$2" ]; then azlin_how=elsewhere
      elif [ -z "$azlin_pid" ]; then azlin_how=starting
      elif azlin_alive; then azlin_how=running
      else azlin_how=lost; fi
      printf '%s:%s:%s:%s:%s:%s:%s\n%.300s%s\n' "$2" "$azlin_id" "$azlin_at" "$azlin_end" "$azlin_how" "${azlin_live:+live}" "$azlin_session" "$azlin_command" "${azlin_more:+ ...}"
    fi
    cd .. || return
  done
}
azlin_answer "ok $(date +%s)"
azlin_list_jobs "$azlin_jobs" ''
for azlin_folder in "$azlin_home"/.azlin/jobs/*; do
  [ "$azlin_folder" = "$azlin_jobs" ] || [ ! -e "$azlin_folder/.vm" ] || azlin_list_jobs "$azlin_folder" "$(azlin_name_of "$azlin_folder")"
done
