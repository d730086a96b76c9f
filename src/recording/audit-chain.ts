import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { keyIdOf, signStatement, statementVerifies, type Signer } from './seal.ts'
import { publicKeyFromPem, type TrustedKey } from './verify.ts'

/** One entry of the audit chain, as it is exported: one line of JSON. Format: docs/recording-format.md, The audit chain. */
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

/** The fields that an entry's hash covers; `at` in milliseconds since 1970, `data` as canonical JSON. */
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

/**
 * The chain is signed at each change: if the last entry has no signature of this gateway, the gateway did not write it, or the entries
 * after it were cut off.
 */
export function isSignedHead({ key, signature, ...entry }: HashedEntry & Signed, keys: readonly TrustedKey[]): boolean {
  const { hash, ...hashed } = entry
  if (key === null || signature === null || auditHash(hashed) !== hash) return false
  const trusted = keys.find((candidate) => keyIdOf(candidate.key) === key)
  const head = { seq: entry.seq, hash, key, signature }
  return trusted !== undefined && statementVerifies(HEAD_PURPOSE, head, trusted.key)
}

interface Signed {
  readonly hash: string
  readonly key: string | null
  readonly signature: string | null
}

/** States the length and head of the chain at a time. Kept elsewhere, it reveals that the chain was cut or rewritten. */
export interface AuditCheckpoint extends AuditHead {
  readonly type: 'pam-audit-checkpoint'
  readonly at: string
  readonly key: string
  readonly signature: string
}

export const signCheckpoint = ({ seq, hash }: AuditHead, at: Date, signer: Signer): AuditCheckpoint =>
  signStatement(CHECKPOINT_PURPOSE, { type: 'pam-audit-checkpoint' as const, seq, hash, at: at.toISOString() }, signer)

export interface AuditProblem {
  /**
   * `contradiction`: two checkpoints of the same length have different heads, so the key signed two histories. `chain`: an entry is invalid
   * or missing. `checkpoint`: a checkpoint is invalid.
   */
  readonly kind: 'contradiction' | 'chain' | 'checkpoint'
  readonly seq: number
  readonly reason: string
}

export type AuditVerification =
  | {
      readonly status: 'valid'
      readonly entries: number
      readonly head: AuditHead | undefined
      readonly checkpoints: number
    }
  /** The worst problem; `more` are the other problems. */
  | ({ readonly status: 'invalid'; readonly more: readonly AuditProblem[] } & AuditProblem)

/** The entries of the chain about one session's record, summarised. */
export interface AuditedRecording {
  readonly session: string
  sha256?: string
  deleted?: boolean
  /** The gateway found no record when it started. */
  missing?: boolean
  /** The session has ended. */
  ended?: boolean
  /** The gateway found that the file is not what it wrote. */
  damaged?: string
  /** For a record closed when the gateway started: how its end was found. */
  tail?: string
  /** Problems found when the gateway closed it at a start. */
  problem?: string
}

/** A finding of the gateway in the chain that is not about a session's record. */
export interface AuditFinding {
  /** A journal, or the session in the name of a file. */
  readonly subject: string
  readonly problem: string
}

/**
 * Checks the chain entry by entry, against public keys and against checkpoints that were kept elsewhere. The rules about which key
 * may sign what are in docs/recording-format.md, The audit chain.
 */
export class AuditVerifier {
  readonly #keys: ReadonlyMap<string, TrustedKey>
  readonly #checkpoints = new Map<number, AuditCheckpoint[]>()
  readonly #longest: AuditCheckpoint | undefined
  readonly recordings = new Map<string, AuditedRecording>()
  /** Journals that were cut or changed, and files in the spool that the gateway did not write. */
  readonly findings: AuditFinding[] = []
  readonly #problems: AuditProblem[] = []
  #chainProblem: AuditProblem | undefined
  #last: AuditRecord | undefined
  /** The key that may sign; undefined before the first signature. */
  #current: string | undefined

  constructor(keys: readonly TrustedKey[], checkpoints: readonly AuditCheckpoint[]) {
    this.#keys = new Map(keys.map((trusted) => [keyIdOf(trusted.key), trusted]))
    const genuine = checkpoints.filter((checkpoint) => {
      const reason = this.#problemOfCheckpoint(checkpoint)
      if (reason !== undefined) this.#problems.push({ kind: 'checkpoint', seq: checkpoint.seq, reason })
      return reason === undefined
    })
    for (const checkpoint of genuine) {
      const others = this.#checkpoints.get(checkpoint.seq) ?? []
      const other = others.find(({ hash }) => hash !== checkpoint.hash)
      if (other !== undefined) {
        const reason = `has two checkpoints that contradict each other, of ${other.at} and ${checkpoint.at}: two histories were signed`
        this.#problems.push({ kind: 'contradiction', seq: checkpoint.seq, reason })
      }
      this.#checkpoints.set(checkpoint.seq, [...others, checkpoint])
    }
    this.#longest = genuine.toSorted((a, b) => b.seq - a.seq)[0]
    this.#checkOrder(genuine)
  }

