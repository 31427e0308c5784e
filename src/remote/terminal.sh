# `exec -t`: the user's command on the terminal of the connection. Values: those of the parts. The words of its status: created (0 or 1), `cwd` or `no-cwd`.
. ./parts/prelude.sh
. ./parts/terminal.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/context.sh
. ./parts/begin.sh

azlin_may_begin
azlin_enter
stty echo 2>/dev/null
azlin_answer "ok $azlin_created $azlin_went"
azlin_begin
