# Says whether the timeout ended the command with azlin_ticket. If so, its watchdog has left a folder, which is removed here.
. ./parts/prelude.sh
for azlin_room in "$HOME/.azlin/run" "$XDG_RUNTIME_DIR/azlin"; do
  rmdir "$azlin_room/$azlin_ticket" 2>/dev/null && azlin_refuse 'ok yes'
done
azlin_answer ok no
