# The views that people have of the session; none of one that is a view itself.
azlin_views() {
  azlin_group=$(azlin_tells "$azlin_id" '#{?@azlin-view,,#{session_group}}')
  [ -z "$azlin_group" ] || tmux -u list-sessions -F "$azlin_mark:#{session_id} #{?@azlin-view,1,0} #{session_group}" 2>/dev/null | sed -n "s/^$azlin_mark://p" |
    while read -r azlin_one azlin_is azlin_its; do
      [ "$azlin_is" = 0 ] || [ "$azlin_its" != "$azlin_group" ] || echo "$azlin_one"
    done
}
