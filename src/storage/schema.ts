/**
 * The tables. Only types that SQLite and PostgreSQL share: text, bigint (milliseconds, counts, 0/1).
 * A nested value that is never searched is JSON in a text column.
 */
export interface Tables {
  audit: AuditTable
  logins: LoginTable
  used_tokens: UsedTokenTable
  sign_outs: SignOutTable
  requests: RequestTable
  grants: GrantTable
  approvals: ApprovalTable
  sessions: SessionTable
  recordings: RecordingTable
  audit_cursors: AuditCursorTable
  web_sessions: WebSessionTable
  deliveries: DeliveryTable
  chat_messages: ChatMessageTable
  directory_users: DirectoryUserTable
  directory_groups: DirectoryGroupTable
  directory_members: DirectoryMemberTable
  provider_logouts: ProviderLogoutTable
  credential_leases: CredentialLeaseTable
  device_codes: DeviceCodeTable
  refresh_families: RefreshFamilyTable
  used_saml_ids: UsedSamlIdTable
  saml_sessions: SamlSessionTable
  locks: LockTable
  break_glass: BreakGlassTable
  passkeys: PasskeyTable
  passkey_challenges: PasskeyChallengeTable
}

interface PersonColumns {
  person_id: string
  person_kind: 'person' | 'service'
  person_label: string
}

interface ReviewColumns extends PersonColumns {
  id: string
  approvers: string
  state: string
  decisions: string
  created_at: number
  expires_at: number
  /** JSON: who or what withdrew it, and when; null in what was withdrawn before this was kept. */
  withdrawn: string | null
}

export interface AuditTable {
  seq: number
  id: string
  at: number
  type: string
  actor: string
  subject: string
  data: string
  previous: string
  hash: string
  /** The key and its signature over this entry and so all before it; on the last entry of each change. */
  key: string | null
  signature: string | null
}

export interface LoginTable extends PersonColumns {
  id: string
  groups: string
  thumbprint: string
  /** Lower case; only where the issuer says that it is verified. */
  email: string | null
  auth_time: number | null
  proven_until: number
  created_at: number
  ended_at: number | null
  /** Where the identity comes from; null in logins that were made before this was kept. */
  issuer: string | null
  subject: string | null
  /** The session at the provider (`sid`). */
  provider_session: string | null
  /** The provisioning source of the issuer, and the name by which it knows the person. */
  directory: string | null
  directory_key: string | null
  /** JSON: the groups that the token had. */
  token_groups: string | null
}

export interface UsedTokenTable {
  digest: string
  thumbprint: string
  expires_at: number
  /** The login that it proved; null where that is not known. */
  login_id: string | null
}

/** People who signed out everywhere, and when last: tokens issued before that are no longer accepted. */
export interface SignOutTable {
  person_id: string
  at: number
}

export interface RequestTable extends ReviewColumns {
  /** All of them, as they are shown. */
  target: string
  reason: string
  length: number
  rule: string
  /** The first one. */
  grant_id: string | null
  /** JSON; null where it was made before there could be several. */
  targets: string | null
  starts_at: number | null
  /** JSON. */
  extends: string | null
  /** JSON: the webhook that is asked for approval. */
  asking: string | null
  /** Why people decide, although rules may approve such requests without any. */
  people: string | null
}

export interface GrantTable extends PersonColumns {
  id: string
  target: string
  rule: string
  reason: string
  request_id: string | null
  starts_at: number
  ends_at: number
  revoked: string | null
  allowed_again_at: number | null
  /** The use of a break-glass rule that it came from. */
  break_glass: string | null
  /** JSON: what approved it without a person. */
  automatic: string | null
}

export interface ApprovalTable extends ReviewColumns {
  session_id: string
  target: string
  rule: string
  text: string
  parameters: string
  effect: string
  /** null: filed by a version before it was kept. */
  statement: string | null
  digest: string
}

export interface SessionTable extends PersonColumns {
  id: string
  target: string
  protocol: string
  grant_id: string
  login_id: string
  opened_at: number
  ended_at: number | null
  end_code: string | null
  end_message: string | null
  commands: number
  /** Of the commands. 0 in sessions that ended before they were counted. */
  denied: number
  held: number
  /** Path below the spool, and name in the home. */
  recording: string
}

export interface RecordingTable {
  session_id: string
  target: string
  file: string
  opened_at: number
  state: string
  status: string | null
  tail: string | null
  events: number | null
  bytes: number | null
  sha256: string | null
  hash: string | null
  home: string | null
  changed_at: number
  legal_hold: string | null
}

/** How far the audit chain was sent to one place. */
export interface AuditCursorTable {
  name: string
  seq: number
}

/** A signed-in browser. */
export interface WebSessionTable {
  /** SHA-256 of the cookie's value, hexadecimal: who reads the store cannot sign in with it. */
  id: string
  login_id: string
  created_at: number
  /** When its person last did something. */
  seen_at: number
  ends_at: number
  /** The provider's refresh token, sealed under a key that only the cookie makes. */
  refresh: string | null
  /** The name of the provider that signed it in; null where it was the first one, before there were several. */
  provider: string | null
}

