# Gives the session the name azlin_wanted; azlin_wanted_plain is the same, escaped for tmux, which expands formats in it. If tmux changes the name, the old one
# is restored. tmux before 3.0 may report a failure when there was none, so its message counts only if the name is not the new one.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
azlin_may_begin
azlin_list
azlin_find_or_make
azlin_name_now() {
  azlin_said=$(tmux -u display-message -p -t "$azlin_id:" "$azlin_mark:#{session_name}" 2>/dev/null)
  printf '%s\n' "${azlin_said##*"$azlin_mark:"}"
}
azlin_old=$(azlin_name_now)
azlin_trouble=$(tmux -u rename-session -t "$azlin_id" "$azlin_wanted_plain" 2>&1) && azlin_trouble=
azlin_name_found=$(azlin_name_now)
if [ "$azlin_name_found" = "$azlin_wanted" ]; then azlin_refuse ok; fi
[ -z "$azlin_trouble" ] || [ "$azlin_name_found" != "$azlin_old" ] || azlin_refuse failed "$azlin_trouble"
tmux -u rename-session -t "$azlin_id" "$(printf %s "$azlin_old" | sed 's/#/##/g')" 2>/dev/null
azlin_refuse renamed "$azlin_name_found$azlin_newline$azlin_wanted"
