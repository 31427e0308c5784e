# Rows that only lists need: until when a session is needed (a time, or how long after the last activity, with the time when something was last printed), and who
# made it.
azlin_expires_format='expires:#{session_id}:#{?@azlin-idle,idle#{@azlin-idle}:#{window_activity},#{@azlin-expires}}'
azlin_owner_format='owner:#{session_id}:#{@azlin-owner}'
