# Rows that only lists need: until when a session is needed, and who made it.
azlin_expires_format='expires:#{session_id}:#{@azlin-expires}'
azlin_owner_format='owner:#{session_id}:#{@azlin-owner}'
