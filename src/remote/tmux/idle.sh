# Every session, and what it does. The word of its status: the time of the VM.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/more-rows.sh
. ./parts/clients.sh
. ./parts/facts.sh
azlin_list
azlin_sessions=$azlin_rows
[ -z "$azlin_sessions" ] || azlin_ask list-sessions -F "$azlin_mark:$azlin_group_format" \; list-sessions -F "$azlin_mark:$azlin_expires_format" \; \
  list-sessions -F "$azlin_mark:$azlin_owner_format" \; \
  list-clients -F "$azlin_mark:$azlin_client_format"
azlin_answer "ok $(date +%s)"
[ -n "$azlin_sessions" ] || exit 0
printf '%s%s' "$azlin_sessions" "$azlin_rows"
azlin_who "$azlin_rows"
azlin_facts -a
