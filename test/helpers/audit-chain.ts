import { createPublicKey } from 'node:crypto'
import { AUDIT_GENESIS, auditHash, signAudit, type AuditRecord } from '../../src/recording/audit-chain.ts'
import { generateSigningKeyPem, signerFromPem, type Signer } from '../../src/recording/seal.ts'
import type { TrustedKey } from '../../src/recording/verify.ts'
import { canonicalJson } from '../../src/shared/canonical-json.ts'

/** Seconds since the chain began. */
export const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1) + second * 1000)
export const [first, second, foreign] = Array.from({ length: 3 }, () => signerFromPem(generateSigningKeyPem())) as [
  Signer,
  Signer,
  Signer,
]
const keyOf = (signer: Signer, from: number, until?: number): TrustedKey => ({
  key: createPublicKey(signer.publicKeyPem),
  from: at(from).getTime(),
  ...(until === undefined ? {} : { until: at(until).getTime() }),
})
/** The first key is retired at 10, a moment before the entry that says so. */
export const KEYS = [keyOf(first, 0, 10), keyOf(second, 10)]

export interface Step {
  readonly at: number
  readonly type?: string
  readonly subject?: string
  readonly data?: AuditRecord['data']
  readonly signer?: Signer | undefined
}
export const rotation = (when: number, signer: Signer = first, to: Signer = second): Step => ({
  at: when,
  type: 'key.rotated',
  subject: to.keyId,
  data: { retired: signer.keyId, publicKey: to.publicKeyPem },
  signer,
})
export const HISTORY: Step[] = [
  { at: 1, signer: first },
  { at: 2, signer: undefined },
  { at: 10, signer: first },
  rotation(10.005),
  { at: 11, signer: second },
  { at: 12, signer: second },
]

export function chainOf(steps: readonly Step[]): AuditRecord[] {
  const chain: AuditRecord[] = []
  for (const step of steps) {
    const { type = 'x', subject = 's', data = {}, signer } = step
    const seq = chain.length + 1
    const previous = chain.at(-1)?.hash ?? AUDIT_GENESIS
    const content = { seq, id: `aud_${seq}`, type, actor: 'gateway', subject, previous }
    const hash = auditHash({ ...content, at: at(step.at).getTime(), data: canonicalJson(data) })
    const signed = signer === undefined ? {} : signAudit({ seq, hash }, signer)
    chain.push({ ...content, at: at(step.at).toISOString(), data, hash, ...signed })
  }
  return chain
}
