# Every session, what it does, and a stamp that changes when something happens there. The word of its status: the time of the VM.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/clients.sh
. ./parts/facts.sh
azlin_list
azlin_sessions=$azlin_rows
[ -z "$azlin_sessions" ] || azlin_ask list-sessions -F "$azlin_mark:$azlin_group_format" \; list-sessions -F "$azlin_mark:$azlin_expires_format" \; \
  list-clients -F "$azlin_mark:$azlin_client_format"
azlin_answer "ok $(date +%s)"
[ -n "$azlin_sessions" ] || exit 0
printf '%s%s' "$azlin_sessions" "$azlin_rows"
azlin_who "$azlin_rows"
IFS=$azlin_newline
set -f
for azlin_row in $azlin_sessions; do
  case $azlin_row in row:*) ;; *) continue ;; esac
  azlin_id=${azlin_row#row:}
  azlin_id=${azlin_id%%:*}
  azlin_known=$(azlin_facts "$azlin_id")
  printf '%s\n' "$azlin_known" | sed "s/^$azlin_mark://"
  printf 'stamp:%s:%s\n' "$azlin_id" "$(azlin_stamp "$azlin_known")"
done
