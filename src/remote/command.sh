# Becomes the command azlin_argv, quoted words for the shell, which gets all streams.
. ./parts/prelude.sh
. ./parts/errors.sh
azlin_open_errors
printf '\n%s\n' "$azlin_frame"
eval "exec $azlin_argv"
