# Ends the session azlin_id if it is still the one created at azlin_created_at and, if azlin_stamp_seen is set, still does what that says. azlin_words is a
# shell command that tells its clients who did it.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/parting.sh
. ./parts/facts.sh
azlin_may_begin
[ "$(azlin_tells "$azlin_id" '#{session_created}')" = "$azlin_created_at" ] || azlin_refuse 'ok changed'
if [ -n "$azlin_stamp_seen" ]; then
  [ "$(azlin_facts -s -t "$azlin_id")" = "$azlin_stamp_seen" ] || azlin_refuse 'ok changed'
  # Clients that look at its windows through another session have it open, too.
  azlin_group=$(azlin_tells "$azlin_id" '#{?session_group,#{session_group},#{session_name}}')
  ! tmux -u list-clients -F "$azlin_mark:#{?session_group,#{session_group},#{session_name}}" 2>/dev/null | grep -Fxq -e "$azlin_mark:$azlin_group" || azlin_refuse 'ok changed'
  azlin_said=$(tmux if-shell -F -t "$azlin_id:" '#{session_attached}' '' "kill-session -t '$azlin_id'" 2>&1)
else
  azlin_clients_of "$azlin_id" | while read -r azlin_pid azlin_one; do
    tmux detach-client -t "$azlin_one" -E "$azlin_words" 2>/dev/null
  done
  azlin_said=$(tmux kill-session -t "$azlin_id" 2>&1)
fi || azlin_refuse failed "$azlin_said"
if tmux has-session -t "$azlin_id" 2>/dev/null; then azlin_answer 'ok changed'; else azlin_answer 'ok closed'; fi
