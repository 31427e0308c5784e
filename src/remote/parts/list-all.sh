# Asks for every session and every client. One call of tmux, and the shell alone parses the answer, because a fleet is asked this all day. Sets azlin_rows, and
# azlin_now, the VM's time: how long ago something happened is measured by the VM's clock. $@: more for tmux to tell, which ends with azlin_time_format.
. ./parts/rows.sh
. ./parts/more-rows.sh
. ./parts/clients.sh
azlin_time_format="$azlin_mark:now:%s"
azlin_list_all() {
  azlin_again=
  azlin_ask list-sessions -F "$azlin_mark:row:$azlin_row_format" \; list-sessions -F "$azlin_mark:$azlin_friendly_format" \; \
    list-sessions -F "$azlin_mark:$azlin_group_format" \; list-sessions -F "$azlin_mark:$azlin_expires_format" \; \
    list-sessions -F "$azlin_mark:$azlin_owner_format" \; \
    list-clients -F "$azlin_mark:$azlin_client_format" \; "$@"
}
azlin_time() {
  case $azlin_rows in *now:[0-9]*) azlin_now=${azlin_rows##*now:} azlin_now=${azlin_now%%"$azlin_newline"*} ;; *) azlin_now= ;; esac
  case $azlin_now in '' | *[!0-9]*) azlin_now=$(date +%s) ;; esac
}
