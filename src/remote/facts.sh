# Prints what azlin needs to know about a VM: a line for each fact, its name first.
. ./parts/prelude.sh
. ./parts/errors.sh
# What the programs here print on standard error is not noise of the login shell.
azlin_open_errors
azlin_answer ok
printf 'shell %s\n' "${SHELL:-unknown}"
azlin_login=
command -v tmux >/dev/null 2>&1 || {
  azlin_login=$("${SHELL:-/bin/sh}" -l -c env </dev/null 2>/dev/null | sed -n 's/^PATH=//p' | tail -n 1)
  PATH=$PATH:$azlin_login
  azlin_login=$(command -v tmux)
}
printf 'tmux %s\n' "$(tmux -V 2>/dev/null)"
printf 'tmux-path %s\n' "$azlin_login"
printf 'locale %s\n' "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}"
printf 'charmap %s\n' "$(locale charmap 2>/dev/null)"
if [ -d /run/systemd/system ] && command -v loginctl >/dev/null 2>&1; then
  printf 'linger %s\n' "$(loginctl show-user "$(id -un)" -p Linger 2>/dev/null)"
  azlin_kill=$(busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses 2>/dev/null) ||
    azlin_kill=$(cat /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf 2>/dev/null | grep -i '^ *KillUserProcesses' | tail -n 1)
  printf 'kill %s\n' "${azlin_kill:-unset}"
fi