/** One message to one webhook. */
export interface DeliveryTable {
  id: string
  hook: string
  type: string
  subject: string
  body: string
  /** `waiting`, `delivered`, `failed`. */
  state: string
  attempts: number
  /** What the receiver said last. */
  answer: string | null
  created_at: number
  next_at: number
}

/** Where the message about a review stands in a chat. */
export interface ChatMessageTable {
  review_id: string
  channel: string
  ts: string
}

/** Somebody whom a directory has provisioned. Those that it deleted stay, so that they are known to be gone. */
export interface DirectoryUserTable {
  id: string
  /** Name of the provisioning source. */
  source: string
  user_name: string
  /** As it is compared. */
  user_name_key: string
  external_id: string | null
  /** 0 or 1. */
  active: number
  /** JSON: the attributes that are only kept for the directory. */
  attributes: string
  /** Who it is here, once they have signed in. */
  person_id: string | null
  created_at: number
  changed_at: number
  deleted_at: number | null
}

export interface DirectoryGroupTable {
  id: string
  source: string
  display_name: string
  /** As it is compared. */
  display_name_key: string
  external_id: string | null
  created_at: number
  changed_at: number
}

export interface DirectoryMemberTable {
  group_id: string
  user_id: string
}

/** Logout tokens that were used (`token`), and sessions at a provider that have ended (`session`). */
export interface ProviderLogoutTable {
  issuer: string
  kind: 'token' | 'session' | 'subject'
  /** `jti` of the token, `sid`, or `sub`. */
  name: string
  expires_at: number
}

/** A credential that was made for a session and is not known to be revoked. */
export interface CredentialLeaseTable {
  /** As its store calls it: no secret. */
  id: string
  reference: string
  /** The user that was made. */
  account: string
  created_at: number
}

/** A request or an assertion of SAML that was used. */
export interface UsedSamlIdTable {
  /** JSON: what it is, the entity ID of the provider, and the ID. */
  name: string
  expires_at: number
}

/** A command line that waits for somebody to sign in with a browser (RFC 8628). */
export interface DeviceCodeTable {
  /** SHA-256 of the device code. */
  id: string
  /** HMAC of what its person enters: who reads the store cannot. */
  user_code: string
  /** The entity ID. */
  provider: string
  /** Of the key that its tokens are for. */
  thumbprint: string
  /** What the computer calls itself. */
  device: string | null
  address: string
  /** 0 or 1: its person is to enter their credentials again. */
  fresh: number
  created_at: number
  expires_at: number
  /** Seconds between two polls. */
  interval: number
  polled_at: number | null
  state: 'pending' | 'approved' | 'denied'
  /** The sign-in that it was approved with. */
  saml_session: string | null
}

/** Refresh tokens of one sign-in, of which one is good. */
export interface RefreshFamilyTable {
  /** SHA-256 of what they have in common. */
  id: string
  saml_session: string
  thumbprint: string
  /** SHA-256 of the token that is good, and of the one before it. */
  current: string
  previous: string | null
  expires_at: number
}

/** One sign-in with SAML. */
export interface SamlSessionTable {
  id: string
  provider: string
  name_id: string
  session_index: string | null
  request_id: string | null
  person_id: string
  person_label: string
  groups: string
  email: string | null
  auth_time: number | null
  created_at: number
  ends_at: number
  ended_at: number | null
  login_id: string | null
  /** The claim that the directory of the provider is asked by, and what was asserted of it. */
  directory_claim: string | null
  directory_value: string | null
  /** SHA-256 of what the browser takes it with; null once it has. */
  handle: string | null
}

/** Who or what is kept out. */
export interface LockTable {
  id: string
  /** JSON. */
  subject: string
  reason: string
  by_id: string
  by_label: string
  created_at: number
  ends_at: number | null
  /** JSON. */
  lifted: string | null
  /** 1 while it may keep somebody out: neither lifted nor noted as over. */
  active: number
}

/** Access that was taken in an emergency, and its review. */
export interface BreakGlassTable extends PersonColumns {
  id: string
  target: string
  rule: string
  reason: string
  length: number
  created_at: number
  /** `announcing`, `refused`, `open`, `closed`. */
  state: string
  grant_id: string | null
  ends_at: number | null
  /** JSON: groups. */
  reviewers: string
  remind_every: number
  reminded_at: number | null
  /** JSON. */
  reviewed: string | null
}

/** A WebAuthn credential that somebody approves with. */
export interface PasskeyTable {
  id: string
  credential_id: string
  person_id: string
  person_label: string
  user_handle: string
  name: string
  public_key: string
  counter: number
  /** 0 or 1. */
  backup_eligible: number
  backed_up: number
  /** JSON. */
  transports: string
  created_at: number
  last_used_at: number | null
}

/** What an authenticator was asked to sign, until it is used or its time is over. */
export interface PasskeyChallengeTable {
  /** SHA-256 of the challenge, hexadecimal: who reads the store cannot answer it. */
  id: string
  person_id: string
  /** Of the browser. */
  session_id: string
  /** What it is for: a review's id, or `registration`. */
  subject: string
  /** JSON: what exactly is answered. */
  binding: string
  expires_at: number
}
