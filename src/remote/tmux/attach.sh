# Attaches to the session on the terminal. Values besides those of the parts: azlin_who, who is attaching (a token and a label); azlin_read_only, set for a
# client that cannot type; azlin_view, the name of the user's own view, or nothing; azlin_colours, set if the terminal supports true colour; azlin_words, a
# shell command that tells users who are detached who did it; azlin_arrival, what the others are told; azlin_left_id and azlin_left_birth, the session whose
# connection was lost; azlin_key.
# The words of its status: created (0 or 1), the id of the session, its birth, the time of the VM. Its text: rows of clients and groups.
#
# tmux begins by throwing away what the terminal has not passed on yet. So the script waits for a line that says that the status has arrived: azlin_key,
# `take-over` or `join`, and what the status line is to say about who else is there, if anybody is. The key also comes before what is said at the end. It is not
# an argument, because anybody could read and print it then.
. ./parts/prelude.sh
. ./parts/terminal.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/clients.sh
. ./parts/parting.sh
azlin_may_begin

# Ids start anew with each server. When a session was created, and by which server, tells whether it is the same one.
azlin_birth() { azlin_tells "$1" '#{session_created}-#{pid}'; }
# Detaches the ghost that the lost connection has left: the VM may not know yet that it is lost. The ghost tells which session its user went to.
azlin_take_ghost() {
  IFS=$azlin_newline
  set -f
  for azlin_one in $(tmux -u list-clients -F "$azlin_mark:#{client_pid} #{session_id} #{client_name}" 2>/dev/null | sed -n "s/^$azlin_mark://p"); do
    [ "$(azlin_token_of "${azlin_one%% *}")" = "${azlin_who%% *}" ] || continue
    azlin_one=${azlin_one#* }
    azlin_id=${azlin_one%% *}
    tmux detach-client -t "${azlin_one#* }" -E 'echo "[moved]"' 2>/dev/null || tmux detach-client -t "${azlin_one#* }"
  done
  set +f
  unset IFS
}
# Makes the view. A view that a lost connection has left is used again; one that is in use is left alone, and so is a session that only has the same name.
azlin_make_view() {
  azlin_base=$azlin_id azlin_number=1 azlin_session=$azlin_view
  until
    azlin_again=
    azlin_ask new-session -d -P -F "$azlin_mark:#{session_id}" -t "$azlin_base" -s "$azlin_session"
    [ -n "$azlin_rows" ]
  do
    case $azlin_trouble in *'duplicate session'*) ;; *) azlin_refuse failed "$azlin_trouble" ;; esac
    azlin_list
    azlin_find
    [ -n "$azlin_id" ] && [ "$(azlin_tells "$azlin_id" '#{session_attached}:#{@azlin-view}:#{session_group}')" = "0:1:$(azlin_tells "$azlin_base" '#{session_group}')" ] && return
    azlin_number=$((azlin_number + 1))
    azlin_session=$azlin_view-$azlin_number
  done
  azlin_id=${azlin_rows%"$azlin_newline"}
  tmux -u set-option -t "$azlin_id" @azlin-view 1 \; set-option -t "$azlin_id" @azlin-owner "$azlin_owner"
}
azlin_clients_here() {
  azlin_ask list-clients -F "$azlin_mark:$azlin_client_format" \; list-sessions -F "$azlin_mark:$azlin_group_format"
  case $azlin_rows in *client:*) ;; *) return ;; esac
  printf '%s' "$azlin_rows"
  azlin_who "$azlin_rows"
}
# Puts the message $2 into the status line of the client $1. The panes there stand still until it is gone; a key press ends it early.
azlin_show() {
  # shellcheck disable=SC2086
  tmux -u display-message -c "$1" $azlin_long -- "$2" </dev/null >/dev/null 2>&1
}
# Prints the names of the clients that look at these windows.
azlin_clients_near() {
  azlin_shared=$(azlin_tells "$azlin_id" '#{session_group}')
  tmux -u list-clients -F "$azlin_mark:#{session_id}:#{session_group}:#{client_name}" 2>/dev/null | while IFS=: read -r azlin_word azlin_one azlin_its azlin_name; do
    [ "$azlin_word" = "$azlin_mark" ] || continue
    [ "$azlin_one" != "$azlin_id" ] && [ "${azlin_its:--}" != "$azlin_shared" ] || printf '%s\n' "$azlin_name"
  done
}
# Tells the others that somebody comes, and whoever comes, as the client azlin_tty, who is there. That has to wait until tmux has drawn the screen.
azlin_introduce() {
  azlin_long= azlin_tries=0
  case $azlin_version in 3.[2-9]* | [4-9].*) azlin_long='-d 2000' ;; esac
  azlin_clients_near | grep -vxF "$azlin_tty" | while IFS= read -r azlin_name; do azlin_show "$azlin_name" "$azlin_arrival"; done
  while [ "$azlin_tries" -lt 20 ]; do
    sleep 0.1 2>/dev/null || sleep 1
    azlin_tries=$((azlin_tries + 1))
    azlin_clients_near | grep -qxF "$azlin_tty" || continue
    azlin_show "$azlin_tty" "$azlin_message"
    return
  done
}

