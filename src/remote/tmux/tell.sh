# Shows azlin_words for some seconds in the status line of every client of the session, except those of the label azlin_by.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
. ./parts/parting.sh
azlin_may_begin
azlin_list
azlin_find_or_make
azlin_long=
case $azlin_version in 3.[2-9]* | [4-9].*) azlin_long='-d 4000' ;; esac
azlin_clients_of "$azlin_id" | while read -r azlin_pid azlin_one; do
  azlin_who=$(tr '\000' '\n' 2>/dev/null <"/proc/$azlin_pid/environ" | sed -n 's/^AZLIN_CLIENT=[0-9a-f]* //p')
  # shellcheck disable=SC2086
  [ "$azlin_who" = "$azlin_by" ] || tmux -u display-message -c "$azlin_one" $azlin_long -- "$azlin_words" </dev/null >/dev/null 2>&1
done
azlin_answer ok
