# Finds the session that azlin_session names: by name, by friendly name, or by tmux's id (`$3`). tmux would match prefixes and patterns, so it is not asked.
# If azlin_new_name is set, which is the name as `new-session` takes it, a missing session is made; azlin_owner is the label of who makes it.

# Sets azlin_id, and azlin_name_found to its name.
azlin_find() {
  azlin_id= azlin_name_found= azlin_friend= azlin_friends=
  IFS=$azlin_newline
  set -f
  for azlin_row in $azlin_rows; do
    azlin_one=${azlin_row#*:}
    azlin_one=${azlin_one%%:*}
    case $azlin_row in
    row:*)
      azlin_its=${azlin_row#row:*:*:*:*:*:*:}
      case $azlin_session in '$'[0-9]*) [ "$azlin_one" = "$azlin_session" ] ;; *) [ "$azlin_its" = "$azlin_session" ] ;; esac && {
        azlin_id=$azlin_one azlin_name_found=$azlin_its
        break
      }
      ;;
    friendly:*)
      [ "${azlin_row#friendly:*:}" = "$azlin_session" ] || continue
      [ -z "$azlin_friend" ] || azlin_friends=1
      azlin_friend=$azlin_one
      ;;
    esac
  done
  set +f
  unset IFS
  [ -z "$azlin_id" ] || return 0
  [ -z "$azlin_friends" ] || azlin_refuse ambiguous "$azlin_rows"
  azlin_id=$azlin_friend
}

# Makes the session, and checks that it is there: tmux reports success even if the session ends at once, or if a hook gives it another name.
azlin_create() {
  azlin_again=
  azlin_ask new-session -d -P -F "$azlin_mark:#{session_id}:#{destroy-unattached}:#{?default-command,1,}:#{session_name}" -s "$azlin_new_name" -c "$HOME"
  if [ -z "$azlin_rows" ]; then
    # Somebody else may have made it at the same moment.
    azlin_made=$azlin_trouble
    azlin_list
    azlin_find
    [ -n "$azlin_id" ] || azlin_refuse failed "$azlin_made"
    return 0
  fi
  azlin_made=${azlin_rows%"$azlin_newline"}
  azlin_id=${azlin_made%%:*} azlin_created=1
  azlin_options=${azlin_made#*:}
  azlin_name_found=${azlin_options#*:*:}
  case ${azlin_options%":$azlin_name_found"} in : | 0: | off:) azlin_looks=1 ;; *) azlin_looks=10 ;; esac
  [ "$azlin_name_found" = "$azlin_session" ] || azlin_undo renamed
  tmux -u set-option -t "$azlin_id" @azlin-owner "$azlin_owner" 2>/dev/null
  while :; do
    azlin_seen=$(tmux -u display-message -p -t "$azlin_id:" "$azlin_mark:#{session_id}:#{session_name}" 2>/dev/null)
    azlin_seen=${azlin_seen##*"$azlin_mark:"}
    [ "${azlin_seen%%:*}" = "$azlin_id" ] || azlin_gone
    azlin_name_found=${azlin_seen#*:}
    [ "$azlin_name_found" = "$azlin_session" ] || azlin_undo hooked
    azlin_looks=$((azlin_looks - 1))
    [ "$azlin_looks" -gt 0 ] || return 0
    sleep 0.05 2>/dev/null || sleep 1
  done
}
azlin_undo() {
  tmux kill-session -t "$azlin_id" 2>/dev/null
  azlin_refuse "$1" "$azlin_name_found$azlin_newline$azlin_session"
}
azlin_gone() {
  case $azlin_options in
  1:* | on:* | keep-*:*) azlin_refuse ended destroy-unattached ;;
  *:1:*) azlin_refuse ended default-command ;;
  *) azlin_refuse ended default-shell ;;
  esac
}

azlin_find_or_make() {
  azlin_find
  if [ -z "$azlin_id" ] && [ -n "$azlin_new_name" ]; then azlin_create; fi
  [ -n "$azlin_id" ] || azlin_refuse missing "$azlin_rows"
}

azlin_created=0
