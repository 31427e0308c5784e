# Becomes azlin_argv, words for the shell, with all its streams.
. ./parts/prelude.sh
. ./parts/errors.sh
azlin_open_errors
printf '\n%s\n' "$azlin_frame"
eval "exec $azlin_argv"
