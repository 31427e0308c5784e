# What start-up files have done to standard error, in azlin_errors: nothing (separate), `exec 2>&1` (merged), `2>/dev/null` (none), `2>&-` (closed),
# `2>>log` (elsewhere).
# As with ssh, the same holds for the user's command.
azlin_errors=separate
if [ -d /proc/self/fd ]; then
  if [ ! -e /proc/self/fd/2 ]; then
    # Open it again, so that a file that is opened later does not become standard error by chance.
    azlin_errors=closed
    exec 2>/dev/null
  elif [ /proc/self/fd/2 -ef /dev/null ]; then
    azlin_errors=none
  elif [ /proc/self/fd/1 -ef /proc/self/fd/2 ]; then
    azlin_errors=merged
  elif [ ! -S /proc/self/fd/2 ] && [ ! -p /proc/self/fd/2 ] && [ ! -t 2 ]; then
    azlin_errors=elsewhere
  fi
fi
# From here on, standard error is the user's. Call this before the frame of standard output, which drops this frame if both streams are the same.
azlin_open_errors() { printf '\n%s\n' "$azlin_errors_frame" >&2; }
