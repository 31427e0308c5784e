# Makes tmux do azlin_action (`refresh-client`, `detach-client`) to the client with the token azlin_token.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/parting.sh
tmux -u list-clients -F "$azlin_mark:#{client_pid} #{client_name}" 2>/dev/null | sed -n "s/^$azlin_mark://p" | while read -r azlin_pid azlin_one; do
  [ "$(azlin_token_of "$azlin_pid")" != "$azlin_token" ] || tmux "$azlin_action" -t "$azlin_one"
done
azlin_answer 'ok 0'