azlin_by=${azlin_who#* } azlin_hup=
azlin_list
if [ -n "$azlin_left_id" ]; then
  azlin_said=$(tmux -u show-options -sqv @azlin-parted 2>/dev/null)
  case $azlin_said in *",${azlin_who%% *},"*:*) azlin_refuse parted "${azlin_said#*:}" ;; esac
  azlin_id=
  azlin_take_ghost
  [ -n "$azlin_id" ] || azlin_id=$azlin_left_id
  [ "$azlin_id" != "$azlin_left_id" ] || [ "$(azlin_birth "$azlin_id")" = "$azlin_left_birth" ] || azlin_refuse gone
else
  azlin_find_or_make
  [ -z "$azlin_view" ] || azlin_make_view
fi
set --
[ -z "$azlin_colours" ] || case $azlin_version in 3.[2-9]* | [4-9].*) set -- -T RGB ;; esac
set -- "$@" attach-session
[ -z "$azlin_read_only" ] || set -- "$@" -r
azlin_answer "ok $azlin_created $azlin_id $(azlin_birth "$azlin_id") $(date +%s) +$azlin_mark"
printf '%s\n%s\n' "$(azlin_clients_here)" "$azlin_mark"
until
  read -r azlin_said azlin_go azlin_message || exit 1
  [ "$azlin_said" = "$azlin_key" ]
do :; done
[ "$azlin_go" != take-over ] || azlin_part_all "$azlin_id" '' >/dev/null
if [ -n "$azlin_message" ]; then
  azlin_tty=$(tty)
  azlin_introduce >/dev/null 2>&1 &
fi
trap azlin_hup=1 HUP
azlin_said=$(
  AZLIN_CLIENT=$azlin_who
  export AZLIN_CLIENT
  exec tmux -u "$@" -t "$azlin_id" 2>&1
)
# What the loader says about a broken LD_PRELOAD does not come from tmux.
case $azlin_said in *'ERROR: ld.so: '*) azlin_said=$(printf '%s\n' "$azlin_said" | sed '/^ERROR: ld\.so: /d' 2>/dev/null) ;; esac
case $azlin_said in
'[moved]') exit 0 ;;
'[detached by '* | '[detached and SIGHUP'*) ;;
# The connection is lost, and its user will be back: leave the view, and say nothing.
*) [ -z "$azlin_hup" ] || exit 1 ;;
esac
# Close the view, unless it is the only session left in its group: it alone keeps the windows then.
[ -z "$azlin_view" ] || tmux if-shell -F -t "$azlin_id:" '#{||:#{session_attached},#{==:#{session_group_size},1}}' '' "kill-session -t '$azlin_id'" 2>/dev/null
printf '\001%s%s\n' "$azlin_key" "$azlin_said"
