# Lists every session and every client. The word of its status is the VM's time.
. ./parts/prelude.sh
. ./parts/list-all.sh
azlin_list_all display-message -p "$azlin_time_format"
[ -z "$azlin_trouble" ] || azlin_refuse failed "$azlin_trouble"
azlin_row=${azlin_rows#row:*:*:*:*:*:}
azlin_check_version "${azlin_row%%:*}"
azlin_time
azlin_answer "ok $azlin_now"
printf '%s' "$azlin_rows"
azlin_who "$azlin_rows"
