# The script has come over this terminal, which neither showed nor changed it; programs want it as terminals are.
stty sane -echo 2>/dev/null
# A TERM that the VM does not know would be refused, even where it names several; those used instead are known nearly everywhere, and every terminal is
# nearly one of them.
if command -v infocmp >/dev/null 2>&1 && ! infocmp >/dev/null 2>&1; then
  for azlin_term in xterm-256color xterm screen vt100; do
    TERM=$azlin_term
    export TERM
    infocmp >/dev/null 2>&1 && break
  done
fi