  check(record: AuditRecord): void {
    if (this.#chainProblem !== undefined) return
    const reason = this.#problemOf(record)
    if (reason !== undefined) this.#chainProblem = { kind: 'chain', seq: record.seq, reason }
    this.#last = record
    if (reason === undefined) this.#note(record)
  }

  result(): AuditVerification {
    const last = this.#last
    const chain = this.#chainProblem ?? this.#problemOfEnd()
    const problems = [...this.#problems, ...(chain === undefined ? [] : [chain])]
    const [worst, ...more] = problems.toSorted((a, b) => WORST_FIRST.indexOf(a.kind) - WORST_FIRST.indexOf(b.kind))
    if (worst !== undefined) return { status: 'invalid', ...worst, more }
    return {
      status: 'valid',
      entries: last?.seq ?? 0,
      head: last && { seq: last.seq, hash: last.hash },
      checkpoints: this.#checkpoints.size,
    }
  }

  #problemOfEnd(): AuditProblem | undefined {
    const last = this.#last
    const longest = this.#longest
    if (longest !== undefined && longest.seq > (last?.seq ?? 0)) {
      const reason = `is missing: a checkpoint of ${longest.at} says there were ${longest.seq} entries`
      return { kind: 'chain', seq: (last?.seq ?? 0) + 1, reason }
    }
    if (last !== undefined && last.signature === undefined) {
      const reason = 'is the last one and is not signed: what came after it was cut off'
      return { kind: 'chain', seq: last.seq, reason }
    }
    return undefined
  }

  #problemOf(record: AuditRecord): string | undefined {
    if (!isExactRecord(record)) return 'is not written as the gateway writes it'
    const expected = (this.#last?.seq ?? 0) + 1
    if (record.seq !== expected) return `stands where entry ${expected} should be`
    if (record.previous !== (this.#last?.hash ?? AUDIT_GENESIS)) return 'does not follow from the entry before it'
    const { seq, id, type, actor, subject, previous } = record
    const data = canonicalJson(record.data)
    if (auditHash({ seq, id, at: Date.parse(record.at), type, actor, subject, data, previous }) !== record.hash)
      return 'was changed'
    if (type === 'audit.altered')
      return 'says that the gateway found the chain before it altered: somebody else wrote to it'
    return this.#problemOfSignature(record) ?? this.#rotate(record) ?? this.#problemWithCheckpoints(record)
  }

  /** Only the current key signs, and only in its period; the entry that retires a key is signed with it just after the period ends. */
  #problemOfSignature({ seq, hash, key, signature, at, type }: AuditRecord): string | undefined {
    if (key === undefined || signature === undefined) return undefined
    const trusted = this.#keys.get(key)
    if (trusted === undefined) return `is signed with key ${key}, which is not among the keys given`
    const head = { seq, hash, key, signature }
    if (!statementVerifies(HEAD_PURPOSE, head, trusted.key)) return 'has an invalid signature'
    this.#current ??= key
    if (key !== this.#current) return `is signed with key ${key}, and key ${this.#current} is the one in use`
    return type === 'key.rotated' || isInTime(trusted, at)
      ? undefined
      : `is signed at ${at} with key ${key}, which was not in use then`
  }

  /** The new key signs from the next entry on. */
  #rotate({ type, subject, data, key }: AuditRecord): string | undefined {
    if (type !== 'key.rotated') return undefined
    if (key === undefined || data['retired'] !== key) return 'retires a key and is not signed with it'
    if (!this.#keys.has(subject)) return `puts key ${subject} in use, which is not among the keys given`
    const named = typeof data['publicKey'] === 'string' ? keyIdOfPem(data['publicKey']) : undefined
    if (named !== subject) return `puts key ${subject} in use, and holds another`
    this.#current = subject
    return undefined
  }

  #problemWithCheckpoints({ seq, hash }: AuditRecord): string | undefined {
    const checkpoints = this.#checkpoints.get(seq) ?? []
    const other = checkpoints.find((checkpoint) => checkpoint.hash !== hash)
    if (other !== undefined)
      return `is not the entry that a checkpoint of ${other.at} was made of: the chain was rewritten`
    const late = checkpoints.find(({ key }) => this.#current !== undefined && key !== this.#current)
    if (late !== undefined) {
      const reason = `has a checkpoint of ${late.at} signed with key ${late.key}, and key ${this.#current} was the one in use`
      this.#problems.push({ kind: 'checkpoint', seq, reason })
    }
    return undefined
  }

  #problemOfCheckpoint(checkpoint: AuditCheckpoint): string | undefined {
    if (!isExactCheckpoint(checkpoint)) return 'has a checkpoint that is not written as the gateway writes it'
    const trusted = this.#keys.get(checkpoint.key)
    if (trusted === undefined)
      return `has a checkpoint signed with key ${checkpoint.key}, which is not among the keys given`
    if (!statementVerifies(CHECKPOINT_PURPOSE, checkpoint, trusted.key))
      return 'has a checkpoint with an invalid signature'
    return isInTime(trusted, checkpoint.at)
      ? undefined
      : `has a checkpoint of ${checkpoint.at}, when key ${checkpoint.key} was not in use`
  }

  /** A chain only grows: a later checkpoint has at least as many entries. */
  #checkOrder(checkpoints: readonly AuditCheckpoint[]): void {
    let longest: AuditCheckpoint | undefined
    for (const checkpoint of checkpoints.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.seq - b.seq)) {
      if (longest !== undefined && checkpoint.seq < longest.seq) {
        const reason = `has a checkpoint of ${checkpoint.at}, when one of ${longest.at} already had ${longest.seq} entries: the chain was put back, or a clock was`
        this.#problems.push({ kind: 'checkpoint', seq: checkpoint.seq, reason })
      } else longest = checkpoint
    }
  }

