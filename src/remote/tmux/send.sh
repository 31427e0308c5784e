# Types azlin_text, then presses azlin_keys, quoted words for the shell: keys by tmux's names. Leaves the history of the pane first if somebody is looking at
# it, because keys would have another meaning there.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/paste.sh
azlin_may_begin
azlin_list
azlin_find_or_make
azlin_send() {
  azlin_leave_history "$azlin_id:"
  azlin_said=$(tmux display-message -p -t "$azlin_id:" "$azlin_mark:#{pane_dead}" 2>/dev/null)
  [ "${azlin_said##*"$azlin_mark:"}" != 1 ] || {
    echo 'the shell of its pane has ended'
    return 1
  }
  [ -z "$azlin_text" ] || printf %s "$azlin_text" | azlin_paste "$azlin_id:" "azlin-send-$$" || return
  [ $# = 0 ] || tmux -u send-keys -t "$azlin_id:" "$@"
}
eval "set -- $azlin_keys"
azlin_said=$(azlin_send "$@" 2>&1) || azlin_refuse failed "$azlin_said"
azlin_answer ok
