# Prints what the active pane shows, after azlin_lines lines of its history.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
azlin_list
azlin_find_or_make
azlin_said=$(tmux -u capture-pane -p -t "$azlin_id:" -S "-$azlin_lines" 2>/dev/null) || azlin_refuse failed "$(tmux -u capture-pane -p -t "$azlin_id:" 2>&1 >/dev/null)"
azlin_answer ok
printf '%s\n' "$azlin_said"
