# Sets that the session is no longer needed after azlin_seconds, empty if it is to stay. Answers when that is, by the clock of the VM.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/option.sh
azlin_may_begin
azlin_list
azlin_find_or_make
azlin_expires=
[ -z "$azlin_seconds" ] || azlin_expires=$(($(date +%s) + azlin_seconds))
azlin_set @azlin-expires "$azlin_expires"
azlin_answer "ok ${azlin_expires:-0}"
