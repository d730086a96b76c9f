import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { keyIdOf, signStatement, statementVerifies, type Signer } from './seal.ts'
import type { TrustedKey } from './verify.ts'

/** One entry of the audit chain, as it is exported: JSON of one line. Format: docs/recording-format.md, The audit chain. */
export interface AuditRecord {
  readonly seq: number
  readonly id: string
  /** ISO 8601, UTC. */
  readonly at: string
  readonly type: string
  readonly actor: string
  readonly subject: string
  readonly data: { readonly [key: string]: Json | undefined }
  readonly previous: string
  readonly hash: string
  /** On the last entry of each change. */
  readonly key?: string
  readonly signature?: string
}

/** What an entry's hash covers; `at` in milliseconds since 1970, `data` as canonical JSON. */
export interface HashedEntry {
  readonly seq: number
  readonly id: string
  readonly at: number
  readonly type: string
  readonly actor: string
  readonly subject: string
  readonly data: string
  readonly previous: string
}

export const auditHash = (entry: HashedEntry): string =>
  createHash('sha256')
    .update(canonicalJson({ ...entry }))
    .digest('hex')

export const AUDIT_GENESIS = '0'.repeat(64)

export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

export const signAudit = ({ seq, hash }: AuditHead, signer: Signer): { key: string; signature: string } => {
  const { key, signature } = signStatement(HEAD_PURPOSE, { seq, hash }, signer)
  return { key, signature }
}

/** Says that the chain was so long, with this head, at this time. Kept elsewhere it shows that the chain was cut or rewritten. */
export interface AuditCheckpoint extends AuditHead {
  readonly type: 'pam-audit-checkpoint'
  readonly at: string
  readonly key: string
  readonly signature: string
}

export const signCheckpoint = ({ seq, hash }: AuditHead, at: Date, signer: Signer): AuditCheckpoint =>
  signStatement(CHECKPOINT_PURPOSE, { type: 'pam-audit-checkpoint' as const, seq, hash, at: at.toISOString() }, signer)

export type AuditVerification =
  | {
      readonly status: 'valid'
      readonly entries: number
      readonly head: AuditHead | undefined
      readonly checkpoints: number
    }
  | { readonly status: 'invalid'; readonly seq: number; readonly reason: string }

/** What the chain says of one session's record. */
export interface AuditedRecording {
  readonly session: string
  sha256?: string
  deleted?: boolean
  /** A start found none. */
  missing?: boolean
  /** The session is over. */
  ended?: boolean
}

/** Checks the chain entry by entry, against public keys and against checkpoints that were kept elsewhere. */
export class AuditVerifier {
  readonly #keys: ReadonlyMap<string, TrustedKey>
  readonly #checkpoints: ReadonlyMap<number, AuditCheckpoint>
  readonly #longest: AuditCheckpoint | undefined
  readonly recordings = new Map<string, AuditedRecording>()
  #problem: { seq: number; reason: string } | undefined
  #last: AuditRecord | undefined

  constructor(keys: readonly TrustedKey[], checkpoints: readonly AuditCheckpoint[]) {
    this.#keys = new Map(keys.map((trusted) => [keyIdOf(trusted.key), trusted]))
    this.#checkpoints = new Map(checkpoints.map((checkpoint) => [checkpoint.seq, checkpoint]))
    this.#longest = checkpoints.toSorted((a, b) => b.seq - a.seq)[0]
    for (const checkpoint of checkpoints) {
      if (!this.#verifies(CHECKPOINT_PURPOSE, checkpoint))
        this.#problem ??= { seq: checkpoint.seq, reason: 'a checkpoint has a signature that does not hold' }
    }
  }

  check(record: AuditRecord): void {
    if (this.#problem !== undefined) return
    const problem = this.#problemOf(record)
    if (problem !== undefined) this.#problem = { seq: record.seq, reason: problem }
    this.#last = record
    this.#noteRecording(record)
  }

  result(): AuditVerification {
    const last = this.#last
    if (this.#problem !== undefined) return { status: 'invalid', ...this.#problem }
    if (this.#longest !== undefined && this.#longest.seq > (last?.seq ?? 0)) {
      return {
        status: 'invalid',
        seq: (last?.seq ?? 0) + 1,
        reason: `is missing: a checkpoint of ${this.#longest.at} says there were ${this.#longest.seq} entries`,
      }
    }
    if (last !== undefined && last.signature === undefined)
      return {
        status: 'invalid',
        seq: last.seq,
        reason: 'is the last one and is not signed: what came after it was cut off',
      }
    return {
      status: 'valid',
      entries: last?.seq ?? 0,
      head: last && { seq: last.seq, hash: last.hash },
      checkpoints: this.#checkpoints.size,
    }
  }

  #problemOf(record: AuditRecord): string | undefined {
    const expected = (this.#last?.seq ?? 0) + 1
    if (record.seq !== expected) return `stands where entry ${expected} should be`
    if (record.previous !== (this.#last?.hash ?? AUDIT_GENESIS)) return 'does not follow from the entry before it'
    const { seq, id, type, actor, subject, previous } = record
    const data = canonicalJson(record.data)
    if (auditHash({ seq, id, at: Date.parse(record.at), type, actor, subject, data, previous }) !== record.hash)
      return 'was changed'
    if (record.signature !== undefined && record.key !== undefined) {
      const head = { seq, hash: record.hash, key: record.key, signature: record.signature }
      if (!this.#verifies(HEAD_PURPOSE, head)) return 'has a signature that does not hold'
    }
    const checkpoint = this.#checkpoints.get(seq)
    if (checkpoint !== undefined && checkpoint.hash !== record.hash)
      return `is not the entry that a checkpoint of ${checkpoint.at} was made of: the chain was rewritten`
    return undefined
  }

  #verifies(purpose: string, signed: { readonly key: string; readonly signature: string }): boolean {
    const trusted = this.#keys.get(signed.key)
    return trusted !== undefined && statementVerifies(purpose, signed, trusted.key)
  }

  #noteRecording({ type, subject, data }: AuditRecord): void {
    const known = this.recordings.get(subject) ?? { session: subject }
    switch (type) {
      case 'session.opened':
        break
      case 'session.ended':
      case 'session.recovered':
        known.ended = true
        break
      case 'recording.sealed':
      case 'recording.recovered':
        known.sha256 = String(data['sha256'])
        break
      case 'recording.deleted':
        known.deleted = true
        break
      case 'recording.not_deleted':
        known.deleted = false
        break
      case 'recording.missing':
        known.missing = true
        break
      default:
        return
    }
    this.recordings.set(subject, known)
  }
}

const HEAD_PURPOSE = 'pamaudit/1 head'
const CHECKPOINT_PURPOSE = 'pamaudit/1 checkpoint'
