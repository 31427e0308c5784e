# Makes the session if it is missing, and says whether it did.
. ./parts/prelude.sh
. ./parts/rows.sh
. ./parts/session.sh
azlin_may_begin
azlin_list
azlin_find_or_make
azlin_answer "ok $azlin_created"
