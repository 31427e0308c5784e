# Detaches clients and prints their names: those in azlin_only, quoted words for the shell, or all. azlin_kill is set to end the session as well; azlin_words
# is a shell command that tells users who are detached who did it; azlin_by is who did it. Views of the session count as part of it.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/parting.sh

# Prints the views of the session; none if the session is a view itself.
azlin_views() {
  azlin_group=$(azlin_tells "$azlin_id" '#{?@azlin-view,,#{session_group}}')
  [ -z "$azlin_group" ] || tmux -u list-sessions -F "$azlin_mark:#{session_id} #{?@azlin-view,1,0} #{session_group}" 2>/dev/null | sed -n "s/^$azlin_mark://p" |
    while read -r azlin_one azlin_is azlin_its; do
      [ "$azlin_is" = 0 ] || [ "$azlin_its" != "$azlin_group" ] || echo "$azlin_one"
    done
}

azlin_may_begin
azlin_list
azlin_find_or_make
eval "set -- $azlin_only"
azlin_all="$azlin_id $(azlin_views)"
azlin_parted=$(
  for azlin_one_session in $azlin_all; do
    if [ $# = 0 ]; then azlin_part_all "$azlin_one_session" ''
    else for azlin_name; do azlin_part_all "$azlin_one_session" "$azlin_name"; done; fi
  done
)
if [ -n "$azlin_kill" ]; then
  for azlin_one_session in $azlin_all; do
    azlin_said=$(tmux kill-session -t "$azlin_one_session" 2>&1) || [ "$azlin_one_session" != "$azlin_id" ] || azlin_refuse failed "$azlin_said"
  done
fi
azlin_answer ok
printf '%s\n' "$azlin_parted"
