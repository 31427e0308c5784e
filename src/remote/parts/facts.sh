# What a session does, as far as its panes tell: rows with what tmux says about each pane, and what runs there. A shell counts as waiting if it has no child (a
# child stopped with Ctrl-Z counts), was given no script and no command, and has its terminal in the mode for editing a line. For shells that do not edit
# lines, the mode is not checked.
azlin_runs() {
  azlin_kids= azlin_comm=
  # The name of a program that is not a shell says enough.
  case $3 in *sh | nu) ;; *) return ;; esac
  if [ -r "/proc/$1/task/$1/children" ]; then read -r azlin_kids <"/proc/$1/task/$1/children"
  else azlin_kids=$(ps -A -o ppid= -o pid= 2>/dev/null | awk -v of="$1" '$1 == of { print $2 } END { if (!NR) print "?" }'); fi
  azlin_kids=${azlin_kids%%[!0-9?]*}
  if [ -n "$azlin_kids" ]; then
    azlin_comm='?'
    { read -r azlin_comm <"/proc/$azlin_kids/comm"; } 2>/dev/null
  else
    azlin_words=
    { IFS= read -r azlin_words <"/proc/$1/cmdline"; } 2>/dev/null
    # Nearly all shells have no arguments at all; a closer look takes two programs.
    case $azlin_words in
    "-$3" | "$3" | "/bin/$3" | "/usr/bin/$3") ;;
    *) azlin_comm=$(tr '\000' '\n' 2>/dev/null <"/proc/$1/cmdline" | sed -n '2,$ { /^-[^-]*c/ { n; p; q; }; /^[^-]/ { p; q; }; }') ;;
    esac
    case $3 in
    bash | zsh | fish) case $azlin_comm:$(stty -a <"$2" 2>/dev/null) in :*' icanon'*) azlin_comm=$3 ;; esac ;;
    esac
  fi
}
# Prints the facts of the panes that $@ selects for list-panes. The name of what runs comes last. If nothing has changed, the output is the same next time.
azlin_facts() {
  tmux -u list-panes "$@" -F "$azlin_mark:pane:#{session_id}:#{session_attached}:#{session_activity}:#{window_activity}:#{pane_pid}:#{pane_dead}:#{pane_tty}:#{?@azlin-idle,idle#{@azlin-idle},#{@azlin-expires}}:#{pane_current_command}" 2>/dev/null |
    sed -n "s/^$azlin_mark://p" | while IFS= read -r azlin_pane; do
    azlin_rest=${azlin_pane#*:*:*:*:*:}
    azlin_pid=${azlin_rest%%:*} azlin_rest=${azlin_rest#*:*:}
    azlin_tty=${azlin_rest%%:*} azlin_rest=${azlin_rest#*:*:}
    azlin_runs "$azlin_pid" "$azlin_tty" "$azlin_rest"
    printf '%s\n' "$azlin_pane"
    [ -z "$azlin_comm" ] || printf 'below:%s:%s\n' "$azlin_pid" "$azlin_comm"
  done
}
