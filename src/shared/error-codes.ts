/**
 * Every error code, with what it means in each of the ways that we answer: HTTP status and
 * the exit code of the command line. Each protocol has a table of its own errors for them. docs/errors.md is generated from this table.
 */
export interface ErrorMeaning {
  readonly summary: string
  /** HTTP status of the API's problem+json (RFC 9457). */
  readonly status: number
  readonly exit: ExitCode
}

export type ExitCode = 0 | 1 | 2 | 4 | 5 | 6 | 7

export const exitCodes = {
  0: 'done',
  1: 'failed',
  2: 'usage: a flag, a name or a file is wrong',
  4: 'sign in first, or again',
  5: 'denied',
  6: 'still waiting for approval',
  7: 'the gateway could not be reached or trusted',
} as const satisfies Record<ExitCode, string>

const meaning = (summary: string, status: number, exit: ExitCode): ErrorMeaning => ({
  summary,
  status,
  exit,
})

export const errorCodes = {
  USAGE: meaning('A flag, a field or a name is wrong; the message says which and what was expected.', 400, 2),
  CONFIG_INVALID: meaning('The configuration file does not say what it must; file, line and column are named.', 500, 2),
  NOT_SIGNED_IN: meaning('No sign-in for this gateway was found, or it was signed out.', 401, 4),
  TOKEN_INVALID: meaning(
    'A token is malformed, forged, for another audience or signed with an algorithm that is not allowed.',
    401,
    4,
  ),
  TOKEN_EXPIRED: meaning('A token is past its end; sign in again.', 401, 4),
  TOKEN_USED: meaning(
    'The identity token was already used with another key, or for a login that was signed out, or was issued before its person signed out everywhere.',
    401,
    4,
  ),
  ISSUER_UNTRUSTED: meaning('The token comes from an issuer that the gateway is not configured to trust.', 401, 4),
  ISSUER_UNREACHABLE: meaning(
    'The identity provider did not answer, or not in time, so nothing could be proven; try again.',
    503,
    7,
  ),
  PROOF_INVALID: meaning(
    'The proof of possession (DPoP, RFC 9449) is missing, malformed, stale or signed with a different key.',
    401,
    4,
  ),
  PROOF_REPLAYED: meaning('The proof of possession was seen before.', 401, 4),
  SIGN_IN_TOO_OLD: meaning('This action requires a more recent sign-in.', 403, 4),
  SIGN_IN_DENIED: meaning('The sign-in was refused at the identity provider.', 403, 5),
  SIGN_IN_EXPIRED: meaning('The device code expired before anybody entered it.', 403, 4),
  IDENTITY_LOST: meaning(
    'The identity behind the session could not be re-verified: disabled, signed out or groups changed.',
    401,
    4,
  ),
  SECRET_STORE: meaning('The keychain could not be read or written: locked, or refused.', 500, 4),
  CSRF_REFUSED: meaning(
    'The call of a browser does not come from a page of this gateway, or lacks what such a page sends along.',
    403,
    5,
  ),
  NOT_ALLOWED: meaning('The person lacks the role that this action requires.', 403, 5),
  NOT_FOUND: meaning('No such thing, or it is not visible to you.', 404, 1),
  AMBIGUOUS: meaning('The beginning of an id matches several ids; give more of it.', 409, 2),
  TARGET_UNKNOWN: meaning('No such target, or no rule lets you know of it.', 404, 5),
  TARGET_TYPE: meaning('The target speaks another protocol than the client.', 400, 1),
  NO_GRANT: meaning('There is no current grant for this target; request one.', 403, 5),
  NO_ACCESS: meaning('No access rule lets this person have this target.', 403, 5),
  GRANT_OVER: meaning('The grant reached its end.', 403, 5),
  GRANT_REVOKED: meaning('The grant was revoked.', 403, 5),
  ANNOUNCEMENT_FAILED: meaning(
    'No channel took the announcement that somebody breaks the glass, and the rule demands one.',
    503,
    1,
  ),
  LOCKED: meaning('The person, or the target, is locked until somebody lifts the lock or it ends.', 403, 5),
  SESSION_KILLED: meaning('A person ended the session.', 403, 5),
  REQUEST_DENIED: meaning('An approver denied the request.', 403, 5),
  REQUEST_EXPIRED: meaning('Nobody decided the request in time.', 403, 5),
  ALREADY_GRANTED: meaning(
    'There is access to the target already, and the request was to be filed only without.',
    409,
    1,
  ),
  REQUEST_PENDING: meaning('The request still waits for approval.', 409, 6),
  ALREADY_DECIDED: meaning('Somebody decided before, or it expired or was withdrawn.', 409, 1),
  SELF_APPROVAL: meaning('Nobody decides on their own request.', 403, 5),
  SERVICE_APPROVAL: meaning('A service identity never approves.', 403, 5),
  COMMAND_REFUSED: meaning('A policy rule denies the command.', 403, 5),
  COMMAND_NOT_ALLOWED: meaning('No policy rule allows the command.', 403, 5),
  COMMAND_UNKNOWN: meaning('The command could not be understood, and no rule allows what is unknown.', 403, 5),
  SYNTAX_ERROR: meaning('The text does not parse; nothing of it ran.', 400, 1),
  RELATION_MISSING: meaning('The command names a relation that does not exist; nothing of it ran.', 404, 1),
  SETTING_REFUSED: meaning(
    'The command would change a setting that the gateway relies on to read commands as the server does.',
    403,
    5,
  ),
  MASKING_REFUSED: meaning(
    'The command would copy masked data to where the gateway cannot mask it, or reveal it other than in its rows.',
    403,
    5,
  ),
  HOLD_DENIED: meaning('An approver denied the held command.', 403, 5),
  HOLD_EXPIRED: meaning('The approval expired before anyone decided on the held command.', 403, 5),
  HOLD_WITHDRAWN: meaning('The held command was cancelled by its sender.', 409, 1),
  APPROVAL_VOID: meaning('What was approved is not what would run now; the approval is void.', 409, 5),
  FUNCTION_CALL_REFUSED: meaning('FunctionCall messages contain no SQL to evaluate and are refused.', 403, 5),
  FEATURE_REFUSED: meaning('A feature of the protocol that the gateway does not support.', 400, 1),
  ENCODING_REFUSED: meaning('Only client_encoding UTF8 is supported.', 400, 1),
  STARTUP_REFUSED: meaning('A start-up parameter does not match the grant or is not allowed.', 400, 1),
  PROTOCOL_VIOLATION: meaning('A peer sent bytes that its protocol does not allow.', 400, 1),
  MESSAGE_TOO_LARGE: meaning('A message is longer than the configured limit.', 413, 1),
  HANDSHAKE_TIMEOUT: meaning('A peer was silent for too long during a handshake.', 408, 1),
  TARGET_UNREACHABLE: meaning('The gateway could not reach the target.', 502, 1),
  TARGET_CERTIFICATE: meaning("The target's certificate or host key is not trusted.", 502, 1),
  TARGET_CREDENTIAL: meaning("The target refused the gateway's credential.", 502, 1),
  CREDENTIAL_UNAVAILABLE: meaning(
    "The gateway's credential for the target cannot be read from the store that keeps it, or was taken back; /readyz and the audit log say why.",
    503,
    1,
  ),
  TARGET_REFUSED: meaning('The target refused the connection.', 502, 1),
  TARGET_LEFT: meaning('The target closed the connection.', 502, 1),
  CLIENT_LEFT: meaning('The client closed the connection.', 200, 0),
  GATEWAY_STOPPED: meaning(
    'The gateway stopped while the session was open; what came after the last whole event is lost.',
    503,
    1,
  ),
  RECORDING_FAILED: meaning('The record cannot be written; without a record there is no session.', 503, 1),
  STORE_UNAVAILABLE: meaning(
    'The store of the gateway cannot be opened or written: unreachable, refused, on a full disk, or written by another version; the message says which.',
    503,
    1,
  ),
  RECORD_INVALID: meaning('A record does not verify.', 422, 1),
  GATEWAY_UNREACHABLE: meaning('The gateway could not be reached.', 502, 7),
  GATEWAY_LOST: meaning('The connection to the gateway was lost while something was connected.', 502, 7),
  GATEWAY_CERTIFICATE: meaning("The gateway's certificate is not trusted.", 502, 7),
  VERSION_MISMATCH: meaning('Client and gateway, or command line and agent, speak different versions.', 426, 7),
  SHUTTING_DOWN: meaning('The gateway or the local agent is shutting down.', 503, 7),
  RATE_LIMITED: meaning('Too many attempts; wait and try again.', 429, 1),
  PORT_SECRET: meaning('The request has no secret of the local port, or a wrong one.', 401, 5),
  PORT_TAKEN: meaning('The local port is in use by somebody else.', 409, 1),
  NO_TERMINAL: meaning(
    'A question cannot be asked without a terminal; the message names the flag that answers it.',
    400,
    2,
  ),
  INTERNAL: meaning('An internal error of the gateway; report the id to your administrator.', 500, 1),
  KEY_SIGNED_OUT: meaning(
    'The login of this key was signed out: a new sign-in needs a new key, which pamctl makes by itself.',
    401,
    4,
  ),
  ACCOUNT_DISABLED: meaning(
    'The directory that provisions this gateway has disabled or deleted the person, or does not know them.',
    403,
    5,
  ),
  STATEMENT_FAILED: meaning(
    'The target refused the statement, or failed to run it; the words and the SQLSTATE are its own.',
    502,
    1,
  ),
  STATEMENT_TIMEOUT: meaning('The statement was not finished within --timeout, and was cancelled.', 504, 1),
  RESULT_EXPIRED: meaning('The access under which a detached command ran has ended, and its result with it.', 410, 5),
  PASSKEY_NEEDED: meaning('The rule asks for a passkey with each approval, which is given in the dashboard.', 403, 5),
  PASSKEY_MISSING: meaning('The rule asks for a passkey, and the approver has registered none.', 403, 5),
  PASSKEY_REFUSED: meaning(
    'What the authenticator signed does not prove this approval or registration: the message says why.',
    403,
    5,
  ),
  CLIENT_SHARED: meaning(
    'Another gateway that you have signed in to uses the same client at the identity provider, so it would take the tokens of this one.',
    403,
    4,
  ),
} as const satisfies Record<string, ErrorMeaning>

export type ErrorCode = keyof typeof errorCodes

export const isErrorCode = (text: string | undefined): text is ErrorCode =>
  text !== undefined && Object.hasOwn(errorCodes, text)
