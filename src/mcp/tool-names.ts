/** All tools, so that rules about them can be checked before they are loaded. */
export const TOOL_NAMES = [
  'ssh_connection_status',
  'ssh_execute',
  'ssh_job_cancel',
  'ssh_job_list',
  'ssh_job_output',
  'ssh_job_wait',
  'ssh_keys',
  'ssh_list',
  'ssh_screen',
  'ssh_session_close',
  'ssh_session_health',
  'ssh_session_list',
  'ssh_session_reconnect',
  'ssh_session_send',
  'ssh_session_start',
  'ssh_session_type',
  'ssh_status',
  'ssh_vm_start',
  'ssh_vm_stop',
] as const;
export type ToolName = (typeof TOOL_NAMES)[number];
