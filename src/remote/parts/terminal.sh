# The server was not asked to say whether it gives one.
[ -t 0 ] || azlin_refuse no-terminal
# The terminal was set neither to echo nor to change input, because the script came over it. Programs expect the usual mode.
stty sane -echo 2>/dev/null
# tmux would refuse a TERM that the VM does not know, even if it names several. Those used instead are known nearly everywhere, and nearly every terminal
# behaves like one of them.
if command -v infocmp >/dev/null 2>&1 && ! infocmp >/dev/null 2>&1; then
  for azlin_term in xterm-256color xterm screen vt100; do
    TERM=$azlin_term
    export TERM
    infocmp >/dev/null 2>&1 && break
  done
fi