  #note({ type, subject, data }: AuditRecord): void {
    if (type === 'journal.recovered' && data['tail'] !== 'whole') {
      const reason = data['reason'] === undefined ? '' : `: ${String(data['reason'])}`
      this.findings.push({ subject, problem: `${String(data['tail'])}${reason}` })
    }
    if (type === 'recording.damaged' && data['stray'] === true) {
      const problem = `stray: ${String(data['file'])} ${String(data['problem'])}`
      this.findings.push({ subject, problem })
      return
    }
    if (type === 'recordings.altered') {
      const problem = `altered: while the gateway was stopped, somebody changed what its store says of ${String(data['count'])} records; it was put right from this chain`
      this.findings.push({ subject, problem })
      return
    }
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
        if (typeof data['tail'] === 'string') known.tail = data['tail']
        if (typeof data['problem'] === 'string') known.problem = data['problem']
        if (typeof data['damage'] === 'string') known.damaged = data['damage']
        break
      case 'recording.damaged':
        known.damaged = String(data['problem'])
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

/** Whether a time is in a key's period, both ends included. */
function isInTime({ from = -Infinity, until = Infinity }: TrustedKey, at: string): boolean {
  const when = Date.parse(at)
  return when >= from && when <= until
}

function keyIdOfPem(pem: string): string | undefined {
  try {
    return keyIdOf(publicKeyFromPem(pem))
  } catch {
    return undefined
  }
}

/** Whether an entry has no fields but the defined ones: no hash would cover an additional one. */
function isExactRecord(record: AuditRecord): boolean {
  const { seq, at, data, key, signature, ...texts } = record
  const { id, type, actor, subject, previous, hash, ...others } = texts
  return (
    Object.keys(others).length === 0 &&
    [id, type, actor, subject, previous, hash].every((text) => typeof text === 'string') &&
    Number.isSafeInteger(seq) &&
    isExactTime(at) &&
    data !== null &&
    typeof data === 'object' &&
    !Array.isArray(data) &&
    typeof key === typeof signature &&
    [key, signature].every((text) => text === undefined || typeof text === 'string')
  )
}

function isExactCheckpoint(checkpoint: AuditCheckpoint): boolean {
  const { type, seq, hash, at, key, signature, ...others } = checkpoint
  return (
    Object.keys(others).length === 0 &&
    (type as string) === 'pam-audit-checkpoint' &&
    Number.isSafeInteger(seq) &&
    [hash, key, signature].every((text) => typeof text === 'string') &&
    isExactTime(at)
  )
}

/** One spelling for each time: an entry's hash covers milliseconds, not the text. */
const isExactTime = (at: unknown): boolean => {
  const when = typeof at === 'string' ? Date.parse(at) : Number.NaN
  return !Number.isNaN(when) && new Date(when).toISOString() === at
}

const WORST_FIRST = ['contradiction', 'chain', 'checkpoint']
const HEAD_PURPOSE = 'pamaudit/1 head'
const CHECKPOINT_PURPOSE = 'pamaudit/1 checkpoint'
