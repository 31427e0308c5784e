# Gives the session the friendly name azlin_friendly_name; an empty one removes it.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/option.sh
azlin_may_begin
azlin_list
azlin_find_or_make
azlin_set @azlin-name "$azlin_friendly_name"
azlin_answer ok
